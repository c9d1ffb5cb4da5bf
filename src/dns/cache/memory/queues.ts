/**
 * Which entry goes when there is no room: S3-FIFO (Yang et al., "FIFO queues are all you need for cache eviction", SOSP
 * 2023). Three queues, first in, first out:
 *
 * ```
 *                 not in ghost ┌──────────────┐ asked again: twice or more  ┌─────────────────────────┐ never asked since
 *   new entry ────────────────►│ small (10 %) │────────────────────────────►│ main (90 %)             │───────► gone
 *        │                     └──────┬───────┘                             └──▲───────────────▲───┬──┘
 *        │                            │ not asked again                       │ in ghost       └───┘ asked since: once more
 *        └────────────────────────────┼───────────────────────────────────────┘                      round, one mark less
 *                              ┌──────▼───────┐
 *                              │ ghost        │ hashes of what has just gone from small
 *                              └──────────────┘
 * ```
 *
 * A scan of names that nobody asks twice passes through the small queue and never reaches the main one, however long it
 * lasts: names in there go only when others prove themselves. A hit does nothing but mark the entry. (SIEVE, by the same
 * authors, needs one queue less, but its paper says itself that it does not resist scans: new and old entries share a
 * queue, and a name that is asked more seldom than the hand comes round is lost.)
 */
import { Ghost } from './ghost.ts'
import { ENTRY, QUEUE, USE } from './layout.ts'

/** Part of the cache that the small queue may have. */
const SMALL_PART = 0.1
/** Hits in the small queue that an entry needs to be kept. */
const PROMOTED_FROM = 2

/** See the top of the file. */
export class Queues {
  readonly #words: Int32Array
  readonly #bytes: Uint8Array
  readonly #ghost: Ghost
  readonly #small = new Fifo()
  readonly #main = new Fifo()
  readonly #smallEntries: number
  readonly #smallUnits: number

  /** @param units room for entries, in the allocator's units, of which an entry at `place` has `unitsAt(place)`. */
  constructor(words: Int32Array, maxEntries: number, units: number) {
    this.#words = words
    this.#bytes = new Uint8Array(words.buffer)
    this.#ghost = new Ghost(maxEntries)
    this.#smallEntries = Math.max(1, Math.floor(SMALL_PART * maxEntries))
    this.#smallUnits = Math.max(1, Math.floor(SMALL_PART * units))
  }

  /** How many entries there are. */
  get entries(): number {
    return this.#small.entries + this.#main.entries
  }

  /** How many of them are in the main queue. */
  get mainEntries(): number {
    return this.#main.entries
  }

  /** Puts a new entry into the queue where it begins. */
  add(place: number, hash: number, units: number): void {
    const queue = this.#ghost.take(hash) ? QUEUE.main : QUEUE.small
    this.#push(place, queue, units)
  }

  /** Lets a new entry for the same question have the place of an old one in its queue, and its marks. */
  replace(old: number, place: number, oldUnits: number, units: number): void {
    const words = this.#words
    const previous = words[old + ENTRY.previous] as number
    const next = words[old + ENTRY.next] as number
    const queue = (words[old + ENTRY.note] as number) & 0xff
    const fifo = queue === QUEUE.main ? this.#main : this.#small
    words[place + ENTRY.previous] = previous
    words[place + ENTRY.next] = next
    words[place + ENTRY.note] = ((words[place + ENTRY.note] as number) & ~0xff) | queue
    if (previous === 0) fifo.oldest = place
    else words[previous + ENTRY.next] = place
    if (next === 0) fifo.newest = place
    else words[next + ENTRY.previous] = place
    fifo.units += units - oldUnits
    const frequency = this.#bytes[4 * (old + ENTRY.use) + USE.frequency] as number
    // That it was asked for again is a hit, too.
    this.#bytes[4 * (place + ENTRY.use) + USE.frequency] = Math.min(3, frequency + 1)
  }

  /** Takes an entry out. */
  remove(place: number, units: number): void {
    const words = this.#words
    const fifo = ((words[place + ENTRY.note] as number) & 0xff) === QUEUE.main ? this.#main : this.#small
    const previous = words[place + ENTRY.previous] as number
    const next = words[place + ENTRY.next] as number
    if (previous === 0) fifo.oldest = next
    else words[previous + ENTRY.next] = next
    if (next === 0) fifo.newest = previous
    else words[next + ENTRY.previous] = previous
    fifo.entries--
    fifo.units -= units
  }

  /**
   * The entry that is to go, still in its queue; 0: there is none.
   *
   * @param isDead whether nobody could be answered with it, so that marks do not save it.
   */
  victim(
    unitsAt: (place: number) => number,
    hashAt: (place: number) => number,
    isDead: (place: number) => boolean,
  ): number {
    const small = this.#small
    while (small.entries > 0) {
      const isOver = small.entries > this.#smallEntries || small.units > this.#smallUnits
      if (!isOver && this.#main.entries > 0) break
      const place = small.oldest
      if (this.#frequency(place) < PROMOTED_FROM || isDead(place)) {
        this.#ghost.add(hashAt(place))
        return place
      }
      const units = unitsAt(place)
      this.remove(place, units)
      this.#push(place, QUEUE.main, units)
    }
    return this.#mainVictim(unitsAt, isDead)
  }

  /** Ends: every mark is used up after three rounds. */
  #mainVictim(unitsAt: (place: number) => number, isDead: (place: number) => boolean): number {
    for (let place = this.#main.oldest; place !== 0; place = this.#main.oldest) {
      const frequency = this.#frequency(place)
      if (frequency === 0 || isDead(place)) return place
      const units = unitsAt(place)
      this.remove(place, units)
      this.#bytes[4 * (place + ENTRY.use) + USE.frequency] = frequency - 1
      this.#link(place, this.#main, units)
    }
    return 0
  }

  #push(place: number, queue: number, units: number): void {
    const words = this.#words
    words[place + ENTRY.note] = ((words[place + ENTRY.note] as number) & ~0xff) | queue
    this.#bytes[4 * (place + ENTRY.use) + USE.frequency] = 0
    this.#link(place, queue === QUEUE.main ? this.#main : this.#small, units)
  }

  #link(place: number, fifo: Fifo, units: number): void {
    const words = this.#words
    words[place + ENTRY.previous] = fifo.newest
    words[place + ENTRY.next] = 0
    if (fifo.newest === 0) fifo.oldest = place
    else words[fifo.newest + ENTRY.next] = place
    fifo.newest = place
    fifo.entries++
    fifo.units += units
  }

  #frequency(place: number): number {
    return this.#bytes[4 * (place + ENTRY.use) + USE.frequency] as number
  }
}

/** One queue; its links are in the entries. */
class Fifo {
  oldest = 0
  newest = 0
  entries = 0
  units = 0
}
