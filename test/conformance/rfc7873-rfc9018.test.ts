/** RFC 7873: DNS Cookies. RFC 9018: Interoperable DNS Server Cookies. */
import { describe, expect, it } from 'vitest'
import type { CookieOptions } from '#src/dns/edns/cookies.ts'
import { Answering, type Ask, makeQuery } from '#support/answering.ts'
import { type DecodedMessage, decodeMessage } from '#support/message-decoder.ts'

const COOKIE = 10
const SECRET = 'e5e973e5a6b2a43f48e7dc849e37bfcf'
const CLIENT = '2464c4abcf10c957'
const NOW = 1_559_731_985_000
const HOUR = 3_600_000

function octets(hex: string): number[] {
  return [...Buffer.from(hex, 'hex')]
}

function serve(secrets: readonly string[] = [SECRET], change: Partial<CookieOptions> = {}): Answering {
  const cookies = { secrets: secrets.map(secret => Uint8Array.from(octets(secret))), isRequired: false, ...change }
  return new Answering({ cookies }).zone('example.com').node('example.com', ['A 192.0.2.34'])
}

function cookieOf(message: DecodedMessage): string | null {
  const data = message.opt?.options.find(({ code }) => code === COOKIE)?.data
  return data === undefined ? null : Buffer.from(data).toString('hex')
}

function ask(answering: Answering, cookie: string, change: Ask = {}): DecodedMessage {
  return answering.ask('example.com', 'A', { source: '198.51.100.100', options: [[COOKIE, octets(cookie)]], ...change })
}

/** Lets the clock of the server show a time, in seconds. */
function at(answering: Answering, seconds: number): Answering {
  answering.advance(seconds * 1000 - NOW)
  return answering
}

describe('RFC 9018 appendix A', () => {
  it('A.1: a new server cookie', () => {
    expect(cookieOf(ask(serve(), CLIENT))).toBe(`${CLIENT}010000005cf79f111f8130c3eee29480`)
  })

  it('A.2: the same client learns a renewed cookie', () => {
    const answering = at(serve(), 1_559_734_385)
    expect(cookieOf(ask(answering, `${CLIENT}010000005cf79f111f8130c3eee29480`))).toBe(
      `${CLIENT}010000005cf7a871d4a564a1442aca77`,
    )
  })

  it('A.3: another client, with a cookie that has reserved bits set', () => {
    const answering = at(serve(), 1_559_734_700)
    const old = 'fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5'
    expect(cookieOf(ask(answering, old, { source: '203.0.113.203' }))).toBe(
      'fc93fc62807ddb86010000005cf7a9acf73a7810aca2381e',
    )
  })

  it('A.4: an IPv6 client, with a cookie of the secret before', () => {
    const answering = at(
      serve(['445536bcd2513298075a5d379663c962', 'dd3bdf9344b678b185a6f5cb60fca715'], { isRequired: true }),
      1_559_741_961,
    )
    const reply = ask(answering, '22681ab97d52c298010000005cf7c57926556bd0934c72f8', {
      source: '2001:db8:220:1:59de:d0f4:8769:82b8',
    })
    expect(reply.rcode).toBe(0)
    expect(cookieOf(reply)).toBe('22681ab97d52c298010000005cf7c609a6bb79d16625507a')
  })
})

describe('RFC 9018 section 4.3: the timestamp', () => {
  const cookie = `${CLIENT}010000005cf79f111f8130c3eee29480`
  const required = (): Answering => serve([SECRET], { isRequired: true })
  const rcodeAfter = (milliseconds: number): number => {
    const answering = required()
    answering.advance(milliseconds)
    return ask(answering, cookie).rcode
  }

  it('is good for an hour', () => {
    expect([0, HOUR / 2, HOUR].map(rcodeAfter)).toEqual([0, 0, 0])
    expect([HOUR + 1000, 24 * HOUR].map(rcodeAfter)).toEqual([23, 23])
  })

  it('may be five minutes ahead of us', () => {
    expect([-1000, -300_000].map(rcodeAfter)).toEqual([0, 0])
    expect([-301_000, -HOUR].map(rcodeAfter)).toEqual([23, 23])
  })

  it('is renewed after half an hour, and not before', () => {
    const answering = serve()
    answering.advance(HOUR / 2)
    expect(cookieOf(ask(answering, cookie))).toBe(cookie)
    answering.advance(1000)
    expect(cookieOf(ask(answering, cookie))).not.toBe(cookie)
  })

  it('goes on after 2106', () => {
    const answering = at(required(), 2 ** 32 - 10)
    const before = cookieOf(ask(answering, CLIENT)) ?? ''
    answering.advance(20_000)
    expect(ask(answering, before).rcode).toBe(0)
  })
})

