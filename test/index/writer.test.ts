import { describe, expect, it } from 'vitest'
import { CONTROL, CONTROL_BYTES, type IndexBuffers } from '#src/index/layout.ts'
import { IndexReader } from '#src/index/reader.ts'
import { IndexWriter, type IndexWriterOptions } from '#src/index/writer.ts'
import { foldName, type NameKey, parseName } from '#src/wire/name.ts'
import type { NodeKind, ZoneNode } from '#src/zone/rrset.ts'
import { makeRrsets, soaOf } from '#support/answering.ts'

const APEX = parseName('zone')

interface Made {
  readonly writer: IndexWriter
  readonly zone: number
  readonly generations: IndexBuffers[]
}

function make(options: Partial<IndexWriterOptions> = {}): Made {
  const generations: IndexBuffers[] = []
  const writer = new IndexWriter({
    seed: 3,
    initialArenaBytes: 1 << 16,
    initialSlots: 1 << 8,
    ...options,
    onGeneration: buffers => generations.push(buffers),
  })
  return { writer, zone: define(writer), generations }
}

function define(writer: IndexWriter, apex = APEX, serial = 1, view = 0): number {
  return writer.defineZone(view, { apex, soa: { ...soaOf(apex), serial }, kind: 'forward', unsynced: false })
}

function node(name: string, records: readonly string[] = [], kind: NodeKind = 'plain'): ZoneNode {
  return { name: parseName(name), kind, rrsets: makeRrsets(records) }
}

function key(name: string): NameKey {
  return foldName(parseName(name))
}

describe('IndexWriter.set', () => {
  it('keeps a node and its owner under its name in any case', () => {
    const { writer, zone } = make()
    writer.set(0, zone, node('KUARD.zone', ['A 192.0.2.1']), 0xffff_ffff)
    expect(writer.ownerOf(0, key('kuard.ZONE'))).toBe(0xffff_ffff)
    expect(writer.nodeOf(0, key('kuard.zone'))).toEqual(node('kuard.zone', ['A 192.0.2.1']))
  })

  it('replaces the node that is there', () => {
    const { writer, zone } = make()
    writer.set(0, zone, node('a.zone', ['A 192.0.2.1', 'TXT old']), 1)
    writer.set(0, zone, node('a.zone', ['A 192.0.2.2']), 2)
    expect(writer.nodeOf(0, key('a.zone'))).toEqual(node('a.zone', ['A 192.0.2.2']))
    expect(writer.ownerOf(0, key('a.zone'))).toBe(2)
    expect(writer.stats().names).toBe(2)
  })

  it('writes nothing when nothing is new', () => {
    const { writer, zone } = make()
    const same = node('a.zone', ['SRV 0 0 80 b.zone', '+ AAAA b.zone fdaa::1', 'A 192.0.2.1'])
    writer.set(0, zone, same, 1)
    const { usedBytes } = writer.stats()
    writer.set(0, zone, same, 1)
    expect(writer.stats()).toMatchObject({ usedBytes, garbageBytes: 0 })
    writer.set(0, zone, same, 2)
    expect(writer.stats().garbageBytes).toBeGreaterThan(0)
  })

  it('keeps views apart', () => {
    const { writer, zone } = make()
    writer.set(0, zone, node('a.zone', ['A 192.0.2.1']), 1)
    expect(writer.nodeOf(1, key('a.zone'))).toBeNull()
    writer.set(1, define(writer, APEX, 1, 1), node('a.zone', ['A 192.0.2.2']), 2)
    expect(writer.ownerOf(0, key('a.zone'))).toBe(1)
    expect(writer.ownerOf(1, key('a.zone'))).toBe(2)
  })

  it('refuses a zone that there is not, and more record sets than an entry holds', () => {
    const { writer, zone } = make()
    expect(() => writer.set(0, 9, node('a.zone'), 1)).toThrow(RangeError)
    const rrsets = Array.from({ length: 256 }, (_, i) => {
      return { type: 1000 + i, ttl: 1, rdatas: [Uint8Array.of(1)], additional: [] }
    })
    expect(() => writer.set(0, zone, { ...node('a.zone'), rrsets }, 1)).toThrow(RangeError)
    expect(writer.nodeOf(0, key('a.zone'))).toBeNull()
  })

  it('compresses owners at whole labels only', () => {
    const { writer, zone } = make()
    const records = ['SRV 0 0 80 inner.zone', '+ A inner.zone 192.0.2.1']
    const octetsOf = (name: string): number => {
      const before = writer.stats().usedBytes
      writer.set(0, zone, node(name, records), 1)
      return writer.stats().usedBytes - before
    }
    // The octets of inner.zone are at the end of the second name too, but not from the start of a label on.
    expect(octetsOf('x\\005inner.zone')).toBe(octetsOf('xyzzyxy.zone'))
  })

  it('leaves out SOA sets and empty sets', () => {
    const { writer, zone } = make()
    const rrsets = [
      { type: 6, ttl: 1, rdatas: [Uint8Array.of(1)], additional: [] },
      { type: 1, ttl: 1, rdatas: [], additional: [] },
    ]
    writer.set(0, zone, { ...node('a.zone'), rrsets }, 1)
    expect(writer.nodeOf(0, key('a.zone'))?.rrsets).toEqual([])
  })

  it.each<NodeKind>(['plain', 'cut', 'dname', 'dashed-addresses'])('keeps the kind %s', kind => {
    const { writer, zone } = make()
    writer.set(0, zone, node('a.zone', [], kind), 1)
    expect(writer.nodeOf(0, key('a.zone'))?.kind).toBe(kind)
  })
})

