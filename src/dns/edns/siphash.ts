/**
 * SipHash-2-4 (Aumasson and Bernstein, 2012) without allocation, for server cookies (RFC 9018 section 4.4).
 *
 * The four words of 64 bits are eight of 32, low before high: `v[2i]` and `v[2i + 1]`. So is the result.
 */

const INITIAL: readonly number[] = [
  0x70736575, 0x736f6d65, 0x6e646f6d, 0x646f7261, 0x6e657261, 0x6c796765, 0x79746573, 0x74656462,
]

/** A hash with one key; reused from message to message. */
export class SipHash {
  /** The digest's first four octets as a little-endian number, after {@link digest}. */
  low = 0
  /** Its last four. */
  high = 0
  readonly #start = new Int32Array(8)
  readonly #v = new Int32Array(8)

  /** @param key 16 octets. */
  constructor(key: Uint8Array) {
    if (key.length !== 16) throw new RangeError('the key of SipHash has 16 octets')
    for (let word = 0; word < 8; word++) {
      this.#start[word] = (INITIAL[word] as number) ^ wordAt(key, 4 * (word & 3))
    }
  }

  /** Hashes the first `length` octets. */
  digest(bytes: Uint8Array, length: number): void {
    const v = this.#v
    v.set(this.#start)
    const whole = length & ~7
    for (let at = 0; at < whole; at += 8) this.#take(wordAt(bytes, at), wordAt(bytes, at + 4))
    let low = 0
    let high = length << 24
    for (let i = whole; i < length; i++) {
      const octet = bytes[i] as number
      if (i - whole < 4) low |= octet << (8 * (i - whole))
      else high |= octet << (8 * (i - whole - 4))
    }
    this.#take(low, high)
    v[4] = (v[4] as number) ^ 0xff
    mix(v, 4)
    this.low = (v[0] as number) ^ (v[2] as number) ^ (v[4] as number) ^ (v[6] as number)
    this.high = (v[1] as number) ^ (v[3] as number) ^ (v[5] as number) ^ (v[7] as number)
  }

  #take(low: number, high: number): void {
    const v = this.#v
    v[6] = (v[6] as number) ^ low
    v[7] = (v[7] as number) ^ high
    mix(v, 2)
    v[0] = (v[0] as number) ^ low
    v[1] = (v[1] as number) ^ high
  }
}

function wordAt(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  )
}

/** SipRound, `rounds` times. */
function mix(v: Int32Array, rounds: number): void {
  let a = v[0] as number
  let ah = v[1] as number
  let b = v[2] as number
  let bh = v[3] as number
  let c = v[4] as number
  let ch = v[5] as number
  let d = v[6] as number
  let dh = v[7] as number
  for (let round = 0; round < rounds; round++) {
    // a += b; b <<<= 13; b ^= a; a <<<= 32
    let sum = (a + b) | 0
    let high = (ah + bh + carry(sum, a)) | 0
    let next = (b << 13) | (bh >>> 19)
    bh = ((bh << 13) | (b >>> 19)) ^ high
    b = next ^ sum
    a = high
    ah = sum
    // c += d; d <<<= 16; d ^= c
    sum = (c + d) | 0
    ch = (ch + dh + carry(sum, c)) | 0
    c = sum
    next = (d << 16) | (dh >>> 16)
    dh = ((dh << 16) | (d >>> 16)) ^ ch
    d = next ^ c
    // a += d; d <<<= 21; d ^= a
    sum = (a + d) | 0
    ah = (ah + dh + carry(sum, a)) | 0
    a = sum
    next = (d << 21) | (dh >>> 11)
    dh = ((dh << 21) | (d >>> 11)) ^ ah
    d = next ^ a
    // c += b; b <<<= 17; b ^= c; c <<<= 32
    sum = (c + b) | 0
    high = (ch + bh + carry(sum, c)) | 0
    next = (b << 17) | (bh >>> 15)
    bh = ((bh << 17) | (b >>> 15)) ^ high
    b = next ^ sum
    c = high
    ch = sum
  }
  v[0] = a
  v[1] = ah
  v[2] = b
  v[3] = bh
  v[4] = c
  v[5] = ch
  v[6] = d
  v[7] = dh
}

/** What the sum of two low words carries into the high ones; `term` is either of the two. */
function carry(sum: number, term: number): number {
  return sum >>> 0 < term >>> 0 ? 1 : 0
}