describe('RFC 7873 section 5.2: responding', () => {
  it('no COOKIE option in the query: none in the reply, required or not', () => {
    for (const isRequired of [false, true]) {
      const reply = serve([SECRET], { isRequired }).ask('example.com', 'A')
      expect([reply.rcode, cookieOf(reply)]).toEqual([0, null])
    }
  })

  it('a malformed option is FORMERR', () => {
    for (const length of [0, 1, 7, 9, 15, 41, 100]) {
      const reply = ask(serve(), 'ab'.repeat(length))
      expect([reply.rcode, cookieOf(reply), reply.answers]).toEqual([1, null, []])
    }
  })

  it('only the first of several options counts', () => {
    const options: Ask['options'] = [
      [COOKIE, octets(CLIENT)],
      [COOKIE, octets('ab')],
    ]
    expect(cookieOf(ask(serve(), '', { options }))).toBe(`${CLIENT}010000005cf79f111f8130c3eee29480`)
  })

  it('a client cookie alone, or a bad server cookie, is answered with a good one', () => {
    const answering = serve()
    for (const server of ['', 'ab'.repeat(8), 'ab'.repeat(16), 'ab'.repeat(32), `01${'00'.repeat(15)}`]) {
      const reply = ask(answering, CLIENT + server)
      expect([reply.rcode, reply.answers.length]).toEqual([0, 1])
      expect(cookieOf(reply)).toBe(`${CLIENT}010000005cf79f111f8130c3eee29480`)
    }
  })

  it('the cookie of another address, another client cookie or another secret is bad', () => {
    const good = `${CLIENT}010000005cf79f111f8130c3eee29480`
    const answering = serve([SECRET], { isRequired: true })
    expect(ask(answering, good).rcode).toBe(0)
    expect(ask(answering, good, { source: '198.51.100.101' }).rcode).toBe(23)
    expect(ask(answering, good, { source: '2001:db8::1' }).rcode).toBe(23)
    expect(ask(answering, good.replace('24', '25')).rcode).toBe(23)
    expect(ask(serve(['00'.repeat(16)], { isRequired: true }), good).rcode).toBe(23)
  })

  it('where cookies are required, BADCOOKIE brings the good one and no answer; not over TCP', () => {
    const answering = serve([SECRET], { isRequired: true })
    const refused = ask(answering, CLIENT)
    expect([refused.rcode, refused.answers]).toEqual([23, []])
    expect(ask(answering, cookieOf(refused) ?? '').answers).toHaveLength(1)
    for (const transport of [1, 2, 3]) expect(ask(answering, CLIENT, { transport }).rcode).toBe(0)
  })

  it('errors have the cookie, too', () => {
    const source = '198.51.100.100'
    const reply = serve().ask('elsewhere', 'A', { source, options: [[COOKIE, octets(CLIENT)]] })
    expect([reply.rcode, cookieOf(reply)]).toEqual([5, `${CLIENT}010000005cf79f111f8130c3eee29480`])
  })

  it('without secrets the option is ignored, malformed or not', () => {
    const answering = new Answering().zone('example.com').node('example.com', ['A 192.0.2.34'])
    for (const cookie of [CLIENT, 'ab']) expect(cookieOf(ask(answering, cookie))).toBeNull()
  })

  it('a long cookie does not push records beyond the limit', () => {
    const many = Array.from({ length: 60 }, (_, i) => `A 192.0.2.${i}`)
    const answering = serve().node('many.example.com', many)
    for (const udpSize of [512, 600, 1232, 4096]) {
      const query = makeQuery('many.example.com', 'A', { udpSize, options: [[COOKIE, octets(CLIENT)]] })
      const reply = answering.send(query) ?? new Uint8Array()
      expect(reply.length).toBeLessThanOrEqual(Math.min(udpSize, 1232))
      expect(cookieOf(decodeMessage(reply))).not.toBeNull()
    }
  })
})

describe('RFC 7873 section 5.4: asking for a cookie only', () => {
  function askOnly(answering: Answering, cookie: string): DecodedMessage {
    const data = octets(cookie)
    const option = [0, COOKIE, 0, data.length, ...data]
    const opt = [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, option.length, ...option]
    const query = Uint8Array.of(0x12, 0x34, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, ...opt)
    return decodeMessage(answering.send(query, { source: '198.51.100.100' }) ?? new Uint8Array())
  }

  it('a query without a question gets a cookie and nothing else', () => {
    const reply = askOnly(serve(), CLIENT)
    expect(reply).toMatchObject({ rcode: 0, question: null, answers: [] })
    expect(cookieOf(reply)).toBe(`${CLIENT}010000005cf79f111f8130c3eee29480`)
  })

  it('a good cookie is NOERROR, a bad one BADCOOKIE, a malformed one FORMERR', () => {
    expect(askOnly(serve(), `${CLIENT}010000005cf79f111f8130c3eee29480`).rcode).toBe(0)
    expect(askOnly(serve(), `${CLIENT}${'00'.repeat(16)}`).rcode).toBe(23)
    expect(askOnly(serve(), 'abcd').rcode).toBe(1)
  })
})

describe('metrics', () => {
  it('count what became of cookies', () => {
    const answering = serve()
    const good = cookieOf(ask(answering, CLIENT)) ?? ''
    ask(answering, good)
    ask(answering, good)
    ask(answering, 'ab')
    ask(answering, `${CLIENT}${'00'.repeat(16)}`)
    answering.ask('example.com', 'A')
    expect(answering.counters().cookies.map(({ labels, value }) => `${labels} ${value}`)).toEqual([
      'malformed 1',
      'client 1',
      'bad 1',
      'good 2',
    ])
  })
})
