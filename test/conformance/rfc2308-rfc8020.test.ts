/** RFC 2308: negative answers. RFC 8020: a name that exists has all its ancestors. RFC 8482: ANY. */
import { describe, expect, it } from 'vitest'
import { parseName } from '#src/wire/name.ts'
import { Answering, soaOf, TTL } from '#support/answering.ts'
import { recordLines } from '#support/message-decoder.ts'

const SOA = 'cluster.local. 10 SOA ns.cluster.local. hostmaster.cluster.local. 2026 3 4 5 10'

function make(): Answering {
  return new Answering()
    .zone('cluster.local')
    .node('svc.cluster.local')
    .node('default.svc.cluster.local')
    .node('kuard.default.svc.cluster.local', ['AAAA fdaa::1', 'TXT hello'])
    .node('alias.default.svc.cluster.local', ['CNAME kuard.default.svc.cluster.local'])
}

describe('RFC 2308 section 2', () => {
  it('NXDOMAIN has the SOA of the zone in the authority section', () => {
    const reply = make().ask('missing.default.svc.cluster.local', 'AAAA')
    expect(reply).toMatchObject({ rcode: 3, aa: true, answers: [], additionals: [] })
    expect(recordLines(reply.authorities)).toEqual([SOA])
  })

  it('NODATA has it too', () => {
    const reply = make().ask('kuard.default.svc.cluster.local', 'A')
    expect(reply).toMatchObject({ rcode: 0, aa: true, answers: [], additionals: [] })
    expect(recordLines(reply.authorities)).toEqual([SOA])
  })

  it('the SOA has the case of the question where it shares the name', () => {
    const reply = make().ask('x.CLUSTER.local', 'A')
    expect(reply.authorities[0]?.name).toBe('CLUSTER.local.')
    expect(reply.authorities[0]?.data).toContain('ns.CLUSTER.local. hostmaster.CLUSTER.local.')
  })

  it('names of the SOA outside of the zone are spelled out', () => {
    const soa = { ...soaOf(parseName('zone')), mname: parseName('ns.example.com'), rname: parseName('.') }
    const reply = new Answering().zone('zone', { soa }).ask('x.zone', 'A')
    expect(recordLines(reply.authorities)).toEqual(['zone. 10 SOA ns.example.com. . 2026 3 4 5 10'])
  })

  it('names of the SOA may be the apex itself', () => {
    const apex = parseName('zone')
    const reply = new Answering().zone('zone', { soa: { ...soaOf(apex), mname: apex, rname: apex } }).ask('x.zone', 'A')
    expect(recordLines(reply.authorities)).toEqual(['zone. 10 SOA zone. zone. 2026 3 4 5 10'])
  })
})

describe('RFC 2308 section 3', () => {
  it.each([
    [7, 60, 7],
    [60, 7, 7],
    [0, 5, 0],
  ])('TTL %d and minimum %d give %d', (ttl, minimum, expected) => {
    const soa = { ...soaOf(parseName('zone')), ttl, minimum }
    expect(new Answering().zone('zone', { soa }).ask('x.zone', 'A').authorities[0]?.ttl).toBe(expected)
  })

  it('the SOA itself is answered with its own TTL', () => {
    const reply = make().ask('cluster.local', 'SOA')
    expect(recordLines(reply.answers)).toEqual([SOA.replace(' 10 SOA', ' 20 SOA')])
    expect(reply.authorities).toEqual([])
  })

  it('a serial above 2^31 is not negative', () => {
    const soa = { ...soaOf(parseName('zone')), serial: 4_294_967_295 }
    expect(new Answering().zone('zone', { soa }).ask('zone', 'SOA').answers[0]?.data).toContain(' 4294967295 ')
  })

  it('the deepest zone counts', () => {
    const answering = make().zone('default.svc.cluster.local')
    expect(answering.ask('x.default.svc.cluster.local', 'A').authorities[0]?.name).toBe('default.svc.cluster.local.')
    expect(answering.ask('x.svc.cluster.local', 'A').authorities[0]?.name).toBe('cluster.local.')
  })
})

