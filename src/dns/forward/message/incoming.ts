/**
 * Reads what an upstream has sent: is it the answer to our question, and which of its records belong to that question?
 * Everything else is left out: an upstream, or who pretends to be one, says nothing about names that nobody asked for
 * (RFC 5452 section 6).
 */
import { INFO_CODE, OPTION } from '../../../wire/edns.ts'
import { RCODE, TYPE } from '../../../wire/record-type.ts'
import { type ForeignAnswer, failure, QUESTION_POINTER, RELATIVE_POINTER } from '../answer.ts'
import type { ForeignQuestion } from '../question.ts'
import { isSameName, isWithin, skipName, spellName } from './names.ts'
import { spellRdata } from './rdata.ts'

/** What {@link IncomingReader.read} found. */
export type Incoming =
  /** Another question, or none: whoever sent it does not answer us. */
  | { readonly kind: 'stranger' }
  /** TC: to be asked again over a stream. */
  | { readonly kind: 'cut' }
  | { readonly kind: 'answer'; readonly answer: ForeignAnswer }
  /** The upstream cannot or will not say: its response code, with the extended error that it gave. */
  | { readonly kind: 'failed'; readonly answer: ForeignAnswer }

const HEADER_OCTETS = 12
const QR = 0x80
const OPCODE = 0x78
const TC = 0x02
const RA = 0x80
const AD = 0x20
const TYPE_RRSIG = 46
const TYPE_NSEC = 47
const TYPE_NSEC3 = 50
const YXDOMAIN = 6
const MAX_LINKS = 16
const MAX_RECORDS = 4096
const FIXED = 10
/** Type and class of a question. */
const QUESTION_FIXED = 4
const MAX_RELATIVE = 0x1fff
/** A message, and what its names need when they are spelled out: an answer that needs more is cut. */
const SCRATCH = 1 << 18
/** Octets of an extended error's text that are kept. */
const MAX_TEXT = 64
const NO_TEXT = new Uint8Array(0)
const STRANGER: Incoming = { kind: 'stranger' }
const CUT: Incoming = { kind: 'cut' }

/** See the top of the file. One serves every message of a thread. */
export class IncomingReader {
  /** Records of the answer section: where their owners and their fixed fields stand. */
  readonly #owners = new Int32Array(MAX_RECORDS)
  readonly #fixed = new Int32Array(MAX_RECORDS)
  /** Where the names of the chain stand. */
  readonly #chain = new Int32Array(MAX_LINKS + 1)
  readonly #out = new Uint8Array(SCRATCH)
  #bytes: Uint8Array = new Uint8Array(0)
  #end = 0
  #at = 0
  #to = 0
  #rdataLength = 0
  #rcode = 0
  #infoCode = -1
  #infoText: Uint8Array = NO_TEXT

