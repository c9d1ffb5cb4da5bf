/** CNAME chains: RFC 1034 section 3.6.2 and 4.3.2, RFC 6604 (response codes), RFC 6672 (DNAME). */
import { describe, expect, it } from 'vitest'
import { Answering, TTL } from '#support/answering.ts'
import { recordLines } from '#support/message-decoder.ts'

const cname = (owner: string, target: string): string => `${owner}. ${TTL} CNAME ${target}.`

function make(): Answering {
  return new Answering()
    .zone('zone')
    .zone('other')
    .node('a.zone', ['CNAME b.zone'])
    .node('b.zone', ['CNAME c.other'])
    .node('c.other', ['AAAA fdaa::1', 'AAAA fdaa::2', 'SRV 0 0 80 t.c.other', '+ AAAA t.c.other fdaa::3'])
    .node('t.c.other', ['AAAA fdaa::3'])
    .node('out.zone', ['CNAME example.com'])
    .node('dead.zone', ['CNAME missing.other'])
    .node('self.zone', ['CNAME self.zone'])
    .node('one.zone', ['CNAME two.zone'])
    .node('two.zone', ['CNAME one.zone'])
}

describe('a chain', () => {
  it('is followed within and between our zones', () => {
    const reply = make().ask('A.zone', 'AAAA')
    expect(reply).toMatchObject({ rcode: 0, aa: true, authorities: [] })
    expect(recordLines(reply.answers.slice(0, 2))).toEqual([cname('A.zone', 'b.zone'), cname('b.zone', 'c.other')])
    expect(reply.answers.slice(2).map(record => record.name)).toEqual(['c.other.', 'c.other.'])
  })

  it('brings the additional records of its end, with their own names', () => {
    const reply = make().ask('a.zone', 'SRV')
    expect(recordLines(reply.answers).at(-1)).toBe(`c.other. ${TTL} SRV 0 0 80 t.c.other.`)
    expect(reply.additionals.map(record => record.name)).toEqual(['t.c.other.'])
  })

  it('is not followed when the CNAME itself is asked for', () => {
    expect(recordLines(make().ask('a.zone', 'CNAME').answers)).toEqual([cname('a.zone', 'b.zone')])
  })

  it('that is a loop ends with what was gathered', () => {
    expect(make().ask('self.zone', 'A')).toMatchObject({ rcode: 0, aa: true, answers: [{}], authorities: [] })
    expect(recordLines(make().ask('one.zone', 'A').answers)).toEqual([
      cname('one.zone', 'two.zone'),
      cname('two.zone', 'one.zone'),
    ])
  })

  it.each([
    [16, 17],
    [17, 16],
  ])('of %d links has %d records', (links, records) => {
    const answering = new Answering().zone('zone').node(`n${links}.zone`, ['A 192.0.2.1'])
    for (let i = 0; i < links; i++) answering.node(`n${i}.zone`, [`CNAME n${i + 1}.zone`])
    expect(answering.ask('n0.zone', 'A', { udpSize: 4096 }).answers).toHaveLength(records)
  })

  it('stays in its view', () => {
    const answering = make().zone('zone', {}, 1).node('a.zone', ['CNAME c.other'], 'plain', 1)
    const reply = answering.ask('a.zone', 'AAAA', { view: 1 })
    expect(recordLines(reply.answers)).toEqual([cname('a.zone', 'c.other')])
  })

  it('that ends in a delegation has the referral', () => {
    const answering = make()
      .node('sub.other', ['NS ns.sub.other', '+ AAAA ns.sub.other fdaa::9'], 'cut')
      .node('d.zone', ['CNAME x.sub.other'])
    const reply = answering.ask('d.zone', 'AAAA')
    expect(reply).toMatchObject({ rcode: 0, aa: true, answers: [{ type: 5 }] })
    expect(recordLines(reply.authorities)).toEqual([`sub.other. ${TTL} NS ns.sub.other.`])
    expect(reply.additionals.map(record => record.name)).toEqual(['ns.sub.other.'])
  })

  it('that ends in a zone that is not synced is SERVFAIL', () => {
    const reply = make().zone('other', { unsynced: true }).ask('a.zone', 'AAAA')
    expect(reply).toMatchObject({ rcode: 2, aa: false, answers: [], authorities: [] })
  })
})