describe('RFC 8020', () => {
  it.each(['svc.cluster.local', 'default.svc.cluster.local', 'cluster.local'])('%s exists: NODATA', name => {
    expect(make().ask(name, 'AAAA')).toMatchObject({ rcode: 0, answers: [], authorities: [{ type: 6 }] })
  })

  it('nothing is below a name that does not exist', () => {
    expect(make().ask('a.missing.svc.cluster.local', 'A').rcode).toBe(3)
  })

  it('a shorter nibble name in a reverse zone exists', () => {
    const answering = new Answering()
      .zone('8.4.0.0.0.0.0.0.a.a.d.f.ip6.arpa', { kind: 'reverse' })
      .node(`${'1.'.repeat(20)}8.4.0.0.0.0.0.0.a.a.d.f.ip6.arpa`, ['PTR kuard.cluster.local'])
    const ask = (labels: string): number => answering.ask(`${labels}8.4.0.0.0.0.0.0.a.a.d.f.ip6.arpa`, 'PTR').rcode
    expect(ask('')).toBe(0)
    expect(ask('1.')).toBe(0)
    expect(ask('F.e.')).toBe(0)
    expect(ask('1.'.repeat(19))).toBe(0)
    expect(ask(`2.${'1.'.repeat(19)}`)).toBe(3)
    expect(ask(`1.${'1.'.repeat(20)}`)).toBe(3)
    expect(ask('g.')).toBe(3)
    expect(ask('11.')).toBe(3)
  })

  it('a shorter octet name in a reverse zone exists', () => {
    const answering = new Answering()
      .zone('10.in-addr.arpa', { kind: 'reverse' })
      .node('4.3.2.10.in-addr.arpa', ['PTR a.b'])
    const ask = (labels: string): number => answering.ask(`${labels}10.in-addr.arpa`, 'PTR').rcode
    expect(ask('')).toBe(0)
    expect(ask('2.')).toBe(0)
    expect(ask('255.0.')).toBe(0)
    expect(answering.ask('4.3.2.10.in-addr.arpa', 'PTR').answers).toHaveLength(1)
    expect(ask('5.3.2.')).toBe(3)
    expect(ask('256.')).toBe(3)
    expect(ask('02.')).toBe(3)
    expect(ask('a.')).toBe(3)
    expect(ask('1.4.3.2.')).toBe(3)
  })

  it('in a forward zone under ip6.arpa it does not', () => {
    expect(new Answering().zone('f.ip6.arpa').ask('1.f.ip6.arpa', 'PTR').rcode).toBe(3)
  })
})

describe('RFC 8482 section 4.2', () => {
  it('ANY at a name with records is one HINFO', () => {
    const reply = make().ask('kuard.default.svc.cluster.local', 'ANY')
    expect(reply).toMatchObject({
      rcode: 0,
      aa: true,
      answers: [{ type: 13, data: '075246433834383200' }],
      authorities: [],
    })
    expect(make().ask('cluster.local', 'ANY').answers).toMatchObject([{ type: 13 }])
  })

  it('ANY at an alias is the CNAME alone', () => {
    expect(recordLines(make().ask('alias.default.svc.cluster.local', 'ANY').answers)).toEqual([
      `alias.default.svc.cluster.local. ${TTL} CNAME kuard.default.svc.cluster.local.`,
    ])
  })

  it('ANY is NODATA at an empty non-terminal and NXDOMAIN where there is nothing', () => {
    expect(make().ask('svc.cluster.local', 'ANY')).toMatchObject({ rcode: 0, answers: [], authorities: [{ type: 6 }] })
    expect(make().ask('x.svc.cluster.local', 'ANY').rcode).toBe(3)
  })
})
