/** The slots and the zone table of one generation, as their only writer sees them (drawing in layout.ts). */
import { DELETED, FREE, HEADER, ZONE_ROW } from './layout.ts'

/** Bits of `HEADER.tops`. */
const TOPS = 256

/** See the top of the file. */
export class SlotTable {
  readonly buffer: SharedArrayBuffer
  readonly keys: Int32Array
  /** Slots of the table; a power of two. */
  readonly slots: number
  /** Rows of the zone table. */
  readonly zones: number
  /** Slots that hold an entry. */
  live = 0
  /** Slots that hold an entry or held one. */
  used = 0
  readonly #words: Int32Array
  readonly #mask: number
  readonly #first: number

  constructor(slots: number, zones: number, keys: Int32Array) {
    this.slots = slots
    this.zones = zones
    this.keys = keys
    this.#first = HEADER.words + zones * ZONE_ROW.words
    this.#mask = slots - 1
    this.buffer = new SharedArrayBuffer(4 * (this.#first + 2 * slots))
    this.#words = new Int32Array(this.buffer)
    this.#words[HEADER.mask] = this.#mask
    this.#words[HEADER.zones] = zones
    this.#words.set(keys, HEADER.keys)
  }

  /**
   * Puts an entry that the table does not have yet.
   *
   * @returns how many slots were looked at.
   */
  add(hash: number, place: number): number {
    const words = this.#words
    let probes = 1
    let slot = hash & this.#mask
    let i = this.#first + 2 * slot
    while ((words[i + 1] as number) > 0) {
      slot = (slot + 1) & this.#mask
      i = this.#first + 2 * slot
      probes++
    }
    if ((words[i + 1] as number) === FREE) this.used++
    this.live++
    words[i] = hash
    Atomics.store(words, i + 1, place)
    return probes
  }

  /** Whether the entry at `place` is one of those that the table has. */
  has(hash: number, place: number): boolean {
    const words = this.#words
    for (let slot = hash & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const found = words[this.#first + 2 * slot + 1] as number
      if (found === place) return true
      if (found === FREE) return false
    }
  }

  /** Puts an entry in the place of the one at `old`, which the table has. */
  replace(hash: number, old: number, place: number): void {
    Atomics.store(this.#words, this.#first + 2 * this.#slotOf(hash, old) + 1, place)
  }

  /**
   * Takes the entry at `old` out. The slot stays a stepping stone for probes, unless nothing follows it: then it and
   * those before it become free, which no reader can tell from a chain that ends earlier.
   */
  remove(hash: number, old: number): void {
    const words = this.#words
    let slot = this.#slotOf(hash, old)
    this.live--
    Atomics.store(words, this.#first + 2 * slot + 1, DELETED)
    if ((words[this.#first + 2 * ((slot + 1) & this.#mask) + 1] as number) !== FREE) return
    while ((words[this.#first + 2 * slot + 1] as number) === DELETED) {
      Atomics.store(words, this.#first + 2 * slot + 1, FREE)
      this.used--
      slot = (slot - 1) & this.#mask
    }
  }

  /** Calls back for every entry. */
  forEach(callback: (hash: number, place: number) => void): void {
    const words = this.#words
    for (let i = this.#first; i < words.length; i += 2) {
      const place = words[i + 1] as number
      if (place > 0) callback(words[i] as number, place)
    }
  }

  /** Writes a field of a zone's row (layout: `ZONE_ROW`). */
  setZone(zone: number, field: number, value: number): void {
    Atomics.store(this.#words, HEADER.words + zone * ZONE_ROW.words + field, value)
  }

  /** Reads a field of a zone's row. */
  zone(zone: number, field: number): number {
    return this.#words[HEADER.words + zone * ZONE_ROW.words + field] as number
  }

  /** Notes that an apex ends in a label of this hash (`NameHash.top`), before the first name below it is put. */
  addTop(top: number): void {
    const word = HEADER.tops + (top >>> 5)
    Atomics.store(this.#words, word, (this.#words[word] as number) | (1 << (top & 31)))
  }

  /** Notes that the root is an apex: every name may be in a zone. */
  addEveryTop(): void {
    for (let top = 0; top < TOPS; top++) this.addTop(top)
  }

  /** Takes what another table has noted of apexes. */
  copyTops(from: SlotTable): void {
    for (let word = HEADER.tops; word < HEADER.tops + TOPS / 32; word++) this.#words[word] = from.#words[word] as number
  }

  #slotOf(hash: number, place: number): number {
    let slot = hash & this.#mask
    while ((this.#words[this.#first + 2 * slot + 1] as number) !== place) slot = (slot + 1) & this.#mask
    return slot
  }
}
