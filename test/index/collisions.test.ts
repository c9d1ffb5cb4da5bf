/** Names that collide: by accident, by the birthday paradox, and by somebody who knows the seed. */
import { describe, expect, it } from 'vitest'
import { hashKeys, NameHash } from '#src/index/hash.ts'
import { IndexWriter } from '#src/index/writer.ts'
import { foldName, type Name, parseName } from '#src/wire/name.ts'
import type { ZoneNode } from '#src/zone/rrset.ts'
import { soaOf } from '#support/answering.ts'

const SEED = 99
const APEX = parseName('zone')
const SLOTS = 1 << 12

/** The hash of a label below the apex, without making names of it: there are many to try. */
function hasher(apex: Name): (label: string) => number {
  const octets = new Uint8Array(32)
  const view = new DataView(octets.buffer)
  const hash = new NameHash()
  hash.setKeys(hashKeys(SEED))
  return label => {
    octets[0] = label.length
    for (let i = 0; i < label.length; i++) octets[i + 1] = label.charCodeAt(i)
    octets.set(apex, label.length + 1)
    hash.scan(view, 0, octets.length)
    hash.hash(view, 0, 0)
    return hash.hashes[0] ?? 0
  }
}

function make(): { writer: IndexWriter; zone: number; generations: () => number } {
  let generations = 0
  const writer = new IndexWriter({
    seed: SEED,
    initialSlots: SLOTS,
    initialArenaBytes: 1 << 20,
    onGeneration: () => generations++,
  })
  const zone = writer.defineZone(0, { apex: APEX, soa: soaOf(APEX), kind: 'forward', unsynced: false })
  return { writer, zone, generations: () => generations }
}

function node(label: string): ZoneNode {
  return { name: parseName(`${label}.zone`), kind: 'plain', rrsets: [] }
}

describe('names with the same 32 bits of hash', () => {
  it('are kept apart', () => {
    const hash = hasher(APEX)
    const labels = new Map<number, string>()
    const pairs: [string, string][] = []
    for (let i = 0; i < 300_000 && pairs.length < 3; i++) {
      const label = `n${Math.imul(i, 0x9e3779b1) >>> 0}-${Math.imul(i, 0x85ebca6b) >>> 0}`
      const other = labels.get(hash(label))
      if (other !== undefined) pairs.push([other, label])
      labels.set(hash(label), label)
    }
    expect(pairs.length).toBeGreaterThan(0)
    const { writer, zone } = make()
    for (const [first, second] of pairs) {
      writer.set(0, zone, node(first), 1)
      expect(writer.ownerOf(0, foldName(node(second).name))).toBeNull()
      writer.set(0, zone, node(second), 2)
      expect(writer.ownerOf(0, foldName(node(first).name))).toBe(1)
      expect(writer.ownerOf(0, foldName(node(second).name))).toBe(2)
      writer.delete(0, foldName(node(first).name))
      expect(writer.ownerOf(0, foldName(node(second).name))).toBe(2)
    }
  })
})

describe('names that were chosen to share a slot', () => {
  it('are spread by other keys', () => {
    const hash = hasher(APEX)
    const hostile: string[] = []
    for (let i = 0; hostile.length < 350; i++) {
      const label = i.toString(32)
      if ((hash(label) & (SLOTS - 1)) === 17) hostile.push(label)
    }
    const { writer, zone, generations } = make()
    hostile.forEach((label, i) => {
      writer.set(0, zone, node(label), i)
    })
    expect(generations()).toBe(1)
    const keys = new Int32Array(writer.buffers.slots, 16, 4)
    expect([...keys]).not.toEqual([...hashKeys(SEED)])
    hostile.forEach((label, i) => {
      expect(writer.ownerOf(0, foldName(node(label).name))).toBe(i)
    })
  })
})
