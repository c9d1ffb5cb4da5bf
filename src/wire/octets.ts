/** A growing buffer that RDATA is written to, and a bounds-checked reader of RDATA. */
import { MAX_NAME, type Name } from './name.ts'

/** RDATA that does not have the form of its type: `message` continues the sentence "Cannot read … record:". */
export class OctetsError extends Error {
  override readonly name: string = 'OctetsError'
}

/** Collects octets; one writer serves many records after {@link reset}. */
export class OctetWriter {
  #bytes: Uint8Array = new Uint8Array(512)
  #length = 0

  /** Octets written so far. */
  get length(): number {
    return this.#length
  }

  reset(): void {
    this.#length = 0
  }

  uint8(value: number): void {
    this.#reserve(1)
    this.#bytes[this.#length++] = value
  }

  uint16(value: number): void {
    this.#reserve(2)
    this.#bytes[this.#length++] = value >> 8
    this.#bytes[this.#length++] = value
  }

  uint32(value: number): void {
    this.uint16(value >>> 16)
    this.uint16(value & 0xffff)
  }

  octets(octets: Uint8Array): void {
    this.#reserve(octets.length)
    this.#bytes.set(octets, this.#length)
    this.#length += octets.length
  }

  /** A copy of what was written. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length)
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#bytes.length) return
    const grown = new Uint8Array(Math.max(2 * this.#bytes.length, this.#length + count))
    grown.set(this.#bytes)
    this.#bytes = grown
  }
}

/** Reads RDATA from its beginning to its end. Every method throws {@link OctetsError} when the octets run out. */
export class OctetReader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  /** Octets that are left. */
  get remaining(): number {
    return this.#bytes.length - this.#at
  }

  uint8(): number {
    return this.#bytes[this.#take(1)] as number
  }

  uint16(): number {
    const at = this.#take(2)
    return ((this.#bytes[at] as number) << 8) | (this.#bytes[at + 1] as number)
  }

  uint32(): number {
    return this.uint16() * 0x1_0000 + this.uint16()
  }

  /** A copy of the next octets. */
  octets(count: number): Uint8Array {
    const at = this.#take(count)
    return this.#bytes.slice(at, at + count)
  }

  /** A character-string (RFC 1035 section 3.3) without its length octet. */
  characterString(): Uint8Array {
    return this.octets(this.uint8())
  }

  /** An uncompressed name. Compression pointers are refused (RFC 3597 section 4). */
  wireName(): Name {
    const start = this.#at
    for (;;) {
      const length = this.uint8()
      if (length > 63) throw new OctetsError('a name in it is compressed or has a label longer than 63 octets')
      this.#take(length)
      if (this.#at - start > MAX_NAME) throw new OctetsError(`a name in it is longer than ${MAX_NAME} octets`)
      if (length === 0) return this.#bytes.slice(start, this.#at) as Name
    }
  }

  #take(count: number): number {
    const at = this.#at
    if (at + count > this.#bytes.length) throw new OctetsError('it ends too early')
    this.#at += count
    return at
  }
}
