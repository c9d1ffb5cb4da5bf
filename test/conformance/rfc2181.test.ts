/** RFC 2181 section 5 and 9: record sets and truncation. */
import { describe, expect, it } from 'vitest'
import { Answering, makeQuery } from '#support/answering.ts'

const HEADER_AND_QUESTION = 12 + 11 + 4
const OPT = 11

function addresses(count: number): Answering {
  const records = Array.from({ length: count }, (_, i) => `AAAA fdaa::${i.toString(16)}`)
  return new Answering().zone('zone').node('many.zone', records)
}

describe('an answer that does not fit', () => {
  it('is cut at whole records, with TC and nothing behind', () => {
    const reply = addresses(100).ask('many.zone', 'AAAA', { udpSize: 512 })
    expect(reply).toMatchObject({ tc: true, rcode: 0, aa: true, authorities: [], additionals: [] })
    expect(reply.answers).toHaveLength(Math.floor((512 - HEADER_AND_QUESTION - OPT) / 28))
  })

  it('has TC clear when it just fits', () => {
    const fits = HEADER_AND_QUESTION + OPT + 28 * 20
    expect(addresses(20).ask('many.zone', 'AAAA', { udpSize: fits })).toMatchObject({ tc: false })
    expect(addresses(20).ask('many.zone', 'AAAA', { udpSize: fits - 1 })).toMatchObject({ tc: true })
  })

  it('begins with another record each time, so that every record is seen', () => {
    const answering = addresses(100)
    const seen = new Set<string>()
    for (let i = 0; i < 200; i++) {
      for (const record of answering.ask('many.zone', 'AAAA', { udpSize: 512 }).answers) seen.add(record.data)
    }
    expect(seen.size).toBe(100)
  })

  it('of 10,000 addresses gives over TCP what 65,535 octets hold', () => {
    const reply = addresses(10_000).ask('many.zone', 'AAAA', { transport: 1 })
    expect(reply).toMatchObject({ tc: true })
    expect(reply.answers).toHaveLength(Math.floor((65_535 - HEADER_AND_QUESTION - OPT) / 28))
  })

  it('of more records than a message can count gives what fits', () => {
    const rdatas = Array.from({ length: 70_000 }, (_, i) => Uint8Array.of(i >> 16, i >> 8, i))
    const answering = new Answering({}, { initialArenaBytes: 1 << 23 }).zone('zone')
    answering.put(
      {
        name: Uint8Array.of(1, 97, 4, 122, 111, 110, 101, 0) as never,
        kind: 'plain',
        rrsets: [{ type: 99, ttl: 1, rdatas, additional: [] }],
      },
      'a.zone',
    )
    expect(answering.ask('a.zone', 'TYPE99', { transport: 1 })).toMatchObject({ tc: true })
  })

  it('of records of different sizes is cut at whole records', () => {
    const records = Array.from({ length: 40 }, (_, i) => `TXT ${'x'.repeat(i * 5)}`)
    const reply = new Answering().zone('zone').node('text.zone', records).ask('text.zone', 'TXT', { udpSize: 700 })
    expect(reply).toMatchObject({ tc: true })
    expect(reply.answers.map(record => record.rdata.length)).toEqual(reply.answers.map((_, i) => i * 5 + 1))
    expect(reply.answers.length).toBeGreaterThan(5)
  })

  it('in a chain keeps the links that fit', () => {
    const label = 'a'.repeat(63)
    const name = (i: number): string => `${i}.${label}.${label}.zone`
    const answering = new Answering().zone('zone')
    for (let i = 0; i < 8; i++) answering.node(name(i), [`CNAME ${name(i + 1)}`])
    const reply = answering.ask(name(0), 'A', { udpSize: 512 })
    expect(reply.tc).toBe(true)
    expect(reply.answers.map(record => record.data)).toEqual([`${name(1)}.`, `${name(2)}.`])
  })

  it('counts as truncated', () => {
    const answering = addresses(100)
    answering.ask('many.zone', 'AAAA')
    expect(answering.counters().truncated.filter(({ value }) => value > 0)).toEqual([{ labels: ['udp'], value: 1 }])
  })
})

