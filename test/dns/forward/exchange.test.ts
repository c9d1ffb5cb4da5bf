import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type FakeChannel, fakeForwarding } from '#support/forwarding.ts'

const FORMERR = 1
const SERVFAIL = 2
const NOTIMP = 4
const GOOD = { answers: ['www.example. 30 A 192.0.2.1'] }

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

describe('an upstream that cuts its answers over a stream, too', () => {
  it('has failed: another one is asked, and it is not asked without end', () => {
    const { channels, streams, ask, figures } = fakeForwarding({ upstreams: 2 })
    const [first, second] = channels as [FakeChannel, FakeChannel]
    const [stream] = streams as [FakeChannel]
    const answers = ask('www.example')
    first.answer({ isTruncated: true })
    for (let i = 0; i < 50 && stream.asked.length > 0; i++) stream.answer({ isTruncated: true })
    expect(stream.names).toEqual(['www.example.'])
    second.answer(GOOD)
    expect(answers).toMatchObject([{ rcode: 0, answers: 1 }])
    expect(figures().results.find(({ labels: [, result], value }) => result === 'cut' && value > 0)?.value).toBe(1)
  })

  it('and is the only one is SERVFAIL after some tries', () => {
    const { channels, streams, ask } = fakeForwarding()
    const [channel, stream] = [channels[0] as FakeChannel, streams[0] as FakeChannel]
    const answers = ask('www.example')
    for (let ms = 0; ms < 4000; ms += 10) {
      if (channel.asked.length > 0) channel.answer({ isTruncated: true })
      if (stream.asked.length > 0) stream.answer({ isTruncated: true })
      vi.advanceTimersByTime(10)
    }
    expect(answers).toMatchObject([{ rcode: SERVFAIL, infoCode: 24 }])
    expect(stream.names.length).toBeLessThanOrEqual(3)
  })
})

describe('an upstream that does not take one question', () => {
  it.each([FORMERR, NOTIMP])('with or without EDNS (code %i) is asked others with it as before', rcode => {
    const { channels, ask } = fakeForwarding()
    const channel = channels[0] as FakeChannel
    ask('odd.example')
    channel.answer({ rcode })
    channel.answer({ rcode })
    expect(channel.sent.map(({ hasEdns }) => hasEdns)).toEqual([true, false])
    ask('www.example')
    expect(channel.sent.at(-1)?.hasEdns).toBe(true)
  })

  it('with EDNS and takes it without is asked with it again after ten minutes, however busy it is', () => {
    const { channels, ask } = fakeForwarding()
    const channel = channels[0] as FakeChannel
    ask('www.example')
    channel.answer({ rcode: FORMERR })
    channel.answer(GOOD)
    for (let second = 0; second < 599; second++) {
      ask(`${second}.example`)
      expect(channel.sent.at(-1)?.hasEdns).toBe(false)
      vi.advanceTimersByTime(900)
      channel.answer({ answers: [`${second}.example. 30 A 192.0.2.1`] })
      for (const left of channel.asked) channel.cancel(left)
      vi.advanceTimersByTime(100)
    }
    vi.advanceTimersByTime(1000)
    ask('late.example')
    expect(channel.sent.at(-1)?.hasEdns).toBe(true)
  })
})
