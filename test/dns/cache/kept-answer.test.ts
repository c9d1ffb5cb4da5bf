import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ENTRY, KIND, TICKS } from '#src/dns/cache/memory/layout.ts'
import { CacheWorld } from '#support/cache.ts'
import { type AnswerText, makeForeign, soaLine } from '#support/foreign-answer.ts'

const SOA = soaLine('example.com', 900, 300)
const HOUR = 3600

/** Seconds for which an answer is fresh; 0: it is not kept. */
function lifetime(answer: AnswerText, world = new CacheWorld()): number {
  const place = world.put(answer)
  if (place === 0) return 0
  return (world.reader.word(place, ENTRY.expires) - world.reader.word(place, ENTRY.stored)) / TICKS
}

function positive(answers: readonly string[], change: Partial<AnswerText> = {}): AnswerText {
  return { name: 'www.example.com', type: 'A', answers, ...change }
}

function negative(change: Partial<AnswerText> = {}): AnswerText {
  return { name: 'www.example.com', type: 'A', rcode: 3, authority: [SOA], ...change }
}

describe('how long an answer is kept', () => {
  it('is the least TTL of its answer and authority sections', () => {
    expect(lifetime(positive(['www.example.com 300 CNAME a.example.net', 'a.example.net 20 A 192.0.2.1']))).toBe(20)
    expect(
      lifetime(positive(['www.example.com 300 A 192.0.2.1'], { authority: ['example.com 7 NS ns.example.com'] })),
    ).toBe(7)
  })

  it('is the least TTL of a record set whose TTLs differ, for all of it (RFC 2181 section 5.2)', () => {
    const world = new CacheWorld()
    expect(lifetime(positive(['www.example.com 300 A 192.0.2.1', 'www.example.com 100 A 192.0.2.2']), world)).toBe(100)
    const fresh = new CacheWorld()
    fresh.put(positive(['www.example.com 300 A 192.0.2.1', 'www.example.com 100 A 192.0.2.2']))
    expect(fresh.ask('www.example.com', 'A')?.answers.map(record => record.ttl)).toEqual([100, 100])
  })

  it('stands in the answer itself, too, so that who asked first is told the same', () => {
    const answer = makeForeign(positive(['www.example.com 604800 A 192.0.2.1']))
    new CacheWorld().putForeign(answer, { name: 'www.example.com', type: 'A' })
    expect(answer.bytes.getUint32(6)).toBe(86_400)
  })

  it('is nothing when the TTL is 0, or has its top bit set (RFC 2181 section 8)', () => {
    expect(lifetime(positive(['www.example.com 0 A 192.0.2.1']))).toBe(0)
    expect(lifetime(positive([`www.example.com ${2 ** 31} A 192.0.2.1`]))).toBe(0)
  })

  it('lies between the configured TTLs', () => {
    const rules = { minTtl: 5, maxTtl: 600 }
    const kept = (ttl: number): number =>
      lifetime(positive([`www.example.com ${ttl} A 192.0.2.1`]), new CacheWorld({ rules }))
    expect([0, 1, 5, 6, 600, 601, 86_400].map(kept)).toEqual([5, 5, 5, 6, 600, 600, 600])
    expect(new CacheWorld({ rules }).put(positive(['www.example.com 1 A 192.0.2.1']))).not.toBe(0)
  })

  it('is as long as the upstream says by default, up to a day', () => {
    expect(lifetime(positive(['www.example.com 1 A 192.0.2.1']))).toBe(1)
    expect(lifetime(positive(['www.example.com 604800 A 192.0.2.1']))).toBe(24 * HOUR)
  })
})

