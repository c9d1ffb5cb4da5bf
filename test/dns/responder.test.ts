import { describe, expect, it } from 'vitest'
import { Answering, makeQuery, TTL } from '#support/answering.ts'
import { decodeMessage, recordLines } from '#support/message-decoder.ts'

describe('dashed addresses', () => {
  function pods(): Answering {
    return new Answering()
      .zone('cluster.local')
      .node('pod.cluster.local')
      .node('default.pod.cluster.local', [], 'dashed-addresses')
  }

  function dataOf(label: string, type: string): string[] {
    return recordLines(pods().ask(`${label}.default.pod.cluster.local`, type).answers).map(line =>
      line.split(' ').slice(1).join(' '),
    )
  }

  it('a label that is an address answers itself, with the TTL of negative answers', () => {
    expect(dataOf('10-0-0-1', 'A')).toEqual(['10 A 10.0.0.1'])
    expect(dataOf('fdaa-0-48c8--1', 'AAAA')).toEqual(['10 AAAA fdaa000048c800000000000000000001'])
    expect(dataOf('FDAA--1', 'AAAA')).toEqual([`10 AAAA fdaa${'0'.repeat(26)}01`])
  })

  it('the other family and other types are NODATA', () => {
    for (const [label, type] of [
      ['10-0-0-1', 'AAAA'],
      ['fdaa--1', 'A'],
      ['10-0-0-1', 'TXT'],
    ] as const) {
      const reply = pods().ask(`${label}.default.pod.cluster.local`, type)
      expect(reply).toMatchObject({ rcode: 0, aa: true, answers: [], authorities: [{ name: 'cluster.local.' }] })
    }
  })

  it.each(['10-0-0', '10-0-0-256', '10-0-0-01', 'a-b-c-d', 'fdaa-1', '1--2--3', 'pod', '-1', '10-0-0-1-'])(
    '%s is no address: NXDOMAIN',
    label => {
      expect(pods().ask(`${label}.default.pod.cluster.local`, 'AAAA')).toMatchObject({ rcode: 3, authorities: [{}] })
    },
  )

  it('nothing is below an address, and nothing in a namespace that is not there', () => {
    expect(pods().ask('x.10-0-0-1.default.pod.cluster.local', 'A').rcode).toBe(3)
    expect(pods().ask('10-0-0-2.10-0-0-1.default.pod.cluster.local', 'A').rcode).toBe(3)
    expect(pods().ask('10-0-0-1.other.pod.cluster.local', 'A').rcode).toBe(3)
  })

  it('the namespace itself exists', () => {
    expect(pods().ask('default.pod.cluster.local', 'A')).toMatchObject({ rcode: 0, answers: [] })
  })

  it('ANY is answered by HINFO', () => {
    expect(pods().ask('10-0-0-1.default.pod.cluster.local', 'ANY').answers).toMatchObject([{ type: 13 }])
    expect(pods().ask('nonsense.default.pod.cluster.local', 'ANY').rcode).toBe(3)
  })

  it('a name that is stored counts before an address', () => {
    const answering = pods().node('10-0-0-1.default.pod.cluster.local', ['A 192.0.2.1'])
    expect(answering.ask('10-0-0-1.default.pod.cluster.local', 'A').answers).toMatchObject([{ data: '192.0.2.1' }])
  })
})

