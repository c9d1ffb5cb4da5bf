import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { failure } from '#src/dns/forward/answer.ts'
import { type FakeChannel, type FakeForwarding, fakeForwarding } from '#support/forwarding.ts'

const SERVFAIL = 2
const NXDOMAIN = 3
const GOOD = { answers: ['www.example. 30 A 192.0.2.1'] }
const SOA = 'example. 60 SOA ns.example. hm.example. 1 2 3 4 60'

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

describe('a question', () => {
  it('is asked once, however many clients wait for it', () => {
    const { channels, ask, figures } = fakeForwarding()
    const clients = [ask('www.example'), ask('www.example'), ask('WWW.example', { name: nameOf('www.example') })]
    expect(only(channels).names).toEqual(['www.example.'])
    expect(figures().totals).toMatchObject({ inFlight: 1, waiting: 3, joined: 2 })
    only(channels).answer(GOOD)
    expect(clients.map(([answer]) => answer?.answers)).toEqual([1, 1, 1])
    expect(figures().totals).toMatchObject({ inFlight: 0, waiting: 0, answered: 1 })
    ask('www.example')
    expect(only(channels).names).toHaveLength(2)
  })

  it('is another one with DO, with CD and of another type', () => {
    const { channels, ask } = fakeForwarding()
    ask('www.example')
    ask('www.example', { isDnssecOk: true })
    ask('www.example', { isCheckingDisabled: true })
    ask('www.example', { type: 28 })
    const sent = only(channels).sent
    expect(sent.map(({ type, flags, isDnssecOk, hasEdns }) => [type, flags, isDnssecOk, hasEdns])).toEqual([
      ['A', 0x0120, false, true],
      ['A', 0x0120, true, true],
      ['A', 0x0130, false, true],
      ['AAAA', 0x0120, false, true],
    ])
    expect(sent.every(({ bytes }) => bytes.at(-8) === 1232 >> 8 && bytes.at(-7) === (1232 & 255))).toBe(true)
  })

  it('above the bound is SERVFAIL at once, and a client that goes makes room', () => {
    const { channels, ask, figures } = fakeForwarding({ options: { maxInFlight: 3 } })
    for (const name of ['a.example', 'b.example', 'b.example']) ask(name)
    expect(ask('c.example')).toMatchObject([{ rcode: SERVFAIL, infoCode: 0 }])
    expect(ask('a.example')).toMatchObject([{ rcode: SERVFAIL }])
    expect(figures().totals).toMatchObject({ refused: 2, waiting: 3 })
    only(channels).answer({ answers: ['a.example. 30 A 192.0.2.1'] })
    expect(ask('c.example')).toEqual([])
  })

  it('above the bound is answered from a cache that has something old', () => {
    const old = failure(NXDOMAIN, 19)
    const { ask } = fakeForwarding({
      options: { maxInFlight: 1 },
      cache: { store() {}, failed: () => old, hasStale: () => false, stale: () => old },
    })
    ask('a.example')
    expect(ask('b.example')).toEqual([old])
  })

  it('that is in the cache waits for upstreams that work, and hardly while none of them does', () => {
    const old = failure(0, 3)
    const cache = { store() {}, failed: () => old, hasStale: () => true, stale: () => old }
    const { channels, ask } = fakeForwarding({ cache })
    const patient = ask('www.example')
    vi.advanceTimersByTime(1799)
    expect(patient).toEqual([])
    vi.advanceTimersByTime(1)
    expect(patient).toEqual([old])
    // Its tries have come to nothing.
    vi.advanceTimersByTime(2200)
    const hopeless = ask('x.example')
    expect(hopeless).toEqual([])
    vi.advanceTimersByTime(100)
    expect(hopeless).toEqual([old])
    only(channels).answer(GOOD)
    const hopeful = ask('y.example')
    vi.advanceTimersByTime(1799)
    expect(hopeful).toEqual([])
  })

  it('gives up at its deadline, and is SERVFAIL then, never empty', () => {
    const { channels, ask, figures } = fakeForwarding({ upstreams: 2 })
    const answers = ask('www.example')
    vi.advanceTimersByTime(3999)
    expect(answers).toEqual([])
    vi.advanceTimersByTime(1)
    expect(answers).toMatchObject([{ rcode: SERVFAIL, answers: 0, infoCode: 22 }])
    expect(channels.flatMap(({ asked }) => asked)).toEqual([])
    expect(figures().totals).toMatchObject({ expired: 1, inFlight: 0 })
  })

  it('has a cached answer in place of a failure, and then the failure is not kept', () => {
    const stored: number[] = []
    const old = failure(0, 3)
    const cache = {
      store: (_: unknown, { rcode }: { rcode: number }) => stored.push(rcode),
      failed: () => old,
      hasStale: () => false,
      stale: () => old,
    }
    const { channels, ask } = fakeForwarding({ cache })
    const answers = ask('www.example')
    only(channels).answer({ rcode: SERVFAIL })
    vi.advanceTimersByTime(5000)
    expect(answers).toEqual([old])
    expect(stored).toEqual([])
    ask('www.example')
    only(channels).answer(GOOD)
    expect(stored).toEqual([0])
  })
})

