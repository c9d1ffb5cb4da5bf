/**
 * Names and RDATA of many endpoints, cut out of few large buffers: a typed array of more than 64 octets that owns its
 * memory costs about 450 ns, a view into a shared buffer about 35. A view keeps its buffer, of at most 64 KiB, alive:
 * nodes are meant to be encoded into the name index and dropped.
 */
import { type Address, familyOf } from '../ip/address.ts'
import { MAX_NAME, type Name } from '../wire/name.ts'
import { TYPE } from '../wire/record-type.ts'
import { RECORD_HEAD, RECORD_OWNER } from '../zone/rrset.ts'
import { hexDigit, putDecimal } from './labels.ts'

const FIRST_BUFFER = 1 << 10
const LARGEST_BUFFER = 1 << 16
const SRV_HEAD = 6
const CLASS_IN = 1
/** Octets of the longest reverse name: 32 nibbles and `ip6.arpa`. */
const MAX_REVERSE = 74
const IP6_ARPA = [3, 0x69, 0x70, 0x36, 4, 0x61, 0x72, 0x70, 0x61, 0]
const IN_ADDR_ARPA = [7, 0x69, 0x6e, 0x2d, 0x61, 0x64, 0x64, 0x72, 4, 0x61, 0x72, 0x70, 0x61, 0]

/** What {@link Packer.srvBelow} writes besides the target. */
export interface SrvFields {
  /** Seconds. */
  readonly ttl: number
  readonly weight: number
  readonly port: number
}

/** Hands out views. */
export class Packer {
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(0)
  #end = 0

  /** `<label>.<base>`; null when that is longer than 255 octets. `label` starts with its length octet. */
  below(label: Uint8Array, at: number, base: Name): Name | null {
    const length = (label[at] as number) + 1 + base.length
    if (length > MAX_NAME) return null
    const out = this.#room(length)
    putBelow(label, at, base, out, this.#end)
    return this.#cut(length) as Name
  }

  /**
   * RDATA of an SRV record (RFC 2782) with priority 0 and target `<label>.<base>`, behind the rest of its record: see
   * {@link recordsOf}. null when the target is too long.
   */
  srvBelow(
    { ttl, weight, port }: SrvFields,
    label: Uint8Array,
    at: number,
    base: Name,
  ): Uint8Array<ArrayBuffer> | null {
    const length = (label[at] as number) + 1 + base.length
    if (length > MAX_NAME) return null
    const out = this.#room(RECORD_HEAD + SRV_HEAD + length)
    putRecordHead(out, this.#end, TYPE.SRV, ttl, SRV_HEAD + length)
    this.#end += RECORD_HEAD
    const start = this.#end
    out[start] = 0
    out[start + 1] = 0
    out[start + 2] = weight >> 8
    out[start + 3] = weight & 0xff
    out[start + 4] = port >> 8
    out[start + 5] = port & 0xff
    putBelow(label, at, base, out, start + SRV_HEAD)
    return this.#cut(SRV_HEAD + length)
  }

  /** The full reverse name of the address at `offset`. */
  reverseName(bytes: Uint8Array, offset: number): Name {
    const out = this.#room(MAX_REVERSE)
    return this.#cut(putReverse(bytes, offset, out, this.#end) - this.#end) as Name
  }

  #room(octets: number): Uint8Array<ArrayBuffer> {
    if (this.#end + octets > this.#bytes.length) {
      this.#bytes = new Uint8Array(Math.min(Math.max(4 * this.#bytes.length, FIRST_BUFFER), LARGEST_BUFFER))
      this.#end = 0
    }
    return this.#bytes
  }

  #cut(length: number): Uint8Array<ArrayBuffer> {
    const start = this.#end
    this.#end = start + length
    return new Uint8Array(this.#bytes.buffer, start, length)
  }
}

/** The whole records of RDATA by {@link Packer.srvBelow}, as `RRset.records` has them: records of one buffer are one piece. */
export function recordsOf(rdatas: readonly Uint8Array<ArrayBuffer>[]): Uint8Array[] {
  const pieces: Uint8Array[] = []
  let buffer: ArrayBuffer | null = null
  let start = 0
  let end = 0
  for (const rdata of rdatas) {
    const from = rdata.byteOffset - RECORD_HEAD
    if (rdata.buffer !== buffer || from !== end) {
      if (buffer !== null) pieces.push(new Uint8Array(buffer, start, end - start))
      buffer = rdata.buffer
      start = from
    }
    end = rdata.byteOffset + rdata.length
  }
  if (buffer !== null) pieces.push(new Uint8Array(buffer, start, end - start))
  return pieces
}

function putRecordHead(out: Uint8Array, at: number, type: number, ttl: number, octets: number): void {
  out[at] = RECORD_OWNER >> 8
  out[at + 1] = RECORD_OWNER & 0xff
  out[at + 2] = type >> 8
  out[at + 3] = type & 0xff
  out[at + 4] = 0
  out[at + 5] = CLASS_IN
  out[at + 6] = ttl >>> 24
  out[at + 7] = ttl >>> 16
  out[at + 8] = ttl >>> 8
  out[at + 9] = ttl
  out[at + 10] = octets >> 8
  out[at + 11] = octets & 0xff
}

/** The full reverse name of an address, in memory of its own. */
export function reverseName(address: Address): Name {
  const out = new Uint8Array(MAX_REVERSE)
  return out.subarray(0, putReverse(address, 0, out, 0)) as Name
}

function putReverse(bytes: Uint8Array, offset: number, out: Uint8Array, at: number): number {
  return familyOf(bytes, offset) === 'IPv6' ? putReverse6(bytes, offset, out, at) : putReverse4(bytes, offset, out, at)
}

function putBelow(label: Uint8Array, at: number, base: Name, out: Uint8Array, start: number): void {
  const octets = (label[at] as number) + 1
  for (let i = 0; i < octets; i++) out[start + i] = label[at + i] as number
  for (let i = 0; i < base.length; i++) out[start + octets + i] = base[i] as number
}

function putReverse6(bytes: Uint8Array, offset: number, out: Uint8Array, at: number): number {
  let end = at
  for (let i = 15; i >= 0; i--) {
    const octet = bytes[offset + i] as number
    out[end++] = 1
    out[end++] = hexDigit(octet & 15)
    out[end++] = 1
    out[end++] = hexDigit(octet >> 4)
  }
  for (let i = 0; i < IP6_ARPA.length; i++) out[end++] = IP6_ARPA[i] as number
  return end
}

function putReverse4(bytes: Uint8Array, offset: number, out: Uint8Array, at: number): number {
  let end = at
  for (let i = 15; i >= 12; i--) {
    const lengthAt = end
    end = putDecimal(bytes[offset + i] as number, out, end + 1)
    out[lengthAt] = end - lengthAt - 1
  }
  for (let i = 0; i < IN_ADDR_ARPA.length; i++) out[end++] = IN_ADDR_ARPA[i] as number
  return end
}
