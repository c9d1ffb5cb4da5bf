import { describe, expect, it } from 'vitest'
import { Query } from '#src/dns/query.ts'
import { NameHash } from '#src/index/hash.ts'
import { makeQuery } from '#support/answering.ts'
import { CacheWorld } from '#support/cache.ts'
import { type AnswerText, makeForeign, soaLine } from '#support/foreign-answer.ts'
import { decodeMessage, recordLines } from '#support/message-decoder.ts'

const CHAIN: AnswerText = {
  name: 'www.example.com',
  type: 'AAAA',
  answers: [
    'www.example.com 300 CNAME edge.cdn.net',
    'edge.cdn.net 60 AAAA 2001:db8::1',
    'edge.cdn.net 60 AAAA 2001:db8::2',
  ],
}

/** The end of a chain that has no such record. */
const NODATA: AnswerText = {
  name: 'www.example.com',
  type: 'TXT',
  answers: ['www.example.com 300 CNAME edge.cdn.net'],
  authority: [soaLine('cdn.net', 3600, 600)],
}

function addresses(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `www.example.com 60 AAAA 2001:db8::${i + 1}`)
}

describe('an answer from the cache', () => {
  it('has the records that came, in their sections', () => {
    const world = new CacheWorld()
    world.put(CHAIN)
    world.put(NODATA)
    const answer = world.ask('www.example.com', 'AAAA')
    expect(answer).toMatchObject({ rcode: 0, aa: false, tc: false, id: 0x1234, authorities: [], additionals: [] })
    // Addresses come in turn.
    expect(recordLines(answer?.answers ?? []).sort()).toEqual([
      'edge.cdn.net. 60 AAAA 20010db8000000000000000000000001',
      'edge.cdn.net. 60 AAAA 20010db8000000000000000000000002',
      'www.example.com. 300 CNAME edge.cdn.net.',
    ])
    const none = world.ask('www.example.com', 'TXT')
    expect(recordLines(none?.answers ?? [])).toEqual(['www.example.com. 300 CNAME edge.cdn.net.'])
    expect(recordLines(none?.authorities ?? [])).toEqual([
      'cdn.net. 600 SOA ns.cdn.net. hostmaster.cdn.net. 1 7200 1800 86400 600',
    ])
  })

  it('lets each of several addresses be the first, behind the CNAME that leads to them', () => {
    const world = new CacheWorld()
    world.put({ ...CHAIN, answers: [...(CHAIN.answers ?? []), 'edge.cdn.net 60 AAAA 2001:db8::3'] })
    const firsts = new Map<string, number>()
    for (let i = 0; i < 300; i++) {
      const [alias, ...addresses] = world.ask('www.example.com', 'AAAA')?.answers ?? []
      expect(alias?.type).toBe(5)
      expect(addresses.map(({ name, ttl }) => `${name} ${ttl}`)).toEqual(Array(3).fill('edge.cdn.net. 60'))
      expect(new Set(addresses.map(({ data }) => data)).size).toBe(3)
      const first = addresses[0]?.data ?? ''
      firsts.set(first, (firsts.get(first) ?? 0) + 1)
    }
    for (const count of firsts.values()) expect(Math.abs(count - 100)).toBeLessThan(10)
    expect(firsts.size).toBe(3)
  })

  it('counts every TTL down by whole seconds', () => {
    const world = new CacheWorld()
    world.put(CHAIN)
    world.clock.seconds += 0.9
    expect(world.ask('www.example.com', 'AAAA')?.answers.map(record => record.ttl)).toEqual([300, 60, 60])
    world.clock.seconds += 58.1
    expect(world.ask('www.example.com', 'AAAA')?.answers.map(record => record.ttl)).toEqual([241, 1, 1])
    world.put(NODATA)
    world.clock.seconds += 7
    expect(world.ask('www.example.com', 'TXT')?.authorities.map(record => record.ttl)).toEqual([593])
  })

  it('is stale when its first record set has expired, and then has TTL 30', () => {
    const world = new CacheWorld()
    const place = world.put(CHAIN)
    world.clock.seconds += 59.9
    expect([world.reader.isStale(place), world.reader.isUsable(place)]).toEqual([false, true])
    world.clock.seconds += 0.1
    expect([world.reader.isStale(place), world.reader.isUsable(place)]).toEqual([true, false])
    expect(world.ask('www.example.com', 'AAAA')?.answers.map(record => record.ttl)).toEqual([30, 30, 30])
  })

  it('repeats the question in the case of the client, and so the owners (0x20)', () => {
    const world = new CacheWorld()
    world.put({ ...CHAIN, name: 'www.EXAMPLE.com' })
    const answer = world.ask('wWw.exAmple.COM', 'AAAA')
    expect(answer?.question?.name).toBe('wWw.exAmple.COM.')
    expect(answer?.answers[0]?.name).toBe('wWw.exAmple.COM.')
  })

  it('keeps names that differ in type, DO or CD apart', () => {
    const world = new CacheWorld()
    world.put(CHAIN)
    const question = { name: 'www.example.com', type: 'AAAA' }
    expect(world.find(question)).not.toBe(0)
    expect(world.find({ ...question, type: 'A' })).toBe(0)
    expect(world.find({ ...question, isDnssecOk: true })).toBe(0)
    expect(world.find({ ...question, isCheckingDisabled: true })).toBe(0)
    world.put(CHAIN, { isDnssecOk: true })
    world.put(CHAIN, { isCheckingDisabled: true })
    world.put(CHAIN, { isDnssecOk: true, isCheckingDisabled: true })
    expect(world.writer.figures.entries).toBe(4)
  })

  it('that says no has the SOA', () => {
    const world = new CacheWorld()
    world.put({ name: 'no.example.com', type: 'A', rcode: 3, authority: [soaLine('example.com', 900, 300)] })
    const answer = world.ask('no.example.com', 'A')
    expect(answer?.rcode).toBe(3)
    expect(recordLines(answer?.authorities ?? [])).toEqual([
      'example.com. 300 SOA ns.example.com. hostmaster.example.com. 1 7200 1800 86400 300',
    ])
  })

  it('is cut at whole records, with TC, when its answer does not fit', () => {
    const world = new CacheWorld()
    world.put({ name: 'www.example.com', type: 'AAAA', answers: addresses(40) })
    const whole = world.send('www.example.com', 'AAAA', { udpSize: 4096 })?.length ?? 0
    for (let size = 512; size <= whole; size += 7) {
      const bytes = world.send('www.example.com', 'AAAA', { udpSize: size })
      const answer = world.ask('www.example.com', 'AAAA', { udpSize: size })
      expect(bytes?.length).toBeLessThanOrEqual(size)
      expect(answer?.tc).toBe(size < whole)
      // Not one more record would have fitted.
      if (size < whole) expect((bytes?.length ?? 0) + 28).toBeGreaterThan(size)
      expect(answer?.answers.every(record => record.ttl === 60)).toBe(true)
    }
  })

  it('that denies something is truncated when the SOA does not fit', () => {
    const world = new CacheWorld()
    world.put({ name: 'no.example.com', type: 'A', rcode: 3, authority: [soaLine('example.com', 900, 300)] })
    expect(world.ask('no.example.com', 'A', { udpSize: 512, capacity: 60 })).toMatchObject({
      tc: true,
      authorities: [],
    })
    expect(world.ask('no.example.com', 'A', { udpSize: 512 })).toMatchObject({ tc: false })
  })

  it('does not need its authorities when the answer is there', () => {
    const world = new CacheWorld()
    const authority = Array.from({ length: 4 }, () => `example.com 60 TXT ${'x'.repeat(200)}`)
    world.put({ name: 'www.example.com', type: 'AAAA', answers: addresses(2), authority })
    const answer = world.ask('www.example.com', 'AAAA', { udpSize: 512 })
    expect(answer?.tc).toBe(false)
    expect([answer?.answers.length, answer?.authorities.length]).toEqual([2, 1])
  })

  it('can follow a CNAME: its pointers lead to the name where that stands', () => {
    const world = new CacheWorld()
    world.put(CHAIN)
    const place = world.find({ name: 'www.example.com', type: 'AAAA' })
    // A reply to another question whose answer so far is a CNAME to www.example.com.
    const packet = makeQuery('docs.default.svc.cluster.local', 'AAAA', { udpSize: null })
    const bytes = new DataView(packet.buffer)
    const query = new Query()
    query.read(bytes, 0, packet.length, new NameHash())
    const out = new Uint8Array(1232)
    const { reply } = world
    reply.open(new DataView(out.buffer), 0, 1232, bytes, 0, packet.length, query, 0)
    const alias = makeForeign({ name: 'x', type: 'CNAME', answers: ['x 5 CNAME www.example.com'] })
    reply.append(alias.bytes, 0, alias.end, 0)
    reply.answers = 1
    world.hit.answer(place, packet.length + 12)
    const answer = decodeMessage(out.subarray(0, reply.close(query)))
    expect(recordLines(answer.answers).slice(0, 2)).toEqual([
      'docs.default.svc.cluster.local. 5 CNAME www.example.com.',
      'www.example.com. 300 CNAME edge.cdn.net.',
    ])
    expect(recordLines(answer.answers).slice(2).sort()).toEqual([
      'edge.cdn.net. 60 AAAA 20010db8000000000000000000000001',
      'edge.cdn.net. 60 AAAA 20010db8000000000000000000000002',
    ])
  })
})