describe('zones', () => {
  it('one that is not synced is SERVFAIL for every name, found or not', () => {
    const answering = new Answering().zone('zone', { unsynced: true }).node('a.zone', ['A 192.0.2.1'])
    for (const name of ['a.zone', 'missing.zone', 'zone']) {
      expect(answering.ask(name, 'A')).toMatchObject({ rcode: 2, aa: false, answers: [], authorities: [] })
    }
    expect(answering.zone('zone').ask('a.zone', 'A')).toMatchObject({ rcode: 0, aa: true, answers: [{}] })
  })

  it('one that was removed is REFUSED, its names too', () => {
    const answering = new Answering().zone('zone').node('a.zone', ['A 192.0.2.1'])
    answering.writer.removeZone(0, '\x04zone\0' as never)
    expect(answering.ask('a.zone', 'A')).toMatchObject({ rcode: 5, aa: false })
    expect(answering.ask('b.zone', 'A').rcode).toBe(5)
    expect(answering.ask('zone', 'SOA').rcode).toBe(5)
    expect(answering.zone('zone').node('a.zone', ['A 192.0.2.1']).ask('a.zone', 'A').answers).toHaveLength(1)
  })

  it('the apex has its SOA beside what was set', () => {
    const answering = new Answering().zone('zone').node('zone', ['NS ns.zone', '+ A ns.zone 192.0.2.1'])
    expect(answering.ask('zone', 'SOA').answers).toMatchObject([{ type: 6, ttl: 20 }])
    expect(answering.ask('zone', 'NS')).toMatchObject({ answers: [{ type: 2 }], additionals: [{ name: 'ns.zone.' }] })
  })

  it('a new serial is seen at once', () => {
    const answering = new Answering().zone('zone')
    const soa = {
      mname: Uint8Array.of(0),
      rname: Uint8Array.of(0),
      serial: 77,
      refresh: 1,
      retry: 1,
      expire: 1,
      minimum: 1,
      ttl: 1,
    }
    answering.zone('zone', { soa: soa as never })
    expect(answering.ask('zone', 'SOA').answers[0]?.data).toBe('. . 77 1 1 1 1')
    expect(answering.ask('x.zone', 'SOA').authorities[0]?.data).toBe('. . 77 1 1 1 1')
  })
})

describe('a fresh generation', () => {
  it('answers as the one before: flags, serials, wildcards, records', () => {
    const soa = {
      mname: Uint8Array.of(0),
      rname: Uint8Array.of(0),
      serial: 7,
      refresh: 1,
      retry: 1,
      expire: 1,
      minimum: 1,
      ttl: 1,
    }
    const answering = new Answering({}, { initialArenaBytes: 1 << 14, initialSlots: 16 })
      .zone('zone', { soa: soa as never })
      .zone('dark', { unsynced: true })
      .zone('2.ip6.arpa', { kind: 'reverse' })
      .node('*.zone', ['TXT wild'])
    const { generation } = answering.writer.stats()
    for (let i = 0; answering.writer.stats().generation < generation + 3; i++) answering.node(`n${i}.zone`, ['TXT x'])
    expect(answering.reader.generation).toBe(generation + 3)
    expect(answering.ask('anything.zone', 'TXT').answers).toHaveLength(1)
    expect(answering.ask('zone', 'SOA').answers[0]?.data).toBe('. . 7 1 1 1 1')
    expect(answering.ask('x.dark', 'TXT').rcode).toBe(2)
    expect(answering.ask('1.2.ip6.arpa', 'PTR').rcode).toBe(0)
    expect(answering.ask('n0.zone', 'TXT').answers).toHaveLength(1)
  })
})

describe('networks', () => {
  it('no name of one is seen from another, forward or reverse', () => {
    const answering = new Answering()
    for (const view of [0, 1]) {
      answering
        .zone('cluster.local', {}, view)
        .zone('2.0.192.in-addr.arpa', { kind: 'reverse' }, view)
        .node(`only-${view}.cluster.local`, [`A 192.0.2.${view}`], 'plain', view)
        .node('both.cluster.local', [`A 192.0.2.10${view}`], 'plain', view)
        .node(`${view}.2.0.192.in-addr.arpa`, [`PTR only-${view}.cluster.local`], 'plain', view)
    }
    for (const view of [0, 1]) {
      expect(answering.ask(`only-${view}.cluster.local`, 'A', { view }).answers).toHaveLength(1)
      expect(answering.ask(`only-${1 - view}.cluster.local`, 'A', { view }).rcode).toBe(3)
      expect(answering.ask('both.cluster.local', 'A', { view }).answers).toMatchObject([{ data: `192.0.2.10${view}` }])
      expect(answering.ask(`${1 - view}.2.0.192.in-addr.arpa`, 'PTR', { view }).rcode).toBe(3)
      expect(answering.ask('only-0.cluster.local', 'A', { view: 2 }).rcode).toBe(5)
    }
  })
})

