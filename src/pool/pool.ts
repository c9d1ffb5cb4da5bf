/** One pool: the addresses of a prefix, which of them are taken, and where the next owner's lies. */
import type { Address } from '../ip/address.ts'
import { containsAddress, type Prefix } from '../ip/prefix.ts'
import type { OwnerRef } from './claims.ts'
import { addressAtOffset, FIRST_PLACED, type Layout, layoutOf, offsetOf, ownerHash, startIn } from './placement.ts'

/** See the top of the file. Taken is what anyone holds and what rests. */
export class Pool {
  readonly prefix: Prefix
  readonly #network: string
  readonly #layout: Layout
  readonly #taken: Occupancy
  #free: bigint

  /** @throws WaypostError WAY_POOL_PREFIX unless the prefix is IPv6 and its length 64 to 124. */
  constructor(network: string, prefix: Prefix) {
    this.#layout = layoutOf(prefix)
    this.prefix = prefix
    this.#network = network
    this.#taken = new Occupancy(this.#layout.size)
    this.#free = this.#layout.size - FIRST_PLACED
  }

  /** All addresses of the prefix. */
  get size(): bigint {
    return this.#layout.size
  }

  /** Addresses that placement can give now. */
  get free(): bigint {
    return this.#free
  }

  /** Whether the address lies in the prefix. */
  contains(address: Address): boolean {
    return containsAddress(this.prefix, address)
  }

  /** Whether placement may give the address at all. */
  isPlaceable(address: Address): boolean {
    return this.contains(address) && offsetOf(this.#layout, address) >= FIRST_PLACED
  }

  /** Marks a free address as taken; an address outside the prefix is none of the pool's business. */
  take(address: Address): void {
    if (!this.contains(address)) return
    const offset = offsetOf(this.#layout, address)
    this.#taken.add(offset)
    if (offset >= FIRST_PLACED) this.#free--
  }

  /** Marks a taken address as free. */
  give(address: Address): void {
    if (!this.contains(address)) return
    const offset = offsetOf(this.#layout, address)
    this.#taken.delete(offset)
    if (offset >= FIRST_PLACED) this.#free++
  }

  /**
   * The address for an owner in one band (0: dynamic, 1: static): the next free one from its hash on, wrapping. Null:
   * the band is full, or there is none.
   */
  placeIn(index: 0 | 1, owner: OwnerRef): Address | null {
    const band = this.#layout.bands[index]
    if (band === undefined || this.#free === 0n) return null
    const start = startIn(band, ownerHash(this.#network, owner))
    const offset = this.#taken.nextFree(start, band.last) ?? this.#taken.nextFree(band.first, start)
    return offset === null ? null : addressAtOffset(this.#layout, this.prefix.address, offset)
  }
}

const FULL = -1

/**
 * Which offsets of a pool are taken, for pools of up to 2^64 addresses: a bitmap of bitmaps, 32 bits a word, that holds
 * only the words in which something is set.
 *
 * ```
 *  level 2   …│.│…                          bit = the whole word below is full
 *  level 1   …│1│1│.│…                      bit = the whole word below is full
 *  level 0   …│1111…1│1111…1│1101…0│…       bit = the offset is taken
 * ```
 *
 * The next free offset is found by climbing past full words and descending into the first one with room: at most two
 * steps a level, 13 levels for 2^64 addresses, however full the pool is. A sparse pool has words on level 0 alone.
 */
export class Occupancy {
  readonly #levels: Map<bigint, number>[] = []

  /** @param size how many offsets there are. */
  constructor(size: bigint) {
    for (let words = size; words > 1n || this.#levels.length === 0; words = (words + 31n) >> 5n) {
      this.#levels.push(new Map())
    }
  }

  /** Marks a free offset as taken. */
  add(offset: bigint): void {
    let position = offset
    for (const words of this.#levels) {
      const index = position >> 5n
      const word = (words.get(index) ?? 0) | (1 << Number(position & 31n))
      words.set(index, word)
      if (word !== FULL) return
      position = index
    }
  }

  /** Marks a taken offset as free. */
  delete(offset: bigint): void {
    let position = offset
    for (const words of this.#levels) {
      const index = position >> 5n
      const before = words.get(index) ?? 0
      const word = before & ~(1 << Number(position & 31n))
      if (word === 0) words.delete(index)
      else words.set(index, word)
      if (before !== FULL) return
      position = index
    }
  }

  /** The lowest free offset from `first` to `last`, or null when all of them are taken. */
  nextFree(first: bigint, last: bigint): bigint | null {
    let position = first
    for (let level = 0; level < this.#levels.length; level++) {
      const word = this.#word(level, position >> 5n)
      const free = ~word & (-1 << Number(position & 31n))
      if (free !== 0) {
        const found = this.#descend(level, (position & ~31n) | lowestBit(free))
        return found <= last ? found : null
      }
      position = (position >> 5n) + 1n
    }
    return null
  }

  /** The lowest free offset below a position of a level whose word is not full. */
  #descend(level: number, position: bigint): bigint {
    let at = position
    for (let below = level - 1; below >= 0; below--) at = (at << 5n) | lowestBit(~this.#word(below, at))
    return at
  }

  #word(level: number, index: bigint): number {
    return this.#levels[level]?.get(index) ?? 0
  }
}

/** The number of the lowest set bit. */
function lowestBit(word: number): bigint {
  return BigInt(31 - Math.clz32(word & -word))
}