describe('an upstream that is late', () => {
  it('has another one asked after its own usual time, and may still be the first to answer', () => {
    const { channels, ask, figures } = fakeForwarding({ upstreams: 2 })
    const [first, second] = pair(channels)
    for (let i = 0; i < 40; i++) {
      ask(`${i}.example`)
      vi.advanceTimersByTime(40)
      first.answer({ answers: [`${i}.example. 30 A 192.0.2.1`] })
    }
    const [late = 0] = figures().late.map(({ value }) => value)
    expect(late).toBeGreaterThan(0.03)
    expect(late).toBeLessThan(0.06)
    const answers = ask('www.example')
    vi.advanceTimersByTime(30)
    expect(second.names).toEqual([])
    vi.advanceTimersByTime(30)
    expect(second.names).toEqual(['www.example.'])
    first.answer(GOOD)
    expect(answers).toMatchObject([{ rcode: 0, answers: 1 }])
    expect(second.asked).toEqual([])
    expect(second.cancelled).toHaveLength(1)
    expect(figures().totals.hedged).toBe(1)
  })

  it('is asked again itself when it is the only one, with another id', () => {
    const { channels, ask } = fakeForwarding()
    const answers = ask('www.example')
    vi.advanceTimersByTime(350)
    expect(only(channels).asked).toHaveLength(2)
    only(channels).answer(GOOD, only(channels).asked[1])
    expect(answers).toHaveLength(1)
    expect(only(channels).asked).toEqual([])
  })

  it('does not make us ask more than one question in ten twice, once a reserve is used up', () => {
    const { channels, ask, figures } = fakeForwarding({ options: { maxInFlight: 10_000 } })
    for (let i = 0; i < 1000; i++) ask(`${i}.example`)
    vi.advanceTimersByTime(900)
    expect(figures().totals.hedged).toBeLessThanOrEqual(200)
    expect(only(channels).names.length).toBeLessThanOrEqual(1200)
  })
})

