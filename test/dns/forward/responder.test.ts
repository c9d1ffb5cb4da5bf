import { describe, expect, it } from 'vitest'
import { failure } from '#src/dns/forward/answer.ts'
import { DEFERRED, UDP } from '#src/dns/transport.ts'
import { type Name, parseName } from '#src/wire/name.ts'
import { Answering, makeQuery } from '#support/answering.ts'
import { type DecodedMessage, decodeMessage } from '#support/message-decoder.ts'

const ROOT = parseName('.')
const REFUSED = 5
const SERVFAIL = 2

describe('a name that is not ours', () => {
  it('is put off, with what is to be asked', () => {
    const answering = make([ROOT])
    expect(put(answering, 'WWW.Example.', 'A')).toBe(DEFERRED)
    expect(answering.responder.deferred()).toEqual({
      name: parseName('www.example'),
      type: 1,
      isDnssecOk: false,
      isCheckingDisabled: false,
      zone: 0,
    })
    expect(put(answering, 'example.', 'MX', { flags: 0x0110, isDnssecOk: true })).toBe(DEFERRED)
    expect(answering.responder.deferred()).toMatchObject({ type: 15, isDnssecOk: true, isCheckingDisabled: true })
  })

  it('is refused without forwarding, without RD, and when no zone holds it', () => {
    expect(reply(make(null), 'www.example.', 'A')).toMatchObject({ rcode: REFUSED, ra: false })
    expect(reply(make([ROOT]), 'www.example.', 'A', { flags: 0 })).toMatchObject({
      rcode: REFUSED,
      ra: true,
      rd: false,
    })
    expect(reply(make([parseName('corp')]), 'www.example.', 'A')).toMatchObject({ rcode: REFUSED, ra: true })
    expect(reply(make([ROOT]), 'www.example.', 'AXFR')).toMatchObject({ rcode: REFUSED })
  })

  it('goes to the longest zone that holds it', () => {
    const answering = make([ROOT, parseName('example'), parseName('a.example'), parseName('xa.example')])
    const zoneOf = (name: string): number => {
      expect(put(answering, name, 'A')).toBe(DEFERRED)
      return answering.responder.deferred().zone
    }
    expect(['example', 'b.example', 'A.EXAMPLE', 'x.a.example', 'xxa.example', 'other'].map(zoneOf)).toEqual([
      1, 1, 2, 2, 1, 0,
    ])
  })

  it('belongs to a forward zone that is longer than our own, and to ours when that is longer', () => {
    const answering = make([parseName('corp.cluster.local'), parseName('local')])
    expect(put(answering, 'x.corp.cluster.local', 'A')).toBe(DEFERRED)
    expect(put(answering, 'corp.cluster.local', 'A')).toBe(DEFERRED)
    expect(answering.responder.deferred().zone).toBe(0)
    expect(reply(answering, 'a.cluster.local', 'AAAA').answers).toHaveLength(1)
    expect(reply(answering, 'nothing.cluster.local', 'AAAA').rcode).toBe(3)
    expect(put(answering, 'other.local', 'A')).toBe(DEFERRED)
  })

  it('does not change what a name of ours answers, but for RA', () => {
    const [off, on] = [make(null), make([ROOT])]
    for (const [name, type] of [
      ['a.cluster.local', 'AAAA'],
      ['a.cluster.local', 'MX'],
      ['nothing.cluster.local', 'A'],
      ['inner.cluster.local', 'A'],
    ] as const) {
      expect(reply(on, name, type)).toEqual({ ...reply(off, name, type), ra: true })
    }
  })

  it('is SERVFAIL when nobody can take the query', () => {
    const answering = make([ROOT])
    const query = makeQuery('www.example', 'A')
    const out = new Uint8Array(512)
    const length = answering.responder.decline(query, 0, query.length, out, 0, 512, 0, UDP)
    expect(decodeMessage(out.subarray(0, length))).toMatchObject({ rcode: SERVFAIL, ra: true, answers: [] })
    expect(put(answering, 'www.example', 'A')).toBe(DEFERRED)
    // Also after one that could not be answered at all.
    const none = new Uint8Array(4)
    expect(() => answering.responder.decline(query, 0, query.length, none, 0, 512, 0, UDP)).toThrow(RangeError)
    expect(put(answering, 'www.example', 'A')).toBe(DEFERRED)
  })
})

describe('an answer that an upstream has validated', () => {
  it('has AD for those who asked with AD or DO, whatever the query before was', () => {
    const answering = make([ROOT])
    const ad = (flags: number, isDnssecOk: boolean, udpSize: number | null): boolean => {
      const query = makeQuery('www.example', 'A', { isDnssecOk, udpSize })
      query.set([flags >> 8, flags & 0xff], 2)
      const out = new Uint8Array(512)
      expect(answering.responder.respond(query, 0, query.length, out, 0, 512, 0, UDP)).toBe(DEFERRED)
      const answer = { ...failure(0, -1), isAuthentic: true }
      const given = { question: answering.responder.deferred(), answer }
      answering.responder.resume(query, 0, query.length, out, 0, 512, 0, UDP, given)
      return ((out[3] as number) & 0x20) !== 0
    }
    expect(ad(0x0120, false, 1232)).toBe(true)
    expect(ad(0x0100, true, 1232)).toBe(true)
    expect(ad(0x0100, false, null)).toBe(false)
    expect(ad(0x0100, false, 1232)).toBe(false)
  })
})

