/**
 * Hands out the arena in blocks of any size, and takes them back in any order: two-level segregated fit (Masmano et al.,
 * ECRTS 2004). Free blocks lie in lists by size class; two bitmaps find a list that has one; neighbours that are free
 * become one block. Every step takes the same short time, however full the arena is.
 *
 * ```
 *   block   │ units << 2 │ is the one before free << 1 │ is free │ …       allocated: the rest is its owner's
 *   free    │ header │ next free │ previous free │ … │ units │             the last word leads back to its start
 * ```
 *
 * A unit has four words. A block that is handed out keeps word 0 for its header.
 */
import { ARENA_SLACK } from './layout.ts'

const FREE = 1
const PREVIOUS_FREE = 2
const UNIT_WORDS = 4
/** Sizes between two powers of two. */
const STEPS = 8
const STEP_BITS = 3
const POWERS = 30
/** Word of the first block: place 0 means none. */
const FIRST = UNIT_WORDS

/** See the top of the file. Places are word numbers, 0 for none. */
export class Blocks {
  /** Units that there are. */
  readonly units: number
  /** Units that are handed out. */
  used = 0
  readonly #words: Int32Array
  /** First free block of each class. */
  readonly #heads: Int32Array = new Int32Array(POWERS * STEPS)
  /** Which classes of a power have a block, one bit each. */
  readonly #steps: Int32Array = new Int32Array(POWERS)
  /** Which powers have a block, one bit each. */
  #powers = 0

  /** Takes over an arena: everything in it is free. */
  constructor(words: Int32Array) {
    this.#words = words
    // The last unit ends the chain of blocks: taken, without a size.
    this.units = Math.floor((words.length - ARENA_SLACK / 4 - FIRST) / UNIT_WORDS) - 1
    const end = FIRST + this.units * UNIT_WORDS
    words[end] = 0
    this.#insert(FIRST, this.units)
  }

  /** A block of at least `count` words, the first of which is not the caller's; 0: there is none. */
  allocate(count: number): number {
    const units = unitsOf(count)
    const place = this.#find(units)
    if (place === 0) return 0
    const words = this.#words
    const found = (words[place] as number) >>> 2
    this.#unlink(place, found)
    const rest = found - units
    if (rest > 0) this.#insert(place + units * UNIT_WORDS, rest)
    else this.#markNext(place, found, false)
    // The block before a free one is never free.
    words[place] = units << 2
    this.used += units
    return place
  }

  /** Takes a block back. */
  free(place: number): void {
    const words = this.#words
    const header = words[place] as number
    let units = header >>> 2
    let start = place
    this.used -= units
    if ((header & PREVIOUS_FREE) !== 0) {
      const before = words[place - 1] as number
      start = place - before * UNIT_WORDS
      this.#unlink(start, before)
      units += before
    }
    const next = start + units * UNIT_WORDS
    const nextHeader = words[next] as number
    if ((nextHeader & FREE) !== 0) {
      this.#unlink(next, nextHeader >>> 2)
      units += nextHeader >>> 2
    }
    this.#insert(start, units)
  }

  /** Units of the block at `place`. */
  unitsAt(place: number): number {
    return (this.#words[place] as number) >>> 2
  }

  /** A free block of at least this many units. */
  #find(units: number): number {
    // Rounded up to the next class, so that every block of the class is large enough.
    const log = 31 - Math.clz32(units)
    const rounded = units < STEPS ? units : units + (1 << (log - STEP_BITS)) - 1
    const power = powerOf(rounded)
    const step = stepOf(rounded, power)
    const steps = (this.#steps[power] as number) & (-1 << step)
    if (steps !== 0) return this.#heads[power * STEPS + lowestBit(steps)] as number
    const powers = power === 31 ? 0 : this.#powers & (-1 << (power + 1))
    if (powers === 0) return 0
    const larger = lowestBit(powers)
    return this.#heads[larger * STEPS + lowestBit(this.#steps[larger] as number)] as number
  }

  /** Puts a free block into its list and tells its neighbour. */
  #insert(place: number, units: number): void {
    const words = this.#words
    const power = powerOf(units)
    const step = stepOf(units, power)
    const head = this.#heads[power * STEPS + step] as number
    words[place] = (units << 2) | FREE
    words[place + 1] = head
    words[place + 2] = 0
    words[place + units * UNIT_WORDS - 1] = units
    if (head !== 0) words[head + 2] = place
    this.#heads[power * STEPS + step] = place
    this.#steps[power] = (this.#steps[power] as number) | (1 << step)
    this.#powers |= 1 << power
    this.#markNext(place, units, true)
  }

  #unlink(place: number, units: number): void {
    const words = this.#words
    const power = powerOf(units)
    const step = stepOf(units, power)
    const next = words[place + 1] as number
    const previous = words[place + 2] as number
    if (next !== 0) words[next + 2] = previous
    if (previous !== 0) {
      words[previous + 1] = next
      return
    }
    this.#heads[power * STEPS + step] = next
    if (next !== 0) return
    const steps = (this.#steps[power] as number) & ~(1 << step)
    this.#steps[power] = steps
    if (steps === 0) this.#powers &= ~(1 << power)
  }

  /** Tells the block behind `place` whether that is free. */
  #markNext(place: number, units: number, isFree: boolean): void {
    const next = place + units * UNIT_WORDS
    const header = this.#words[next] as number
    this.#words[next] = isFree ? header | PREVIOUS_FREE : header & ~PREVIOUS_FREE
  }
}

/** Units of a block of `count` words. */
export function unitsOf(count: number): number {
  return (count + UNIT_WORDS - 1) >> 2
}

/** Sizes below {@link STEPS} units have a class each, all in power 0. */
function powerOf(units: number): number {
  return units < STEPS ? 0 : 31 - Math.clz32(units) - STEP_BITS + 1
}

function stepOf(units: number, power: number): number {
  return power === 0 ? units : (units >> (power - 1)) & (STEPS - 1)
}

function lowestBit(bits: number): number {
  return 31 - Math.clz32(bits & -bits)
}