describe('an upstream that fails', () => {
  it.each([
    ['SERVFAIL', { rcode: 2 }],
    ['REFUSED', { rcode: 5 }],
    ['a referral', { authorities: ['example. 60 NS ns.example.'], isRecursive: false }],
  ])('with %s has the next one asked at once', (_, made) => {
    const { channels, ask } = fakeForwarding({ upstreams: 2 })
    const [first, second] = pair(channels)
    const answers = ask('www.example')
    first.answer(made)
    second.answer(GOOD)
    expect(answers).toMatchObject([{ rcode: 0, answers: 1 }])
  })

  it('and is the last one makes the answer SERVFAIL with what it said', () => {
    const { channels, ask } = fakeForwarding({ upstreams: 2 })
    const [first, second] = pair(channels)
    const answers = ask('www.example')
    first.answer({ rcode: 5 })
    second.answer({ rcode: 2, error: [9, 'no key'] })
    for (let i = 0; i < 10 && answers.length === 0; i++) {
      vi.advanceTimersByTime(1000)
      for (const channel of channels) if (channel.asked.length > 0) channel.answer({ rcode: 2, error: [9, 'no key'] })
    }
    expect(answers).toMatchObject([{ rcode: SERVFAIL, infoCode: 9, answers: 0 }])
    expect(Buffer.from(answers[0]?.infoText ?? []).toString()).toBe('no key')
  })

  it('with NXDOMAIN or NODATA has answered', () => {
    const { channels, ask } = fakeForwarding({ upstreams: 2 })
    const [first, second] = pair(channels)
    const answers = ask('www.example')
    first.answer({ rcode: NXDOMAIN, authorities: [SOA] })
    expect(answers).toMatchObject([{ rcode: NXDOMAIN, authorities: 1 }])
    expect(second.names).toEqual([])
  })

  it('to be reached has the next one asked at once', () => {
    const { channels, ask } = fakeForwarding({ upstreams: 2 })
    const [first, second] = pair(channels)
    const answers = ask('www.example')
    first.lose()
    second.answer(GOOD)
    expect(answers).toHaveLength(1)
  })

  it('to be reached, and is the only one, is SERVFAIL after some tries', () => {
    const { channels, ask } = fakeForwarding()
    const answers = ask('www.example')
    for (let i = 0; i < 3; i++) {
      only(channels).lose()
      vi.advanceTimersByTime(1300)
    }
    expect(answers).toMatchObject([{ rcode: SERVFAIL, infoCode: 23 }])
  })

  it('to understand EDNS is asked without it, now and later', () => {
    const { channels, ask } = fakeForwarding()
    const channel = only(channels)
    const answers = ask('www.example')
    channel.answer({ rcode: 1 })
    expect(channel.sent.map(({ hasEdns }) => hasEdns)).toEqual([true, false])
    channel.answer(GOOD)
    expect(answers).toMatchObject([{ answers: 1 }])
    ask('b.example')
    expect(channel.sent.at(-1)?.hasEdns).toBe(false)
    vi.advanceTimersByTime(3_600_000)
    ask('c.example')
    expect(channel.sent.at(-1)?.hasEdns).toBe(true)
  })

  it('to answer in one datagram is asked over TCP', () => {
    const { channels, streams, ask } = fakeForwarding()
    const answers = ask('www.example')
    only(channels).answer({ isTruncated: true })
    expect(answers).toEqual([])
    only(streams).answer(GOOD)
    expect(answers).toMatchObject([{ rcode: 0, answers: 1 }])
  })
})

describe('an upstream that lies', () => {
  it.each([
    ['another name', { ...GOOD, name: 'xxx.example' }],
    ['the query itself', new Uint8Array(40)],
  ])('with %s is not believed, and the true answer may still come', (_, made) => {
    const { channels, ask, figures } = fakeForwarding()
    const answers = ask('www.example')
    expect(only(channels).answer(made)).toBe(false)
    expect(answers).toEqual([])
    expect(only(channels).answer(GOOD)).toBe(true)
    expect(answers).toMatchObject([{ answers: 1 }])
    expect(resultOf({ figures }, 'stranger')).toBe(1)
  })

  it('about the case of the letters is not believed when that is random', () => {
    const { channels, ask } = fakeForwarding({ options: { randomCase: true } })
    const name = 'abcdefghijklmnopqrstuvwxyz.example'
    const answers = ask(name)
    expect(only(channels).names[0]?.toLowerCase()).toBe(`${name}.`)
    expect(only(channels).names[0]).not.toBe(`${name}.`)
    expect(only(channels).answer({ name })).toBe(false)
    expect(only(channels).answer({})).toBe(true)
    expect(answers).toHaveLength(1)
  })
})

