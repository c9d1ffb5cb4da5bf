/**
 * The endpoints of one Service port over all its slices, packed for sorting. Candidate `i` has its address in
 * `words[4 * i …]` (big-endian, so that comparing words compares bytes), its port number, what decides between
 * duplicates in `ranks[i]`, and where it came from. The arrays are reused from call to call: compiling a Service
 * allocates only its result.
 *
 * ```
 *   words   a0 a1 a2 a3 | b0 b1 b2 b3 | …
 *   ports   8080        | 8080        | …
 *   ranks   0 ready     | 4 leaving   | …     the lower one stays when address and port are the same
 *   order   2, 0, 1 …                          the sorted permutation
 * ```
 */
import { type EndpointSlice, READY, SERVING, TERMINATING } from '../cluster/objects.ts'

/** More than this many candidates and the arrays are given back after use. */
const KEEP = 1 << 14

/** See the top of the file. */
export class Candidates {
  words: Uint32Array = new Uint32Array(0)
  ports: Uint16Array = new Uint16Array(0)
  ranks: Uint8Array = new Uint8Array(0)
  slices: Uint32Array = new Uint32Array(0)
  endpoints: Uint32Array = new Uint32Array(0)
  order: Uint32Array = new Uint32Array(0)
  count = 0

  /** Forgets the last Service. */
  clear(): void {
    this.count = 0
    if (this.order.length > KEEP) this.#reserve(0)
  }

  /** Adds every endpoint of the slice with the port number that the slice gives. Slices come sorted by name. */
  add(slice: EndpointSlice, sliceIndex: number, port: number): void {
    const { addresses, conditions } = slice
    const size = conditions.length
    if (this.count + size > this.order.length) this.#reserve(Math.max(64, 2 * (this.count + size)))
    const { words, ports, ranks, slices, endpoints, order } = this
    let at = this.count
    for (let i = 0; i < size; i++, at++) {
      for (let w = 0; w < 4; w++) {
        const byte = 16 * i + 4 * w
        words[4 * at + w] =
          ((addresses[byte] as number) << 24) |
          ((addresses[byte + 1] as number) << 16) |
          ((addresses[byte + 2] as number) << 8) |
          (addresses[byte + 3] as number)
      }
      ports[at] = port
      ranks[at] = RANKS[(conditions[i] as number) & 7] as number
      slices[at] = sliceIndex
      endpoints[at] = i
      order[at] = at
    }
    this.count = at
  }

  /** Sorts {@link order} by address, port, and who stays when both are the same; the last word has the slice's name. */
  sort(): void {
    const { order, count } = this
    const compare = (a: number, b: number): number => this.#compare(a, b)
    let sorted = true
    for (let i = 1; i < count && sorted; i++) sorted = this.#compare(i - 1, i) <= 0
    if (!sorted) order.subarray(0, count).sort(compare)
  }

  /** Whether two candidates have one address and port. */
  same(a: number, b: number): boolean {
    const { words, ports } = this
    return (
      words[4 * a + 3] === words[4 * b + 3] &&
      words[4 * a + 2] === words[4 * b + 2] &&
      words[4 * a + 1] === words[4 * b + 1] &&
      words[4 * a] === words[4 * b] &&
      ports[a] === ports[b]
    )
  }

  #compare(a: number, b: number): number {
    const { words } = this
    for (let w = 0; w < 4; w++) {
      const difference = (words[4 * a + w] as number) - (words[4 * b + w] as number)
      if (difference !== 0) return difference
    }
    const port = (this.ports[a] as number) - (this.ports[b] as number)
    if (port !== 0) return port
    const rank = (this.ranks[a] as number) - (this.ranks[b] as number)
    return rank !== 0 ? rank : a - b
  }

  #reserve(size: number): void {
    const grow = <T extends Uint32Array | Uint16Array | Uint8Array>(next: T, previous: T): T => {
      next.set(previous.subarray(0, Math.min(previous.length, next.length)))
      return next
    }
    this.words = grow(new Uint32Array(4 * size), this.words)
    this.ports = grow(new Uint16Array(size), this.ports)
    this.ranks = grow(new Uint8Array(size), this.ranks)
    this.slices = grow(new Uint32Array(size), this.slices)
    this.endpoints = grow(new Uint32Array(size), this.endpoints)
    this.order = grow(new Uint32Array(size), this.order)
  }
}

/** By condition bits: not terminating before terminating, then ready, then serving. */
const RANKS: Uint8Array = Uint8Array.from({ length: 8 }, (_, bits) => {
  const terminating = (bits & TERMINATING) !== 0 ? 4 : 0
  const notReady = (bits & READY) !== 0 ? 0 : 2
  const notServing = (bits & SERVING) !== 0 ? 0 : 1
  return terminating + notReady + notServing
})
