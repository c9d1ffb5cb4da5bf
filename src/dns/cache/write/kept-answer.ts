/**
 * Reads an answer from outside for the cache: what it says (RFC 2308 section 2), for how long, and where each of its TTLs
 * stands. Its records are those of the question's chain and nothing else; their TTLs become those that are kept, in the
 * answer itself, so that who asked first is told the same as who comes later.
 */
import { RCODE, TYPE } from '../../../wire/record-type.ts'
import type { ForeignAnswer } from '../../forward/answer.ts'
import { KIND } from '../memory/layout.ts'
import { type CacheRules, negativeTtl, positiveTtl } from '../rules.ts'

/** Pointers reach no further (RFC 1035 section 4.1.4), and neither do records that are kept. */
const MAX_OCTETS = 0x3c00
/** The smallest record has 12 octets. */
const MAX_COUNT = MAX_OCTETS / 12
const POINTER = 0xc0
/** Type, class, TTL and length. */
const FIXED = 10
const TTL_AT = 4
/** From a TTL back to its type, and on to its RDATA. */
const TTL_TO_TYPE = 4
const TTL_TO_RDATA = 6
/** From a pointer that is an owner to the TTL. */
const POINTER_TO_TTL = 6
const A_OCTETS = 16
const AAAA_OCTETS = 28
const MAX_ROTATED = 255
/** Two names and five numbers. */
const SOA_LEAST = 22

/** See the top of the file. Reused from answer to answer. */
export class KeptAnswer {
  /** One of {@link KIND}. */
  kind: number = KIND.positive
  /** Seconds that the answer may be kept. */
  ttl = 0
  /** How many records there are. */
  count = 0
  /** Positions of their TTLs, from the start of the records. */
  readonly ttls: Uint16Array = new Uint16Array(MAX_COUNT)
  #answer: ForeignAnswer | null = null

