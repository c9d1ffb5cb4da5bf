/**
 * Claims by address: open addressing with linear probing. A Map will not do here: it keeps what was deleted in its
 * chains until it grows, so that an address that comes and goes makes every lookup of it slower, up to its whole size.
 *
 * ```
 *  slots   │ . │ a │ b │ . │ c │ . │      b hashes to the slot of a and lies after it;
 *  delete a│ . │ b │ . │ . │ c │ . │      what follows moves back, so no gap is left and none is marked
 * ```
 */
import type { AddressKey, ClaimRecord } from './claims.ts'

const SMALLEST = 16

/** See the top of the file. */
export class ClaimTable {
  #slots: (ClaimRecord | null)[] = emptySlots(SMALLEST)
  #size = 0

  /** How many claims it holds. */
  get size(): number {
    return this.#size
  }

  get(key: AddressKey): ClaimRecord | null {
    return this.#slots[this.#find(key)] as ClaimRecord | null
  }

  /** Puts a claim in place of the one at its address. */
  set(claim: ClaimRecord): void {
    const slot = this.#find(claim.key)
    const isNew = this.#slots[slot] === null
    this.#slots[slot] = claim
    if (!isNew) return
    this.#size++
    if (this.#size * 2 > this.#slots.length) this.#resize(this.#slots.length * 2)
  }

  delete(key: AddressKey): void {
    const slots = this.#slots
    const mask = slots.length - 1
    let gap = this.#find(key)
    if (slots[gap] === null) return
    for (let at = (gap + 1) & mask; ; at = (at + 1) & mask) {
      const claim = slots[at] as ClaimRecord | null
      if (claim === null) break
      // it may move into the gap unless its own slot lies behind the gap
      if (((at - hashOf(claim.key)) & mask) < ((at - gap) & mask)) continue
      slots[gap] = claim
      gap = at
    }
    slots[gap] = null
    this.#size--
    if (this.#size * 8 < slots.length && slots.length > SMALLEST) this.#resize(slots.length / 2)
  }

  /** Every claim as of now, in no order. */
  values(): ClaimRecord[] {
    return this.#slots.filter(claim => claim !== null)
  }

  /** The slot of a key, or the free one where it belongs. */
  #find(key: AddressKey): number {
    const mask = this.#slots.length - 1
    let slot = hashOf(key) & mask
    for (;;) {
      const claim = this.#slots[slot] as ClaimRecord | null
      if (claim === null || claim.key === key) return slot
      slot = (slot + 1) & mask
    }
  }

  #resize(length: number): void {
    const claims = this.values()
    this.#slots = emptySlots(length)
    for (const claim of claims) this.#slots[this.#find(claim.key)] = claim
  }
}

/** An array without holes, so that reading a free slot is as fast as reading a used one. */
function emptySlots(length: number): (ClaimRecord | null)[] {
  return new Array<ClaimRecord | null>(length).fill(null)
}

function hashOf(key: AddressKey): number {
  let hash = 0
  for (let i = 0; i < 8; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x9e3779b1)
  return (hash ^ (hash >>> 15)) >>> 0
}
