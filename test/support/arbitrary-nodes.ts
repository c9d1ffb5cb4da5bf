/** Zone nodes for property tests: few names, so that they meet each other, and records of all shapes. */
import fc from 'fast-check'
import { type Name, parseName } from '#src/wire/name.ts'
import type { AdditionalRecord, NodeKind, RRset, ZoneNode } from '#src/zone/rrset.ts'

/** The zone that the names are in. */
export const APEX_TEXT = 'zone.test'

const label = fc.constantFrom('a', 'b', 'c', '*', '_tcp', 'long-label-with-many-octets-in-it', '10-0-0-1')

/** Absolute names, the apex among them. */
export const nodeName: fc.Arbitrary<Name> = fc
  .array(label, { maxLength: 3 })
  .map(labels => parseName([...labels, APEX_TEXT].join('.')))

const target = fc.oneof(nodeName, fc.constantFrom(parseName('.'), parseName('ns.example.com'), parseName('ZONE.test')))
const ttl = fc.oneof(fc.nat(3600), fc.constantFrom(0, 0x7fff_ffff))

function octets(length: number): fc.Arbitrary<Uint8Array> {
  return fc.uint8Array({ minLength: length, maxLength: length }).map(bytes => Uint8Array.from(bytes))
}

const additional: fc.Arbitrary<AdditionalRecord> = fc.record({
  name: target,
  type: fc.constantFrom(1, 28),
  ttl,
  rdata: octets(4),
})

const SHAPES: readonly (readonly [number, fc.Arbitrary<Uint8Array>])[] = [
  [1, octets(4)],
  [28, octets(16)],
  [2, target],
  [16, fc.uint8Array({ maxLength: 300 }).map(bytes => Uint8Array.from(bytes))],
  [33, target.map(name => Uint8Array.of(0, 1, 0, 2, 0, 80, ...name))],
  [65_280, fc.constant(new Uint8Array(0))],
]

function rrset(type: number, rdata: fc.Arbitrary<Uint8Array>, most: number): fc.Arbitrary<RRset> {
  return fc.record({
    type: fc.constant(type),
    ttl,
    rdatas: fc.array(rdata, { minLength: 1, maxLength: most }),
    additional: fc.array(additional, { maxLength: type === 33 || type === 2 ? 6 : 0 }),
  })
}

const cname = rrset(5, target, 1).map(set => [set])
const dname = rrset(39, target, 1).map(set => [set])
const data = fc
  .tuple(...SHAPES.map(([type, rdata]) => fc.option(rrset(type, rdata, 12), { nil: undefined, freq: 2 })))
  .map(sets => sets.filter(set => set !== undefined))

function nodeOf(name: Name, kind: NodeKind, rrsets: fc.Arbitrary<RRset[]>): fc.Arbitrary<ZoneNode> {
  return rrsets.map(sets => ({ name, kind, rrsets: sets }))
}

/** A node at one of the names. */
export const zoneNode: fc.Arbitrary<ZoneNode> = nodeName.chain(name =>
  fc.oneof(
    { weight: 6, arbitrary: nodeOf(name, 'plain', data) },
    { weight: 2, arbitrary: nodeOf(name, 'plain', cname) },
    { weight: 1, arbitrary: nodeOf(name, 'dname', dname) },
    {
      weight: 1,
      arbitrary: nodeOf(
        name,
        'cut',
        rrset(2, target, 8).map(set => [set]),
      ),
    },
    { weight: 1, arbitrary: nodeOf(name, 'dashed-addresses', fc.constant([])) },
  ),
)
