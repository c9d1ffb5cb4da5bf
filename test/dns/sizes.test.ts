/** Whatever is stored and asked: a reply is whole, its counts are right, and it is never longer than it may be. */
import dns2 from 'dns2'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatName, parseName } from '#src/wire/name.ts'
import type { ZoneNode } from '#src/zone/rrset.ts'
import { Answering, type Ask, makeQuery } from '#support/answering.ts'
import { APEX_TEXT, nodeName, zoneNode } from '#support/arbitrary-nodes.ts'
import { type DecodedMessage, decodeMessage } from '#support/message-decoder.ts'

const NONE = new Uint8Array(0)
const TYPES = ['A', 'AAAA', 'NS', 'TXT', 'SRV', 'SOA', 'CNAME', 'DNAME', 'DS', 'ANY', 'TYPE65280', 'TYPE0'] as const
const below = fc.constantFrom('', 'x.', '10-0-0-1.', 'x.y.', `${'a'.repeat(60)}.`)
const question = fc.record({
  name: fc.tuple(below, nodeName).map(([prefix, name]) => prefix + formatName(name).slice(0, -1)),
  type: fc.constantFrom(...TYPES),
  udpSize: fc.oneof(fc.constant(null), fc.integer({ min: 512, max: 4096 }), fc.nat(65_535)),
  transport: fc.nat(1),
  capacity: fc.oneof(fc.integer({ min: 512, max: 1500 }), fc.constant(65_535)),
})

function makeZone(nodes: readonly ZoneNode[]): Answering {
  const answering = new Answering({ udpLimit: 4096, nsid: Uint8Array.of(1) }).zone(APEX_TEXT)
  for (const node of nodes) answering.put(node, formatName(node.name).slice(0, -1))
  return answering
}

/** A name whose answer fits into no UDP message of 512 octets: with it every kind of reply occurs in every run. */
const MANY: ZoneNode = {
  name: parseName(`many.${APEX_TEXT}`),
  kind: 'plain',
  rrsets: [
    { type: 28, ttl: 5, rdatas: Array.from({ length: 40 }, (_, i) => new Uint8Array(16).fill(i)), additional: [] },
  ],
}

function askFor(label: string): { name: string; type: 'AAAA'; udpSize: null; transport: number; capacity: number } {
  return { name: `${label}.${APEX_TEXT}`, type: 'AAAA', udpSize: null, transport: 0, capacity: 65_535 }
}

function limitOf({ udpSize, transport, capacity }: Required<Pick<Ask, 'udpSize' | 'transport' | 'capacity'>>): number {
  const limit = transport === 1 ? 65_535 : Math.max(512, Math.min(udpSize ?? 512, 4096))
  return Math.min(limit, capacity)
}

it('A chain that ends at many addresses has all of them, or says that it has not', () => {
  const kept = new Set<boolean>()
  for (let count = 2; count < 24; count++) {
    const many = Array.from({ length: count }, (_, i) => `AAAA fdaa::${i + 1}`)
    const answering = makeZone([])
      .node(`a.${APEX_TEXT}`, [`CNAME b.${APEX_TEXT}.`])
      .node(`b.${APEX_TEXT}`, [`CNAME c.${APEX_TEXT}.`])
      .node(`c.${APEX_TEXT}`, many)
    const { answers, tc } = decodeMessage(
      answering.send(makeQuery(`a.${APEX_TEXT}`, 'AAAA', { udpSize: null })) ?? NONE,
    )
    expect([count, tc]).toEqual([count, answers.length < count + 2])
    kept.add(tc)
  }
  expect(kept.size).toBe(2)
})

describe('every reply', () => {
  it('is a whole message within its limit', () => {
    const rcodes = new Set<number>()
    let truncated = 0
    fc.assert(
      fc.property(
        fc.array(zoneNode, { minLength: 1, maxLength: 12 }),
        fc.array(question, { maxLength: 20 }),
        (nodes, asks) => {
          const answering = makeZone(nodes)
          for (const ask of asks) {
            const raw = answering.send(makeQuery(ask.name, ask.type, ask), ask)
            expect(raw?.length).toBeLessThanOrEqual(limitOf(ask))
            const reply = decodeMessage(raw ?? new Uint8Array())
            expectSound(reply, ask)
            rcodes.add(reply.rcode)
            if (reply.tc) truncated++
          }
        },
      ),
      { numRuns: 150, examples: [[[MANY], [askFor('many'), askFor('missing')]]] },
    )
    expect(rcodes).toContain(0)
    expect(rcodes).toContain(3)
    expect(truncated).toBeGreaterThan(0)
  })

  it('without TC says the same whatever the limit, but for additional records', () => {
    fc.assert(
      fc.property(fc.array(zoneNode, { minLength: 1, maxLength: 8 }), question, (nodes, ask) => {
        const answering = makeZone(nodes)
        const short = answering.ask(ask.name, ask.type, ask)
        if (short.tc) return
        const long = answering.ask(ask.name, ask.type, { ...ask, transport: 1, capacity: 65_535 })
        expect(sorted(short.answers)).toEqual(sorted(long.answers))
        expect(sorted(short.authorities)).toEqual(sorted(long.authorities))
        expect(short.rcode).toBe(long.rcode)
      }),
      { numRuns: 150 },
    )
  })

  it('is read by dns2 as well', () => {
    const answering = makeZone([])
      .node(
        `many.${APEX_TEXT}`,
        Array.from({ length: 40 }, (_, i) => `AAAA fdaa::${i}`),
      )
      .node(`srv.${APEX_TEXT}`, [`SRV 1 2 80 many.${APEX_TEXT}`, `+ AAAA many.${APEX_TEXT} fdaa::1`])
    const parse = (name: string, type: string): dns2.Packet =>
      dns2.Packet.parse(Buffer.from(answering.send(makeQuery(`${name}.${APEX_TEXT}`, type)) ?? []))
    const many = parse('many', 'AAAA')
    expect(many.answers).toHaveLength(40)
    expect(many.answers.every(answer => answer.name === `many.${APEX_TEXT}`)).toBe(true)
    expect(parse('srv', 'SRV').answers).toMatchObject([
      { priority: 1, weight: 2, port: 80, target: `many.${APEX_TEXT}` },
    ])
    expect(parse('missing', 'A').authorities).toMatchObject([{ name: APEX_TEXT, serial: 2026 }])
  })
})

/** Laws of any reply to a well-formed question inside of the zone. */
function expectSound(reply: DecodedMessage, ask: { name: string; type: string; udpSize: number | null }): void {
  expect(reply).toMatchObject({ id: 0x1234, qr: true, rd: true, ra: false, rest: 0 })
  expect(reply.question?.name).toBe(`${ask.name}.`)
  expect(reply.opt === null).toBe(ask.udpSize === null)
  expect([0, 3, 6]).toContain(reply.rcode)
  const isReferral = reply.authorities.some(record => record.type === 2)
  if (reply.answers.length > 0) expect(reply.aa).toBe(true)
  else if (!reply.tc) expect(reply.aa).toBe(!isReferral && reply.authorities.length > 0)
  if (reply.tc) expect(reply.additionals.length === 0 || isReferral).toBe(true)
  const last = reply.answers.at(-1)
  if (reply.rcode === 3 && last !== undefined) expect([5, 39]).toContain(last.type)
  for (const record of [...reply.answers, ...reply.authorities, ...reply.additionals]) expect(record.class).toBe(1)
}

function sorted(records: DecodedMessage['answers']): string[] {
  return records.map(({ name, type, ttl, data }) => `${name} ${type} ${ttl} ${data}`).sort()
}
