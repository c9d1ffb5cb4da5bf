import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { loadSystemCalls } from '#src/dns/udp/system-calls.ts'
import { parseName } from '#src/wire/name.ts'
import { RULES } from '#support/cache.ts'
import { ALIAS, CachedPlane, type CachedPlaneOptions, infoCodeOf } from '#support/cached-plane.ts'
import { ask } from '#support/dns-client.ts'
import type { Behaviour, MadeAnswer } from '#support/fake-upstream.ts'
import { recordLines } from '#support/message-decoder.ts'

const hasBatched = (await loadSystemCalls()) !== null
const STALE = 3
const STALE_NXDOMAIN = 19
const SERVFAIL = 2

let world: CachedPlane | null = null
afterEach(async () => {
  expect(world?.errors ?? []).toEqual([])
  await world?.stop()
  world = null
})

async function start(behave: Behaviour, options: CachedPlaneOptions): Promise<CachedPlane> {
  world = await CachedPlane.start(behave, options)
  return world
}

function hits(plane: CachedPlane, kind: string): number {
  return plane.plane.cache()?.hits.find(({ labels }) => labels[0] === kind)?.value ?? -1
}

const positive: Behaviour = ({ name, type }) => ({
  answers: [`${name} 300 ${type} ${type === 'A' ? '192.0.2.1' : 'fd::1'}`],
})
const nxdomain: MadeAnswer = { rcode: 3, authorities: ['example. 300 SOA ns.example. mail.example.'] }

for (const transport of ['batched', 'portable'] as const) {
  describe.skipIf(transport === 'batched' && !hasBatched)(`the cache in the data plane, ${transport}`, () => {
    it('answers a name that was asked before in the UDP thread, without the one that forwards', async () => {
      const plane = await start(positive, { transport })
      const first = await plane.ask('www.example')
      const second = await plane.ask('WWW.example')
      expect(recordLines(first.answers)).toEqual(['www.example. 300 A 192.0.2.1'])
      expect(second).toMatchObject({ ra: true, aa: false, rcode: 0 })
      expect(recordLines(second.answers)[0]).toMatch(/^WWW.example. (300|299) A 192.0.2.1$/)
      expect(plane.upstream.queries.length).toBe(1)
      expect(plane.plane.forwarding()?.totals).toMatchObject({ asked: 1, joined: 0 })
      expect([hits(plane, 'positive'), plane.plane.cache()?.misses]).toEqual([1, 1])
      expect(plane.plane.cache()).toMatchObject({ entries: 1, stale: 0 })
    })

    it('answers over TCP what was asked over UDP', async () => {
      const plane = await start(positive, { transport })
      await plane.ask('www.example')
      const reply = await ask({ name: 'www.example', type: 'A', port: plane.port, tcp: true })
      expect(reply.answers).toEqual(['A 192.0.2.1'])
      expect(plane.upstream.queries.length).toBe(1)
    })

    it('answers an alias of ours whose target is kept', async () => {
      const plane = await start(positive, { transport })
      await plane.ask('www.example')
      const { answers } = await plane.ask(ALIAS)
      expect(recordLines(answers)[0]).toBe(`${ALIAS}. 5 CNAME www.example.`)
      expect(recordLines(answers)[1]).toMatch(/^www.example. \d+ A 192.0.2.1$/)
      expect(plane.upstream.queries.length).toBe(1)
    })

    it('never stands in front of our own names, also those of a zone that is new', async () => {
      const plane = await start(() => nxdomain, { transport })
      const first = [await plane.ask('new.cluster.local', 'AAAA'), await plane.ask('www.zone.example', 'AAAA')]
      expect(first.map(reply => [reply.rcode, reply.aa])).toEqual([
        [3, true],
        [3, false],
      ])
      plane.set('cluster.local', 'new.cluster.local')
      plane.set('zone.example', 'www.zone.example')
      const second = [await plane.ask('new.cluster.local', 'AAAA'), await plane.ask('www.zone.example', 'AAAA')]
      expect(second.map(reply => [reply.rcode, reply.aa, reply.answers.length])).toEqual([
        [0, true, 1],
        [0, true, 1],
      ])
    })
  })
}

