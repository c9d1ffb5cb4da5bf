/**
 * Reads a query in one pass, in place: question, EDNS, and nothing else that matters. Strict: what is announced must be
 * there and nothing may follow (RFC 1035 section 4.1, RFC 6891 section 6.1).
 */
import type { NameHash } from '../index/hash.ts'
import { OPTION } from '../wire/edns.ts'
import { MAX_NAME } from '../wire/name.ts'
import { TYPE } from '../wire/record-type.ts'

/** What {@link Query.read} found. */
export const READ = 0
/** The question cannot be read: a reply has none. */
export const BAD_QUESTION = 1
/** The question is good, what follows it is not. */
export const BAD_REST = 2

/** Bits of {@link Query.asks}: server identifier (RFC 5001). */
export const ASKS: { readonly nsid: 1 } = { nsid: 1 }

/** Octets of a message's header. */
export const HEADER_OCTETS = 12

/** Type and class of a question. */
const QUESTION_FIXED = 4
/** Type, class, TTL and length of an RR. */
const RR_FIXED = 10
const POINTER = 0xc0
const RD = 0x0100
const AD = 0x0020
const CD = 0x0010
const MAX_POINTERS = 127

/** One query; reused from message to message. */
export class Query {
  type = 0
  class = 0
  /** Where the question ends. */
  questionEnd = 0
  /** Whether an OPT record could be read; the fields below are from it. */
  hasEdns = false
  udpSize = 0
  version = 0
  /** The DO bit (RFC 3225). */
  isDnssecOk = false
  /** What its options ask for, bits of {@link ASKS}. */
  asks = 0
  /** RD (RFC 1035 section 4.1.1), AD and CD (RFC 4035 section 3.1.6). */
  isRecursionDesired = false
  isAuthenticAsked = false
  isCheckingDisabled = false

  /**
   * Reads the message of `length` octets at `start`, which has one question.
   *
   * @param name gets the labels of the question's name.
   */
  read(bytes: DataView, start: number, length: number, name: NameHash): number {
    const end = start + length
    this.hasEdns = false
    if (!name.scan(bytes, start + HEADER_OCTETS, end - QUESTION_FIXED)) return BAD_QUESTION
    const at = start + HEADER_OCTETS + name.length
    this.type = bytes.getUint16(at)
    this.class = bytes.getUint16(at + 2)
    this.questionEnd = at + QUESTION_FIXED
    const flags = bytes.getUint16(start + 2)
    this.isRecursionDesired = (flags & RD) !== 0
    this.isAuthenticAsked = (flags & AD) !== 0
    this.isCheckingDisabled = (flags & CD) !== 0
    const answersAndAuthorities = bytes.getInt32(start + 6)
    const additionals = bytes.getUint16(start + 10)
    if (answersAndAuthorities !== 0 || additionals > 1) return this.#readRecords(bytes, start, at + 4, end)
    if (additionals === 0) return this.questionEnd === end ? READ : BAD_REST
    return this.#readOpt(bytes, at + QUESTION_FIXED, end) === end ? READ : BAD_REST
  }

  /** Looks for EDNS in a message that has no question or several, so that the error can be said in EDNS. */
  readEdns(bytes: DataView, start: number, length: number): void {
    const end = start + length
    this.hasEdns = false
    let at = start + HEADER_OCTETS
    for (let questions = bytes.getUint16(start + 4); questions > 0; questions--) {
      at = skipName(bytes, at, start, end)
      if (at < 0 || at + QUESTION_FIXED > end) return
      at += QUESTION_FIXED
    }
    this.#readRecords(bytes, start, at, end)
  }

  #readRecords(bytes: DataView, start: number, first: number, end: number): number {
    const others = bytes.getUint16(start + 6) + bytes.getUint16(start + 8)
    const records = others + bytes.getUint16(start + 10)
    let at = first
    for (let record = 0; record < records; record++) {
      const fixed = skipName(bytes, at, start, end)
      if (fixed < 0 || fixed + RR_FIXED > end) return BAD_REST
      if (bytes.getUint16(fixed) !== TYPE.OPT) {
        at = fixed + RR_FIXED + bytes.getUint16(fixed + 8)
      } else if (record < others || this.hasEdns) {
        return BAD_REST
      } else {
        at = this.#readOpt(bytes, at, end)
      }
      if (at < 0 || at > end) return BAD_REST
    }
    return at === end ? READ : BAD_REST
  }

  /** Reads the OPT record at `at` (RFC 6891 section 6.1.2). @returns where it ends, −1 when it is none or is malformed. */
  #readOpt(bytes: DataView, at: number, end: number): number {
    const fixed = at + 1
    if (fixed + RR_FIXED > end || bytes.getUint8(at) !== 0 || bytes.getUint16(fixed) !== TYPE.OPT) return -1
    const options = fixed + RR_FIXED
    const optionsEnd = options + bytes.getUint16(fixed + 8)
    if (optionsEnd > end) return -1
    this.hasEdns = true
    this.asks = 0
    this.udpSize = bytes.getUint16(fixed + 2)
    this.version = bytes.getUint8(fixed + 5)
    this.isDnssecOk = bytes.getUint8(fixed + 6) >= 0x80
    // Another version may have another format behind the header: BADVERS, not FORMERR.
    if (this.version !== 0) return optionsEnd
    let option = options
    while (option + 4 <= optionsEnd) {
      if (bytes.getUint16(option) === OPTION.NSID) this.asks |= ASKS.nsid
      option += 4 + bytes.getUint16(option + 2)
    }
    return option === optionsEnd ? optionsEnd : -1
  }
}

/**
 * Skips a name that may be compressed (RFC 1035 section 4.1.4). A pointer must lead before the labels that it ends, so
 * that there are no loops; and a name that has more pointers than a name can have labels wants to keep us busy.
 *
 * @returns where the name ends, −1 when it is malformed, too long or cut off.
 */
function skipName(bytes: DataView, at: number, start: number, end: number): number {
  let after = -1
  let segment = at
  let i = at
  let octets = 1
  let pointers = 0
  while (i < end) {
    const length = bytes.getUint8(i)
    if (length === 0) return after < 0 ? i + 1 : after
    if (length >= POINTER) {
      if (i + 2 > end) return -1
      if (after < 0) after = i + 2
      const target = start + (bytes.getUint16(i) & 0x3fff)
      if (target >= segment || target < start + HEADER_OCTETS || ++pointers > MAX_POINTERS) return -1
      segment = target
      i = target
      continue
    }
    octets += length + 1
    if (length > 63 || octets > MAX_NAME) return -1
    i += length + 1
  }
  return -1
}
