/**
 * The reading side of the cache; one object for each thread. Nothing here waits or allocates, and what is written are
 * marks, each a plain byte: a hit visits no other thread.
 */
import { CacheClock } from '../clock.ts'
import { CacheKey } from '../key.ts'
import {
  CACHE_CONTROL,
  type CacheBuffers,
  ENTRY,
  FIRST_WISH,
  MAX_PROBES,
  MAX_READERS,
  SHAPE,
  SHAPE_KIND_SHIFT,
  SHAPE_RCODE_SHIFT,
  TICKS,
  USE,
  WISH_WORDS,
  WISHES,
} from '../memory/layout.ts'

const MAX_FREQUENCY = 3
const MAX_HITS = 255

/** See the top of the file. An entry is known by its place, 0 for none. */
export class CacheReader {
  readonly key: CacheKey
  readonly clock: CacheClock
  /** The arena, for copying records. */
  readonly arena: DataView
  readonly #control: Int32Array
  readonly #slots: Int32Array
  readonly #mask: number
  readonly #words: Int32Array
  readonly #bytes: Uint8Array
  readonly #number: number
  readonly #wishes: number
  #seenEpoch = 0

  /**
   * @param number this reader's number among those in other threads than the writer's; −1: it reads in the writer's
   * thread.
   */
  constructor(buffers: CacheBuffers, number = -1, clock: CacheClock | null = null) {
    this.#control = new Int32Array(buffers.control)
    this.#slots = new Int32Array(buffers.slots)
    this.#mask = this.#slots.length / 2 - 1
    this.#words = new Int32Array(buffers.arena)
    this.#bytes = new Uint8Array(buffers.arena)
    this.#number = number
    this.#wishes = FIRST_WISH + (number < 0 ? MAX_READERS - 1 : number) * WISH_WORDS
    this.arena = new DataView(buffers.arena)
    this.key = new CacheKey(this.#control.slice(CACHE_CONTROL.keys, CACHE_CONTROL.keys + 4))
    this.clock = clock ?? new CacheClock(buffers)
    if (number >= MAX_READERS - 1) throw new RangeError(`A cache has at most ${MAX_READERS - 1} readers`)
    this.#seenEpoch = Atomics.load(this.#control, CACHE_CONTROL.epoch) - 1
    this.refresh()
  }

  /** Between two batches of queries: no place that was found before may be used any more, and time goes on. */
  refresh(): void {
    this.clock.forget()
    if (this.#control[CACHE_CONTROL.epoch] === this.#seenEpoch || this.#number < 0) return
    // Loaded once more so that no slot can be read before it: processors may let a plain load be overtaken by later ones.
    const epoch = Atomics.load(this.#control, CACHE_CONTROL.epoch)
    this.#seenEpoch = epoch
    Atomics.store(this.#control, CACHE_CONTROL.taken + this.#number, epoch)
  }

  /** The entry of {@link key}, fresh or not; 0: none. */
  find(): number {
    const slots = this.#slots
    const { hash, nameHash } = this.key
    let slot = nameHash & this.#mask
    for (let probes = 0; probes < MAX_PROBES; probes++) {
      const place = slots[2 * slot + 1] as number
      if (place === 0) return 0
      if ((slots[2 * slot] as number) === hash && this.#isAt(place)) return place
      slot = (slot + 1) & this.#mask
    }
    return 0
  }

  /** Marks a hit: for eviction, and for fetching popular answers again. */
  mark(place: number): void {
    const bytes = this.#bytes
    const use = 4 * (place + ENTRY.use)
    // Looked at before it is written: the line of a popular entry stays in every core's cache.
    const frequency = bytes[use + USE.frequency] as number
    if (frequency < MAX_FREQUENCY) bytes[use + USE.frequency] = frequency + 1
    const hits = bytes[use + USE.hits] as number
    if (hits < MAX_HITS) bytes[use + USE.hits] = hits + 1
  }

  /** Whether the entry may be answered without asking anybody: it is fresh, or asking has just failed. */
  isUsable(place: number): boolean {
    const now = this.clock.now()
    return now < (this.#words[place + ENTRY.expires] as number) || now < (this.#words[place + ENTRY.recheck] as number)
  }

  /** Whether its TTL has passed. */
  isStale(place: number): boolean {
    return this.clock.now() >= (this.#words[place + ENTRY.expires] as number)
  }

  /** Wishes that an answer be fetched again, once, when it is popular (`hits` or more) and expires soon. */
  wish(place: number, hits: number): boolean {
    if (this.clock.now() < (this.#words[place + ENTRY.refresh] as number)) return false
    const use = 4 * (place + ENTRY.use)
    if ((this.#bytes[use + USE.asked] as number) !== 0 || (this.#bytes[use + USE.hits] as number) < hits) return false
    this.#bytes[use + USE.asked] = 1
    const control = this.#control
    const count = control[this.#wishes] as number
    control[this.#wishes + 1 + ((count >>> 0) % WISHES)] = place
    Atomics.store(control, this.#wishes, (count + 1) | 0)
    return true
  }

  /** Whole seconds since it was stored; the time of this batch may be before that. */
  age(place: number): number {
    return Math.max(0, Math.floor((this.clock.now() - (this.#words[place + ENTRY.stored] as number)) / TICKS))
  }

  /** A word of the entry (layout: `ENTRY`). */
  word(place: number, field: number): number {
    return this.#words[place + field] as number
  }

  /** One of {@link KIND}. */
  kind(place: number): number {
    return ((this.#words[place + ENTRY.shape] as number) >>> SHAPE_KIND_SHIFT) & 15
  }

  /** Extended error that belongs to it; −1: none. */
  infoCode(place: number): number {
    return ((this.#words[place + ENTRY.note] as number) >>> 16) - 1
  }

  rcode(place: number): number {
    return (this.#words[place + ENTRY.shape] as number) >>> SHAPE_RCODE_SHIFT
  }

  /** An octet of the entry's marks (layout: `USE`). */
  use(place: number, mark: number): number {
    return this.#bytes[4 * (place + ENTRY.use) + mark] as number
  }

  /** Where the entry's name begins in {@link arena}. */
  nameStart(place: number): number {
    return 4 * (place + ENTRY.words)
  }

  /** Where the positions of its TTLs begin in {@link arena}: 16 bits each, in the byte order of the machine. */
  ttlsStart(place: number): number {
    const name = (this.#words[place + ENTRY.shape] as number) & SHAPE.name
    return 4 * (place + ENTRY.words + ((name + 3) >> 2))
  }

  /** How many records it has. */
  count(place: number): number {
    const sections = this.#words[place + ENTRY.sections] as number
    return (sections >>> 16) + (sections & 0xffff)
  }

  /** Octets of its records, which follow the positions of the TTLs, from the next word on. */
  octets(place: number): number {
    return this.#words[place + ENTRY.octets] as number
  }

  #isAt(place: number): boolean {
    const words = this.#words
    const { key } = this
    if ((words[place + ENTRY.question] as number) !== key.question) return false
    if (((words[place + ENTRY.shape] as number) & SHAPE.key) !== key.shape) return false
    const name = key.words
    const count = (key.length + 3) >> 2
    const first = place + ENTRY.words
    for (let i = 0; i < count; i++) if ((words[first + i] as number) !== (name[i] as number)) return false
    return true
  }
}