describe('rotation', () => {
  it('keeps the order of the records and moves only the start', () => {
    const answering = addresses(5)
    const orders = Array.from({ length: 50 }, () =>
      answering.ask('many.zone', 'AAAA').answers.map(({ rdata }) => rdata[15] ?? 0),
    )
    for (const order of orders) expect(order).toEqual(order.map((_, i) => ((order[0] ?? 0) + i) % 5))
    expect(new Set(orders.map(order => order[0])).size).toBe(5)
  })

  it('is even when every second answer is for another name', () => {
    const answering = addresses(2).node('other.zone', ['A 192.0.2.1', 'A 192.0.2.2'])
    const starts = Array.from({ length: 100 }, () => {
      answering.ask('other.zone', 'A')
      return answering.ask('many.zone', 'AAAA').answers[0]?.data
    })
    const first = starts.filter(start => start === starts[0]).length
    expect(first).toBeGreaterThan(35)
    expect(first).toBeLessThan(65)
  })

  it('leaves sets other than addresses as they are', () => {
    const answering = new Answering().zone('zone').node('zone', ['NS a.zone', 'NS b.zone', 'NS c.zone'])
    for (let i = 0; i < 10; i++) {
      expect(answering.ask('zone', 'NS').answers.map(record => record.data)).toEqual(['a.zone.', 'b.zone.', 'c.zone.'])
    }
  })
})

describe('additional records that do not fit', () => {
  const records = Array.from({ length: 12 }, (_, i) => [
    `SRV 0 0 80 pod-${i}.svc.zone`,
    `+ AAAA pod-${i}.svc.zone fdaa::${i}`,
    `+ AAAA pod-${i}.svc.zone fdaa::1:${i}`,
  ]).flat()

  function srv(): Answering {
    return new Answering().zone('zone').node('_http._tcp.svc.zone', records)
  }

  it('are left out without TC, whole record sets at a time (section 9)', () => {
    for (let size = 512; size < 1300; size += 7) {
      const reply = srv().ask('_http._tcp.svc.zone', 'SRV', { udpSize: size })
      if (reply.tc) continue
      expect(reply.answers).toHaveLength(12)
      expect(reply.additionals.length % 2).toBe(0)
    }
    expect(srv().ask('_http._tcp.svc.zone', 'SRV', { udpSize: 1000 })).toMatchObject({ tc: false })
  })

  it('end at the first record set that does not fit', () => {
    const large = Array.from({ length: 20 }, (_, i) => `+ AAAA large.zone fdaa::${i}`)
    const answering = new Answering()
      .zone('zone')
      .node('svc.zone', ['SRV 0 0 80 large.zone', '+ A first.zone 192.0.2.1', ...large, '+ A last.zone 192.0.2.2'])
    const names = answering.ask('svc.zone', 'SRV', { udpSize: 512 }).additionals.map(record => record.name)
    expect(names).toEqual(['first.zone.'])
  })

  it('are all there when they fit', () => {
    const reply = srv().ask('_http._tcp.svc.zone', 'SRV', { transport: 1 })
    expect(reply.additionals.map(record => record.name)).toEqual(
      Array.from({ length: 24 }, (_, i) => `pod-${i >> 1}.svc.zone.`),
    )
  })

  it('that share the name of the question are compressed', () => {
    const query = makeQuery('_http._tcp.svc.zone', 'SRV', { transport: 1 })
    const reply = srv().send(query, { transport: 1 })
    const owners = Array.from({ length: 12 }, (_, i) => 2 * (`pod-${i}`.length + 1 + 2 + 26)).reduce((a, b) => a + b)
    const answers = Array.from({ length: 12 }, (_, i) => 12 + 6 + `pod-${i}.svc.zone.`.length + 1).reduce(
      (a, b) => a + b,
    )
    expect(reply?.length).toBe(query.length + answers + owners)
  })
})

describe('a negative answer whose SOA does not fit', () => {
  it('has TC', () => {
    const label = 'a'.repeat(63)
    const soa = { mname: `${label}.${label}.${label}.x`, rname: `${label}.${label}.${label}.y` }
    const parse = (text: string): never =>
      Uint8Array.of(...text.split('.').flatMap(part => [part.length, ...new TextEncoder().encode(part)]), 0) as never
    const values = { serial: 1, refresh: 1, retry: 1, expire: 1, minimum: 1, ttl: 1 }
    const answering = new Answering().zone('zone', {
      soa: { mname: parse(soa.mname), rname: parse(soa.rname), ...values },
    })
    expect(answering.ask(`${label}.${label}.zone`, 'A', { udpSize: null })).toMatchObject({
      tc: true,
      rcode: 3,
      authorities: [],
    })
    expect(answering.ask(`${label}.zone`, 'A')).toMatchObject({ tc: false, rcode: 3, authorities: [{}] })
  })
})