describe('IndexWriter.setUnlessTaken', () => {
  it('sets a name that is free or of the same owner, and leaves that of another', () => {
    const { writer, zone } = make()
    expect(writer.setUnlessTaken(0, zone, node('a.zone', ['A 192.0.2.1']), 0xffff_fffe)).toBeNull()
    expect(writer.setUnlessTaken(0, zone, node('A.zone', ['A 192.0.2.2']), 0xffff_fffe)).toBe(0xffff_fffe)
    expect(writer.nodeOf(0, key('a.zone'))).toEqual(node('a.zone', ['A 192.0.2.2']))
    const { usedBytes } = writer.stats()
    expect(writer.setUnlessTaken(0, zone, node('a.zone', ['A 192.0.2.3']), 2)).toBe(0xffff_fffe)
    expect(writer.nodeOf(0, key('a.zone'))).toEqual(node('a.zone', ['A 192.0.2.2']))
    expect(writer.stats().usedBytes).toBe(usedBytes)
  })

  it('takes an apex that nobody has set for free', () => {
    const { writer, zone } = make()
    expect(writer.setUnlessTaken(0, zone, node('zone', ['NS ns.zone']), 5)).toBeNull()
    expect(writer.setUnlessTaken(0, zone, node('zone', ['NS ns.zone']), 6)).toBe(5)
  })
})

describe('IndexWriter.delete', () => {
  it('says whether there was a node', () => {
    const { writer, zone } = make()
    writer.set(0, zone, node('a.zone'), 1)
    expect(writer.delete(0, key('b.zone'))).toBe(false)
    expect(writer.delete(0, key('a.zone'))).toBe(true)
    expect(writer.delete(0, key('a.zone'))).toBe(false)
    expect(writer.ownerOf(0, key('a.zone'))).toBeNull()
  })

  it('leaves the node of another owner when told whose it is', () => {
    const { writer, zone } = make()
    writer.set(0, zone, node('a.zone', ['A 192.0.2.1']), 1)
    expect(writer.deleteOwn(0, key('A.zone'), 2)).toBe(1)
    expect(writer.ownerOf(0, key('a.zone'))).toBe(1)
    expect(writer.deleteOwn(0, key('a.zone'), 1)).toBe(1)
    expect(writer.deleteOwn(0, key('a.zone'), 1)).toBeNull()
    expect(writer.nodeOf(0, key('a.zone'))).toBeNull()
  })

  it('frees the slots at the end of a chain', () => {
    const { writer, zone } = make()
    const before = writer.stats().usedSlots
    for (let i = 0; i < 40; i++) writer.set(0, zone, node(`n${i}.zone`), 1)
    for (let i = 0; i < 40; i++) writer.delete(0, key(`n${i}.zone`))
    expect(writer.stats()).toMatchObject({ names: 1, generation: 1 })
    expect(writer.stats().usedSlots - before).toBeLessThan(10)
  })
})

