import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { mergeNodes } from '#src/naming/merge.ts'
import { type Name, parseName } from '#src/wire/name.ts'
import { nameRdata } from '#src/wire/rdata.ts'
import { TYPE } from '#src/wire/record-type.ts'
import type { NodeKind, RRset, ZoneNode } from '#src/zone/rrset.ts'

const NAME = parseName('web.svc.shop.flycast')

function node(...rrsets: RRset[]): ZoneNode {
  return { name: NAME, kind: 'plain', rrsets }
}

function addresses(ttl: number, ...last: number[]): RRset {
  return { type: TYPE.A, ttl, rdatas: last.map(octet => Uint8Array.of(10, 0, 0, octet)), additional: [] }
}

function names(type: number, ...texts: string[]): RRset {
  return { type, ttl: 5, rdatas: texts.map(text => nameRdata(parseName(text))), additional: [] }
}

const anySet: fc.Arbitrary<RRset> = fc
  .record({
    type: fc.constantFrom<number>(TYPE.A, TYPE.PTR, TYPE.CNAME, TYPE.SRV),
    ttl: fc.constantFrom(5, 30),
    rdatas: fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'a.b'), { minLength: 1 }),
    extra: fc.subarray(['a', 'b']),
  })
  .map(({ type, ttl, rdatas, extra }) => ({
    type,
    ttl,
    rdatas: rdatas.map(text => parseName(text)),
    additional: extra.map(text => ({ name: parseName(text), type: TYPE.A, ttl, rdata: Uint8Array.of(1, 2, 3, 4) })),
  }))

const anyNode: fc.Arbitrary<ZoneNode> = fc
  .record({
    name: fc.constantFrom<Name>(NAME, parseName('WEB.svc.shop.flycast')),
    kind: fc.constantFrom<NodeKind>('plain', 'plain', 'dashed-addresses'),
    rrsets: fc.uniqueArray(anySet, { selector: set => set.type }),
  })
  .map(fields => fields)

describe('mergeNodes', () => {
  it('gives the same node whatever the order of its parts', () => {
    fc.assert(
      fc.property(
        fc.array(anyNode, { minLength: 2, maxLength: 4 }).chain(parts => {
          return fc.tuple(fc.constant(parts), fc.shuffledSubarray(parts, { minLength: parts.length }))
        }),
        ([parts, shuffled]) => {
          expect(mergeNodes(shuffled)).toEqual(mergeNodes(parts))
        },
      ),
    )
  })

  it('has every record of its parts once and no other, CNAMEs aside', () => {
    fc.assert(
      fc.property(fc.array(anyNode, { minLength: 2, maxLength: 4 }), parts => {
        const list = (nodes: readonly ZoneNode[]) =>
          nodes
            .flatMap(({ rrsets }) => rrsets.flatMap(({ type, rdatas }) => rdatas.map(rdata => `${type} ${rdata}`)))
            .filter(record => !record.startsWith(`${TYPE.CNAME} `))
            .sort()
        expect(list([mergeNodes(parts)])).toEqual([...new Set(list(parts))])
      }),
    )
  })

  it('a single node stays as it is', () => {
    const only = node(names(TYPE.PTR, 'b', 'a'))
    expect(mergeNodes([only])).toBe(only)
  })

  it('a set has the lowest TTL of its parts', () => {
    expect(mergeNodes([node(addresses(30, 2)), node(addresses(5, 1, 2))]).rrsets).toEqual([addresses(5, 1, 2)])
  })

  it('first pointers of all parts stand before second ones', () => {
    const cluster = node(names(TYPE.PTR, 'web.default.svc.cluster.local', 'web.svc.shop.flycast'))
    const app = node(names(TYPE.PTR, 'shop.flycast'))
    const merged = names(TYPE.PTR, 'web.default.svc.cluster.local', 'shop.flycast', 'web.svc.shop.flycast')
    expect(mergeNodes([cluster, app]).rrsets).toEqual([merged])
  })

  it('a CNAME yields to any other set', () => {
    expect(mergeNodes([node(names(TYPE.CNAME, 'x')), node(addresses(5, 1))]).rrsets).toEqual([addresses(5, 1)])
  })

  it('of several CNAMEs one stays', () => {
    const merged = mergeNodes([node(names(TYPE.CNAME, 'y')), node(names(TYPE.CNAME, 'x'))])
    expect(merged.rrsets).toEqual([names(TYPE.CNAME, 'x')])
  })

  it('an empty non-terminal adds nothing', () => {
    expect(mergeNodes([node(), node(addresses(5, 1))])).toEqual(node(addresses(5, 1)))
  })

  it('a special kind stays special', () => {
    expect(mergeNodes([node(), { ...node(), kind: 'dashed-addresses' }]).kind).toBe('dashed-addresses')
  })

  it('nothing cannot be merged', () => {
    expect(() => mergeNodes([])).toThrow(RangeError)
  })
})
