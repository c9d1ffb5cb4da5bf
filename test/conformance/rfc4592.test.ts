/** RFC 4592 with the zone of its section 2.2.1. */
import { describe, expect, it } from 'vitest'
import { Answering, TTL } from '#support/answering.ts'
import { recordLines } from '#support/message-decoder.ts'

/** The `host2` of the RFC has an A too; `subdel` is a delegation. */
function example(): Answering {
  return new Answering()
    .zone('example')
    .node('example', ['NS ns.example.com', 'NS ns.example.net'])
    .node('*.example', ['TXT wildcard', 'MX 10 host1.example'])
    .node('sub.*.example', ['TXT literal'])
    .node('host1.example', ['A 192.0.2.1'])
    .node('_ssh._tcp.host1.example', ['SRV 0 0 22 host1.example'])
    .node('_tcp.host1.example')
    .node('_ssh._tcp.host2.example', ['SRV 0 0 22 host2.example'])
    .node('_tcp.host2.example')
    .node('host2.example')
    .node('subdel.example', ['NS ns.example.com', 'NS ns.example.net'], 'cut')
}

describe('2.2.1 responses that are synthesised', () => {
  it('QNAME=host3.example. QTYPE=MX: the wildcard with the name that was asked', () => {
    const reply = example().ask('host3.example', 'MX')
    expect(reply).toMatchObject({ rcode: 0, aa: true })
    expect(recordLines(reply.answers)).toEqual([`host3.example. ${TTL} MX 10 host1.example.`])
  })

  it('QNAME=host3.example. QTYPE=A: no data of this type', () => {
    expect(example().ask('host3.example', 'A')).toMatchObject({
      rcode: 0,
      answers: [],
      authorities: [{ name: 'example.' }],
    })
  })

  it('QNAME=foo.bar.example. QTYPE=TXT: because bar.example. does not exist', () => {
    expect(example().ask('foo.bar.example', 'TXT').answers).toMatchObject([{ name: 'foo.bar.example.' }])
  })
})

describe('2.2.1 responses that are not synthesised', () => {
  it('QNAME=host1.example. QTYPE=MX: because host1.example. exists', () => {
    expect(example().ask('host1.example', 'MX')).toMatchObject({ rcode: 0, answers: [] })
  })

  it('QNAME=sub.*.example. QTYPE=MX: because sub.*.example. exists', () => {
    expect(example().ask('sub.*.example', 'MX')).toMatchObject({ rcode: 0, answers: [] })
  })

  it('QNAME=_telnet._tcp.host1.example. QTYPE=SRV: because _tcp.host1.example. exists', () => {
    expect(example().ask('_telnet._tcp.host1.example', 'SRV')).toMatchObject({ rcode: 3, answers: [] })
  })

  it('QNAME=host.subdel.example. QTYPE=A: because subdel.example. is a zone cut', () => {
    expect(example().ask('host.subdel.example', 'A')).toMatchObject({ rcode: 0, aa: false, answers: [] })
  })

  it('QNAME=ghost.*.example. QTYPE=MX: because *.example. exists', () => {
    expect(example().ask('ghost.*.example', 'MX')).toMatchObject({ rcode: 3, answers: [] })
  })
})

describe('2.1.1, 2.2.2, 4', () => {
  it('the asterisk label can be asked for literally', () => {
    expect(example().ask('*.example', 'TXT').answers).toMatchObject([{ name: '*.example.' }])
  })

  it('an empty non-terminal blocks the wildcard', () => {
    expect(example().ask('host2.example', 'TXT')).toMatchObject({ rcode: 0, answers: [] })
    expect(example().ask('x.host2.example', 'TXT')).toMatchObject({ rcode: 3, answers: [] })
  })

  it('a wildcard that is an empty non-terminal makes names exist without data', () => {
    const answering = new Answering().zone('zone').node('*.zone').node('a.*.zone', ['TXT a'])
    expect(answering.ask('b.zone', 'TXT')).toMatchObject({ rcode: 0, answers: [], authorities: [{ name: 'zone.' }] })
  })

  it('a CNAME at a wildcard is followed', () => {
    const answering = new Answering().zone('zone').node('*.zone', ['CNAME a.zone']).node('a.zone', ['A 192.0.2.7'])
    expect(recordLines(answering.ask('b.zone', 'A').answers)).toEqual([
      `b.zone. ${TTL} CNAME a.zone.`,
      `a.zone. ${TTL} A 192.0.2.7`,
    ])
  })

  it('additional records at a wildcard have their own names', () => {
    const srv = ['SRV 0 0 80 a.zone', '+ A a.zone 192.0.2.7', 'SRV 0 0 80 b.x.zone', '+ A b.x.zone 192.0.2.8']
    const answering = new Answering().zone('zone').node('*.x.zone', srv).node('x.zone')
    const names = answering.ask('anything.at.all.x.zone', 'SRV').additionals.map(record => record.name)
    expect(names).toEqual(['a.zone.', 'b.x.zone.'])
  })

  it('a wildcard stops matching when it is deleted', () => {
    const answering = new Answering().zone('zone').node('*.zone', ['TXT a'])
    answering.writer.delete(0, '\x01*\x04zone\0' as never)
    expect(answering.ask('b.zone', 'TXT').rcode).toBe(3)
  })
})
