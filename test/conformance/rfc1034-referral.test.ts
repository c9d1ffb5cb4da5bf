/** RFC 1034 section 4.3.2 step 3b and RFC 9471: delegations. */
import { describe, expect, it } from 'vitest'
import { Answering, TTL } from '#support/answering.ts'
import { recordLines } from '#support/message-decoder.ts'

function make(): Answering {
  const records = [
    'NS ns1.sub.zone',
    'NS ns.host.zone',
    '+ AAAA ns.host.zone fdaa::2',
    '+ AAAA ns1.sub.zone fdaa::1',
    '+ A ns1.sub.zone 192.0.2.1',
    'DS digest',
  ]
  return new Answering()
    .zone('zone')
    .node('host.zone')
    .node('ns.host.zone', ['AAAA fdaa::2'])
    .node('sub.zone', records, 'cut')
    .node('plain.zone', ['NS ns.host.zone'], 'cut')
}

const NS = [`sub.zone. ${TTL} NS ns1.sub.zone.`, `sub.zone. ${TTL} NS ns.host.zone.`]

describe('a delegation', () => {
  it.each(['sub.zone', 'www.sub.zone', 'a.b.c.sub.zone'])(
    '%s is referred: name servers, then glue, without AA',
    name => {
      const reply = make().ask(name, 'AAAA')
      expect(reply).toMatchObject({ rcode: 0, aa: false, tc: false, answers: [] })
      expect(recordLines(reply.authorities)).toEqual(NS)
      expect(reply.additionals.map(({ name: owner, type }) => `${owner} ${type}`)).toEqual([
        'ns1.sub.zone. 28',
        'ns1.sub.zone. 1',
        'ns.host.zone. 28',
      ])
    },
  )

  it('NS, ANY and SOA at the cut are referred too', () => {
    for (const type of ['NS', 'ANY', 'SOA'])
      expect(make().ask('sub.zone', type)).toMatchObject({ aa: false, answers: [] })
  })

  it('the case of the question is that of the owners', () => {
    expect(
      make()
        .ask('x.SUB.Zone', 'A')
        .authorities.map(record => record.name),
    ).toEqual(['SUB.Zone.', 'SUB.Zone.'])
  })

  it('DS is answered by the parent (RFC 4035 section 3.1.4.1)', () => {
    expect(make().ask('sub.zone', 'DS')).toMatchObject({ aa: true, answers: [{ type: 43 }], authorities: [] })
    expect(make().ask('plain.zone', 'DS')).toMatchObject({ aa: true, answers: [], authorities: [{ name: 'zone.' }] })
    expect(make().ask('x.sub.zone', 'DS')).toMatchObject({ aa: false, answers: [], authorities: [{}, {}] })
  })

  it('a zone of ours below a zone of ours answers for itself, its DS excepted', () => {
    const answering = make().zone('own.zone').node('www.own.zone', ['A 192.0.2.3'])
    expect(answering.ask('www.own.zone', 'A')).toMatchObject({ aa: true, answers: [{}] })
    expect(answering.ask('own.zone', 'DS').authorities).toMatchObject([{ name: 'zone.' }])
    expect(answering.ask('zone', 'DS').authorities).toMatchObject([{ name: 'zone.' }])
  })

  it('the parent cannot put a delegation in the place of a zone of ours', () => {
    const answering = make().zone('own.zone')
    const parent = answering.writer.defineZone(0, {
      apex: Uint8Array.of(4, 122, 111, 110, 101, 0) as never,
      soa: {
        mname: Uint8Array.of(0),
        rname: Uint8Array.of(0),
        serial: 1,
        refresh: 1,
        retry: 1,
        expire: 1,
        minimum: 1,
        ttl: 1,
      } as never,
      kind: 'forward',
      unsynced: false,
    })
    const name = Uint8Array.of(3, 111, 119, 110, 4, 122, 111, 110, 101, 0) as never
    answering.writer.set(0, parent, { name, kind: 'cut', rrsets: [] }, 1)
    expect(answering.ask('own.zone', 'SOA')).toMatchObject({ aa: true, answers: [{ name: 'own.zone.' }] })
  })
})

describe('RFC 9471 section 3', () => {
  /** A delegation with eight name servers of its own (or of others) and their addresses. */
  function wide(suffix: string): Answering {
    const servers = Array.from({ length: 8 }, (_, i) => `ns${i}.${suffix}`)
    const glue = servers.flatMap(name => [`+ AAAA ${name} fdaa::1`, `+ A ${name} 192.0.2.1`])
    const answering = new Answering().zone('zone')
    return answering.node('sub.zone', [...servers.map(name => `NS ${name}`), ...glue], 'cut')
  }

  it('glue below the cut that does not fit sets TC', () => {
    const reply = wide('sub.zone').ask('www.sub.zone', 'A', { udpSize: 512 })
    expect(reply).toMatchObject({ tc: true })
    expect(reply.authorities).toHaveLength(8)
    expect(reply.additionals.length).toBeGreaterThan(0)
    expect(wide('sub.zone').ask('www.sub.zone', 'A', { transport: 1 })).toMatchObject({ tc: false })
  })

  it('other addresses that do not fit do not', () => {
    const reply = wide('zone').ask('www.sub.zone', 'A', { udpSize: 512 })
    expect(reply).toMatchObject({ tc: false })
    expect(reply.authorities).toHaveLength(8)
    expect(reply.additionals.length).toBeLessThan(16)
  })

  it('name servers that do not fit set TC', () => {
    const names = Array.from({ length: 30 }, (_, i) => `NS ns${i}.a-rather-long-name.example.com`)
    const reply = new Answering().zone('zone').node('sub.zone', names, 'cut').ask('x.sub.zone', 'A', { udpSize: 512 })
    expect(reply).toMatchObject({ tc: true, additionals: [] })
    expect(reply.authorities.length).toBeGreaterThan(5)
  })
})
