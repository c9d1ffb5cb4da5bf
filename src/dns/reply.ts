/**
 * Builds a reply in place: header and question copied from the query, then records copied from the name index, then
 * OPT. What does not fit is left out at whole records.
 */
import type { Query } from './query.ts'

/** The OPT record without options (RFC 6891 section 6.1.2). */
const OPT_OCTETS = 11
const OPTION_HEADER = 4
const OPTION_NSID = 3
const HEADER_OCTETS = 12
const POINTER = 0xc0

const QR = 0x80
const AA = 0x04
const TC = 0x02
/** Opcode and RD are those of the query; RA, Z, AD and CD (RFC 4035 section 3.1.6) are clear. */
const COPIED = 0x79

/** One reply; reused from message to message. Offsets into {@link bytes} are absolute, positions are in the message. */
export class Reply {
  bytes: DataView = new DataView(new ArrayBuffer(0))
  /** Where the next record goes. */
  at = 0
  rcode = 0
  isAuthoritative = false
  isTruncated = false
  answers = 0
  authorities = 0
  additionals = 0
  #start = 0
  /** Where records must end. */
  #limit = 0
  #recordsStart = 0
  #optOctets = 0
  #udpLimit = 0
  #nsid: Uint8Array | null = null

  /** Takes what is said in OPT: the longest UDP message that we take, and our identifier. */
  configure(udpLimit: number, nsid: Uint8Array | null): void {
    this.#udpLimit = udpLimit
    this.#nsid = nsid
  }

  /**
   * Starts a reply at `start` with the first `copied` octets of the query: the header, or header and question.
   *
   * @param limit octets that the reply may have.
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
  ): boolean {
    // Storing a reference costs a write barrier, and it is nearly always the same one.
    if (this.bytes !== out) this.bytes = out
    this.#start = start
    this.rcode = 0
    this.isAuthoritative = false
    this.isTruncated = false
    this.#optOctets = query.hasEdns ? OPT_OCTETS : 0
    const nsid = this.#nsid
    if (query.wantsNsid && query.hasEdns && nsid !== null) {
      const octets = OPT_OCTETS + OPTION_HEADER + nsid.length
      if (copied + octets <= limit) this.#optOctets = octets
    }
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
    bytes.setUint8(start + 3, this.rcode & 15)
    bytes.setUint16(start + 4, this.#recordsStart - start > HEADER_OCTETS ? 1 : 0)
    bytes.setUint16(start + 6, this.answers)
    bytes.setUint16(start + 8, this.authorities)
    bytes.setUint16(start + 10, this.additionals + (this.#optOctets === 0 ? 0 : 1))
    if (this.#optOctets !== 0) this.#closeWithOpt(query)
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

  #closeWithOpt(query: Query): void {
    const { bytes, at } = this
    const nsid = this.#nsid
    const options = this.#optOctets - OPT_OCTETS
    bytes.setUint8(at, 0)
    bytes.setUint16(at + 1, 41)
    bytes.setUint16(at + 3, this.#udpLimit)
    bytes.setUint8(at + 5, this.rcode >> 4)
    bytes.setUint8(at + 6, 0)
    bytes.setUint16(at + 7, query.isDnssecOk ? 0x8000 : 0)
    bytes.setUint16(at + 9, options)
    this.at = at + this.#optOctets
    if (options === 0 || nsid === null) return
    bytes.setUint16(at + OPT_OCTETS, OPTION_NSID)
    bytes.setUint16(at + OPT_OCTETS + 2, nsid.length)
    for (let i = 0; i < nsid.length; i++) bytes.setUint8(at + OPT_OCTETS + OPTION_HEADER + i, nsid[i] as number)
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
