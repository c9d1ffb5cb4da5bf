/**
 * The generations of the index, as their only writer sees them: an arena and a slot table that are replaced when they
 * are used up. Readers of an old generation are not disturbed; it does not change any more.
 */
import { EntryEncoder } from './encoder.ts'
import { hashKeys } from './hash.ts'
import { ARENA_SLACK, CONTROL_BYTES, ENTRY, type IndexBuffers, ZONE_ROW } from './layout.ts'
import { IndexReader } from './reader.ts'
import { SlotTable } from './slots.ts'

/** How to make the memory. */
export interface IndexMemoryOptions {
  /** Keys the hash; from a random source, so that nobody can choose names that collide. */
  readonly seed: number
  /** Least size of an arena. Pages that are never written cost no memory, only address space. */
  readonly arenaBytes: number
  /** Least number of slots; a power of two. */
  readonly slots: number
  /** Called when a fresh generation replaces the present one. */
  readonly onGeneration: (buffers: IndexBuffers) => void
}

const FIRST_ZONES = 64
/** A table is replaced when it is half full; there must be some way to go in the fresh one. */
const FULL_SLOTS = 2
const FRESH_SLOTS = 2.2
/** A fresh arena is at most a quarter full. */
const FRESH_ARENA = 4
/** Garbage below this part of the arena is not worth a copy of the rest. */
const LEAST_GARBAGE = 16
/** Honest names of a table that is half full meet at most 70 others; beyond this somebody knows the seed. */
const MAX_PROBES = 192
/** Above this a block of words is copied by the runtime, below it word by word: a call costs more. */
const COPY_BY_CALL = 256

/** See the top of the file. */
export class IndexMemory {
  /** Reads the present generation. */
  readonly reader: IndexReader
  readonly #options: IndexMemoryOptions
  #keys: Int32Array
  #arena: SharedArrayBuffer
  #words: Int32Array
  #encoder: EntryEncoder
  #table: SlotTable
  #generation = 1
  /** Where the next block goes, in words. Place 0 means "none", so the first word stays free. */
  #end = 1
  #garbage = 0
  #reseedAbove = 0

  constructor(options: IndexMemoryOptions) {
    this.#options = options
    this.#keys = hashKeys(options.seed)
    this.#arena = new SharedArrayBuffer(options.arenaBytes)
    this.#words = new Int32Array(this.#arena)
    this.#encoder = new EntryEncoder(this.#arena)
    this.#table = new SlotTable(options.slots, FIRST_ZONES, this.#keys)
    this.reader = new IndexReader(this.buffers, new SharedArrayBuffer(CONTROL_BYTES))
  }