describe('the cache in the data plane', () => {
  const transport = hasBatched ? 'batched' : 'portable'

  it('keeps types, DO and CD apart, and AD', async () => {
    const plane = await start(query => ({ ...(positive(query) as MadeAnswer), isAuthentic: query.isDnssecOk }), {
      transport,
    })
    for (let round = 0; round < 2; round++) {
      await plane.ask('www.example', 'A')
      await plane.ask('www.example', 'AAAA')
      // Bit 1 of what is left of the flags is AD.
      expect((await plane.ask('www.example', 'A', { isDnssecOk: true })).rest & 2).toBe(2)
      expect((await plane.ask('www.example', 'A')).rest & 2).toBe(0)
    }
    expect(plane.upstream.queries.length).toBe(3)
  })

  it('keeps what does not exist, with its SOA', async () => {
    const plane = await start(() => nxdomain, { transport })
    await plane.ask('no.example')
    const second = await plane.ask('no.example')
    expect([second.rcode, second.authorities.length]).toEqual([3, 1])
    expect(second.authorities[0]?.ttl).toBeLessThanOrEqual(60)
    expect([plane.upstream.queries.length, hits(plane, 'nxdomain')]).toEqual([1, 1])
  })

  it('keeps failures for a moment, with their extended error (RFC 9520)', async () => {
    const plane = await start(() => ({ rcode: SERVFAIL, error: [22, 'nobody is there'] }), { transport })
    expect(await plane.ask('www.example')).toMatchObject({ rcode: SERVFAIL })
    const asked = plane.upstream.queries.length
    const second = await plane.ask('www.example')
    expect([second.rcode, infoCodeOf(second)]).toEqual([SERVFAIL, 22])
    expect([plane.upstream.queries.length, hits(plane, 'failure')]).toEqual([asked, 1])
    // A second later it is asked again.
    const again = async (): Promise<number> => {
      await plane.ask('www.example')
      return plane.upstream.queries.length
    }
    await expect.poll(again, { timeout: 5000 }).toBeGreaterThan(asked)
  })

  it('does not keep names of zones that are excepted', async () => {
    const plane = await start(positive, { transport, cache: { except: [parseName('private.example')] } })
    for (let i = 0; i < 2; i++) await plane.ask('www.private.example')
    expect(plane.upstream.queries.length).toBe(2)
    for (let i = 0; i < 2; i++) await plane.ask('www.example')
    expect(plane.upstream.queries.length).toBe(3)
  })

  it('gives an answer that is out of date when upstreams fail, and asks in vain only now and then (RFC 8767)', async () => {
    let behaviour: Behaviour = ({ name }) => ({ answers: [`${name} 1 A 192.0.2.1`] })
    const plane = await start(query => behaviour(query), { transport })
    await plane.ask('www.example')
    behaviour = () => ({ rcode: SERVFAIL })
    const code = async (): Promise<number | null> => infoCodeOf(await plane.ask('www.example'))
    await expect.poll(code, { timeout: 5000 }).toBe(STALE)
    const asked = plane.upstream.queries.length
    const next = await plane.ask('www.example')
    expect([infoCodeOf(next), recordLines(next.answers)]).toEqual([STALE, ['www.example. 30 A 192.0.2.1']])
    expect(plane.upstream.queries.length).toBe(asked)
    expect(plane.plane.cache()?.stale).toBeGreaterThan(0)
  })

  it('gives a stale NXDOMAIN with its own extended error', async () => {
    let made: MadeAnswer = { ...nxdomain, authorities: ['example. 1 SOA ns.example. mail.example.'] }
    const plane = await start(() => made, { transport })
    await plane.ask('no.example')
    made = { rcode: SERVFAIL }
    const codes = async (): Promise<unknown> => {
      const reply = await plane.ask('no.example')
      return [reply.rcode, infoCodeOf(reply)]
    }
    await expect.poll(codes, { timeout: 5000 }).toEqual([3, STALE_NXDOMAIN])
  })

  it('gives it while an upstream takes its time, and keeps what that says at last', async () => {
    const late = Promise.withResolvers<MadeAnswer>()
    let isFirst = true
    const plane = await start(
      ({ name }) => {
        if (!isFirst) return late.promise
        isFirst = false
        return { answers: [`${name} 1 A 192.0.2.1`] }
      },
      { transport },
    )
    await plane.ask('www.example')
    const code = async (): Promise<number | null> => infoCodeOf(await plane.ask('www.example'))
    await expect.poll(code, { timeout: 6000, interval: 200 }).toBe(STALE)
    expect(plane.plane.forwarding()?.totals).toMatchObject({ inFlight: 1, waiting: 0 })
    // Whoever asks now does not wait.
    expect(await code()).toBe(STALE)
    expect(plane.plane.forwarding()?.totals).toMatchObject({ inFlight: 1, waiting: 0 })
    late.resolve({ answers: ['www.example. 300 A 192.0.2.2'] })
    const answers = async (): Promise<string[]> => (await plane.ask('www.example')).answers.map(({ data }) => data)
    await expect.poll(answers).toEqual(['192.0.2.2'])
  })

  it('gives it at once while as many wait as may', async () => {
    const never = new Promise<null>(() => {})
    let behaviour: Behaviour = ({ name }) => ({ answers: [`${name} 1 A 192.0.2.1`] })
    const plane = await start(query => behaviour(query), { transport, forward: { maxInFlight: 2 } })
    await plane.ask('www.example')
    behaviour = () => never
    const waiting = ['a.example', 'b.example'].map(name => ask({ name, type: 'A', port: plane.port, patience: 10_000 }))
    await expect.poll(() => plane.plane.forwarding()?.totals.waiting).toBe(2)
    const code = async (): Promise<number | null> => infoCodeOf(await plane.ask('www.example'))
    await expect.poll(code, { timeout: 5000 }).toBe(STALE)
    expect(plane.plane.forwarding()?.totals.refused).toBeGreaterThan(0)
    expect(await plane.ask('new.example')).toMatchObject({ rcode: SERVFAIL, answers: [] })
    expect((await Promise.all(waiting)).map(({ rcode }) => rcode)).toEqual([SERVFAIL, SERVFAIL])
  })

  it('says SERVFAIL when stale answers are off', async () => {
    let behaviour: Behaviour = ({ name }) => ({ answers: [`${name} 1 A 192.0.2.1`] })
    const plane = await start(query => behaviour(query), { transport, cache: { rules: { ...RULES, stale: 0 } } })
    await plane.ask('www.example')
    behaviour = () => ({ rcode: SERVFAIL })
    const rcode = async (): Promise<number> => (await plane.ask('www.example')).rcode
    await expect.poll(rcode, { timeout: 5000 }).toBe(SERVFAIL)
  })

  it('asks again for a popular name before it expires, and not for others', async () => {
    const plane = await start(({ name }) => ({ answers: [`${name} 5 A 192.0.2.1`] }), { transport })
    for (let i = 0; i < 5; i++) await plane.ask('popular.example')
    await plane.ask('other.example')
    const refreshed = async (): Promise<number> => {
      const { answers } = await plane.ask('popular.example')
      // It never gets to the end.
      expect(answers[0]?.ttl).toBeGreaterThanOrEqual(1)
      return plane.upstream.queries.filter(({ name }) => name === 'popular.example.').length
    }
    await expect.poll(refreshed, { timeout: 10_000, interval: 100 }).toBe(2)
    expect(plane.plane.cache()).toMatchObject({ prefetches: 1, stale: 0, misses: 2 })
  })

  it('cuts an answer that does not fit, as it cuts others', async () => {
    const answers = Array.from({ length: 30 }, (_, i) => `many.example. 300 AAAA fd::${i + 1}`)
    const plane = await start(() => ({ answers }), { transport })
    for (let i = 0; i < 2; i++) {
      const small = await plane.ask('many.example', 'AAAA', { udpSize: 512 })
      expect(small.tc).toBe(true)
      expect(small.answers.length).toBe(16)
      expect((await plane.ask('many.example', 'AAAA', { udpSize: 1232 })).answers.length).toBe(30)
    }
  })

  it('shows and flushes entries of the running threads', async () => {
    const plane = await start(positive, { transport })
    await plane.ask('www.example')
    await plane.ask('www.example', 'AAAA')
    const name = parseName('www.example')
    const shown = await plane.plane.askCache({ kind: 'show', name })
    expect(shown).toMatchObject({ kind: 'show', entries: [{ name: 'www.example.' }, { name: 'www.example.' }] })
    expect(await plane.plane.askCache({ kind: 'flush', name, below: false })).toEqual({ kind: 'flush', flushed: 2 })
    await plane.ask('www.example')
    expect(plane.upstream.queries.length).toBe(3)
    expect(plane.plane.cache()).toMatchObject({ flushed: 2, entries: 1 })
  })

  it('is on disk from a stop to the next start', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'waypost-cache-'))
    const file = join(folder, 'cache')
    const first = await start(positive, { transport, cache: { file } })
    await first.ask('www.example')
    await first.stop()
    expect(first.notices.at(-1)).toBe(`The cache is written to "${file}": 1 answers of 1`)
    const second = await start(positive, { transport, cache: { file } })
    await expect.poll(() => second.notices).toEqual([`The cache is read from "${file}": 1 answers`])
    expect((await second.ask('www.example')).answers.length).toBe(1)
    expect(second.upstream.queries.length).toBe(0)
    await second.stop()
    world = null
    writeFileSync(file, 'nonsense')
    const third = await start(positive, { transport, cache: { file } })
    await expect
      .poll(() => third.notices)
      .toEqual([`Cannot read the cache from "${file}": it is no cache file; it begins empty`])
    expect((await third.ask('www.example')).answers.length).toBe(1)
    rmSync(folder, { recursive: true })
  })
})
