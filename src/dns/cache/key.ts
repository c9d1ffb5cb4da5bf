/** What an entry of the cache is found by: the folded name, type, class, DO and CD of a question. */
import { foldWord } from '../../index/hash.ts'
import { SHAPE } from './memory/layout.ts'

/** Words of the longest name, and one for reading it to the end. */
const NAME_WORDS = 65
/** Brings the few bits of a shape into all of a word. */
const SPREAD = 0x9e3779b1

/**
 * The key of one question; reused from question to question. The name's octets are folded and hashed in one pass, four at
 * a time. Unlike the name index, no part of the name has a hash of its own: there is no closest encloser to look for.
 */
export class CacheKey {
  /** The folded name, zeros behind its end up to the word. */
  readonly words: Int32Array = new Int32Array(NAME_WORDS)
  /** Octets of the name, root included. */
  length = 0
  /** type << 16 | class */
  question = 0
  /** Octets of the name, and {@link SHAPE}`.dnssecOk` and `.checkingDisabled`. */
  shape = 0
  /** Hash of the name alone. */
  nameHash = 0
  /** Hash of all of it. */
  hash = 0
  readonly #factor: number
  readonly #questionFactor: number
  readonly #start: number

  /** @param keys words of `hashKeys`: nobody who does not know them can choose names that collide. */
  constructor(keys: Int32Array) {
    this.#factor = keys[0] as number
    this.#questionFactor = keys[1] as number
    this.#start = keys[2] as number
  }

  /**
   * Takes a question whose valid, uncompressed name of `length` octets is at `at`; up to three octets behind it are read.
   */
  set(bytes: DataView, at: number, length: number, type: number, questionClass: number, flags: number): void {
    const words = this.words
    const factor = this.#factor
    let hash = this.#start ^ length
    let i = at
    let word = 0
    let rest = length
    for (; rest >= 4; rest -= 4) {
      const folded = foldWord(bytes.getInt32(i, true))
      words[word++] = folded
      hash = Math.imul(hash ^ folded, factor)
      hash ^= hash >>> 15
      i += 4
    }
    if (rest !== 0) {
      const folded = foldWord(bytes.getInt32(i, true) & ((1 << (rest << 3)) - 1))
      words[word] = folded
      hash = Math.imul(hash ^ folded, factor)
      hash ^= hash >>> 15
    }
    this.length = length
    this.nameHash = hash
    this.setQuestion(type, questionClass, flags)
  }

  /** Asks something else about the same name. */
  setQuestion(type: number, questionClass: number, flags: number): void {
    this.question = (type << 16) | questionClass
    this.shape = this.length | flags
    this.hash = this.hashOf(this.nameHash, this.question, this.shape)
  }

  /** The hash of a question. */
  hashOf(nameHash: number, question: number, shape: number): number {
    const mixed = Math.imul(nameHash ^ question ^ Math.imul(shape & SHAPE.key, SPREAD), this.#questionFactor)
    return mixed ^ (mixed >>> 14)
  }
}

/** The flags of a question, for {@link CacheKey.set}. */
export function questionFlags(isDnssecOk: boolean, isCheckingDisabled: boolean): number {
  return (isDnssecOk ? SHAPE.dnssecOk : 0) | (isCheckingDisabled ? SHAPE.checkingDisabled : 0)
}
