/** Random numbers that nobody can guess (RFC 5452 section 9.2), taken from the system in large pieces. */
import { randomFillSync } from 'node:crypto'

const WORDS = 4096

/** Source of unpredictable numbers; one for each thread. */
export class RandomSource {
  readonly #words = new Uint32Array(WORDS)
  #next = WORDS

  /** 32 random bits. */
  uint32(): number {
    if (this.#next === WORDS) {
      randomFillSync(this.#words)
      this.#next = 0
    }
    return this.#words[this.#next++] as number
  }

  /** A number from 0 to `limit` − 1, for limits that are small beside 2^32. */
  below(limit: number): number {
    return Math.floor((this.uint32() * limit) / 0x1_0000_0000)
  }
}
