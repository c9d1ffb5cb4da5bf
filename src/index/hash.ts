/**
 * The hash of a domain name and of each of its suffixes, in one pass from the root to the left:
 *
 * ```
 *   label     www        example      com        (root)
 *   hash      h0    ←──  h1     ←──   h2   ←──   h3 = f(seed, view)
 *             step(h1, label 0)       step(h3, label 2)
 * ```
 *
 * So the walk to the closest encloser (RFC 4592 section 3.3.1) costs one probe for each label and no hashing. Labels are
 * read as words of four octets and folded on the way: the octets of a name need no copy. A length octet is at most 63,
 * below `A`, so folding never touches one.
 *
 * Multipliers and starting values come from the seed, so nobody who does not know it can choose names that collide.
 */
import { MAX_NAME } from '../wire/name.ts'

/** A name of 255 octets has at most 127 labels. */
const MAX_LABELS = 127
/** Spreads the length octet and the first three octets of a label over a word. */
const TOP_FACTOR = 0x9e3779b1

/** Splits one seed into the words that the hash is keyed with: two odd multipliers and two starting values. */
export function hashKeys(seed: number): Int32Array {
  const keys = new Int32Array(4)
  let state = seed | 0
  for (let i = 0; i < keys.length; i++) {
    state = (state + 0x9e3779b9) | 0
    let word = Math.imul(state ^ (state >>> 16), 0x21f0aaad)
    word = Math.imul(word ^ (word >>> 15), 0x735a2d97)
    keys[i] = word ^ (word >>> 15)
  }
  keys[0] = (keys[0] as number) | 1
  keys[1] = (keys[1] as number) | 1
  return keys
}

/** Four octets with ASCII letters folded to lower case (RFC 4343 section 3), whatever the byte order. */
export function foldWord(word: number): number {
  const low = word & 0x7f7f7f7f
  // Bit 7 of each octet: at least "A" in the first sum, above "Z" in the second.
  const isUpper = ((low + 0x3f3f3f3f) ^ (low + 0x25252525)) & ~word & 0x80808080
  return word | (isUpper >>> 2)
}

/** The labels of one name and the hash of each suffix. Reused from name to name; see the top of the file. */
export class NameHash {
  /** Octets of the name, root included. */
  length = 0
  /** Number of labels without the root. */
  labels = 0
  /** Where label i starts, counted from the start of the name; `starts[labels]` is the root's. */
  readonly starts: Uint8Array = new Uint8Array(MAX_LABELS + 1)
  /** Hash of the name from label i on; `hashes[labels]` is the root's. */
  readonly hashes: Int32Array = new Int32Array(MAX_LABELS + 1)
  #wordFactor = 1
  #stepFactor = 1
  #labelStart = 0
  #rootStart = 0
  /** Hash of the label `*`. */
  #star = 0

  /** Takes the keys of an index; see {@link hashKeys}. */
  setKeys(keys: Int32Array): void {
    this.#wordFactor = keys[0] as number
    this.#stepFactor = keys[1] as number
    this.#labelStart = keys[2] as number
    this.#rootStart = keys[3] as number
    this.#star = this.#word(this.#labelStart, 0x2a01)
  }

  /**
   * Finds the labels of the uncompressed name at `at`, which must end before `end`.
   *
   * @returns whether it is a name; when not (a pointer, a label that is too long, cut off) nothing else may be asked.
   */
  scan(bytes: DataView, at: number, end: number): boolean {
    const last = Math.min(end, at + MAX_NAME) - 1
    const starts = this.starts
    let labels = 0
    let i = at
    while (i <= last) {
      const octets = bytes.getUint8(i)
      if (octets === 0) {
        starts[labels] = i - at
        this.labels = labels
        this.length = i + 1 - at
        return true
      }
      if (octets > 63) return false
      starts[labels++] = i - at
      i += octets + 1
    }
    return false
  }

  /** Hashes the name that {@link scan} has just seen at `at`, in a view. Reads up to three octets behind the name. */
  hash(bytes: DataView, at: number, view: number): void {
    const { starts, hashes } = this
    let hash = this.#word(this.#rootStart, view)
    let end = this.length - 1
    hashes[this.labels] = hash
    for (let label = this.labels - 1; label >= 0; label--) {
      const start = starts[label] as number
      hash = this.#step(hash, this.#label(bytes, at + start, end - start))
      hashes[label] = hash
      end = start
    }
  }

  /**
   * One of 256 for the last label of the name at `at`, the same in every view and under all keys. Reads up to three
   * octets behind the name.
   */
  top(bytes: DataView, at: number): number {
    const { labels } = this
    if (labels === 0) return 0
    const start = this.starts[labels - 1] as number
    const octets = this.length - 1 - start
    const word = foldWord(bytes.getInt32(at + start, true)) & (octets >= 4 ? -1 : (1 << (octets << 3)) - 1)
    return Math.imul(word ^ (word >>> 15), TOP_FACTOR) >>> 24
  }

  /** Hash of the name `*` below the suffix from label i on. */
  wildcardBelow(label: number): number {
    return this.#step(this.hashes[label] as number, this.#star)
  }

  #label(bytes: DataView, at: number, octets: number): number {
    let hash = this.#labelStart
    let i = at
    let rest = octets
    for (; rest >= 4; rest -= 4) {
      hash = this.#word(hash, foldWord(bytes.getInt32(i, true)))
      i += 4
    }
    if (rest === 0) return hash
    return this.#word(hash, foldWord(bytes.getInt32(i, true) & ((1 << (rest << 3)) - 1)))
  }

  #word(hash: number, word: number): number {
    const mixed = Math.imul(hash ^ word, this.#wordFactor)
    return mixed ^ (mixed >>> 15)
  }

  #step(suffix: number, label: number): number {
    const mixed = Math.imul(suffix ^ label, this.#stepFactor)
    return mixed ^ (mixed >>> 14)
  }
}
