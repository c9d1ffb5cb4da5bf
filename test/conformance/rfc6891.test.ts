/** RFC 6891: EDNS(0). RFC 5001: NSID. */
import { describe, expect, it } from 'vitest'
import { Answering, makeQuery, u16 } from '#support/answering.ts'
import { type DecodedMessage, decodeMessage } from '#support/message-decoder.ts'

const NSID = Uint8Array.of(1, 2, 3)

function make(): Answering {
  const many = Array.from({ length: 60 }, (_, i) => `AAAA fdaa::${i}`)
  return new Answering({ nsid: NSID }).zone('zone').node('one.zone', ['AAAA fdaa::1']).node('many.zone', many)
}

function send(query: Uint8Array): DecodedMessage {
  return decodeMessage(make().send(query) ?? new Uint8Array())
}

/** Replaces the OPT record of a query by octets. */
function withRecords(count: number, ...octets: number[]): Uint8Array {
  const query = makeQuery('one.zone', 'AAAA', { udpSize: null })
  query.set(u16(count), 10)
  return Uint8Array.of(...query, ...octets)
}

const OPT = [0, ...u16(41), ...u16(4096), 0, 0, 0, 0, 0, 0]

describe('6.1.1 basic elements', () => {
  it('a reply has OPT if and only if the query has', () => {
    expect(make().ask('one.zone', 'AAAA', { udpSize: null }).opt).toBeNull()
    expect(make().ask('one.zone', 'AAAA').opt).toMatchObject({ version: 0, flags: 0, options: [] })
  })

  it.each([
    ['NXDOMAIN', 'none.zone', 'A'],
    ['REFUSED', 'elsewhere', 'A'],
    ['REFUSED', 'zone', 'AXFR'],
  ])('%s has OPT too', (_, name, type) => {
    expect(make().ask(name, type).opt).toMatchObject({ udpSize: 1232 })
  })

  it('two OPT records are FORMERR', () => {
    expect(send(withRecords(2, ...OPT, ...OPT)).rcode).toBe(1)
  })

  it('OPT is found behind other records', () => {
    const other = [0xc0, 12, ...u16(16), ...u16(1), 0, 0, 0, 0, ...u16(1), 0]
    expect(send(withRecords(2, ...other, ...OPT))).toMatchObject({ rcode: 0, opt: { udpSize: 1232 } })
    expect(send(withRecords(2, ...OPT, ...other))).toMatchObject({ rcode: 0, opt: { udpSize: 1232 } })
  })

  it('OPT outside of the additional section is FORMERR', () => {
    const query = withRecords(0, ...OPT)
    query.set(u16(1), 8)
    expect(send(query).rcode).toBe(1)
  })
})

describe('6.1.2 wire format', () => {
  it('an owner other than the root is FORMERR', () => {
    expect(send(withRecords(1, 1, 97, ...OPT)).rcode).toBe(1)
    expect(send(withRecords(1, 5, ...OPT.slice(1))).rcode).toBe(1)
    expect(send(withRecords(1, 0xc0, 12, ...OPT.slice(1))).rcode).toBe(1)
  })

  it.each([
    ['half of a header', [0, 10, 0]],
    ['an option that is longer than OPT', [0, 10, 0, 5, 1, 2, 3, 4]],
    ['octets behind the last option', [0, 10, 0, 0, 9]],
  ])('%s is FORMERR, said in EDNS', (_, data) => {
    const opt = [...OPT.slice(0, 9), ...u16(data.length), ...data]
    expect(send(withRecords(1, ...opt))).toMatchObject({
      rcode: 1,
      opt: { udpSize: 1232 },
      question: { name: 'one.zone.' },
    })
  })

  it('OPT that is cut off is FORMERR', () => {
    for (let length = 1; length < OPT.length; length++)
      expect(send(withRecords(1, ...OPT.slice(0, length))).rcode).toBe(1)
    expect(send(withRecords(1, ...OPT.slice(0, 9), ...u16(4), 0, 10)).rcode).toBe(1)
  })

  it('unknown options are ignored', () => {
    const options: [number, number[]][] = [
      [10, [1, 2, 3, 4, 5, 6, 7, 8]],
      [65_001, []],
    ]
    expect(make().ask('one.zone', 'AAAA', { options })).toMatchObject({ rcode: 0, opt: { options: [] } })
  })
})

