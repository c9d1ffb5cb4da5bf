import { describe, expect, it } from 'vitest'
import { allocateRateTable, packExempt, type RateLimit, RateLimiter, VERDICT } from '#src/dns/limits/rate-limiter.ts'
import { parseAddress } from '#src/ip/address.ts'
import { isPrefix, parsePrefix } from '#src/ip/prefix.ts'
import { Answering, type Ask, makeQuery } from '#support/answering.ts'
import { decodeMessage } from '#support/message-decoder.ts'

const CLIENT = '198.51.100.7'

function limitOf(change: Partial<RateLimit> = {}, exempt: readonly string[] = []): RateLimit {
  const prefixes = exempt.map(text => parsePrefix(text)).filter(isPrefix)
  return {
    responsesPerSecond: 10,
    slip: 2,
    ipv4Bits: 24,
    ipv6Bits: 56,
    exempt: packExempt(prefixes),
    table: allocateRateTable([1, 2]),
    ...change,
  }
}

/** Verdicts over queries of one source at one time. */
function judge(limiter: RateLimiter, source: string, now: number, count: number): number[] {
  const address = parseAddress(source) ?? new Uint8Array(16)
  return Array.from({ length: count }, () => limiter.judge(address, 0, now))
}

function sentOf(verdicts: readonly number[]): number {
  return verdicts.filter(verdict => verdict === VERDICT.send).length
}

describe('a source prefix', () => {
  it('gets what a second gives at once, then as much a second', () => {
    const limiter = new RateLimiter(limitOf())
    expect(sentOf(judge(limiter, CLIENT, 0, 100))).toBe(10)
    expect(sentOf(judge(limiter, CLIENT, 100, 100))).toBe(1)
    expect(sentOf(judge(limiter, CLIENT, 1100, 100))).toBe(10)
    expect(sentOf(judge(limiter, CLIENT, 60_000, 100))).toBe(10)
  })

  it.each([1, 30, 40, 60, 74])('that was quiet for %i hours has its whole limit, and has it a second later', hours => {
    const limiter = new RateLimiter(limitOf())
    judge(limiter, CLIENT, 0, 100)
    const later = hours * 3_600_000
    expect(sentOf(judge(limiter, CLIENT, later, 100))).toBe(10)
    expect(sentOf(judge(limiter, CLIENT, later + 1000, 100))).toBe(10)
  })

  it('of a low limit is not kept waiting by fractions', () => {
    const limiter = new RateLimiter(limitOf({ responsesPerSecond: 1 }))
    const verdicts = Array.from({ length: 10_000 }, (_, ms) => judge(limiter, CLIENT, ms, 1)).flat()
    expect(sentOf(verdicts)).toBe(10)
  })

  it('is a /24 or a /56, and others are not held up by it', () => {
    const limiter = new RateLimiter(limitOf())
    judge(limiter, CLIENT, 0, 100)
    expect(sentOf(judge(limiter, '198.51.100.250', 0, 10))).toBe(0)
    expect(sentOf(judge(limiter, '198.51.101.7', 0, 10))).toBe(10)
    judge(limiter, '2001:db8:0:100::1', 0, 100)
    expect(sentOf(judge(limiter, '2001:db8:0:1ff:1::', 0, 10))).toBe(0)
    expect(sentOf(judge(limiter, '2001:db8:0:200::1', 0, 10))).toBe(10)
  })

  it('has the length that was configured', () => {
    const limiter = new RateLimiter(limitOf({ ipv4Bits: 32, ipv6Bits: 64 }))
    judge(limiter, CLIENT, 0, 100)
    judge(limiter, '2001:db8::1', 0, 100)
    expect(sentOf(judge(limiter, '198.51.100.8', 0, 10))).toBe(10)
    expect(sentOf(judge(limiter, '2001:db8:0:1::1', 0, 10))).toBe(10)
    expect(sentOf(judge(limiter, '2001:db8::2', 0, 10))).toBe(0)
    const wide = new RateLimiter(limitOf({ ipv6Bits: 20, ipv4Bits: 1 }))
    judge(wide, '2001:db8::1', 0, 100)
    judge(wide, '1.2.3.4', 0, 100)
    expect(sentOf(judge(wide, '2001:fff::1', 0, 10))).toBe(0)
    expect(sentOf(judge(wide, '127.2.3.4', 0, 10))).toBe(0)
    expect(sentOf(judge(wide, '128.2.3.4', 0, 10))).toBe(10)
  })

  it('has no limit when it is exempt', () => {
    const limiter = new RateLimiter(limitOf({}, ['198.51.100.0/28', 'fc00::/7']))
    expect(sentOf(judge(limiter, CLIENT, 0, 100))).toBe(100)
    expect(sentOf(judge(limiter, 'fdaa::1', 0, 100))).toBe(100)
    expect(sentOf(judge(limiter, '198.51.100.16', 0, 100))).toBe(10)
  })
})

describe('slip', () => {
  it.each([
    [0, []],
    [1, [2, 2, 2, 2, 2, 2]],
    [2, [4, 2, 4, 2, 4, 2]],
    [3, [4, 4, 2, 4, 4, 2]],
  ])('%i', (slip, pattern) => {
    const limiter = new RateLimiter(limitOf({ slip }))
    const above = judge(limiter, CLIENT, 0, 16).slice(10)
    const expected = pattern.length === 0 ? Array(6).fill(4) : pattern
    expect(above.map(verdict => (verdict === VERDICT.truncate ? 2 : verdict === VERDICT.drop ? 4 : 0))).toEqual(
      expected,
    )
  })
})

