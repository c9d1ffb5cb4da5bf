/** RFC 1035 section 4.1: which messages are answered, with which header. */
import { describe, expect, it } from 'vitest'
import { CONTROL, STATE } from '#src/index/layout.ts'
import { Answering, makeQuery, u16 } from '#support/answering.ts'
import { decodeMessage } from '#support/message-decoder.ts'

function kuard(): Answering {
  return new Answering().zone('cluster.local').node('kuard.cluster.local', ['AAAA fdaa::1'])
}

/** A query for `kuard.cluster.local` AAAA without EDNS, changed by `change`. */
function changed(change: (query: Uint8Array) => void): Uint8Array {
  const query = makeQuery('kuard.cluster.local', 'AAAA', { udpSize: null })
  change(query)
  return query
}

function rcodeOf(query: Uint8Array): number {
  const reply = kuard().send(query)
  if (reply === null) throw new Error('there is no reply')
  return decodeMessage(reply).rcode
}

describe('4.1.1 header', () => {
  it('a reply has the id, QR, AA and the RD of the query, and neither RA nor Z, AD, CD', () => {
    const reply = kuard().ask('kuard.cluster.local', 'AAAA')
    expect(reply).toMatchObject({ id: 0x1234, qr: true, opcode: 0, aa: true, tc: false, rd: true, ra: false, rest: 0 })
  })

  it('RD is clear when the query did not set it', () => {
    const reply = kuard().send(changed(query => query.fill(0, 2, 3)))
    expect(decodeMessage(reply ?? new Uint8Array()).rd).toBe(false)
  })

  it('RA, Z, AD and CD of the query do not come back (RFC 4035 section 3.1.6)', () => {
    const reply = kuard().send(changed(query => query.fill(0xf0, 3, 4)))
    expect(decodeMessage(reply ?? new Uint8Array())).toMatchObject({ ra: false, rest: 0, rcode: 0 })
  })

  it('AA and TC of the query do not come back', () => {
    const query = makeQuery('example.com', 'A')
    query[2] = 0x06
    expect(decodeMessage(kuard().send(query) ?? new Uint8Array())).toMatchObject({ rcode: 5, aa: false, tc: false })
  })

  it('a response gets no reply', () => {
    const answering = kuard()
    expect(answering.send(changed(query => query.fill(0x81, 2, 3)))).toBeNull()
    expect(answering.counters().dropped).toContainEqual({ labels: ['response'], value: 1 })
  })

  it.each([0, 1, 11])('%d octets get no reply', length => {
    const answering = kuard()
    expect(answering.send(changed(() => {}).subarray(0, length))).toBeNull()
    expect(answering.counters().dropped).toContainEqual({ labels: ['short'], value: 1 })
  })

  it.each([1, 2, 3, 4, 5, 6, 15])('opcode %d is NOTIMP and comes back', opcode => {
    const reply = kuard().send(changed(query => query.fill(opcode << 3, 2, 3)))
    expect(decodeMessage(reply ?? new Uint8Array())).toMatchObject({ opcode, rcode: 4, question: null, aa: false })
  })

  it('NOTIMP has OPT when the message has one', () => {
    const query = makeQuery('cluster.local', 'SOA')
    query[2] = 5 << 3
    expect(decodeMessage(kuard().send(query) ?? new Uint8Array()).opt).not.toBeNull()
  })

  it.each([0, 2, 65_535])('QDCOUNT %d is FORMERR (RFC 9619)', count => {
    expect(rcodeOf(changed(query => query.set(u16(count), 4)))).toBe(1)
  })

  it('two whole questions are FORMERR, in EDNS when it was used', () => {
    const one = makeQuery('kuard.cluster.local', 'AAAA')
    const question = one.subarray(12, one.length - 11)
    const two = Uint8Array.of(...one.subarray(0, 12), ...question, ...question, ...one.subarray(one.length - 11))
    two[5] = 2
    const reply = decodeMessage(kuard().send(two) ?? new Uint8Array())
    expect(reply).toMatchObject({ rcode: 1, question: null })
    expect(reply.opt).not.toBeNull()
  })

  it('a server that is starting says SERVFAIL, never NXDOMAIN', () => {
    const answering = kuard()
    answering.control[CONTROL.state] = STATE.starting
    expect(answering.ask('nothing.cluster.local', 'A')).toMatchObject({ rcode: 2, aa: false, authorities: [] })
    expect(answering.ask('example.com', 'A').rcode).toBe(2)
  })
})

