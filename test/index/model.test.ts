/** The index against a Map, over random changes and through fresh generations. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CONTROL_BYTES } from '#src/index/layout.ts'
import { IndexWriter } from '#src/index/writer.ts'
import { foldName, type Name, type NameKey, nameOfKey, parseName } from '#src/wire/name.ts'
import type { AdditionalRecord, ZoneNode } from '#src/zone/rrset.ts'
import { soaOf } from '#support/answering.ts'
import { APEX_TEXT, nodeName, zoneNode } from '#support/arbitrary-nodes.ts'

const APEX = parseName(APEX_TEXT)
const VIEWS = 2

interface Entry {
  readonly node: ZoneNode
  readonly owner: number
}

type Change =
  | { readonly kind: 'set'; readonly view: number; readonly node: ZoneNode; readonly owner: number }
  | { readonly kind: 'delete'; readonly view: number; readonly name: Name }
  | { readonly kind: 'serial'; readonly view: number; readonly serial: number }

const view = fc.nat(VIEWS - 1)
const change: fc.Arbitrary<Change> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('set'), view, node: zoneNode, owner: fc.nat(0xffff_ffff) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('delete'), view, name: nodeName }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('serial'), view, serial: fc.nat() }) },
)

interface Made {
  readonly writer: IndexWriter
  readonly zones: number[]
  readonly generations: () => number
}

/** Small enough that a hundred changes need several generations. */
function makeWriter(seed: number, control?: SharedArrayBuffer): Made {
  let generations = 0
  const onGeneration = (): void => {
    generations++
  }
  const options = control === undefined ? {} : { control }
  const writer = new IndexWriter({ seed, initialArenaBytes: 4096, initialSlots: 8, onGeneration, ...options })
  const zones = Array.from({ length: VIEWS }, (_, i) => defineZone(writer, i, 1))
  return { writer, zones, generations: () => generations }
}

function defineZone(writer: IndexWriter, inView: number, serial: number): number {
  return writer.defineZone(inView, { apex: APEX, soa: { ...soaOf(APEX), serial }, kind: 'forward', unsynced: false })
}

/** As the index gives it back: folded where names are owners, glue below a cut before other additional records. */
function normal(node: ZoneNode): ZoneNode {
  const name = nameOfKey(foldName(node.name))
  const rrsets = node.rrsets.map(set => {
    const { additional } = set
    const isGlue = (record: AdditionalRecord): boolean => foldName(record.name).endsWith(foldName(node.name))
    if (node.kind !== 'cut') return { ...set, additional: additional.map(record => shared(record, node)) }
    const sorted = [...additional.filter(isGlue), ...additional.filter(record => !isGlue(record))]
    return { ...set, additional: sorted.map(record => shared(record, node)) }
  })
  return { name, kind: node.kind, rrsets }
}

/** An owner that ends in labels of the node's name is compressed, and gets the case of the node's folded name. */
function shared(record: AdditionalRecord, node: ZoneNode): AdditionalRecord {
  if (node.name[1] === 0x2a && node.name[0] === 1) return record
  const key = foldName(node.name)
  const own = foldName(record.name)
  for (let at = 0; at < own.length - 1; at += own.charCodeAt(at) + 1) {
    const from = key.length - (own.length - at)
    if (from >= 0 && key.endsWith(own.slice(at)) && isLabelStart(key, from)) {
      const name = Uint8Array.of(...record.name.subarray(0, at), ...nameOfKey(own.slice(at) as NameKey)) as Name
      return { ...record, name }
    }
  }
  return record
}

function isLabelStart(key: NameKey, from: number): boolean {
  let at = 0
  while (at < from) at += key.charCodeAt(at) + 1
  return at === from
}

describe('decode ∘ encode', () => {
  it('is identity, but for the case of names that are shared', () => {
    fc.assert(
      fc.property(zoneNode, fc.nat(0xffff_ffff), (node, owner) => {
        const { writer, zones } = makeWriter(1)
        writer.set(0, zones[0] ?? -1, node, owner)
        expect(writer.nodeOf(0, foldName(node.name))).toEqual(normal(node))
        expect(writer.ownerOf(0, foldName(node.name))).toBe(owner)
      }),
      { numRuns: 300 },
    )
  })
})

describe('any sequence of changes', () => {
  it.each([
    ['with fresh arenas only', undefined],
    ['with memory that is used again', new SharedArrayBuffer(CONTROL_BYTES)],
  ])('leaves what a Map would have: %s', (_, control) => {
    let most = 0
    fc.assert(
      fc.property(fc.integer(), fc.array(change, { minLength: 20, maxLength: 120 }), (seed, changes) => {
        const { writer, zones, generations } = makeWriter(seed, control)
        const model = new Map<string, Entry>()
        for (const one of changes) {
          if (one.kind === 'serial') {
            defineZone(writer, one.view, one.serial)
          } else if (one.kind === 'set') {
            writer.set(one.view, zones[one.view] ?? -1, one.node, one.owner)
            model.set(`${one.view} ${foldName(one.node.name)}`, one)
          } else {
            const existed = model.delete(`${one.view} ${foldName(one.name)}`)
            expect(writer.delete(one.view, foldName(one.name))).toBe(existed)
          }
        }
        expectSame(writer, model, changes)
        most = Math.max(most, generations())
      }),
      { numRuns: 60 },
    )
    expect(most).toBeGreaterThan(2)
  })
})

function expectSame(writer: IndexWriter, model: ReadonlyMap<string, Entry>, changes: readonly Change[]): void {
  const names = changes.flatMap(one => (one.kind === 'set' ? [one.node.name] : one.kind === 'delete' ? [one.name] : []))
  for (const name of names) {
    for (let inView = 0; inView < VIEWS; inView++) {
      const entry = model.get(`${inView} ${foldName(name)}`)
      expect(writer.ownerOf(inView, foldName(name))).toBe(entry?.owner ?? null)
      expect(writer.nodeOf(inView, foldName(name))).toEqual(entry === undefined ? null : normal(entry.node))
    }
  }
  const apexes = Array.from({ length: VIEWS }, (_, i) => `${i} ${foldName(APEX)}`).filter(key => !model.has(key))
  expect(writer.stats().names).toBe(model.size + apexes.length)
}