describe('the table', () => {
  it('is shared: threads count together', () => {
    const limit = limitOf()
    const [one, other] = [new RateLimiter(limit), new RateLimiter(limit)]
    expect(sentOf([...judge(one, CLIENT, 0, 6), ...judge(other, CLIENT, 0, 6)])).toBe(10)
  })

  it('takes a time that another thread is ahead of as no time', () => {
    const limit = limitOf()
    const [one, other] = [new RateLimiter(limit), new RateLimiter(limit)]
    expect(sentOf(judge(one, CLIENT, 1000, 10))).toBe(10)
    expect(sentOf(judge(other, CLIENT, 990, 10))).toBe(0)
    expect(sentOf(judge(one, CLIENT, 1000, 10))).toBe(0)
  })

  it('goes on when the clock wraps', () => {
    for (const now of [2 ** 28 - 1, 2 ** 31 - 1, -(2 ** 31)]) {
      const limiter = new RateLimiter(limitOf())
      judge(limiter, CLIENT, now, 100)
      expect(sentOf(judge(limiter, CLIENT, (now + 1000) | 0, 100))).toBe(10)
    }
  })

  it('has a fixed size, and a million prefixes do not free one that is being limited from its limit', () => {
    const limit = limitOf()
    const bytes = limit.table.byteLength
    const limiter = new RateLimiter(limit)
    const address = new Uint8Array(16).fill(0x20, 0, 1)
    let sent = 0
    for (let i = 0; i < 1_000_000; i++) {
      new DataView(address.buffer).setUint32(3, i)
      limiter.judge(address, 0, Math.floor(i / 1000))
      if (i % 10 === 0) sent += sentOf(judge(limiter, CLIENT, Math.floor(i / 1000), 1))
    }
    expect(limit.table.byteLength).toBe(bytes)
    // 100 a millisecond were asked for during a second: ten at once and ten more, not 100,000.
    expect(sent).toBeLessThanOrEqual(20)
  })
})

describe('the responder with a limit', () => {
  const secret = new Uint8Array(16).fill(3)

  function serve(change: Partial<RateLimit> = {}): Answering {
    return new Answering({ rateLimit: limitOf(change), cookies: { secrets: [secret], isRequired: false } })
      .zone('zone')
      .node('a.zone', ['A 192.0.2.1'])
  }

  function askMany(answering: Answering, ask: Ask, count = 30): (Uint8Array | null)[] {
    return Array.from({ length: count }, () => answering.send(makeQuery('a.zone', 'A', ask), ask))
  }

  it('drops, and sends every second reply empty with TC', () => {
    const answering = serve()
    const replies = askMany(answering, { source: CLIENT })
    const sent = replies.filter(reply => reply !== null).map(reply => decodeMessage(reply))
    expect(sent.filter(({ tc }) => !tc)).toHaveLength(10)
    expect(sent.filter(({ tc }) => tc)).toMatchObject(Array(10).fill({ rcode: 0, answers: [], aa: false }))
    const { dropped, slips } = answering.counters()
    expect(slips).toBe(10)
    expect(dropped).toContainEqual({ labels: ['rate'], value: 10 })
  })

  it('never sends more than it got, above the limit', () => {
    for (const slip of [1, 2]) {
      const answering = serve({ slip })
      askMany(answering, { source: CLIENT }, 10)
      const query = makeQuery('a.zone', 'A')
      for (let i = 0; i < 10; i++) {
        expect(answering.send(query, { source: CLIENT })?.length ?? 0).toBeLessThanOrEqual(query.length)
      }
    }
  })

  it('does not limit TCP, TLS and HTTPS', () => {
    for (const transport of [1, 2, 3]) {
      const replies = askMany(serve(), { source: CLIENT, transport })
      expect(replies.filter(reply => reply !== null && !decodeMessage(reply).tc)).toHaveLength(30)
    }
  })

  it('does not limit a client with a good cookie', () => {
    const answering = serve()
    const first = answering.ask('a.zone', 'A', { source: CLIENT, options: [[10, [1, 2, 3, 4, 5, 6, 7, 8]]] })
    const cookie = [...(first.opt?.options[0]?.data ?? [])]
    askMany(answering, { source: CLIENT })
    const options: Ask['options'] = [[10, cookie]]
    const replies = askMany(answering, { source: CLIENT, options })
    expect(replies.filter(reply => reply !== null && !decodeMessage(reply).tc)).toHaveLength(30)
    const forged = askMany(answering, { source: CLIENT, options: [[10, cookie.map(octet => octet ^ 1)]] })
    expect(forged.filter(reply => reply !== null && !decodeMessage(reply).tc)).toHaveLength(0)
  })

  it('limits errors, malformed messages included', () => {
    const answering = serve({ slip: 0 })
    const broken = Uint8Array.of(...makeQuery('a.zone', 'A'), 0)
    const replies = Array.from({ length: 30 }, () => answering.send(broken, { source: CLIENT }))
    expect(replies.filter(reply => reply !== null)).toHaveLength(10)
  })
})