describe('a CNAME that leaves our zones', () => {
  it('is put off until its target is known', () => {
    const answering = make([ROOT])
    expect(put(answering, 'far.cluster.local', 'A')).toBe(DEFERRED)
    expect(answering.responder.deferred()).toMatchObject({ name: parseName('www.example'), type: 1 })
  })

  it('is answered alone without forwarding, without RD, and when the CNAME itself is asked for', () => {
    expect(reply(make(null), 'far.cluster.local', 'A').answers).toHaveLength(1)
    expect(reply(make([ROOT]), 'far.cluster.local', 'A', { flags: 0 }).answers).toHaveLength(1)
    expect(reply(make([ROOT]), 'far.cluster.local', 'CNAME').answers).toHaveLength(1)
    expect(reply(make([parseName('corp')]), 'far.cluster.local', 'A')).toMatchObject({ rcode: 0, answers: [{}] })
  })

  it('stands before the records of its target', () => {
    const answering = make([ROOT])
    // www.example A 192.0.2.1, then a CNAME and a record behind it.
    const block = Uint8Array.of(0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 192, 0, 2, 1)
    const message = resume(answering, 'far.cluster.local', block, 1)
    expect(message.answers.map(({ name, type, data }) => [name, type, data])).toEqual([
      ['far.cluster.local.', 5, 'www.example.'],
      ['www.example.', 1, '192.0.2.1'],
    ])
    expect(message).toMatchObject({ rcode: 0, aa: true, ra: true })
    const chain = Uint8Array.of(
      ...[0xc0, 0x0c, 0, 5, 0, 1, 0, 0, 0, 9, 0, 4, 1, 0x78, 0, 0].slice(0, 10),
      ...[0, 3, 1, 0x78, 0],
      ...[0xe0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 192, 0, 2, 2],
    )
    const twice = resume(answering, 'far.cluster.local', chain, 2)
    expect(twice.answers.map(({ name }) => name)).toEqual(['far.cluster.local.', 'www.example.', 'x.'])
  })

  it('is SERVFAIL and never an empty answer when the target cannot be resolved', () => {
    const answering = make([ROOT])
    const query = makeQuery('far.cluster.local', 'A')
    const out = new Uint8Array(512)
    put(answering, 'far.cluster.local', 'A')
    const given = { question: answering.responder.deferred(), answer: failure(SERVFAIL, 22) }
    const length = answering.responder.resume(query, 0, query.length, out, 0, 512, 0, UDP, given)
    expect(decodeMessage(out.subarray(0, length))).toMatchObject({ rcode: SERVFAIL, answers: [], aa: false })
  })

  it('whose target has changed meanwhile is put off again', () => {
    const answering = make([ROOT])
    put(answering, 'far.cluster.local', 'A')
    const question = { ...answering.responder.deferred(), name: parseName('before.example') }
    const query = makeQuery('far.cluster.local', 'A')
    const given = { question, answer: failure(0, -1) }
    const out = new Uint8Array(512)
    expect(answering.responder.resume(query, 0, query.length, out, 0, 512, 0, UDP, given)).toBe(DEFERRED)
  })
})

interface How {
  readonly flags?: number
  readonly isDnssecOk?: boolean
}

function make(forward: readonly Name[] | null): Answering {
  return new Answering({ forward })
    .zone('cluster.local')
    .node('cluster.local')
    .node('a.cluster.local', ['AAAA fdaa::1'])
    .node('b.inner.cluster.local', ['AAAA fdaa::2'])
    .node('inner.cluster.local')
    .node('far.cluster.local', ['CNAME www.example.'])
}

function put(
  answering: Answering,
  name: string,
  type: string,
  { flags = 0x0100, isDnssecOk = false }: How = {},
): number {
  const query = makeQuery(name, type, { isDnssecOk })
  query.set([flags >> 8, flags & 0xff], 2)
  return answering.responder.respond(query, 0, query.length, new Uint8Array(4096), 0, 4096, 0, UDP)
}

function reply(answering: Answering, name: string, type: string, { flags = 0x0100 }: How = {}): DecodedMessage {
  const query = makeQuery(name, type)
  query.set([flags >> 8, flags & 0xff], 2)
  const bytes = answering.send(query)
  if (bytes === null) throw new Error('there is no reply')
  return decodeMessage(bytes)
}

function resume(answering: Answering, name: string, block: Uint8Array, answers: number): DecodedMessage {
  put(answering, name, 'A')
  const answer = { ...failure(0, -1), bytes: new DataView(block.buffer), end: block.length, answers }
  const query = makeQuery(name, 'A')
  const out = new Uint8Array(4096)
  const given = { question: answering.responder.deferred(), answer }
  const length = answering.responder.resume(query, 0, query.length, out, 0, 4096, 0, UDP, given)
  return decodeMessage(out.subarray(0, length))
}