describe('6.1.3 OPT TTL field', () => {
  it('another version is BADVERS and gets ours, without an answer', () => {
    const opt = [...OPT]
    opt[6] = 1
    expect(send(withRecords(1, ...opt))).toMatchObject({ rcode: 16, answers: [], opt: { version: 0, udpSize: 1232 } })
  })

  it('what another version has as options does not matter', () => {
    const opt = [...OPT.slice(0, 9), ...u16(3), 9, 9, 9]
    opt[6] = 7
    expect(send(withRecords(1, ...opt)).rcode).toBe(16)
  })

  it('DO comes back, other flags do not', () => {
    const opt = [...OPT]
    opt.splice(7, 2, 0xff, 0xff)
    expect(send(withRecords(1, ...opt)).opt?.flags).toBe(0x8000)
    expect(make().ask('one.zone', 'AAAA', { isDnssecOk: true }).opt?.flags).toBe(0x8000)
  })
})

describe('6.2 size of the message', () => {
  const sizeFor = (udpSize: number | null, transport = 0): number => {
    const reply = make().send(makeQuery('many.zone', 'AAAA', { udpSize }), { transport })
    return reply?.length ?? 0
  }
  const RECORD = 28

  it('without OPT it is 512 octets', () => {
    expect(sizeFor(null)).toBeLessThanOrEqual(512)
    expect(sizeFor(null)).toBeGreaterThan(512 - RECORD)
  })

  it.each([0, 100, 511, 512])('less than 512 counts as 512: %d', size => {
    expect(sizeFor(size)).toBeLessThanOrEqual(512)
    expect(sizeFor(size)).toBeGreaterThan(512 - RECORD)
  })

  it.each([513, 800, 1231])('the size of the client counts: %d', size => {
    expect(sizeFor(size)).toBeLessThanOrEqual(size)
    expect(sizeFor(size)).toBeGreaterThan(size - RECORD)
  })

  it.each([1232, 4096, 65_535])('up to our own: %d', size => {
    expect(sizeFor(size)).toBeLessThanOrEqual(1232)
    expect(sizeFor(size)).toBeGreaterThan(1232 - RECORD)
  })

  it('our own can be configured', () => {
    const answering = make()
    answering.responder.configure({ udpLimit: 4096, nsid: null, chaos: null })
    const reply = answering.ask('many.zone', 'AAAA', { udpSize: 4096 })
    expect(reply.answers).toHaveLength(60)
    expect(reply.opt?.udpSize).toBe(4096)
  })

  it('over TCP it is 65,535 whatever the client says', () => {
    expect(sizeFor(512, 1)).toBe(12 + 11 + 4 + 60 * RECORD + 11)
  })
})

describe('RFC 5001 NSID', () => {
  const asked: { options: [number, number[]][] } = { options: [[3, []]] }

  it('is sent to those who ask, also with an error', () => {
    expect(make().ask('one.zone', 'AAAA', asked).opt?.options).toEqual([{ code: 3, data: NSID }])
    expect(make().ask('elsewhere', 'AAAA', asked).opt?.options).toContainEqual({ code: 3, data: NSID })
  })

  it('is not sent to others', () => {
    expect(make().ask('one.zone', 'AAAA').opt?.options).toEqual([])
    const answering = make()
    answering.ask('one.zone', 'AAAA', asked)
    expect(answering.ask('one.zone', 'AAAA').opt?.options).toEqual([])
  })

  it('is not sent when it is not configured', () => {
    expect(new Answering().zone('zone').ask('zone', 'SOA', asked).opt?.options).toEqual([])
  })

  it('is left out when it does not fit beside the question', () => {
    const answering = new Answering({ nsid: new Uint8Array(300) }).zone('zone')
    const label = 'a'.repeat(63)
    const reply = answering.ask(`${label}.${label}.${label}.zone`, 'A', { udpSize: 512, ...asked })
    expect(reply).toMatchObject({ rcode: 3, opt: { options: [] } })
  })

  it('counts in the size of the message', () => {
    const query = makeQuery('many.zone', 'AAAA', { udpSize: 512, ...asked })
    expect(make().send(query)?.length).toBeLessThanOrEqual(512)
  })
})
