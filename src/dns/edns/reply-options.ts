/**
 * Writes the OPT record of a reply (RFC 6891 section 6.1.2): what the query's options ask for, and the extended error
 * when there is one. Everything that is written was encoded before: nothing is allocated for a reply.
 *
 * Options whose size is known are reserved when the reply is opened, so that records never take their place. The
 * extended error comes last and takes what is left: with its text, without, or not at all.
 */
import { OPTION } from '../../wire/edns.ts'
import { TYPE } from '../../wire/record-type.ts'
import { ASKS } from '../query.ts'

/** The OPT record without options. */
export const OPT_OCTETS = 11
const OPTION_HEADER = 4
const INFO_CODE_OCTETS = 2
/** Position of the length of the options. */
const LENGTH_AT = 9
const DNSSEC_OK = 0x8000
const NONE = -1
/** RFC 7828 section 3.1. */
const KEEPALIVE_OCTETS = 2
const KEEPALIVE_UNIT_MS = 100
const PADDING_BLOCK = 468
const NO_TEXT = new Uint8Array(0)

/** What OPT records say. */
export interface OptContent {
  /** The longest UDP message that we take. */
  readonly udpLimit: number
  /** Our identifier, for those who ask; null: none. */
  readonly nsid: Uint8Array | null
  /** Holds the cookie of a reply that has one; its content changes from reply to reply. */
  readonly cookie: Uint8Array | null
  /** How long a connection may be idle. */
  readonly keepaliveMs: number
}

/** One for each reply builder, reused from reply to reply. */
export class ReplyOptions {
  #udpLimit = 0
  #nsid: Uint8Array | null = null
  #cookie: Uint8Array = NO_TEXT
  /** In units of 100 ms. */
  #keepalive = 0
  /** The options of the present reply that are reserved, bits of `ASKS`. */
  #planned = 0
  #infoCode = NONE
  #text: Uint8Array = NO_TEXT

  /** Takes what is said in OPT. */
  configure({ udpLimit, nsid, cookie, keepaliveMs }: OptContent): void {
    this.#udpLimit = udpLimit
    this.#nsid = nsid
    this.#cookie = cookie ?? NO_TEXT
    this.#keepalive = Math.min(0xffff, Math.floor(keepaliveMs / KEEPALIVE_UNIT_MS))
  }

  /** Code of the extended error of the present reply; −1: none. */
  get infoCode(): number {
    return this.#infoCode
  }

  /** Gives the present reply an extended error, instead of the one that it had. */
  setError(infoCode: number, text: Uint8Array = NO_TEXT): void {
    this.#infoCode = infoCode
    // Storing a reference costs a write barrier, and it is nearly always the same one.
    if (this.#text !== text) this.#text = text
  }

  /** Takes the extended error back. */
  clearError(): void {
    this.#infoCode = NONE
  }

  /**
   * Begins the options of another reply.
   *
   * @param asks what is asked for and allowed on this transport, bits of `ASKS`.
   * @param room octets for OPT and records.
   * @returns octets of OPT that are reserved; more than `room` when not even the bare record fits.
   */
  reserve(asks: number, room: number): number {
    this.#planned = asks & ASKS.padding
    if (asks === 0) return OPT_OCTETS
    let octets = OPT_OCTETS
    if ((asks & ASKS.cookie) !== 0) octets = this.#plan(ASKS.cookie, this.#cookie.length, octets, room)
    if ((asks & ASKS.keepalive) !== 0) octets = this.#plan(ASKS.keepalive, KEEPALIVE_OCTETS, octets, room)
    if ((asks & ASKS.nsid) !== 0 && this.#nsid !== null) octets = this.#plan(ASKS.nsid, this.#nsid.length, octets, room)
    return octets
  }

  /**
   * Writes the record at `at`; at most up to `end`, which leaves room for what was reserved.
   *
   * @param start where the message starts.
   * @returns where it ends.
   */
  write(bytes: DataView, start: number, at: number, end: number, rcode: number, isDnssecOk: boolean): number {
    bytes.setUint8(at, 0)
    bytes.setUint16(at + 1, TYPE.OPT)
    bytes.setUint16(at + 3, this.#udpLimit)
    bytes.setUint8(at + 5, rcode >> 4)
    bytes.setUint8(at + 6, 0)
    bytes.setUint16(at + 7, isDnssecOk ? DNSSEC_OK : 0)
    const options = at + OPT_OCTETS
    let i = options
    if (this.#planned !== 0) i = this.#writePlanned(bytes, i)
    if (this.#infoCode >= 0) i = this.#writeError(bytes, i, end)
    if ((this.#planned & ASKS.padding) !== 0) i = writePadding(bytes, start, i, end)
    bytes.setUint16(at + LENGTH_AT, i - options)
    return i
  }

  /** Plans an option with data of `length` octets where there is room. @returns octets of OPT. */
  #plan(option: number, length: number, octets: number, room: number): number {
    const more = octets + OPTION_HEADER + length
    if (more > room) return octets
    this.#planned |= option
    return more
  }

  #writePlanned(bytes: DataView, at: number): number {
    let i = at
    if ((this.#planned & ASKS.nsid) !== 0 && this.#nsid !== null) i = writeOption(bytes, i, OPTION.NSID, this.#nsid)
    if ((this.#planned & ASKS.cookie) !== 0) i = writeOption(bytes, i, OPTION.COOKIE, this.#cookie)
    if ((this.#planned & ASKS.keepalive) === 0) return i
    bytes.setUint16(i, OPTION.KEEPALIVE)
    bytes.setUint16(i + 2, KEEPALIVE_OCTETS)
    bytes.setUint16(i + OPTION_HEADER, this.#keepalive)
    return i + OPTION_HEADER + KEEPALIVE_OCTETS
  }

  /** RFC 8914 section 3 lets us leave it out where it does not fit. */
  #writeError(bytes: DataView, at: number, end: number): number {
    const room = end - at - OPTION_HEADER - INFO_CODE_OCTETS
    if (room < 0) return at
    const text = this.#text.length <= room ? this.#text : NO_TEXT
    bytes.setUint16(at, OPTION.EXTENDED_ERROR)
    bytes.setUint16(at + 2, INFO_CODE_OCTETS + text.length)
    bytes.setUint16(at + OPTION_HEADER, this.#infoCode)
    const textAt = at + OPTION_HEADER + INFO_CODE_OCTETS
    for (let i = 0; i < text.length; i++) bytes.setUint8(textAt + i, text[i] as number)
    return textAt + text.length
  }
}

/**
 * Fills the message up to a multiple of 468 octets (RFC 8467 section 4.1), or up to `end`: then what is encrypted says
 * little by its length.
 */
function writePadding(bytes: DataView, start: number, at: number, end: number): number {
  const data = at + OPTION_HEADER
  if (data > end) return at
  const octets = Math.min(end - data, (PADDING_BLOCK - ((data - start) % PADDING_BLOCK)) % PADDING_BLOCK)
  bytes.setUint16(at, OPTION.PADDING)
  bytes.setUint16(at + 2, octets)
  for (let i = data; i < data + octets; i++) bytes.setUint8(i, 0)
  return data + octets
}

function writeOption(bytes: DataView, at: number, code: number, data: Uint8Array): number {
  bytes.setUint16(at, code)
  bytes.setUint16(at + 2, data.length)
  for (let i = 0; i < data.length; i++) bytes.setUint8(at + OPTION_HEADER + i, data[i] as number)
  return at + OPTION_HEADER + data.length
}
