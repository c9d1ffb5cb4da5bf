/**
 * Maglev hashing (Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer", section 3.4): a table
 * of prime size in which every backend has nearly the same share, and in which few entries change when one backend
 * comes or goes. Equal backends give an equal table on every replica, whatever was there before.
 */
import { hash32 } from './hash.ts'
import type { Backend } from './route.ts'

/** Table sizes. The paper wants a size well above the number of backends; 100 times keeps shares within about 1 %. */
const SIZES = [251, 1021, 4093, 16_381, 65_537, 262_139, 1_048_573]
const LARGEST = 1_048_573

/**
 * The table for `members` (indexes into `backends`, at least one); its elements are those indexes.
 * The order of `members` does not matter.
 */
export function buildMaglev(backends: readonly Backend[], members: readonly number[]): Uint16Array | Uint32Array {
  const sorted = members.toSorted((a, b) => a - b)
  const size = tableSize(sorted.length)
  const table = backends.length > 0xffff ? new Uint32Array(size) : new Uint16Array(size)
  const isTaken = new Uint8Array(size)
  const positions = new Uint32Array(sorted.length)
  const skips = new Uint32Array(sorted.length)
  for (let i = 0; i < sorted.length; i++) {
    const { address, port } = backends[sorted[i] as number] as Backend
    const name = `${address} ${port}`
    positions[i] = hash32(name, 1) % size
    skips[i] = (hash32(name, 2) % (size - 1)) + 1
  }
  fill(table, isTaken, sorted, positions, skips)
  return table
}

/** The backends take turns; each takes the next free place of its own permutation of the table. */
function fill(
  table: Uint16Array | Uint32Array,
  isTaken: Uint8Array,
  members: readonly number[],
  positions: Uint32Array,
  skips: Uint32Array,
): void {
  const size = table.length
  for (let filled = 0; ; ) {
    for (let i = 0; i < members.length; i++) {
      let place = positions[i] as number
      const skip = skips[i] as number
      while (isTaken[place] === 1) place = place + skip >= size ? place + skip - size : place + skip
      isTaken[place] = 1
      table[place] = members[i] as number
      positions[i] = place
      if (++filled === size) return
    }
  }
}

/** At least 100 entries a backend; above 655 backends 10 will do, because the table is memory that is read at random. */
function tableSize(backends: number): number {
  const wanted = backends <= 655 ? 100 * backends : Math.max(65_537, 10 * backends)
  return SIZES.find(size => size >= wanted) ?? LARGEST
}
