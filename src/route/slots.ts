/** The slots of the lookup table: layout, key and hash. The structure is drawn in `table.ts`. */
import type { Protocol } from '../cluster/objects.ts'
import { parseAddress } from '../ip/address.ts'
import type { Route } from './route.ts'

export const PAGE_BITS = 10
export const PAGE_SLOTS: number = 1 << PAGE_BITS
/** Words of a slot: the lower half of the address, the key word, the entry. */
export const STRIDE = 4
/**
 * An entry is the number of a route in the lower bits and, above them, how many backends it has when any of them will
 * do for anyone (see `plainSize`), else 0: the usual choice then needs nothing but the entry.
 */
export const NUMBER_BITS = 24
export const NUMBER_MASK: number = (1 << NUMBER_BITS) - 1
/** More backends than this are not told by the entry. */
export const MAX_PLAIN = 127

/** Key word of a slot that was never used. */
export const FREE = 0
/** Key word of a slot whose route has left: probing goes on behind it. */
export const DELETED = -1

const PORT_BITS = 18
/** Stands for every upper half that came after there was no number left: the address itself must be compared. */
const OTHERS = 16_382

/**
 * Numbers for the upper halves of addresses, of which a network has one or two: a slot then needs 16 bytes and never
 * lies across two cache lines. Append-only, shared by all tables of a lineage.
 */
export class UpperHalves {
  /** Open addressing, four words a place: upper half, number + 1 (0: free), nothing. */
  #places = new Int32Array(4 * 16)
  #mask = 15
  #count = 0

  /** The number, or −1 when no route has this upper half. */
  find(a0: number, a1: number): number {
    const places = this.#places
    const mask = this.#mask
    for (let place = placeOf(a0, a1) & mask; ; place = (place + 1) & mask) {
      const at = place << 2
      const found = places[at + 2] as number
      if (found === 0) return this.#count > OTHERS ? OTHERS : -1
      if (places[at] === a0 && places[at + 1] === a1) return found - 1
    }
  }

  /** The number; a new one when there is none yet. */
  add(a0: number, a1: number): number {
    const known = this.find(a0, a1)
    if (known >= 0) return known
    if (this.#count >= OTHERS) {
      this.#count = OTHERS + 1
      return OTHERS
    }
    if (2 * (this.#count + 1) > this.#mask) this.#grow()
    this.#put(a0, a1, ++this.#count)
    return this.#count - 1
  }

  #put(a0: number, a1: number, number: number): void {
    let place = placeOf(a0, a1) & this.#mask
    while (this.#places[4 * place + 2] !== 0) place = (place + 1) & this.#mask
    this.#places.set([a0, a1, number], 4 * place)
  }

  #grow(): void {
    const before = this.#places
    this.#places = new Int32Array(2 * before.length)
    this.#mask = 2 * this.#mask + 1
    for (let at = 0; at < before.length; at += 4) {
      const [a0, a1, number] = before.subarray(at, at + 3) as unknown as [number, number, number]
      if (number !== 0) this.#put(a0, a1, number)
    }
  }
}

/** The third word of a slot. Never {@link FREE} or {@link DELETED}. */
export function keyWord(upperHalf: number, port: number, protocol: Protocol): number {
  return (upperHalf << PORT_BITS) | (port << 2) | (protocol === 'TCP' ? 1 : protocol === 'UDP' ? 2 : 3)
}

/** Whether the key word leaves open which upper half the address has, so that {@link hasAddress} must tell. */
export function isAmbiguous(key: number): boolean {
  return key >>> PORT_BITS === OTHERS
}

/** Whether the route's address is the one at `offset`. */
export function hasAddress(route: Route, bytes: Uint8Array, offset: number): boolean {
  return parseAddress(route.address)?.every((byte, i) => byte === bytes[offset + i]) ?? false
}

/**
 * Where probing for a key starts. Every word has an odd multiplier of its own and the high bits of the sum count
 * (multiply-shift hashing): multiplications that do not wait for each other, and consecutive addresses spread evenly.
 *
 * @param shift 32 minus the binary logarithm of the number of slots.
 */
export function slotOf(a2: number, a3: number, key: number, shift: number): number {
  return (Math.imul(a3, 0x9e3779b1) + Math.imul(a2, 0x85ebca77) + Math.imul(key, 0xc2b2ae3d)) >>> shift
}

function placeOf(a0: number, a1: number): number {
  return (Math.imul(a0, 0x9e3779b1) + Math.imul(a1, 0x85ebca77)) >>> 16
}

/** The four bytes at `i`, big-endian, as a signed word. */
export function wordAt(bytes: Uint8Array, i: number): number {
  return (
    ((bytes[i] as number) << 24) |
    ((bytes[i + 1] as number) << 16) |
    ((bytes[i + 2] as number) << 8) |
    (bytes[i + 3] as number)
  )
}

/** Slots for that many routes, a power of two, at most half of them filled. */
export function capacityFor(routes: number): number {
  return Math.max(PAGE_SLOTS, 2 ** Math.ceil(Math.log2(2 * routes + 1)))
}