describe('RFC 6604 section 3: the response code is that of the last name', () => {
  it('that does not exist: NXDOMAIN, with the CNAME and the SOA of the last zone', () => {
    const reply = make().ask('dead.zone', 'A')
    expect(reply).toMatchObject({ rcode: 3, aa: true, authorities: [{ name: 'other.', type: 6 }] })
    expect(recordLines(reply.answers)).toEqual([cname('dead.zone', 'missing.other')])
  })

  it('that has no such type: NOERROR, with the CNAME and the SOA of the last zone', () => {
    const reply = make().ask('a.zone', 'A')
    expect(reply).toMatchObject({ rcode: 0, aa: true, authorities: [{ name: 'other.', type: 6 }] })
    expect(recordLines(reply.answers)).toEqual([cname('a.zone', 'b.zone'), cname('b.zone', 'c.other')])
  })

  it('that is not ours: NOERROR with the CNAME alone', () => {
    const reply = make().ask('out.zone', 'A')
    expect(reply).toMatchObject({ rcode: 0, aa: true, authorities: [] })
    expect(recordLines(reply.answers)).toEqual([cname('out.zone', 'example.com')])
  })
})

describe('RFC 6672 DNAME', () => {
  const long = `${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}`

  function redirecting(): Answering {
    return new Answering()
      .zone('zone')
      .node('old.zone', ['DNAME new.zone', 'TXT here'], 'dname')
      .node('new.zone')
      .node('www.new.zone', ['A 192.0.2.5'])
      .node('chain.zone', ['DNAME old.zone'], 'dname')
      .node('ring.zone', ['DNAME a.ring.zone'], 'dname')
      .node('out.zone', ['DNAME example.com'], 'dname')
      .node('long.zone', [`DNAME ${long}.zone`], 'dname')
  }

  const dname = (owner: string, target: string): string => `${owner}. ${TTL} DNAME ${target}.`

  it('section 3.1: a name below is answered by DNAME, CNAME and what is there', () => {
    const reply = redirecting().ask('WWW.old.zone', 'A')
    expect(reply).toMatchObject({ rcode: 0, aa: true })
    expect(recordLines(reply.answers)).toEqual([
      dname('old.zone', 'new.zone'),
      cname('WWW.old.zone', 'WWW.new.zone'),
      `WWW.new.zone. ${TTL} A 192.0.2.5`,
    ])
  })

  it('the owner itself is not redirected', () => {
    expect(redirecting().ask('old.zone', 'TXT').answers).toMatchObject([{ type: 16 }])
    expect(recordLines(redirecting().ask('old.zone', 'DNAME').answers)).toEqual([dname('old.zone', 'new.zone')])
    expect(redirecting().ask('old.zone', 'A')).toMatchObject({ rcode: 0, answers: [], authorities: [{ type: 6 }] })
  })

  it('one DNAME may lead to another', () => {
    expect(recordLines(redirecting().ask('www.chain.zone', 'A').answers)).toEqual([
      dname('chain.zone', 'old.zone'),
      cname('www.chain.zone', 'www.old.zone'),
      dname('old.zone', 'new.zone'),
      cname('www.old.zone', 'www.new.zone'),
      `www.new.zone. ${TTL} A 192.0.2.5`,
    ])
  })

  it('a name that is missing there is NXDOMAIN', () => {
    expect(redirecting().ask('no.old.zone', 'A')).toMatchObject({ rcode: 3, answers: [{ type: 39 }, { type: 5 }] })
  })

  it('CNAME is answered by the one that is made', () => {
    expect(redirecting().ask('www.old.zone', 'CNAME').answers).toMatchObject([{ type: 39 }, { type: 5 }])
  })

  it('outside of our zones it ends', () => {
    expect(redirecting().ask('a.b.out.zone', 'A').answers).toMatchObject([{}, { data: 'a.b.example.com.' }])
  })

  it('section 2.2: a name that becomes too long is YXDOMAIN with the DNAME', () => {
    const reply = redirecting().ask(`${'d'.repeat(60)}.long.zone`, 'A')
    expect(reply).toMatchObject({ rcode: 6, answers: [{ type: 39 }] })
    expect(redirecting().ask('d.long.zone', 'A')).toMatchObject({ rcode: 3 })
  })

  it('a DNAME that makes names grow ends', () => {
    const reply = redirecting().ask('x.ring.zone', 'A', { transport: 1 })
    expect(reply.rcode).toBe(0)
    expect(reply.answers).toHaveLength(32)
  })
})
