import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type FakeChannel, fakeForwarding } from '#support/forwarding.ts'

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

describe('an upstream that comes and goes', () => {
  it('is looked after once, however often it was suspected', () => {
    const { channels, ask } = fakeForwarding({ options: { maxInFlight: 1000 } })
    const channel = channels[0] as FakeChannel
    let names = 0
    for (let flap = 0; flap < 20; flap++) {
      for (let i = 0; i < 3; i++) {
        ask(`n${names++}.example`)
        channel.lose()
      }
      ask(`n${names++}.example`)
      channel.answer({}, channel.asked.at(-1))
    }
    for (let i = 0; i < 3; i++) {
      ask(`n${names++}.example`)
      channel.lose()
    }
    const before = channel.sent.length
    vi.advanceTimersByTime(60_000)
    const probes = channel.sent.slice(before).filter(({ name }) => name === '.')
    expect(probes.length).toBeGreaterThan(4)
    expect(probes.length).toBeLessThan(15)
  })
})

describe('the end', () => {
  it('is one: nothing is asked and nothing waits any more, whatever the channels say then', () => {
    const { forwarder, channels, ask } = fakeForwarding({ upstreams: 2 })
    forwarder.start()
    for (let i = 0; i < 6; i++) ask(`n${i}.example`)
    vi.advanceTimersByTime(500)
    const open = channels.flatMap(channel => [...channel.open])
    expect(open.length).toBeGreaterThan(6)
    forwarder.close()
    const sent = channels.map(channel => channel.sent.length)
    for (const attempt of open) attempt.lost(new Error('closed'))
    vi.advanceTimersByTime(60_000)
    expect(channels.map(channel => channel.sent.length)).toEqual(sent)
    expect(channels.flatMap(({ asked }) => asked)).toEqual([])
    expect(vi.getTimerCount()).toBe(0)
  })
})