describe('4.1.2 question', () => {
  it('comes back octet for octet, upper case included', () => {
    const reply = kuard().ask('KuArD.cLuStEr.LoCaL', 'AAAA')
    expect(reply.question).toEqual({ name: 'KuArD.cLuStEr.LoCaL.', type: 28, class: 1 })
    expect(reply.answers.map(record => record.name)).toEqual(['KuArD.cLuStEr.LoCaL.'])
  })

  it('a name that is compressed is FORMERR', () => {
    const pointer = Uint8Array.of(...changed(() => {}).subarray(0, 12), 0xc0, 12, ...u16(28), ...u16(1))
    expect(rcodeOf(pointer)).toBe(1)
    expect(rcodeOf(changed(query => query.fill(0xc0, 18, 19)))).toBe(1)
  })

  it.each([0x40, 0x80, 0xbf])('a label that starts with %d is FORMERR', octet => {
    expect(rcodeOf(changed(query => query.fill(octet, 18, 19)))).toBe(1)
  })

  it('a name of 255 octets is answered, one of 256 is FORMERR', () => {
    const label = 'a'.repeat(63)
    const longest = makeQuery(`${'a'.repeat(61)}.${label}.${label}.${label}`, 'A', { udpSize: null })
    expect(longest.length).toBe(12 + 255 + 4)
    expect(rcodeOf(longest)).toBe(5)
    const longer = Uint8Array.of(...longest.subarray(0, 12), 62, ...longest.subarray(13, 14), ...longest.subarray(13))
    expect(longer.length).toBe(12 + 256 + 4)
    expect(rcodeOf(longer)).toBe(1)
  })

  it('a question that is cut off anywhere is FORMERR without a question', () => {
    const query = changed(() => {})
    for (let length = 12; length < query.length; length++) {
      const reply = kuard().send(query.subarray(0, length))
      expect(decodeMessage(reply ?? new Uint8Array())).toMatchObject({ rcode: 1, question: null, aa: false })
    }
  })

  it('octets behind the question or behind the last record are FORMERR', () => {
    expect(rcodeOf(Uint8Array.of(...changed(() => {}), 0))).toBe(1)
    const record = [0, ...u16(6), ...u16(1), 0, 0, 0, 0, 0, 0]
    const two = changed(message => message.set(u16(2), 10))
    expect(rcodeOf(Uint8Array.of(...two, ...record, ...record))).toBe(0)
    expect(rcodeOf(Uint8Array.of(...two, ...record, ...record, 0))).toBe(1)
  })

  it.each([6, 8, 10])('records that are announced at %d and missing are FORMERR with the question', at => {
    const reply = kuard().send(changed(query => query.set(u16(1), at)))
    expect(decodeMessage(reply ?? new Uint8Array())).toMatchObject({
      rcode: 1,
      question: { name: 'kuard.cluster.local.' },
    })
  })

  it('records that are whole do not matter', () => {
    const record = [0xc0, 12, ...u16(6), ...u16(1), 0, 0, 0, 0, ...u16(2), 1, 2]
    const query = Uint8Array.of(...changed(message => message.set(u16(1), 8)), ...record)
    expect(rcodeOf(query)).toBe(0)
  })

  it('an owner whose pointer does not lead backwards is FORMERR', () => {
    const base = changed(message => message.set(u16(1), 8))
    const withOwner = (...owner: number[]): Uint8Array =>
      Uint8Array.of(...base, ...owner, ...u16(6), ...u16(1), 0, 0, 0, 0, 0, 0)
    expect(rcodeOf(withOwner(0xc0, 12))).toBe(0)
    expect(rcodeOf(withOwner(0xc0, base.length))).toBe(1)
    expect(rcodeOf(withOwner(1, 97, 0xc0, base.length))).toBe(1)
    expect(rcodeOf(withOwner(0xff, 0xff))).toBe(1)
    expect(rcodeOf(withOwner(0xc0, 4))).toBe(1)
  })
})

