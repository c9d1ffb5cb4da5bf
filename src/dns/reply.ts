/**
 * Builds a reply in place: header and question copied from the query, then records copied from the name index, then
 * OPT. What does not fit is left out at whole records.
 */
import { type OptContent, ReplyOptions } from './edns/reply-options.ts'
import { type ForeignAnswer, QUESTION_POINTER } from './forward/answer.ts'
import type { Query } from './query.ts'

const HEADER_OCTETS = 12
const POINTER = 0xc0
const POINTER_BITS = 0xc000
const RELATIVE_MASK = 0x1fff
/** A pointer has 14 bits, a relative one 13 of them. */
const MAX_BASE = 0x1fff

const QR = 0x80
const AA = 0x04
const TC = 0x02
/** Opcode and RD are those of the query; Z is clear, and of our own names AD and CD (RFC 4035 section 3.1.6) too. */
const COPIED = 0x79
const RA = 0x80
const AD = 0x20
const CD = 0x10

/** One reply; reused from message to message. Offsets into {@link bytes} are absolute, positions are in the message. */
export class Reply {
  bytes: DataView = new DataView(new ArrayBuffer(0))
  /** Where the next record goes. */
  at = 0
  rcode = 0
  isAuthoritative = false
  isTruncated = false
  /** AD and CD of an answer from outside. */
  isAuthentic = false
  isCheckingDisabled = false
  answers = 0
  authorities = 0
  additionals = 0
  #start = 0
  /** Where records must end. */
  #limit = 0
  #recordsStart = 0
  /** Octets that are kept for OPT; 0: the query has none, and so has the reply. */
  #optOctets = 0
  readonly #options = new ReplyOptions()

  #recursion = 0

  /** Takes what is said in OPT, and in the header, whether we ask others for names that are not ours (RA). */
  configure(content: OptContent, isRecursive: boolean): void {
    this.#recursion = isRecursive ? RA : 0
    this.#options.configure(content)
  }

  /** Code of the extended error; −1: none. */
  get infoCode(): number {
    return this.#options.infoCode
  }

  /**
   * Says why (RFC 8914), for those who have EDNS, as far as there is room. The last error counts.
   *
   * @param code why.
   * @param text UTF-8 that was encoded before and does not change.
   */
  extendedError(code: number, text?: Uint8Array): void {
    this.#options.setError(code, text)
  }

