/**
 * The writing side of the cache: stores answers and failures, evicts, forgets. There is one, in the stream worker.
 *
 * An answer goes into a fresh block, its place into a slot; what it replaces or what has to go for it leaves its slot and
 * rests (grace.ts). So a part of the arena, {@link RESERVE_PART}, is kept free for blocks that rest: entries are evicted
 * before it is needed. What still finds no room is not cached.
 */
import { RELATIVE_POINTER } from '../../forward/answer.ts'
import type { CacheClock } from '../clock.ts'
import { Blocks, unitsOf } from '../memory/blocks.ts'
import { Grace } from '../memory/grace.ts'
import {
  CACHE_CONTROL,
  type CacheBuffers,
  ENTRY,
  entryWords,
  FIRST_WISH,
  KIND,
  MAX_READERS,
  NEVER,
  SHAPE,
  SHAPE_KIND_SHIFT,
  SHAPE_RCODE_SHIFT,
  TICKS,
  USE,
  WISH_WORDS,
  WISHES,
} from '../memory/layout.ts'
import { Queues } from '../memory/queues.ts'
import { Slots } from '../memory/slots.ts'
import { CacheReader } from '../read/reader.ts'
import { type CacheRules, failureSeconds, RECHECK_SECONDS, refreshTick } from '../rules.ts'
import type { KeptAnswer } from './kept-answer.ts'

/** Part of the arena for blocks that rest, and what it is at least. */
const RESERVE_PART = 1 / 16
const LEAST_RESERVE_UNITS = 4096
/** Entries that one more entry may push out: with the reserve at hand, there is no hurry. */
const MOST_EVICTED = 64
/** How long a writer that takes over waits for readers, which speak up every 50 ms. */
const TAKE_OVER_MS = 200

/** What stands before the records in a message. */
const HEADER_OCTETS = 12
const QUESTION_FIXED = 4
const TTL_TO_RDATA = 6
const RELATIVE_MASK = 0x1fff

/** What the cache holds and what it has done. */
export interface CacheFigures {
  readonly entries: number
  /** Octets of the arena in blocks of entries, resting ones included. */
  readonly bytes: number
  readonly evictions: number
  /** Answers that found no room. */
  readonly refused: number
}

/** See the top of the file. */
export class CacheWriter {
  /** Reads in this thread. */
  readonly reader: CacheReader
  readonly #control: Int32Array
  readonly #words: Int32Array
  readonly #bytes: Uint8Array
  readonly #halves: Uint16Array
  readonly #slots: Slots
  readonly #blocks: Blocks
  readonly #grace: Grace
  readonly #queues: Queues
  readonly #maxEntries: number
  readonly #maxUnits: number
  #rules: CacheRules
  /** Units of entries that are in slots. */
  #live = 0
  readonly #seenWishes: Int32Array = new Int32Array(MAX_READERS)
  #evictions = 0
  #refused = 0
  readonly #unitsAt = (place: number): number => this.#blocks.unitsAt(place)
  readonly #hashAt = (place: number): number => this.#hash(place)
  readonly #isDead = (place: number): boolean => !this.isOfUse(place)

  /** Takes a cache over: what another writer has left in it is forgotten, when no reader can be with it any more. */
  constructor(buffers: CacheBuffers, rules: CacheRules, clock: CacheClock | null = null) {
    const control = new Int32Array(buffers.control)
    this.#control = control
    this.reader = new CacheReader(buffers, -1, clock)
    this.#words = new Int32Array(buffers.arena)
    this.#bytes = new Uint8Array(buffers.arena)
    this.#halves = new Uint16Array(buffers.arena)
    this.#rules = rules
    this.#slots = new Slots(buffers.slots, this.#words)
    this.#slots.clear()
    this.#grace = new Grace(control, this.#words, place => this.#blocks.free(place))
    if (Atomics.add(control, CACHE_CONTROL.writers, 1) > 0) this.#grace.wait(TAKE_OVER_MS)
    this.#blocks = new Blocks(this.#words)
    this.#maxEntries = control[CACHE_CONTROL.maxEntries] as number
    const { units } = this.#blocks
    const reserve = Math.min(units >> 2, Math.max(LEAST_RESERVE_UNITS, Math.floor(units * RESERVE_PART)))
    this.#maxUnits = units - reserve
    this.#queues = new Queues(this.#words, this.#maxEntries, this.#maxUnits)
  }

  get figures(): CacheFigures {
    return {
      entries: this.#queues.entries,
      bytes: 16 * this.#blocks.used,
      evictions: this.#evictions,
      refused: this.#refused,
    }
  }

  /** Takes other rules; they hold for what is stored from now on. */
  configure(rules: CacheRules): void {
    this.#rules = rules
  }

  get rules(): CacheRules {
    return this.#rules
  }