  /** The present generation. */
  get buffers(): IndexBuffers {
    return { generation: this.#generation, slots: this.#table.buffer, arena: this.#arena }
  }

  /** Slots and the zone table. */
  get table(): SlotTable {
    return this.#table
  }

  /** Writes entries into the present arena, at {@link end}. */
  get encoder(): EntryEncoder {
    return this.#encoder
  }

  /** The present arena. */
  get words(): Int32Array {
    return this.#words
  }

  /** Place of the next block. */
  get end(): number {
    return this.#end
  }

  /** Octets written, and those of them that nothing points to. */
  get usedBytes(): number {
    return 4 * this.#end
  }

  /** See {@link usedBytes}. */
  get garbageBytes(): number {
    return 4 * this.#garbage
  }

  /** Makes room for a block of `octets`, one more slot and the zone's row; this may bring a fresh generation. */
  reserve(octets: number, zone: number): void {
    const { byteLength } = this.#arena
    const isFull = 4 * this.#end + octets + ARENA_SLACK > byteLength
    const isWaste = 2 * this.#garbage > this.#end && 4 * LEAST_GARBAGE * this.#garbage > byteLength
    const { used, slots, zones } = this.#table
    if (isFull || isWaste || FULL_SLOTS * used >= slots || zone >= zones) this.#renew(isFull || isWaste, octets, zone)
  }

  /** Keeps the block that was written at {@link end}. @returns its place. */
  keep(octets: number): number {
    const place = this.#end
    this.#end += (octets + 3) >> 2
    return place
  }

  /** Notes that nothing points to the block at `place` any more. */
  discard(place: number): void {
    this.#garbage += this.#wordsOf(place)
  }

  /** Whether the blocks at two places are the same, word for word. */
  isSame(a: number, b: number): boolean {
    const words = this.#words
    const count = this.#wordsOf(a)
    for (let i = 0; i < count; i++) if (words[a + i] !== words[b + i]) return false
    return true
  }

  /** Publishes an entry of a name that has none. */
  add(hash: number, place: number): void {
    const probes = this.#table.add(hash, place)
    if (probes <= MAX_PROBES || this.#table.live < this.#reseedAbove) return
    // Names that collide under any keys would bring this up again and again: not before the index has doubled.
    this.#reseedAbove = 2 * this.#table.live
    this.#keys = hashKeys(this.#options.seed ^ Math.imul(this.#generation, 0x9e3779b1))
    this.#renew(false, 0, 0)
  }

  /** Blocks stay in the order of the slots; what is copied is live, so the copy is as small as it can be. */
  #renew(isCompacted: boolean, octets: number, zone: number): void {
    const { arenaBytes, slots, onGeneration } = this.#options
    const old = this.#table
    const oldWords = this.#words
    const isRekeyed = this.#keys !== old.keys
    const needed = FRESH_SLOTS * (old.live + 1)
    const zones = zone < old.zones ? old.zones : Math.max(2 * old.zones, zone + 1)
    const table = new SlotTable(Math.max(slots, 2 ** Math.ceil(Math.log2(needed))), zones, this.#keys)
    if (isCompacted) {
      const live = 4 * (this.#end - this.#garbage) + octets
      this.#openArena(Math.max(arenaBytes, FRESH_ARENA * live))
    }
    const move = (place: number): number => (isCompacted && place > 0 ? this.#append(oldWords, place) : place)
    for (let row = 0; row < old.zones; row++) {
      table.setZone(row, ZONE_ROW.record, move(old.zone(row, ZONE_ROW.record)))
      table.setZone(row, ZONE_ROW.serial, old.zone(row, ZONE_ROW.serial))
      table.setZone(row, ZONE_ROW.flags, old.zone(row, ZONE_ROW.flags))
    }
    this.#table = table
    this.#generation++
    if (isRekeyed) this.reader.name.setKeys(this.#keys)
    old.forEach((hash, place) => {
      const moved = move(place)
      table.add(isRekeyed ? this.#hashAt(moved) : hash, moved)
    })
    this.reader.adopt(this.buffers)
    onGeneration(this.buffers)
  }

  #openArena(bytes: number): void {
    this.#arena = new SharedArrayBuffer(bytes)
    this.#words = new Int32Array(this.#arena)
    this.#encoder = new EntryEncoder(this.#arena)
    this.#end = 1
    this.#garbage = 0
  }

  #append(from: Int32Array, place: number): number {
    const words = this.#words
    const end = this.#end
    const count = ((from[place + ENTRY.bytes] as number) + 3) >> 2
    if (count > COPY_BY_CALL) words.set(from.subarray(place, place + count), end)
    else for (let i = 0; i < count; i++) words[end + i] = from[place + i] as number
    this.#end = end + count
    return end
  }

  #hashAt(place: number): number {
    const { name } = this.reader
    const words = this.#words
    const shape = words[place + ENTRY.shape] as number
    const nameAt = 4 * (place + ENTRY.rows + ((shape >>> 8) & 0xff) * ENTRY.rowWords)
    const bytes = new DataView(this.#arena)
    name.scan(bytes, nameAt, nameAt + (shape & 0xff))
    name.hash(bytes, nameAt, words[place + ENTRY.view] as number)
    return name.hashes[0] as number
  }

  #wordsOf(place: number): number {
    return ((this.#words[place + ENTRY.bytes] as number) + 3) >> 2
  }
}
