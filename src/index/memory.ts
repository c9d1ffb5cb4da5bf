/**
 * The memory of the index, as its only writer sees it: an arena and a slot table.
 *
 * Garbage is collected a region at a time. When a region is opened and too much of what is taken is garbage, the blocks
 * of the emptiest regions are appended again and their slots stored, as any change is; the regions then rest until every
 * reader has acknowledged. So memory stays near what is live, and no change waits for more than some regions.
 *
 * A fresh arena or table takes the place of one that is too small, with a copy of what is live. Readers stay with the
 * old one, which does not change any more, until they take the new generation.
 */
import { EntryEncoder } from './encoder.ts'
import { hashKeys } from './hash.ts'
import {
  ARENA_SLACK,
  CONTROL,
  CONTROL_BYTES,
  ENTRY,
  type IndexBuffers,
  MAX_READERS,
  NO_VIEW,
  ZONE_ROW,
} from './layout.ts'
import { IndexReader } from './reader.ts'
import { Regions } from './regions.ts'
import { SlotTable } from './slots.ts'

/** How to make the memory. */
export interface IndexMemoryOptions {
  /** Keys the hash; from a random source, so that nobody can choose names that collide. */
  readonly seed: number
  /** The control block, for the acknowledgements of readers; null: they give none. */
  readonly control: SharedArrayBuffer | null
  /** Least size of an arena. Pages that are never written cost no memory, only address space. */
  readonly arenaBytes: number
  /** Least number of slots; a power of two. */
  readonly slots: number
  /** Called with each generation after the first. */
  readonly onGeneration: (buffers: IndexBuffers) => void
}

const FIRST_ZONES = 64
/** Slots for each entry: a table is replaced when it is five eighths full, and a fresh one has some way to go. */
const FULL_SLOTS = 1.6
const FRESH_SLOTS = 1.8
/** A fresh arena is at most a quarter full. */
const FRESH_ARENA = 4
/** Below this the system has no memory for us at all. */
const LEAST_ARENA = 1 << 22
/** Garbage below this part of the arena is not worth a copy of the rest. */
const LEAST_GARBAGE = 16
/** With readers that acknowledge, this much comes about only when one of them has stopped doing so. */
const STUCK_GARBAGE = 4
/** Regions that one change may have to empty. */
const MOST_EMPTIED = 6
/** Honest names of a full table meet at most 160 others; beyond this somebody knows the seed. */
const MAX_PROBES = 256
/** Above this a block of words is copied by the runtime, below it word by word: a call costs more. */
const COPY_BY_CALL = 256

/** See the top of the file. */
export class IndexMemory {
  /** Reads the present generation. */
  readonly reader: IndexReader
  /** Moves when `reader.name` got another name here, or other keys. */
  hashed = 0
  readonly #options: IndexMemoryOptions
  readonly #control: Int32Array | null
  #keys: Int32Array
  #arena: SharedArrayBuffer
  #view: DataView
  #words: Int32Array
  #encoder: EntryEncoder
  #regions: Regions
  #table: SlotTable
  #generation = 1
  #reseedAbove = 0

  constructor(options: IndexMemoryOptions) {
    this.#options = options
    this.#control = options.control === null ? null : new Int32Array(options.control)
    this.#keys = hashKeys(options.seed)
    this.#arena = allocate(options.arenaBytes, LEAST_ARENA)
    this.#view = new DataView(this.#arena)
    this.#words = new Int32Array(this.#arena)
    this.#encoder = new EntryEncoder(this.#arena)
    this.#regions = new Regions(this.#words.length, ARENA_SLACK / 4)
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
    return this.#regions.end
  }

  /** Octets of the arena that are taken. */
  get usedBytes(): number {
    return 4 * this.#regions.used
  }

  /** Octets of {@link usedBytes} that nothing points to. */
  get garbageBytes(): number {
    return 4 * this.#regions.garbage
  }

