/**
 * The slots as their only writer sees them (drawing in layout.ts). Probes of a name start at the hash of the name alone,
 * so that all its types lie in one run; the hash in the slot is that of the whole question.
 *
 * Entries come and go for ever, so a slot that is left becomes free at once: those behind it in the run move back. A
 * reader that passes at that moment may miss an entry that is there. It then asks the writer's thread, which does not.
 */
import { ENTRY, MAX_PROBES } from './layout.ts'

/** See the top of the file. */
export class Slots {
  readonly #words: Int32Array
  readonly #mask: number
  readonly #arena: Int32Array

  constructor(slots: SharedArrayBuffer, arena: Int32Array) {
    this.#words = new Int32Array(slots)
    this.#mask = this.#words.length / 2 - 1
    this.#arena = arena
  }

  /** How many slots there are. */
  get count(): number {
    return this.#mask + 1
  }

  /** Place in slot `slot`; 0: free. */
  placeAt(slot: number): number {
    return this.#words[2 * slot + 1] as number
  }

  /** Takes every entry out. */
  clear(): void {
    for (let slot = 0; slot <= this.#mask; slot++) if (this.placeAt(slot) !== 0) this.#put(slot, 0, 0)
  }

  /**
   * Puts an entry that the table does not have yet.
   *
   * @returns 0, or the place of the entry that stands at the end of a run that is too long: nothing was put then.
   */
  add(nameHash: number, hash: number, place: number): number {
    let slot = nameHash & this.#mask
    for (let probes = 1; this.placeAt(slot) !== 0; probes++) {
      if (probes === MAX_PROBES) return this.placeAt(slot)
      slot = (slot + 1) & this.#mask
    }
    this.#put(slot, hash, place)
    return 0
  }

  /** Puts an entry in the place of the one at `old`, which the table has, for the same question. */
  replace(nameHash: number, old: number, place: number): void {
    Atomics.store(this.#words, 2 * this.#slotOf(nameHash, old) + 1, place)
  }

  /** Whether the entry at `place` is one of those that the table has for the name. */
  has(nameHash: number, place: number): boolean {
    let slot = nameHash & this.#mask
    for (let probes = 0; probes < MAX_PROBES; probes++) {
      const found = this.placeAt(slot)
      if (found === place || found === 0) return found === place
      slot = (slot + 1) & this.#mask
    }
    return false
  }

  /** Calls back for every entry in the run where the probes of a name start. */
  forEachFrom(nameHash: number, callback: (place: number) => void): void {
    let slot = nameHash & this.#mask
    for (let probes = 0; probes < MAX_PROBES; probes++) {
      const place = this.placeAt(slot)
      if (place === 0) return
      callback(place)
      slot = (slot + 1) & this.#mask
    }
  }

  /** Takes the entry at `place` out, which the table has, and closes the gap. */
  remove(nameHash: number, place: number): void {
    const words = this.#words
    const mask = this.#mask
    let gap = this.#slotOf(nameHash, place)
    for (let slot = (gap + 1) & mask; ; slot = (slot + 1) & mask) {
      const other = this.placeAt(slot)
      if (other === 0) break
      const home = (this.#arena[other + ENTRY.hash] as number) & mask
      // It may move back unless its probes start behind the gap.
      if (((slot - home) & mask) < ((slot - gap) & mask)) continue
      this.#put(gap, words[2 * slot] as number, other)
      gap = slot
    }
    this.#put(gap, 0, 0)
  }

  #put(slot: number, hash: number, place: number): void {
    // Between the two stores a reader may see one entry's hash and another's place: it compares the question anyway.
    this.#words[2 * slot] = hash
    Atomics.store(this.#words, 2 * slot + 1, place)
  }

  #slotOf(nameHash: number, place: number): number {
    let slot = nameHash & this.#mask
    while (this.placeAt(slot) !== place) slot = (slot + 1) & this.#mask
    return slot
  }
}