describe('answers', () => {
  it('of SRV have the addresses of their targets', () => {
    const answering = new Answering()
      .zone('cluster.local')
      .node('_http._tcp.web.ns.svc.cluster.local', [
        'SRV 0 100 80 web.ns.svc.cluster.local',
        '+ AAAA web.ns.svc.cluster.local fdaa::1',
        '+ A elsewhere.example 192.0.2.1',
      ])
    const reply = answering.ask('_HTTP._tcp.Web.ns.svc.cluster.local', 'SRV')
    expect(recordLines(reply.answers)).toEqual([
      `_HTTP._tcp.Web.ns.svc.cluster.local. ${TTL} SRV 0 100 80 web.ns.svc.cluster.local.`,
    ])
    expect(reply.additionals.map(({ name }) => name)).toEqual(['Web.ns.svc.cluster.local.', 'elsewhere.example.'])
  })

  it('are written where they were asked to be, and the query is left alone', () => {
    const { responder } = new Answering().zone('zone').node('a.zone', ['A 192.0.2.1'])
    const query = makeQuery('a.zone', 'A')
    const input = new Uint8Array(300).fill(9)
    input.set(query, 101)
    const before = Uint8Array.from(input)
    const out = new Uint8Array(700)
    for (const outStart of [0, 1, 2, 3, 100]) {
      const length = responder.respond(input, 101, query.length, out, outStart, 512, 0, 0)
      expect(decodeMessage(out.subarray(outStart, outStart + length)).answers).toMatchObject([{ data: '192.0.2.1' }])
    }
    expect(input).toEqual(before)
  })

  it('are the same from the last octets of a buffer', () => {
    const { responder } = new Answering().zone('zone').node('a.zone', ['A 192.0.2.1'])
    const query = makeQuery('a.zone', 'A', { udpSize: null })
    const exact = Uint8Array.from(query)
    const out = new Uint8Array(query.length + 16)
    const length = responder.respond(exact, 0, exact.length, out, 0, out.length, 0, 0)
    expect(decodeMessage(out.subarray(0, length)).answers).toHaveLength(1)
  })

  it('come from a view into a larger buffer as well', () => {
    const { responder } = new Answering().zone('zone').node('a.zone', ['A 192.0.2.1'])
    const query = makeQuery('a.zone', 'A')
    const shifted = new Uint8Array(new ArrayBuffer(query.length + 7), 7)
    shifted.set(query)
    const out = new Uint8Array(new ArrayBuffer(600), 33)
    const length = responder.respond(shifted, 0, shifted.length, out, 0, 512, 0, 0)
    expect(decodeMessage(out.subarray(0, length)).answers).toHaveLength(1)
  })

  it('that have no room at all are dropped', () => {
    const answering = new Answering().zone('zone')
    expect(answering.send(makeQuery('a.zone', 'A'), { capacity: 20 })).toBeNull()
  })

  it('are counted by type, response code and kind', () => {
    const answering = new Answering()
      .zone('zone')
      .node('a.zone', ['A 192.0.2.1'])
      .node('c.zone', ['CNAME a.zone'])
      .node('d.zone', ['NS a.zone'], 'cut')
    answering.ask('a.zone', 'A')
    answering.ask('a.zone', 'A', { transport: 1 })
    answering.ask('a.zone', 'AAAA')
    answering.ask('b.zone', 'TYPE999')
    answering.ask('c.zone', 'A')
    answering.ask('d.zone', 'A')
    answering.ask('a.zone', 'ANY')
    answering.ask('elsewhere', 'A')
    const { queries, responses, answers } = answering.counters()
    const nonZero = (counts: typeof queries): string[] =>
      counts.filter(({ value }) => value > 0).map(({ labels, value }) => `${labels.join(' ')} ${value}`)
    expect(nonZero(queries)).toEqual(['udp A 4', 'udp AAAA 1', 'udp ANY 1', 'udp other 1', 'tcp A 1'])
    expect(nonZero(responses)).toEqual(['udp NOERROR 5', 'udp NXDOMAIN 1', 'udp REFUSED 1', 'tcp NOERROR 1'])
    expect(nonZero(answers)).toEqual(['hit 2', 'nodata 1', 'nxdomain 1', 'referral 1', 'cname 1', 'synthesized 1'])
  })
})