describe('a negative answer (RFC 2308)', () => {
  it.each([
    ['NXDOMAIN', negative()],
    ['NODATA', negative({ rcode: 0 })],
    ['NODATA behind a CNAME', negative({ rcode: 0, answers: ['www.example.com 9000 CNAME x.example.com'] })],
    ['NXDOMAIN behind a CNAME', negative({ answers: ['www.example.com 9000 CNAME x.example.com'] })],
  ])('%s lives for the minimum of the SOA, or its TTL when that is less (section 5)', (_, answer) => {
    expect(lifetime(answer)).toBe(300)
    expect(lifetime({ ...answer, authority: [soaLine('example.com', 30, 300)] })).toBe(30)
  })

  it('lives no longer than three hours by default', () => {
    expect(lifetime(negative({ authority: [soaLine('example.com', 86_400, 86_400)] }))).toBe(3 * HOUR)
  })

  it('is not kept without an SOA (section 5)', () => {
    expect(lifetime(negative({ authority: [] }))).toBe(0)
    expect(lifetime(negative({ authority: ['example.com 300 NS ns.example.com'] }))).toBe(0)
    expect(lifetime(negative({ rcode: 0, authority: [] }))).toBe(0)
    // A referral: whoever answers so does not resolve.
    expect(lifetime(negative({ rcode: 0, authority: ['com 300 NS a.gtld-servers.net'] }))).toBe(0)
  })

  it('is told from a positive one by the type at the end of the chain', () => {
    const kindOf = (answer: AnswerText): number => {
      const world = new CacheWorld()
      return world.reader.kind(world.put(answer))
    }
    expect(kindOf(negative())).toBe(KIND.nxdomain)
    expect(kindOf(negative({ rcode: 0 }))).toBe(KIND.nodata)
    expect(kindOf(negative({ rcode: 0, answers: ['www.example.com 60 CNAME x.example.com'] }))).toBe(KIND.nodata)
    expect(kindOf(positive(['www.example.com 60 CNAME x.example.com'], { type: 'CNAME' }))).toBe(KIND.positive)
    expect(kindOf(positive(['www.example.com 60 TXT x'], { type: 'ANY' }))).toBe(KIND.positive)
  })
})

describe('an answer that is not kept', () => {
  const good = positive(['www.example.com 300 CNAME x.example.net', 'x.example.net 300 A 192.0.2.1'])
  const question = { name: 'www.example.com', type: 'A' }

  it.each([
    ['is a failure', { rcode: 2 }],
    ['is refused', { rcode: 5 }],
    ['has an extended response code', { rcode: 16 }],
  ])('%s', (_, change) => {
    expect(new CacheWorld().put(good)).not.toBe(0)
    expect(new CacheWorld().put({ ...good, ...change })).toBe(0)
  })

  it('has more records than pointers reach', () => {
    const answers = Array.from({ length: 700 }, (_, i) => `www.example.com 60 AAAA 2001:db8::${i}`)
    const isKept = (count: number): boolean =>
      new CacheWorld().put({ name: 'www.example.com', type: 'AAAA', answers: answers.slice(0, count) }) !== 0
    expect([isKept(700), isKept(500)]).toEqual([false, true])
  })

  it('is cut off, or has more or fewer records than it says', () => {
    const world = new CacheWorld()
    const whole = makeForeign(good)
    for (let end = 1; end < whole.end; end++) expect(world.putForeign({ ...whole, end }, question)).toBe(0)
    expect(world.putForeign({ ...whole, answers: 1 }, question)).toBe(0)
    expect(world.putForeign({ ...whole, authorities: 1 }, question)).toBe(0)
    expect(world.putForeign(whole, question)).not.toBe(0)
  })

  it('never makes it throw, whatever its octets are', () => {
    const world = new CacheWorld()
    const octets = fc.uint8Array({ maxLength: 120 })
    const change = fc.record({ at: fc.nat(60), octet: fc.nat(255) })
    fc.assert(
      fc.property(octets, fc.array(change, { maxLength: 3 }), fc.boolean(), (random, changes, isRandom) => {
        const base = makeForeign(good)
        const bytes = isRandom ? random : new Uint8Array(base.bytes.buffer)
        for (const { at, octet } of changes) if (at < bytes.length) bytes[at] = octet
        const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
        const place = world.putForeign({ ...base, bytes: view, end: bytes.length }, question)
        if (place !== 0) expect(world.send('www.example.com', 'A')?.length).toBeGreaterThan(bytes.length)
      }),
    )
  })
})