  /**
   * @param bytes the message.
   * @param asked the question as it was sent, name, type and class; its letters must come back as they were when
   *   `isCaseSensitive`.
   */
  read(bytes: Uint8Array, question: ForeignQuestion, asked: Uint8Array, isCaseSensitive: boolean): Incoming {
    this.#bytes = bytes
    this.#end = bytes.length
    if (bytes.length < HEADER_OCTETS || ((bytes[2] as number) & (QR | OPCODE)) !== QR) return STRANGER
    this.#rcode = (bytes[3] as number) & 15
    this.#infoCode = -1
    this.#infoText = NO_TEXT
    if (this.#uint16(4) === 0) {
      // Servers that could not read the question do not repeat it.
      const isFault = this.#rcode === RCODE.FORMERR || this.#rcode === RCODE.NOTIMP
      return isFault ? this.#failed(INFO_CODE.other) : STRANGER
    }
    if (this.#uint16(4) !== 1 || !isQuestion(bytes, asked, isCaseSensitive)) return STRANGER
    if (((bytes[2] as number) & TC) !== 0) return CUT
    this.#at = HEADER_OCTETS + asked.length
    return this.#readRecords(question)
  }

  #readRecords(question: ForeignQuestion): Incoming {
    const answers = this.#uint16(6)
    const authorities = this.#uint16(8)
    if (answers > MAX_RECORDS || !this.#index(answers)) return this.#failed(INFO_CODE.invalidData)
    const authoritiesAt = this.#at
    if (!this.#skip(authorities) || !this.#readAdditional(this.#uint16(10))) return this.#failed(INFO_CODE.invalidData)
    const rcode = this.#rcode
    if (rcode !== RCODE.NOERROR && rcode !== RCODE.NXDOMAIN && rcode !== YXDOMAIN) return this.#failed(INFO_CODE.other)
    this.#to = 0
    const last = this.#writeChain(question, answers)
    if (last === null) return this.#failed(INFO_CODE.invalidData)
    this.#at = authoritiesAt
    const kept = this.#writeAuthorities(question, authorities, last)
    if (kept < 0) return this.#failed(INFO_CODE.invalidData)
    // A referral: this server does not resolve, and the zone is not its own.
    if (last.written === 0 && kept === 0 && authorities > 0 && ((this.#bytes[3] as number) & RA) === 0)
      return this.#failed(INFO_CODE.other)
    const octets = this.#out.slice(0, this.#to)
    return {
      kind: 'answer',
      answer: {
        bytes: new DataView(octets.buffer),
        start: 0,
        end: octets.length,
        answers: last.written,
        authorities: kept,
        rcode,
        isAuthentic: ((this.#bytes[3] as number) & AD) !== 0,
        infoCode: this.#infoCode,
        infoText: this.#infoText,
      },
    }
  }

  /** Notes where the records of the answer section are. */
  #index(count: number): boolean {
    for (let record = 0; record < count; record++) {
      this.#owners[record] = this.#at
      const fixed = skipName(this.#bytes, this.#at, this.#end)
      if (!this.#skipFixed(fixed)) return false
      this.#fixed[record] = fixed
    }
    return true
  }

  #skip(count: number): boolean {
    for (let record = 0; record < count; record++) {
      if (!this.#skipFixed(skipName(this.#bytes, this.#at, this.#end))) return false
    }
    return true
  }

  #skipFixed(fixed: number): boolean {
    if (fixed < 0 || fixed + FIXED > this.#end) return false
    this.#at = fixed + FIXED + this.#uint16(fixed + 8)
    return this.#at <= this.#end
  }

  /** Looks for OPT: the upper bits of the response code, and an extended error. */
  #readAdditional(count: number): boolean {
    for (let record = 0; record < count; record++) {
      const fixed = skipName(this.#bytes, this.#at, this.#end)
      if (!this.#skipFixed(fixed)) return false
      if (this.#uint16(fixed) !== TYPE.OPT) continue
      this.#rcode |= (this.#bytes[fixed + 4] as number) << 4
      this.#readOptions(fixed + FIXED, this.#at)
    }
    return true
  }

  #readOptions(start: number, end: number): void {
    for (let i = start; i + 4 <= end; ) {
      const length = this.#uint16(i + 2)
      if (i + 4 + length > end) return
      if (this.#uint16(i) === OPTION.EXTENDED_ERROR && length >= 2 && this.#infoCode < 0) {
        this.#infoCode = this.#uint16(i + 4)
        this.#infoText = this.#bytes.slice(i + 6, i + 4 + Math.min(length, 2 + MAX_TEXT))
      }
      i += 4 + length
    }
  }

  /**
   * Writes the records of the question's name, and those of the names that its CNAME records lead to.
   *
   * @returns how many, and where the last name of the chain stands in the message; null when one is malformed.
   */
  #writeChain(question: ForeignQuestion, count: number): { readonly written: number; readonly name: number } | null {
    const { type } = question
    let name = HEADER_OCTETS
    let pointer = QUESTION_POINTER
    let written = 0
    for (let link = 0; link <= MAX_LINKS; link++) {
      let target = -1
      let targetAt = 0
      for (let record = 0; record < count; record++) {
        const kind = this.#uint16(this.#fixed[record] as number)
        const isOwn = isSameName(this.#bytes, this.#owners[record] as number, name)
        if (!isOwn && !(this.#isDname(record) && isWithin(this.#bytes, name, this.#owners[record] as number))) continue
        if (!isWanted(kind, this.#covered(record), question)) continue
        if (!this.#write(record, isOwn ? pointer : -1)) return null
        written++
        if (kind !== TYPE.CNAME || type === TYPE.CNAME || type === TYPE.ANY || target >= 0) continue
        target = (this.#fixed[record] as number) + FIXED
        targetAt = this.#to - this.#rdataLength
      }
      this.#chain[link] = name
      if (target < 0 || this.#isInChain(target, link)) break
      name = target
      pointer = targetAt <= MAX_RELATIVE ? RELATIVE_POINTER | targetAt : -1
    }
    return { written, name }
  }

  #isInChain(name: number, last: number): boolean {
    for (let link = 0; link <= last; link++) if (isSameName(this.#bytes, name, this.#chain[link] as number)) return true
    return false
  }

  /** Of a signature, the type that it covers; else 0. */
  #covered(record: number): number {
    const fixed = this.#fixed[record] as number
    if (this.#uint16(fixed) !== TYPE_RRSIG || this.#uint16(fixed + 8) < 2) return 0
    return this.#uint16(fixed + FIXED)
  }

  #isDname(record: number): boolean {
    return this.#uint16(this.#fixed[record] as number) === TYPE.DNAME || this.#covered(record) === TYPE.DNAME
  }

  /** Writes one record. @param pointer its owner; −1: it is spelled out. */
  #write(record: number, pointer: number): boolean {
    return this.#writeRecord(this.#owners[record] as number, this.#fixed[record] as number, pointer)
  }

  #writeRecord(owner: number, fixed: number, pointer: number): boolean {
    const out = this.#out
    const bytes = this.#bytes
    if (bytes[fixed + 2] !== 0 || bytes[fixed + 3] !== 1) return false
    const length = this.#uint16(fixed + 8)
    if (this.#to + length + 1024 > SCRATCH) return false
    let to = this.#to
    if (pointer < 0) {
      to = spellName(bytes, owner, out, to)
    } else {
      out[to++] = pointer >> 8
      out[to++] = pointer & 0xff
    }
    for (let i = 0; i < 8; i++) out[to + i] = bytes[fixed + i] as number
    const start = fixed + FIXED
    const end = spellRdata(bytes, this.#uint16(fixed), start, start + length, out, to + FIXED)
    if (end < 0 || end - to - FIXED > 0xffff) return false
    this.#rdataLength = end - to - FIXED
    out[to + 8] = this.#rdataLength >> 8
    out[to + 9] = this.#rdataLength & 0xff
    this.#to = end
    return true
  }

  /** Writes what proves that something is not there: SOA, and with DO also NSEC, NSEC3 and signatures. @returns how many; −1: one is malformed. */
  #writeAuthorities({ isDnssecOk }: ForeignQuestion, count: number, last: { name: number; written: number }): number {
    let kept = 0
    for (let record = 0; record < count; record++) {
      const owner = this.#at
      const fixed = skipName(this.#bytes, owner, this.#end)
      this.#skipFixed(fixed)
      const type = this.#uint16(fixed)
      const covered = type === TYPE_RRSIG && this.#uint16(fixed + 8) >= 2 ? this.#uint16(fixed + FIXED) : type
      const isProof = covered === TYPE.SOA || covered === TYPE_NSEC || covered === TYPE_NSEC3
      if (!isProof || (type !== TYPE.SOA && !isDnssecOk)) continue
      if (covered === TYPE.SOA && !isWithin(this.#bytes, last.name, owner)) continue
      const isOwn = isSameName(this.#bytes, owner, HEADER_OCTETS)
      if (!this.#writeRecord(owner, fixed, isOwn ? QUESTION_POINTER : -1)) return -1
      kept++
    }
    return kept
  }

  #failed(infoCode: number): Incoming {
    const rcode = infoCode === INFO_CODE.invalidData ? RCODE.SERVFAIL : this.#rcode
    const code = this.#infoCode >= 0 ? this.#infoCode : infoCode
    return { kind: 'failed', answer: failure(rcode, code, this.#infoText) }
  }

  #uint16(at: number): number {
    return ((this.#bytes[at] as number) << 8) | (this.#bytes[at + 1] as number)
  }
}

/** Whether a record at a name of the chain answers the question. */
function isWanted(type: number, covered: number, { type: asked, isDnssecOk }: ForeignQuestion): boolean {
  if (type === TYPE_RRSIG && asked !== TYPE_RRSIG && asked !== TYPE.ANY) {
    return isDnssecOk && isWanted(covered, 0, { type: asked, isDnssecOk } as ForeignQuestion)
  }
  return type === asked || type === TYPE.CNAME || type === TYPE.DNAME || asked === TYPE.ANY
}

function isQuestion(bytes: Uint8Array, asked: Uint8Array, isCaseSensitive: boolean): boolean {
  if (bytes.length < HEADER_OCTETS + asked.length) return false
  for (let i = 0; i < asked.length; i++) {
    const got = bytes[HEADER_OCTETS + i] as number
    const sent = asked[i] as number
    const isFixed = isCaseSensitive || i >= asked.length - QUESTION_FIXED
    if (got !== sent && (isFixed || !isLetter(got) || (got ^ sent) !== 0x20)) return false
  }
  return true
}

function isLetter(octet: number): boolean {
  const lower = octet | 0x20
  return lower >= 0x61 && lower <= 0x7a
}