  /** Makes room for a block of `octets`, one more slot and the zone's row; this may bring a generation. */
  reserve(octets: number, zone: number): void {
    const words = (octets + 3) >> 2
    const { used, slots, zones } = this.#table
    if (FULL_SLOTS * used >= slots || zone >= zones) this.#renew(false, 0, zone)
    if (this.#regions.hasRoom(words)) return
    const isWaste = this.#collect()
    if (isWaste || !this.#regions.open(words, this.#generation)) this.#renew(true, words, zone)
    if (!this.#regions.hasRoom(words)) this.#regions.open(words, this.#generation)
  }

  /** Keeps the block that was written at {@link end}. @returns its place. */
  keep(octets: number): number {
    const place = this.#regions.end
    this.#regions.keep((octets + 3) >> 2)
    return place
  }

  /** Notes that nothing points to the block at `place` any more. */
  discard(place: number): void {
    this.#regions.discard(place, this.#wordsOf(place), this.#generation)
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

  /**
   * Empties regions while too much is garbage.
   *
   * @returns whether a fresh arena is needed: readers do not acknowledge, or one of them is stuck.
   */
  #collect(): boolean {
    const regions = this.#regions
    const taken = this.#takenByReaders()
    if (taken >= 0) {
      regions.reclaim(taken)
      for (let emptied = 0; emptied < MOST_EMPTIED && regions.isWasteful(); emptied++) {
        const region = regions.victim()
        if (region < 0 || !this.#empty(region)) break
      }
      if (regions.hasNews) {
        regions.hasNews = false
        this.#publish()
      }
    }
    const least = this.#words.length / (taken < 0 ? LEAST_GARBAGE : STUCK_GARBAGE)
    return 2 * regions.garbage > regions.used && regions.garbage > least
  }

  /** The generation that every reader has taken; −1: they do not tell. */
  #takenByReaders(): number {
    const control = this.#control
    if (control === null) return -1
    const readers = Atomics.load(control, CONTROL.readers)
    if (readers > MAX_READERS) return -1
    let taken = this.#generation
    for (let reader = 0; reader < readers; reader++) {
      taken = Math.min(taken, Atomics.load(control, CONTROL.taken + reader))
    }
    return taken
  }

  /** Appends the live blocks of a region again; false when there is no room for all of them. */
  #empty(region: number): boolean {
    let isWhole = true
    this.#regions.forEachBlock(
      region,
      place => this.#wordsOf(place),
      place => {
        isWhole = this.#move(place)
        return isWhole
      },
    )
    return isWhole
  }

  #move(place: number): boolean {
    const words = this.#words
    const table = this.#table
    const zone = (words[place + ENTRY.view] as number) === NO_VIEW ? (words[place + ENTRY.zone] as number) : -1
    const hash = zone < 0 ? this.#hashAt(place) : 0
    const isLive = zone < 0 ? table.has(hash, place) : table.zone(zone, ZONE_ROW.record) === place
    if (!isLive) return true
    const count = this.#wordsOf(place)
    if (!this.#regions.hasRoom(count) && !this.#regions.open(count, this.#generation)) return false
    const moved = this.#append(words, place)
    if (zone < 0) table.replace(hash, place, moved)
    else table.setZone(zone, ZONE_ROW.record, moved)
    this.discard(place)
    return true
  }

  /** A fresh table, and a fresh arena when asked for, with room for a block of `words` more. */
  #renew(isArenaFresh: boolean, words: number, zone: number): void {
    const old = this.#table
    const oldWords = this.#words
    const isRekeyed = this.#keys !== old.keys
    const slots = 2 ** Math.ceil(Math.log2(FRESH_SLOTS * (old.live + 1)))
    const zones = zone < old.zones ? old.zones : Math.max(2 * old.zones, zone + 1)
    const table = new SlotTable(Math.max(this.#options.slots, slots), zones, this.#keys)
    table.copyTops(old)
    if (isArenaFresh) this.#openArena(4 * (this.#regions.live + words))
    const move = (place: number): number => (isArenaFresh && place > 0 ? this.#append(oldWords, place) : place)
    for (let row = 0; row < old.zones; row++) {
      table.setZone(row, ZONE_ROW.record, move(old.zone(row, ZONE_ROW.record)))
      table.setZone(row, ZONE_ROW.serial, old.zone(row, ZONE_ROW.serial))
      table.setZone(row, ZONE_ROW.flags, old.zone(row, ZONE_ROW.flags))
    }
    this.#table = table
    if (isRekeyed) this.reader.name.setKeys(this.#keys)
    old.forEach((hash, place) => {
      const moved = move(place)
      table.add(isRekeyed ? this.#hashAt(moved) : hash, moved)
    })
    this.#publish()
  }

  #publish(): void {
    this.#generation++
    this.hashed++
    this.reader.adopt(this.buffers)
    this.#options.onGeneration(this.buffers)
  }

  #openArena(live: number): void {
    this.#arena = allocate(Math.max(this.#options.arenaBytes, FRESH_ARENA * live), 2 * live)
    this.#view = new DataView(this.#arena)
    this.#words = new Int32Array(this.#arena)
    this.#encoder = new EntryEncoder(this.#arena)
    this.#regions = new Regions(this.#words.length, ARENA_SLACK / 4)
  }

  #append(from: Int32Array, place: number): number {
    const words = this.#words
    const regions = this.#regions
    const count = ((from[place + ENTRY.bytes] as number) + 3) >> 2
    if (!regions.hasRoom(count)) regions.open(count, this.#generation)
    const { end } = regions
    if (count > COPY_BY_CALL) words.set(from.subarray(place, place + count), end)
    else for (let i = 0; i < count; i++) words[end + i] = from[place + i] as number
    regions.keep(count)
    return end
  }

  #hashAt(place: number): number {
    this.hashed++
    const { name } = this.reader
    const words = this.#words
    const shape = words[place + ENTRY.shape] as number
    const nameAt = 4 * (place + ENTRY.rows + ((shape >>> 8) & 0xff) * ENTRY.rowWords)
    name.scan(this.#view, nameAt, nameAt + (shape & 0xff))
    name.hash(this.#view, nameAt, words[place + ENTRY.view] as number)
    return name.hashes[0] as number
  }

  #wordsOf(place: number): number {
    return ((this.#words[place + ENTRY.bytes] as number) + 3) >> 2
  }
}

/** Shared memory of this size; where the system does not give so much address space, of as much as it does. */
function allocate(bytes: number, least: number): SharedArrayBuffer {
  for (let size = 4 * Math.ceil(bytes / 4); ; size = 4 * Math.ceil(size / 8)) {
    try {
      return new SharedArrayBuffer(size)
    } catch (error) {
      if (size / 2 < least) throw error
    }
  }
}
