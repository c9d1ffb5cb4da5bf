import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { NameTable } from '#src/control/name-table.ts'
import { ViewZones } from '#src/control/view-zones.ts'
import { IndexWriter } from '#src/index/writer.ts'
import { mergeNodes } from '#src/naming/merge.ts'
import { foldName, parseName } from '#src/wire/name.ts'
import type { ZoneNode } from '#src/zone/rrset.ts'
import { makeRrsets, soaOf } from '#support/answering.ts'

const NAMES = ['a.zone', 'b.zone']
const FIRST_OWNER = 16

const step = fc.record({
  owner: fc.nat(3).map(n => FIRST_OWNER + n),
  name: fc.constantFrom(...NAMES),
  /** null: the owner's node goes. */
  host: fc.option(fc.nat(3)),
})

function make(): { writer: IndexWriter; table: NameTable; zone: ReturnType<ViewZones['open']> } {
  const writer = new IndexWriter({ seed: 1, initialArenaBytes: 1 << 16, initialSlots: 256, onGeneration: () => {} })
  const zones = new ViewZones({
    writer,
    view: 1,
    soa: apex => soaOf(apex),
    apexNode: name => ({ name, kind: 'plain', rrsets: [] }),
    owner: 2,
    now: () => 1,
  })
  return { writer, table: new NameTable(writer, 1, zones), zone: zones.open(parseName('zone'), 'cluster') }
}

function nodeOf(name: string, host: number): ZoneNode {
  return { name: parseName(name), kind: 'plain', rrsets: makeRrsets([`PTR host-${host}.zone`]) }
}

describe('NameTable', () => {
  it('has at each name what the nodes of all its owners come to, whoever comes and goes in whatever order', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), steps => {
        const { writer, table, zone } = make()
        const empty = writer.stats().names
        const model = new Map(NAMES.map(name => [name, new Map<number, ZoneNode>()]))
        for (const { owner, name, host } of steps) {
          const nodes = model.get(name) ?? new Map<number, ZoneNode>()
          const key = foldName(parseName(name))
          if (host === null) {
            expect(table.remove(owner, zone, key)).toBe(nodes.delete(owner))
          } else {
            expect(table.set(owner, zone, nodeOf(name, host))).toBe(!nodes.has(owner))
            nodes.set(owner, nodeOf(name, host))
          }
          const expected = nodes.size === 0 ? null : mergeNodes([...nodes.values()])
          expect(writer.nodeOf(1, key)).toEqual(expected)
        }
        for (const [name, nodes] of model) {
          for (const owner of nodes.keys()) table.remove(owner, zone, foldName(parseName(name)))
        }
        expect(writer.stats().names).toBe(empty)
      }),
    )
  })
})