  /** The answer that was read. */
  get answer(): ForeignAnswer {
    if (this.#answer === null) throw new TypeError('no answer was read')
    return this.#answer
  }

  /** Octets of the records. */
  get octets(): number {
    return this.answer.end - this.answer.start
  }

  /**
   * Reads an answer to a question of type `type`.
   *
   * @returns whether it may be kept: it is whole, says something about the question, and lives for a while.
   */
  read(answer: ForeignAnswer, type: number, rules: CacheRules): boolean {
    this.#answer = answer
    if (answer.rcode !== RCODE.NOERROR && answer.rcode !== RCODE.NXDOMAIN) return false
    if (!this.#index(answer) || this.count !== answer.answers + answer.authorities) return false
    const soa = this.#soa()
    this.kind = this.#kind(type)
    // Without SOA it is a referral, or from somebody who does not tell (RFC 2308 section 5).
    if (this.kind !== KIND.positive && soa < 0) return false
    this.#setTtls(this.kind === KIND.positive ? -1 : soa, rules)
    return this.ttl > 0
  }

  /** The first run of two or more addresses of one owner in the answer, as `ENTRY.rotation` has it; 0: there is none. */
  rotation(): number {
    const { answers, start } = this.answer
    for (let first = 0; first < answers; first++) {
      const octets = this.#addressOctets(first)
      if (octets === 0) continue
      let count = 1
      while (count < MAX_ROTATED && first + count < answers && this.#isAlike(first, first + count)) count++
      if (count > 1) return ((this.#start(first) - start) << 16) | (octets << 8) | count
    }
    return 0
  }

  /** Octets of a record that is an address with a pointer as its owner; 0: it is another. */
  #addressOctets(record: number): number {
    const type = this.#type(record)
    const isPlain = this.answer.start + (this.ttls[record] as number) - this.#start(record) === POINTER_TO_TTL
    return !isPlain ? 0 : type === TYPE.A ? A_OCTETS : type === TYPE.AAAA ? AAAA_OCTETS : 0
  }

  #isAlike(a: number, b: number): boolean {
    return this.#addressOctets(b) !== 0 && this.#isSameSet(a, b)
  }

  /** Notes where the TTLs stand. */
  #index({ bytes, start, end }: ForeignAnswer): boolean {
    if (end - start > MAX_OCTETS) return false
    this.count = 0
    let i = start
    while (i < end) {
      const fixed = ownerEnd(bytes, i, end)
      if (fixed < 0 || fixed + FIXED > end) return false
      this.ttls[this.count++] = fixed + TTL_AT - start
      i = fixed + FIXED + bytes.getUint16(fixed + FIXED - 2)
    }
    return i === end
  }

  #kind(type: number): number {
    const { rcode, answers } = this.answer
    if (rcode === RCODE.NXDOMAIN) return KIND.nxdomain
    for (let record = 0; record < answers; record++) {
      if (type === TYPE.ANY || this.#type(record) === type) return KIND.positive
    }
    return KIND.nodata
  }

  /** The SOA of a negative answer; −1: there is none. */
  #soa(): number {
    const { bytes, start, answers } = this.answer
    for (let record = answers; record < this.count; record++) {
      const ttl = start + (this.ttls[record] as number)
      if (this.#type(record) === TYPE.SOA && bytes.getUint16(ttl + TTL_AT) >= SOA_LEAST) return record
    }
    return -1
  }

  /** Sets the TTL of each record, and finds the least. Records of a set have one TTL (RFC 2181 section 5.2). */
  #setTtls(soa: number, rules: CacheRules): void {
    const { answers } = this.answer
    this.ttl = rules.maxTtl
    let first = 0
    for (let record = 0; record <= this.count; record++) {
      const isNext = record === this.count || record === answers || !this.#isSameSet(first, record)
      if (record === 0 || !isNext) continue
      let least = 0xffff_ffff
      for (let i = first; i < record; i++) least = Math.min(least, this.#ttl(i))
      const ttl = first === soa ? negativeTtl(least, this.#minimum(soa), rules) : positiveTtl(least, rules)
      for (let i = first; i < record; i++) this.#setTtl(i, ttl)
      this.ttl = Math.min(this.ttl, ttl)
      first = record
    }
  }

  /** The last field of an SOA. */
  #minimum(soa: number): number {
    const { bytes, start } = this.answer
    const rdata = start + (this.ttls[soa] as number) + TTL_TO_RDATA
    return bytes.getUint32(rdata + bytes.getUint16(rdata - 2) - 4)
  }

  #type(record: number): number {
    return this.answer.bytes.getUint16(this.answer.start + (this.ttls[record] as number) - TTL_TO_TYPE)
  }

  #ttl(record: number): number {
    return this.answer.bytes.getUint32(this.answer.start + (this.ttls[record] as number))
  }

  #setTtl(record: number, ttl: number): void {
    this.answer.bytes.setUint32(this.answer.start + (this.ttls[record] as number), ttl)
  }

  /** Whether two records have the same owner, written in the same way, and the same type. */
  #isSameSet(a: number, b: number): boolean {
    const { bytes, start } = this.answer
    const [startA, startB] = [this.#start(a), this.#start(b)]
    const octets = start + (this.ttls[a] as number) - startA
    if (octets !== start + (this.ttls[b] as number) - startB) return false
    for (let i = 0; i < octets; i++) if (bytes.getUint8(startA + i) !== bytes.getUint8(startB + i)) return false
    return true
  }

  #start(record: number): number {
    const { bytes, start } = this.answer
    if (record === 0) return start
    const rdata = start + (this.ttls[record - 1] as number) + TTL_TO_RDATA
    return rdata + bytes.getUint16(rdata - 2)
  }
}

/** Where the owner at `at` ends: a pointer, or a name that is spelled out; −1: it is cut off. */
function ownerEnd(bytes: DataView, at: number, end: number): number {
  if (bytes.getUint8(at) >= POINTER) return at + 2
  let i = at
  while (i < end) {
    const octets = bytes.getUint8(i)
    if (octets === 0) return i + 1
    if (octets >= POINTER) return -1
    i += octets + 1
  }
  return -1
}
