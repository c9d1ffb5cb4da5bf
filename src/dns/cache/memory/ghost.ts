/**
 * Remembers the hashes of entries that went from the small queue, and forgets each after as many others have come as the
 * cache has room for. A hash has one of four places; the oldest of them gives way. That loses few, and needs no queue.
 */

const WAYS = 4

/** See the top of the file. */
export class Ghost {
  /** hash, number │ hash, number │ … */
  readonly #words: Int32Array
  readonly #mask: number
  readonly #most: number
  /** Number of the next hash; number 0: no hash. */
  #next = 1

  constructor(most: number) {
    this.#most = most
    const sets = 2 ** Math.ceil(Math.log2(Math.max(1, most / WAYS)))
    this.#mask = sets - 1
    this.#words = new Int32Array(2 * WAYS * sets)
  }

  /** Remembers a hash. */
  add(hash: number): void {
    const words = this.#words
    const first = this.#first(hash)
    let oldest = first
    for (let i = first; i < first + 2 * WAYS; i += 2) {
      if (this.#age(i) > this.#age(oldest)) oldest = i
    }
    words[oldest] = hash
    words[oldest + 1] = this.#next
    this.#next = (this.#next + 1) | 0 || 1
  }

  /** Whether a hash is remembered; it is forgotten then. */
  take(hash: number): boolean {
    const words = this.#words
    const first = this.#first(hash)
    for (let i = first; i < first + 2 * WAYS; i += 2) {
      if (words[i] !== hash || this.#age(i) > this.#most) continue
      words[i + 1] = 0
      return true
    }
    return false
  }

  /** How many hashes came since; without a hash, more than any. */
  #age(i: number): number {
    const number = this.#words[i + 1] as number
    return number === 0 ? Number.MAX_SAFE_INTEGER : (this.#next - number) >>> 0
  }

  #first(hash: number): number {
    // The low bits choose the slot in the cache already.
    return 2 * WAYS * (((hash >>> 16) ^ hash) & this.#mask)
  }
}