  /**
   * Starts a reply at `start` with the first `copied` octets of the query: the header, or header and question.
   *
   * @param limit octets that the reply may have.
   * @param asks options that the reply may have, bits of `ASKS`.
   * @returns whether that much fits.
   */
  open(
    out: DataView,
    start: number,
    limit: number,
    bytes: DataView,
    from: number,
    copied: number,
    query: Query,
    asks: number,
  ): boolean {
    // Storing a reference costs a write barrier, and it is nearly always the same one.
    if (this.bytes !== out) this.bytes = out
    this.#start = start
    this.rcode = 0
    this.isAuthoritative = false
    this.isTruncated = false
    this.isAuthentic = false
    this.isCheckingDisabled = false
    this.#options.clearError()
    this.#optOctets = query.hasEdns ? this.#options.reserve(asks, limit - copied) : 0
    if (copied + this.#optOctets > limit) return false
    this.#limit = start + limit - this.#optOctets
    this.at = start
    this.#copy(bytes, from, copied)
    this.#recordsStart = this.at
    this.clear()
    return true
  }

  /** Takes all records back. */
  clear(): void {
    this.at = this.#recordsStart
    this.answers = 0
    this.authorities = 0
    this.additionals = 0
  }

  /** Position in the message of an offset into {@link bytes}. */
  position(offset: number): number {
    return offset - this.#start
  }

  /** Octets that are left for records. */
  room(): number {
    return this.#limit - this.at
  }

  /** Finishes header and OPT. @returns the length of the reply. */
  close(query: Query): number {
    const { bytes } = this
    const start = this.#start
    const flags = QR | (bytes.getUint8(start + 2) & COPIED) | (this.isAuthoritative ? AA : 0)
    bytes.setUint8(start + 2, this.isTruncated ? flags | TC : flags)
    const validation = (this.isAuthentic ? AD : 0) | (this.isCheckingDisabled ? CD : 0)
    bytes.setUint8(start + 3, this.#recursion | validation | (this.rcode & 15))
    bytes.setUint16(start + 4, this.#recordsStart - start > HEADER_OCTETS ? 1 : 0)
    bytes.setUint16(start + 6, this.answers)
    bytes.setUint16(start + 8, this.authorities)
    bytes.setUint16(start + 10, this.additionals + (this.#optOctets === 0 ? 0 : 1))
    if (this.#optOctets !== 0) {
      const end = this.#limit + this.#optOctets
      this.at = this.#options.write(bytes, start, this.at, end, this.rcode, query.isDnssecOk)
    }
    return this.at - start
  }

  /** Copies the records at `start` … `end` when they all fit. `shift` is added to every pointer. */
  append(from: DataView, start: number, end: number, shift: number): boolean {
    if (end - start > this.room()) return false
    const at = this.at
    this.#copy(from, start, end - start)
    if (shift !== 0) this.#shiftPointers(at, shift)
    return true
  }

  /** Copies as many whole records as fit, from the first on. @returns how many. */
  appendSome(from: DataView, start: number, count: number, shift: number): number {
    let i = start
    for (let record = 0; record < count; record++) {
      const end = recordEnd(from, i)
      if (!this.append(from, i, end, shift)) return record
      i = end
    }
    return count
  }

  /** Copies as many whole record sets (same owner and type, one after the other) as fit. @returns how many records. */
  appendSets(from: DataView, start: number, count: number, shift: number): number {
    let setStart = start
    let kept = 0
    let i = start
    for (let record = 1; record <= count; record++) {
      const end = recordEnd(from, i)
      if (record === count || !isSameSet(from, i, end)) {
        if (this.append(from, setStart, end, shift)) kept += record - kept
        else return kept
        setStart = end
      }
      i = end
    }
    return kept
  }

  /**
   * Copies records of `octets` each, beginning with number `first` and going round, as many as fit.
   *
   * @returns how many.
   */
  appendRotated(from: DataView, start: number, octets: number, count: number, first: number, shift: number): number {
    const at = this.at
    const fitting = Math.min(count, Math.floor(this.room() / octets))
    const head = Math.min(fitting, count - first)
    this.#copy(from, start + first * octets, head * octets)
    this.#copy(from, start, (fitting - head) * octets)
    if (shift !== 0) this.#shiftPointers(at, shift)
    return fitting
  }

  /**
   * Copies the records of an answer from outside to a name at `position` in the message, as many whole ones as fit.
   * Authorities that do not fit do not make the reply a truncated one (RFC 2181 section 9), unless it denies something.
   */
  appendForeign({ bytes: from, start, end, answers, authorities }: ForeignAnswer, position: number): void {
    const base = this.at - this.#start
    let i = start
    for (let record = 0; i < end; record++) {
      const next = recordEnd(from, i)
      if (next - i > this.room() || base > MAX_BASE) {
        if (record < answers || answers === 0) this.isTruncated = true
        return
      }
      const at = this.at
      this.#copy(from, i, next - i)
      const owner = from.getUint16(i)
      if (owner === QUESTION_POINTER) this.bytes.setUint16(at, POINTER_BITS | position)
      else if (owner > QUESTION_POINTER) this.bytes.setUint16(at, POINTER_BITS | (base + (owner & RELATIVE_MASK)))
      if (record < answers) this.answers++
      else if (record < answers + authorities) this.authorities++
      i = next
    }
  }

  #copy(from: DataView, start: number, octets: number): void {
    const { bytes, at } = this
    let i = 0
    for (; i + 4 <= octets; i += 4) bytes.setInt32(at + i, from.getInt32(start + i, true), true)
    for (; i < octets; i++) bytes.setUint8(at + i, from.getUint8(start + i))
    this.at = at + octets
  }

  /** Moves the pointers in the owners of the records from `start` to the end of what is written. */
  #shiftPointers(start: number, shift: number): void {
    const { bytes, at } = this
    let i = start
    while (i < at) {
      const pointer = ownerEnd(bytes, i)
      if (bytes.getUint8(pointer) !== 0) bytes.setUint16(pointer, bytes.getUint16(pointer) + shift)
      i = recordEnd(bytes, i)
    }
  }
}

/** Where the root octet or the pointer stands that ends the owner at `at`. */
function ownerEnd(bytes: DataView, at: number): number {
  let i = at
  for (let length = bytes.getUint8(i); length !== 0 && length < POINTER; length = bytes.getUint8(i)) i += length + 1
  return i
}

function recordEnd(bytes: DataView, at: number): number {
  const end = ownerEnd(bytes, at)
  const fixed = end + (bytes.getUint8(end) === 0 ? 1 : 2)
  return fixed + 10 + bytes.getUint16(fixed + 8)
}

/** Whether the records at `a` and `b` have the same owner, written in the same way, and the same type. */
function isSameSet(bytes: DataView, a: number, b: number): boolean {
  const end = ownerEnd(bytes, a)
  const octets = end - a + (bytes.getUint8(end) === 0 ? 1 : 2) + 2
  for (let i = 0; i < octets; i++) if (bytes.getUint8(a + i) !== bytes.getUint8(b + i)) return false
  return true
}