describe('zones', () => {
  it('an apex that nobody has set is no node', () => {
    const { writer } = make()
    expect(writer.nodeOf(0, key('zone'))).toBeNull()
    expect(writer.ownerOf(0, key('zone'))).toBeNull()
    expect(writer.delete(0, key('zone'))).toBe(false)
  })

  it('an apex can be set and deleted like other names', () => {
    const { writer, zone } = make()
    writer.set(0, zone, node('zone', ['NS ns.zone']), 5)
    expect(writer.ownerOf(0, key('zone'))).toBe(5)
    expect(writer.delete(0, key('zone'))).toBe(true)
    expect(writer.ownerOf(0, key('zone'))).toBeNull()
  })

  it('has one number for as long as it is served', () => {
    const { writer, zone } = make()
    expect(define(writer, parseName('ZONE'), 2)).toBe(zone)
    expect(define(writer, parseName('other'))).not.toBe(zone)
    expect(writer.stats().zones).toBe(2)
  })

  it('are found by any name that they hold, the deepest first, each in its view', () => {
    const { writer, zone } = make()
    const sub = define(writer, parseName('sub.ZONE'))
    const other = define(writer, APEX, 1, 1)
    writer.set(0, zone, node('bus.zone'), 1)
    expect(writer.zoneOf(0, parseName('a.b.Sub.zone'))).toBe(sub)
    expect(writer.zoneOf(0, key('sub.zone'))).toBe(sub)
    expect(writer.zoneOf(0, parseName('a.bus.zone'))).toBe(zone)
    expect(writer.zoneOf(1, parseName('a.sub.zone'))).toBe(other)
    expect(writer.zoneOf(0, parseName('zone2'))).toBe(-1)
    writer.removeZone(0, key('sub.zone'))
    expect(writer.zoneOf(0, parseName('a.sub.zone'))).toBe(zone)
  })

  it('a new serial writes nothing into the arena', () => {
    const { writer } = make()
    const { usedBytes } = writer.stats()
    for (let serial = 2; serial < 100; serial++) define(writer, APEX, serial)
    expect(writer.stats()).toMatchObject({ usedBytes, garbageBytes: 0 })
  })

  it('takes over a name that the zone above has, with its records', () => {
    const { writer, zone } = make()
    writer.set(0, zone, node('sub.zone', ['TXT mine']), 4)
    const sub = define(writer, parseName('sub.zone'))
    expect(writer.nodeOf(0, key('sub.zone'))).toEqual(node('sub.zone', ['TXT mine']))
    writer.set(0, zone, node('sub.zone', ['TXT parent']), 4)
    expect(writer.nodeOf(0, key('sub.zone'))).toEqual(node('sub.zone', ['TXT mine']))
    writer.set(0, sub, node('sub.zone', ['TXT child']), 4)
    expect(writer.nodeOf(0, key('sub.zone'))).toEqual(node('sub.zone', ['TXT child']))
  })

  it('a number is given again only when no entry has it any more, and not at once', () => {
    const { writer, zone } = make()
    writer.set(0, zone, node('a.zone'), 1)
    writer.set(0, zone, node('a.zone', ['TXT changed']), 1)
    writer.removeZone(0, key('zone'))
    expect(writer.stats().zones).toBe(0)
    const others = (): number[] => {
      return Array.from({ length: 100 }, (_, i) => {
        const number = define(writer, parseName(`z${i}`))
        writer.removeZone(0, key(`z${i}`))
        return number
      })
    }
    expect(others()).not.toContain(zone)
    writer.delete(0, key('a.zone'))
    const numbers = others()
    expect(numbers.slice(0, 50)).not.toContain(zone)
    expect(numbers).toContain(zone)
    expect(Math.max(...numbers)).toBeLessThan(80)
  })

  it('removing one that there is not changes nothing', () => {
    const { writer } = make()
    const before = writer.stats()
    writer.removeZone(0, key('other'))
    writer.removeZone(1, key('zone'))
    expect(writer.stats()).toEqual(before)
  })

  it('more than the table has room for bring a fresh generation', () => {
    const { writer, generations } = make()
    const names = Array.from({ length: 200 }, (_, i) => parseName(`z${i}`))
    const numbers = names.map(name => define(writer, name))
    expect(new Set(numbers).size).toBe(200)
    expect(generations.length).toBeGreaterThan(0)
    expect(names.map(name => define(writer, name))).toEqual(numbers)
  })
})