describe('an upstream that disappears for a minute', () => {
  it('is suspected after three misses, asked only by ourselves, and back when it answers', () => {
    const world = fakeForwarding({ upstreams: 2 })
    const { channels, ask, notices } = world
    const [first, second] = pair(channels)
    for (let i = 0; i < 3; i++) {
      ask(`${i}.example`)
      vi.advanceTimersByTime(400)
      second.answer({ answers: [`${i}.example. 30 A 192.0.2.1`] })
    }
    expect(notices).toMatchObject([{ event: 'upstream_suspect', upstream: 'up-0' }])
    expect(stateOf(world, 'up-0')).toBe('suspect')
    const before = first.names.length
    for (let second_ = 0; second_ < 60; second_++) {
      ask(`x${second_}.example`)
      second.answer({ answers: [`x${second_}.example. 30 A 192.0.2.1`] })
      vi.advanceTimersByTime(1000)
    }
    const probes = first.names.slice(before)
    expect(probes.length).toBeGreaterThan(5)
    expect(probes.length).toBeLessThan(20)
    expect(new Set(probes)).toEqual(new Set(['.']))
    while (first.asked.length === 0) vi.advanceTimersByTime(500)
    first.answer({ answers: ['. 30 NS a.root.'] }, first.asked.at(-1))
    expect(stateOf(world, 'up-0')).toBe('good')
    expect(notices.at(-1)).toMatchObject({ event: 'upstream_recovered' })
    ask('back.example')
    expect(first.names.at(-1)).toBe('back.example.')
  })

  it('is still asked when there is no other, and its own answer brings it back', () => {
    const world = fakeForwarding()
    const { channels, ask } = world
    for (let i = 0; i < 2; i++) ask(`${i}.example`)
    vi.advanceTimersByTime(4100)
    expect(stateOf(world, 'up-0')).toBe('suspect')
    const answers = ask('www.example')
    only(channels).answer(GOOD, only(channels).asked.at(-1))
    expect(answers).toHaveLength(1)
    expect(stateOf(world, 'up-0')).toBe('good')
  })
})

describe('the choice', () => {
  it('by answer times asks the fastest, and looks at the others now and then', () => {
    const { channels, ask } = fakeForwarding({ upstreams: 3, policy: 'latency' })
    const delays = [20, 5, 30]
    for (let i = 0; i < 600; i++) {
      ask(`${i}.example`)
      const place = channels.findIndex(({ asked }) => asked.length > 0)
      vi.advanceTimersByTime(delays[place] ?? 0)
      channels[place]?.answer({ answers: [`${i}.example. 30 A 192.0.2.1`] })
    }
    const counts = channels.map(({ names }) => names.length)
    expect(counts[1]).toBeGreaterThan(500)
    expect(Math.min(...counts)).toBeGreaterThan(0)
  })

  it('round robin asks each in turn, sequential the first, random all', () => {
    const counts = (policy: 'round-robin' | 'sequential' | 'random'): number[] => {
      const { channels, ask } = fakeForwarding({ upstreams: 3, policy, options: { maxInFlight: 1000 } })
      for (let i = 0; i < 300; i++) ask(`${i}.example`)
      return channels.map(({ names }) => names.length)
    }
    expect(counts('round-robin')).toEqual([100, 100, 100])
    expect(counts('sequential')).toEqual([300, 0, 0])
    expect(Math.min(...counts('random'))).toBeGreaterThan(50)
  })
})