describe('4.1.4 compression', () => {
  /** A message whose last owner is reached over this many pointers, which lie in the RDATA of the record before. */
  function chained(pointers: number): Uint8Array {
    const base = changed(message => message.set(u16(2), 8))
    const rdata = base.length + 11
    const chain = Array.from({ length: pointers - 1 }, (_, i) =>
      u16(0xc000 | (i === 0 ? 12 : rdata + 2 * (i - 1))),
    ).flat()
    const first = [0, ...u16(6), ...u16(1), 0, 0, 0, 0, ...u16(chain.length), ...chain]
    const last = [...u16(0xc000 | (rdata + chain.length - 2)), ...u16(6), ...u16(1), 0, 0, 0, 0, 0, 0]
    return Uint8Array.of(...base, ...first, ...last)
  }

  it('a name has at most as many pointers as labels', () => {
    expect(rcodeOf(chained(100))).toBe(0)
    expect(rcodeOf(chained(127))).toBe(0)
    expect(rcodeOf(chained(128))).toBe(1)
  })
})

describe('3.2.4 class, 3.2.3 QTYPE', () => {
  it.each([0, 2, 3, 4, 254, 255])('class %d is REFUSED', number => {
    expect(kuard().ask('kuard.cluster.local', 'AAAA', { class: number })).toMatchObject({ rcode: 5, aa: false })
  })

  it.each(['AXFR', 'IXFR'])('%s is REFUSED over both transports', type => {
    for (const transport of [0, 1]) expect(kuard().ask('cluster.local', type, { transport }).rcode).toBe(5)
  })

  it.each(['TYPE0', 'TYPE65535', 'TYPE41'])('%s has no records at any name', type => {
    const answering = kuard().node('srv.cluster.local', [
      'SRV 0 0 80 kuard.cluster.local',
      '+ AAAA kuard.cluster.local fdaa::1',
    ])
    expect(answering.ask('srv.cluster.local', type)).toMatchObject({ rcode: 0, answers: [], additionals: [] })
  })

  it('a name outside of the zones is REFUSED, and so is everything for a source of no network', () => {
    expect(kuard().ask('example.com', 'A')).toMatchObject({ rcode: 5, aa: false, authorities: [] })
    expect(kuard().ask('kuard.cluster.local', 'AAAA', { view: -1 })).toMatchObject({ rcode: 5, aa: false })
    expect(kuard().ask('kuard.cluster.local', 'AAAA', { view: 1 })).toMatchObject({ rcode: 5, aa: false })
  })

  it('the root is a name like any other', () => {
    expect(kuard().ask('.', 'NS').rcode).toBe(5)
    expect(new Answering().zone('.').ask('.', 'SOA').answers).toHaveLength(1)
    expect(new Answering().zone('.').ask('a.b', 'SOA')).toMatchObject({ rcode: 3, authorities: [{ name: '.' }] })
  })
})

describe('class CH', () => {
  const chaos = { version: 'Waypost 1', id: 'node-7' }
  const asText = (text: string): string =>
    [text.length, ...new TextEncoder().encode(text)].map(octet => octet.toString(16).padStart(2, '0')).join('')

  it.each([
    ['version.bind', 'Waypost 1'],
    ['VERSION.server', 'Waypost 1'],
    ['id.server', 'node-7'],
    ['hostname.bind', 'node-7'],
  ])('%s is answered when it is configured', (name, text) => {
    const reply = new Answering({ chaos }).ask(name, 'TXT', { class: 3 })
    expect(reply).toMatchObject({
      rcode: 0,
      aa: true,
      answers: [{ name: `${name}.`, class: 3, ttl: 0, data: asText(text) }],
    })
  })

  it('is REFUSED when it is not configured, for other names, and for other types', () => {
    expect(new Answering().ask('version.bind', 'TXT', { class: 3 }).rcode).toBe(5)
    expect(new Answering({ chaos }).ask('author.bind', 'TXT', { class: 3 }).rcode).toBe(5)
    expect(new Answering({ chaos }).ask('version.bind', 'A', { class: 3 }).rcode).toBe(5)
  })
})
