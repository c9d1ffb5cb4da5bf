/**
 * The 64-bit hash behind `syncVersion`. Two 32-bit lanes eat the same words with different multipliers and are mixed
 * into each other after every word (the round of MurmurHash3, twice); 32-bit because JavaScript multiplies 32-bit
 * integers in one instruction and 64-bit ones only as objects. It tells replicas and revisions apart, it is no
 * defence against someone who wants two routes to collide.
 *
 * What is fed to it is part of the contract between replicas: changing the order or the encoding below changes every
 * `syncVersion`. A number is one word. A string is its length, then its UTF-16 code units two to a word. null is the
 * word ffffffff, which no length reaches. A list is its length, then its elements.
 */
import type { Route } from './route.ts'

const NULL_WORD = -1

/** A running hash. Feed it, then take {@link Hash64.digest}. */
export class Hash64 {
  #high = 0x243f6a88
  #low = 0x13198a2e
  #words = 0

  /** Adds the low 32 bits of `value`. */
  word(value: number): void {
    let high = Math.imul(value, 0xcc9e2d51)
    high = this.#high ^ Math.imul((high << 15) | (high >>> 17), 0x1b873593)
    let low = Math.imul(value, 0x239b961b)
    low = this.#low ^ Math.imul((low << 16) | (low >>> 16), 0x38b34ae5)
    high = (Math.imul((high << 13) | (high >>> 19), 5) + 0xe6546b64 + low) | 0
    low = (Math.imul((low << 17) | (low >>> 15), 5) + 0x561ccd1b + high) | 0
    this.#high = high
    this.#low = low
    this.#words++
  }

  /** Adds a string, or null, so that no two different sequences of strings feed the same words. */
  text(value: string | null): void {
    if (value === null) {
      this.word(NULL_WORD)
      return
    }
    const length = value.length
    this.word(length)
    let i = 0
    for (; i + 1 < length; i += 2) this.word(value.charCodeAt(i) | (value.charCodeAt(i + 1) << 16))
    if (i < length) this.word(value.charCodeAt(i))
  }

  /** Adds a list of strings. */
  texts(values: readonly string[]): void {
    this.word(values.length)
    for (const value of values) this.text(value)
  }

  /** Adds the state of another hash: what it was fed counts as one element. */
  absorb(other: Hash64): void {
    const words = other.#words
    const low = other.#low
    this.word(other.#high)
    this.word(low)
    this.word(words)
  }

  /** The hash as an unsigned decimal number. */
  digest(): string {
    let high = this.#high ^ this.#words
    let low = this.#low ^ this.#words
    high = (high + low) | 0
    low = (low + high) | 0
    high = avalanche(high)
    low = avalanche(low)
    high = (high + low) | 0
    low = (low + high) | 0
    return ((BigInt(high >>> 0) << 32n) | BigInt(low >>> 0)).toString()
  }
}

/**
 * The sync version of a Service: the hash of its routes' sync versions in their order.
 *
 * @returns null when the Service has no route.
 */
export function serviceSyncVersion(routes: readonly Pick<Route, 'syncVersion'>[]): string | null {
  if (routes.length === 0) return null
  const hash = new Hash64()
  for (const route of routes) hash.text(route.syncVersion)
  return hash.digest()
}

/** An unsigned 32-bit hash of a text, for tables; different seeds give independent hashes. */
export function hash32(text: string, seed: number): number {
  let h = seed
  for (let i = 0; i < text.length; i++) {
    h = Math.imul(h ^ text.charCodeAt(i), 0xcc9e2d51)
    h = (h << 15) | (h >>> 17)
  }
  return avalanche(h ^ text.length) >>> 0
}

/** The finaliser of MurmurHash3: every input bit reaches every output bit. */
export function avalanche(value: number): number {
  let h = value ^ (value >>> 16)
  h = Math.imul(h, 0x85ebca6b)
  h ^= h >>> 13
  h = Math.imul(h, 0xc2b2ae35)
  return h ^ (h >>> 16)
}
