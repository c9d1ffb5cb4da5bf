/**
 * Writes the OPT record of a reply (RFC 6891 section 6.1.2): what the query's options ask for, and the extended error
 * when there is one. Everything that is written was encoded before: nothing is allocated for a reply.
 *
 * Options whose size is known are reserved when the reply is opened, so that records never take their place. The
 * extended error comes last and takes what is left: with its text, without, or not at all.
 */
import { OPTION } from '../../wire/edns.ts'
import { TYPE } from '../../wire/record-type.ts'
import { ASKS, type Query } from '../query.ts'

/** The OPT record without options. */
export const OPT_OCTETS = 11
const OPTION_HEADER = 4
const INFO_CODE_OCTETS = 2
/** Position of the length of the options. */
const LENGTH_AT = 9
const DNSSEC_OK = 0x8000
const NONE = -1
const NO_TEXT = new Uint8Array(0)

/** One for each reply builder, reused from reply to reply. */
export class ReplyOptions {
  #udpLimit = 0
  #nsid: Uint8Array | null = null
  /** Whether the present reply has room for the identifier that was asked for. */
  #hasNsid = false
  #infoCode = NONE
  #text: Uint8Array = NO_TEXT

  /** Takes what is said in OPT: the longest UDP message that we take, and our identifier. */
  configure(udpLimit: number, nsid: Uint8Array | null): void {
    this.#udpLimit = udpLimit
    this.#nsid = nsid
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
   * Begins the options of another reply, to a query with EDNS.
   *
   * @param room octets for OPT and records.
   * @returns octets of OPT that are reserved; more than `room` when not even the bare record fits.
   */
  reserve(query: Query, room: number): number {
    const nsid = this.#nsid
    this.#hasNsid = false
    if ((query.asks & ASKS.nsid) === 0 || nsid === null) return OPT_OCTETS
    const octets = OPT_OCTETS + OPTION_HEADER + nsid.length
    if (octets > room) return OPT_OCTETS
    this.#hasNsid = true
    return octets
  }

  /**
   * Writes the record at `at`; at most up to `end`, which leaves room for what was reserved.
   *
   * @returns where it ends.
   */
  write(bytes: DataView, at: number, end: number, rcode: number, isDnssecOk: boolean): number {
    bytes.setUint8(at, 0)
    bytes.setUint16(at + 1, TYPE.OPT)
    bytes.setUint16(at + 3, this.#udpLimit)
    bytes.setUint8(at + 5, rcode >> 4)
    bytes.setUint8(at + 6, 0)
    bytes.setUint16(at + 7, isDnssecOk ? DNSSEC_OK : 0)
    const options = at + OPT_OCTETS
    let i = options
    if (this.#hasNsid && this.#nsid !== null) i = writeOption(bytes, i, OPTION.NSID, this.#nsid)
    if (this.#infoCode >= 0) i = this.#writeError(bytes, i, end)
    bytes.setUint16(at + LENGTH_AT, i - options)
    return i
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

function writeOption(bytes: DataView, at: number, code: number, data: Uint8Array): number {
  bytes.setUint16(at, code)
  bytes.setUint16(at + 2, data.length)
  for (let i = 0; i < data.length; i++) bytes.setUint8(at + OPTION_HEADER + i, data[i] as number)
  return at + OPTION_HEADER + data.length
}
