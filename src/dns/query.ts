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
/** The question cannot be read: a reply has none. A bit. */
export const BAD_QUESTION = 1
/** What follows the question cannot be read. A bit. */
export const BAD_REST = 2

/**
 * Bits of {@link Query.asks}: server identifier (RFC 5001), a cookie (RFC 7873), how long a connection may be idle
 * (RFC 7828), padding (RFC 7830).
 */
export const ASKS: { readonly nsid: 1; readonly cookie: 2; readonly keepalive: 4; readonly padding: 8 } = {
  nsid: 1,
  cookie: 2,
  keepalive: 4,
  padding: 8,
}

/** Octets of a message's header. */
export const HEADER_OCTETS = 12

/** Type and class of a question. */
const QUESTION_FIXED = 4
/** Code and length of an option. */
const OPTION_HEADER = 4
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
  /** The DO bit (RFC 3225); false without EDNS. */
  isDnssecOk = false
  /** What its options ask for, bits of {@link ASKS}. */
  asks = 0
  /** RD (RFC 1035 section 4.1.1), AD and CD (RFC 4035 section 3.1.6). */
  isRecursionDesired = false
  isAuthenticAsked = false
  isCheckingDisabled = false
  /** Where the data of the cookie option is, when there is one; the first, when there are several. */
  cookieAt = 0
  cookieLength = 0

  /**
   * Reads the message of `length` octets at `start`, which has one question.
   *
   * @param name gets the labels of the question's name.
   */
  read(bytes: DataView, start: number, length: number, name: NameHash): number {
    const end = start + length
    this.hasEdns = false
    this.isDnssecOk = false
    this.asks = 0
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

  /**
   * Looks for EDNS in a message that has no question or several, so that the error can be said in EDNS.
   *
   * @returns {@link READ} when the message is well formed.
   */
  readEdns(bytes: DataView, start: number, length: number): number {
    const end = start + length
    this.hasEdns = false
    this.asks = 0
    let at = start + HEADER_OCTETS
    for (let questions = bytes.getUint16(start + 4); questions > 0; questions--) {
      at = skipName(bytes, at, start, end)
      if (at < 0 || at + QUESTION_FIXED > end) return BAD_QUESTION
      at += QUESTION_FIXED
    }
    return this.#readRecords(bytes, start, at, end)
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
    this.udpSize = bytes.getUint16(fixed + 2)
    this.version = bytes.getUint8(fixed + 5)
    this.isDnssecOk = bytes.getUint8(fixed + 6) >= 0x80
    // Another version may have another format behind the header: BADVERS, not FORMERR.
    if (this.version !== 0) return optionsEnd
    return options === optionsEnd ? optionsEnd : this.#readOptions(bytes, options, optionsEnd)
  }

  /** @returns `end`, or −1 when the options do not end there. */
  #readOptions(bytes: DataView, start: number, end: number): number {
    let at = start
    while (at + OPTION_HEADER <= end) {
      const code = bytes.getUint16(at)
      const length = bytes.getUint16(at + 2)
      if (code === OPTION.COOKIE && (this.asks & ASKS.cookie) === 0) {
        this.asks |= ASKS.cookie
        this.cookieAt = at + OPTION_HEADER
        this.cookieLength = length
      } else if (code === OPTION.NSID) this.asks |= ASKS.nsid
      else if (code === OPTION.KEEPALIVE) this.asks |= ASKS.keepalive
      else if (code === OPTION.PADDING) this.asks |= ASKS.padding
      at += OPTION_HEADER + length
    }
    if (at === end) return end
    this.asks = 0
    return -1
  }
}

/**
 * Skips a name that may be compressed (RFC 1035 section 4.1.4). A pointer must lead before the labels that it ends, so
 * that there are no loops; and a name that has more pointers than a name can have labels wants to keep us busy.
 *
 * @returns where the name ends, −1 when it is malformed, too long or cut off.
 */
export function skipName(bytes: DataView, at: number, start: number, end: number): number {
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