describe('a loop', () => {
  it('is recognised by our own question that comes back, ends with that upstream taken out, and is looked at again', () => {
    const world = fakeForwarding({ upstreams: 2 })
    const { forwarder, channels, notices, ask } = world
    const [first, second] = pair(channels)
    forwarder.start()
    vi.advanceTimersByTime(1)
    const [loop] = first.sent
    expect(loop?.name).toMatch(/^waypost-[0-9a-f]{32}\.loop\.$/)
    expect(ask(loop?.name ?? '')).toMatchObject([{ rcode: SERVFAIL }])
    expect(notices).toMatchObject([{ event: 'upstream_looping', upstream: 'up-0' }])
    expect(stateOf(world, 'up-0')).toBe('looping')
    // Our own failure arrives at the end of the loop: that is no recovery.
    first.answer({ rcode: SERVFAIL }, first.open[0])
    expect(stateOf(world, 'up-0')).toBe('looping')
    ask('www.example')
    expect([first.names, second.names]).toEqual([[], ['www.example.']])
    vi.advanceTimersByTime(30_100)
    const again = first.open.at(-1)
    first.answer({ rcode: NXDOMAIN }, again)
    expect(stateOf(world, 'up-0')).toBe('good')
    expect(notices.at(-1)).toMatchObject({ event: 'upstream_recovered' })
  })

  it('is suspected when a question is asked that is in flight, but looked for now and then only', () => {
    const { forwarder, channels, ask } = fakeForwarding()
    const channel = only(channels)
    const loops = (): number => channel.sent.filter(({ name }) => name.startsWith('waypost-')).length
    forwarder.start()
    vi.advanceTimersByTime(1)
    expect(loops()).toBe(1)
    vi.advanceTimersByTime(60_000)
    for (let i = 0; i < 50; i++) ask('www.example')
    vi.advanceTimersByTime(1)
    expect(loops()).toBe(2)
  })

  it('of which every upstream is a part leaves SERVFAIL, and the process lives', () => {
    const { forwarder, channels, ask } = fakeForwarding()
    forwarder.start()
    vi.advanceTimersByTime(1)
    ask(only(channels).sent[0]?.name ?? '')
    expect(ask('www.example')).toMatchObject([{ rcode: SERVFAIL, infoCode: 22 }])
  })

  it('of one step, an upstream that is ourselves, is seen before anything is asked', () => {
    const world = fakeForwarding({ upstreams: 2, isSelf: ({ port }) => port === 1000 })
    world.forwarder.start()
    expect(world.notices).toMatchObject([{ event: 'upstream_self', upstream: 'up-0' }])
    world.ask('www.example')
    expect(world.channels.map(({ names }) => names)).toEqual([[], ['www.example.']])
  })
})

describe('the end', () => {
  it('tells everybody who waits', () => {
    const { forwarder, ask } = fakeForwarding()
    const answers = ask('www.example')
    forwarder.close()
    expect(answers).toMatchObject([{ rcode: SERVFAIL }])
    expect(ask('b.example')).toMatchObject([{ rcode: SERVFAIL }])
  })
})

function only(channels: readonly FakeChannel[]): FakeChannel {
  const [channel] = channels
  if (channel === undefined) throw new Error('there is no upstream')
  return channel
}

function pair(channels: readonly FakeChannel[]): [FakeChannel, FakeChannel] {
  const [first, second] = channels
  if (first === undefined || second === undefined) throw new Error('there are not two upstreams')
  return [first, second]
}

function stateOf({ figures }: Pick<FakeForwarding, 'figures'>, upstream: string): string | undefined {
  return figures().states.find(({ labels, value }) => labels[0] === upstream && value === 1)?.labels[1]
}

function resultOf({ figures }: Pick<FakeForwarding, 'figures'>, result: string): number | undefined {
  return figures().results.find(({ labels }) => labels[1] === result)?.value
}

function nameOf(text: string): Uint8Array {
  const labels = text.split('.').flatMap(label => [label.length, ...Buffer.from(label)])
  return Uint8Array.of(...labels, 0)
}