  /**
   * Stores what `kept` has read, for the question of the reader's key.
   *
   * @param age seconds since the answer was given, when it is from disk.
   * @returns its place; 0: there was no room.
   */
  store(kept: KeptAnswer, age = 0): number {
    const { answer, count, octets, kind, ttl } = kept
    const now = this.reader.clock.now() - age * TICKS
    const place = this.#open(count, octets)
    if (place === 0) return 0
    const words = this.#words
    const ad = answer.isAuthentic ? SHAPE.authentic : 0
    this.#fillHeader(place, ad | (kind << SHAPE_KIND_SHIFT) | (answer.rcode << SHAPE_RCODE_SHIFT))
    words[place + ENTRY.stored] = now
    words[place + ENTRY.expires] = now + ttl * TICKS
    words[place + ENTRY.refresh] = kind === KIND.positive ? refreshTick(now, ttl, this.#rules) : NEVER
    words[place + ENTRY.sections] = (answer.answers << 16) | answer.authorities
    words[place + ENTRY.octets] = octets
    words[place + ENTRY.note] = (answer.infoCode + 1) << 16
    words[place + ENTRY.rotation] = kept.rotation()
    const ttls = this.reader.ttlsStart(place) >> 1
    for (let i = 0; i < count; i++) this.#halves[ttls + i] = kept.ttls[i] as number
    this.#fillRecords(2 * (ttls + count + (count & 1)), kept)
    this.#keep(place)
    return place
  }

  /**
   * Remembers that the question of the reader's key was asked in vain (RFC 9520). An answer that is there stays, to be
   * given while it is not too old, and its name is not asked for a while (RFC 8767 section 5).
   *
   * @param code extended error (RFC 8914).
   * @returns the place of what is to be answered now; 0: there was no room.
   */
  fail(rcode: number, code: number): number {
    const { reader } = this
    const old = reader.find()
    const now = reader.clock.now()
    if (old !== 0 && reader.kind(old) !== KIND.failure && this.isOfUse(old)) {
      this.#words[old + ENTRY.recheck] = Math.min(now + RECHECK_SECONDS * TICKS, this.#uselessFrom(old))
      return old
    }
    const failures = this.#failuresBefore(old, now)
    const place = this.#open(0, 0)
    if (place === 0) return 0
    const words = this.#words
    this.#fillHeader(place, (KIND.failure << SHAPE_KIND_SHIFT) | (rcode << SHAPE_RCODE_SHIFT))
    words[place + ENTRY.stored] = now
    words[place + ENTRY.expires] = now + failureSeconds(failures) * TICKS
    words[place + ENTRY.refresh] = NEVER
    words[place + ENTRY.sections] = 0
    words[place + ENTRY.octets] = 0
    words[place + ENTRY.note] = ((code + 1) << 16) | (Math.min(failures + 1, 255) << 8)
    this.#keep(place)
    return place
  }

  /** Whether an entry can still answer something: it is fresh, or not yet too old to be given stale. */
  isOfUse(place: number): boolean {
    return this.reader.clock.now() < this.#uselessFrom(place)
  }

  /** Forgets the entry at `place`. */
  forget(place: number): void {
    const units = this.#blocks.unitsAt(place)
    this.#slots.remove(this.#words[place + ENTRY.hash] as number, place)
    this.#queues.remove(place, units)
    this.#live -= units
    this.#grace.retire(place)
  }

  /** Whether the cache has the entry at `place` for the name of this hash: a place may have been noted long ago. */
  has(nameHash: number, place: number): boolean {
    return this.#slots.has(nameHash, place)
  }

  /** Calls back for every entry of the name of the reader's key; none may be forgotten meanwhile. */
  forEachOfName(callback: (place: number) => void): void {
    const words = this.#words
    const { key } = this.reader
    const count = (key.length + 3) >> 2
    this.#slots.forEachFrom(key.nameHash, place => {
      if ((words[place + ENTRY.hash] as number) !== key.nameHash) return
      if (((words[place + ENTRY.shape] as number) & SHAPE.name) !== key.length) return
      for (let i = 0; i < count; i++) if (words[place + ENTRY.words + i] !== key.words[i]) return
      callback(place)
    })
  }

  /** Gives an entry the marks that it had before the server was stopped. */
  setFrequency(place: number, frequency: number): void {
    this.#bytes[4 * (place + ENTRY.use) + USE.frequency] = Math.min(frequency, 3)
  }

  /** Calls back for what readers wish to be fetched again, with live entries. */
  takeWishes(callback: (place: number) => void): void {
    const control = this.#control
    const seen = this.#seenWishes
    for (let reader = 0; reader < MAX_READERS; reader++) {
      const first = FIRST_WISH + reader * WISH_WORDS
      const count = Atomics.load(control, first)
      const wishes = Math.min((count - (seen[reader] as number)) >>> 0, WISHES)
      for (let i = wishes; i > 0; i--) {
        const place = control[first + 1 + (((count - i) >>> 0) % WISHES)] as number
        if (this.has(this.#words[place + ENTRY.hash] as number, place)) callback(place)
      }
      seen[reader] = count
    }
  }

  /** How many slots there are. */
  get slots(): number {
    return this.#slots.count
  }

  /** The entry in a slot; 0: none. */
  placeAt(slot: number): number {
    return this.#slots.placeAt(slot)
  }

  /** Gives memory free that no reader can be with. */
  reclaim(): void {
    this.#grace.reclaim()
  }

  /** A block for an entry of the reader's key; 0: there is no room. */
  #open(records: number, octets: number): number {
    const words = entryWords(this.reader.key.length, records, octets)
    const units = unitsOf(words)
    if (units > this.#maxUnits >> 3) {
      this.#refused++
      return 0
    }
    this.#grace.reclaim()
    const entries = this.reader.find() === 0 ? 1 : 0
    for (let evicted = 0; evicted < MOST_EVICTED && this.#isFull(entries, units); evicted++) if (!this.#evict()) break
    const place = this.#isFull(entries, units) ? 0 : this.#blocks.allocate(words)
    if (place !== 0) return place
    // The arena is in pieces, or readers are late: what goes now is there for the next one.
    if (!this.#grace.isPending) this.#evict()
    this.#refused++
    return 0
  }

  /** Whether there is no room for so much more. */
  #isFull(entries: number, units: number): boolean {
    return this.#queues.entries + entries > this.#maxEntries || this.#live + units > this.#maxUnits
  }

  #evict(): boolean {
    const place = this.#queues.victim(this.#unitsAt, this.#hashAt, this.#isDead)
    if (place === 0) return false
    this.forget(place)
    this.#evictions++
    return true
  }

  #fillHeader(place: number, shape: number): void {
    const { key } = this.reader
    const words = this.#words
    words[place + ENTRY.hash] = key.nameHash
    words[place + ENTRY.question] = key.question
    words[place + ENTRY.shape] = key.shape | shape
    words[place + ENTRY.recheck] = 0
    words[place + ENTRY.use] = 0
    words[place + ENTRY.note] = 0
    words[place + ENTRY.rotation] = 0
    const count = (key.length + 3) >> 2
    for (let i = 0; i < count; i++) words[place + ENTRY.words + i] = key.words[i] as number
  }

  /** Copies the records to `start`, with real pointers for owners that stand further in front. */
  #fillRecords(start: number, { answer, count, ttls }: KeptAnswer): void {
    const arena = this.#bytes
    const { bytes } = answer
    for (let i = answer.start, to = start; i < answer.end; i++) arena[to++] = bytes.getUint8(i)
    const base = HEADER_OCTETS + this.reader.key.length + QUESTION_FIXED
    let record = 0
    for (let at = answer.start; record < count; record++) {
      const owner = bytes.getUint16(at)
      if (owner >= RELATIVE_POINTER) this.reader.arena.setUint16(start + at - answer.start, realPointer(owner, base))
      const rdata = answer.start + (ttls[record] as number) + TTL_TO_RDATA
      at = rdata + bytes.getUint16(rdata - 2)
    }
  }

  /** Lets readers see the entry at `place`, in the place of the one that the question has so far. */
  #keep(place: number): void {
    const { key } = this.reader
    const units = this.#blocks.unitsAt(place)
    const old = this.reader.find()
    this.#live += units
    if (old !== 0) {
      const oldUnits = this.#blocks.unitsAt(old)
      this.#queues.replace(old, place, oldUnits, units)
      this.#slots.replace(key.nameHash, old, place)
      this.#live -= oldUnits
      this.#grace.retire(old)
      return
    }
    this.#queues.add(place, key.hash, units)
    for (let last = this.#slots.add(key.nameHash, key.hash, place); last !== 0; ) {
      this.forget(last)
      this.#evictions++
      last = this.#slots.add(key.nameHash, key.hash, place)
    }
  }

  #failuresBefore(old: number, now: number): number {
    if (old === 0 || this.reader.kind(old) !== KIND.failure) return 0
    const lasted = (this.#words[old + ENTRY.expires] as number) - (this.#words[old + ENTRY.stored] as number)
    // After as long a time without a failure, the count begins anew.
    if (now > (this.#words[old + ENTRY.expires] as number) + lasted) return 0
    return ((this.#words[old + ENTRY.note] as number) >>> 8) & 0xff
  }

  #uselessFrom(place: number): number {
    const expires = this.#words[place + ENTRY.expires] as number
    return this.reader.kind(place) === KIND.failure ? expires : expires + this.#rules.stale * TICKS
  }

  #hash(place: number): number {
    const words = this.#words
    const { key } = this.reader
    return key.hashOf(
      words[place + ENTRY.hash] as number,
      words[place + ENTRY.question] as number,
      words[place + ENTRY.shape] as number,
    )
  }
}

/** The pointer in a message whose records begin at `base` that a relative one stands for. */
function realPointer(owner: number, base: number): number {
  return 0xc000 | (base + (owner & RELATIVE_MASK))
}