describe('names that no zone can hold', () => {
  /** Whether readers look for a name at all. */
  function mayHold({ writer }: Made, name: string): boolean {
    const octets = Uint8Array.of(...parseName(name), 0xaa, 0xbb, 0xcc)
    const bytes = new DataView(octets.buffer)
    const reader = new IndexReader(writer.buffers, new SharedArrayBuffer(CONTROL_BYTES))
    reader.name.scan(bytes, 0, octets.length - 3)
    return reader.mayHold(bytes, 0)
  }

  it('are those whose last label is that of no apex', () => {
    const made = make()
    define(made.writer, parseName('10.in-addr.ARPA'), 1, 1)
    define(made.writer, parseName('x'))
    for (const name of ['zone', 'a.Zone', 'b.a.zONE', 'arpa', '1.ip6.arpa', 'x', 'a.x']) {
      expect([name, mayHold(made, name)]).toEqual([name, true])
    }
    const others = Array.from({ length: 200 }, (_, i) => `www.t${i}`)
    const kept = others.filter(name => mayHold(made, name))
    // Three of 256 marks are set.
    expect(kept.length).toBeLessThan(20)
    expect(mayHold(made, 'zon')).toBe(false)
    expect(mayHold(made, 'zone.com')).toBe(false)
  })

  it('are none when the root is an apex', () => {
    const made = make()
    expect(mayHold(made, 'example.com')).toBe(false)
    define(made.writer, parseName('.'))
    for (const name of ['.', 'com', 'example.com', 'a.b.c.d']) expect([name, mayHold(made, name)]).toEqual([name, true])
  })

  it('are the same in fresh generations, whatever makes them', () => {
    const made = make()
    const before = made.generations.length
    for (let i = 0; i < 2000; i++) made.writer.set(0, made.zone, node(`n${i}.zone`, ['A 192.0.2.1']), 1)
    expect(made.generations.length).toBeGreaterThan(before)
    expect(mayHold(made, 'n1999.zone')).toBe(true)
    expect(mayHold(made, 'example.com')).toBe(false)
  })
})

describe('generations', () => {
  it('slots that are mostly taken are replaced, the arena stays', () => {
    const { writer, zone, generations } = make({ initialArenaBytes: 1 << 20 })
    const { arena } = writer.buffers
    for (let i = 0; i < 300; i++) writer.set(0, zone, node(`n${i}.zone`, [`A 192.0.2.${i % 250}`]), i)
    expect(generations.length).toBeGreaterThan(0)
    expect(generations.every(buffers => buffers.arena === arena)).toBe(true)
    expect(generations.map(buffers => buffers.generation)).toEqual(generations.map((_, i) => i + 2))
    for (let i = 0; i < 300; i++) expect(writer.ownerOf(0, key(`n${i}.zone`))).toBe(i)
  })

  it('an arena that is full is replaced by a larger one', () => {
    const { writer, zone, generations } = make({ initialArenaBytes: 1 << 13, initialSlots: 1 << 12 })
    for (let i = 0; i < 300; i++) writer.set(0, zone, node(`n${i}.zone`, [`A 192.0.2.${i % 250}`]), i)
    expect(generations.length).toBeGreaterThan(0)
    expect(writer.stats().arenaBytes).toBeGreaterThan(1 << 13)
    for (let i = 0; i < 300; i++) {
      expect(writer.nodeOf(0, key(`n${i}.zone`))).toEqual(node(`n${i}.zone`, [`A 192.0.2.${i % 250}`]))
    }
  })

  it('garbage is never much more than half of what is written', () => {
    const { writer, zone } = make({ initialArenaBytes: 1 << 14 })
    for (let i = 0; i < 5000; i++) {
      writer.set(0, zone, node(`n${i % 10}.zone`, [`TXT ${'x'.repeat(i % 50)}`]), i)
      const { garbageBytes, usedBytes, arenaBytes } = writer.stats()
      expect(garbageBytes).toBeLessThan(usedBytes / 2 + arenaBytes / 16 + 512)
    }
    expect(writer.stats().arenaBytes).toBe(1 << 14)
  })

  it('with a control block the arena stays, and what is taken stays near what is live', () => {
    const control = new SharedArrayBuffer(CONTROL_BYTES)
    const { writer, zone } = make({ control, initialArenaBytes: 1 << 17, initialSlots: 1 << 12 })
    const { arena } = writer.buffers
    const put = (name: number, owner: number): void =>
      writer.set(0, zone, node(`n${name}.zone`, ['TXT some-text']), owner)
    for (let i = 0; i < 1000; i++) put(i, i)
    const { usedBytes } = writer.stats()
    // In no order: every region keeps some names for long.
    for (let i = 0; i < 30_000; i++) {
      put((Math.imul(i, 0x9e3779b1) >>> 9) % 1000, i)
      expect(writer.stats().usedBytes).toBeLessThan(1.9 * usedBytes)
    }
    expect(writer.buffers.arena).toBe(arena)
    expect(writer.stats().names).toBe(1001)
  })

  it('memory is used again only when all readers have taken a later generation', () => {
    const control = new SharedArrayBuffer(CONTROL_BYTES)
    const words = new Int32Array(control)
    words[CONTROL.readers] = 2
    const { writer, zone, generations } = make({ control, initialArenaBytes: 1 << 16 })
    const readers = [0, 1].map(number => new IndexReader(writer.buffers, control, number))
    const churn = (): void => {
      for (let i = 0; i < 2000; i++) writer.set(0, zone, node('a.zone', ['TXT some-text']), i)
    }
    expect(words.subarray(CONTROL.taken, CONTROL.taken + 2)).toEqual(Int32Array.of(1, 1))
    const { arena } = writer.buffers
    churn()
    expect(writer.buffers.arena).not.toBe(arena)
    readers[0]?.adopt(writer.buffers)
    expect(words[CONTROL.taken]).toBe(generations.at(-1)?.generation)
    const second = writer.buffers.arena
    churn()
    expect(writer.buffers.arena).not.toBe(second)
    words.fill(0x7fff_ffff, CONTROL.taken, CONTROL.taken + 2)
    const third = writer.buffers.arena
    churn()
    expect(writer.buffers.arena).toBe(third)
  })

  it('more readers than the control block has words for are never overtaken', () => {
    const control = new SharedArrayBuffer(CONTROL_BYTES)
    new Int32Array(control)[CONTROL.readers] = 1000
    const { writer, zone } = make({ control, initialArenaBytes: 1 << 14 })
    const { arena } = writer.buffers
    for (let i = 0; i < 2000; i++) writer.set(0, zone, node('a.zone', ['TXT some-text']), i)
    expect(writer.buffers.arena).not.toBe(arena)
    expect(() => new IndexReader(writer.buffers, control, 999)).not.toThrow()
  })

  it('an entry of many kilobytes is copied whole', () => {
    const { writer, zone } = make({ initialArenaBytes: 1 << 16 })
    const large = node(
      'large.zone',
      Array.from({ length: 1000 }, (_, i) => `AAAA fdaa::${i.toString(16)}`),
    )
    writer.set(0, zone, large, 1)
    const { generation } = writer.stats()
    for (let i = 0; writer.stats().generation === generation; i++) writer.set(0, zone, node('a.zone'), i)
    expect(writer.nodeOf(0, key('large.zone'))).toEqual(large)
  })
})
