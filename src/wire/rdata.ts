/** Builders of RDATA in wire form, always uncompressed. Text of zone files is read by `rdata-text.ts`. */
import { ADDRESS_BYTES, familyOf } from '../ip/address.ts'
import type { Name } from './name.ts'

/** The longest character-string (RFC 1035 section 3.3). */
export const MAX_CHARACTER_STRING = 255

/** The longest RDATA: RDLENGTH has 16 bits. */
export const MAX_RDATA = 0xffff

/**
 * RDATA of the A (RFC 1035 section 3.4.1) or AAAA record (RFC 3596 section 2.2) of the 16-byte address at `offset`:
 * a copy of 4 bytes when it is IPv4-mapped, of 16 otherwise.
 */
export function addressRdata(bytes: Uint8Array, offset = 0): Uint8Array {
  const start = familyOf(bytes, offset) === 'IPv4' ? offset + 12 : offset
  return bytes.slice(start, offset + ADDRESS_BYTES)
}

/** RDATA of NS, CNAME, PTR and DNAME: one name. It is the name itself, not a copy. */
export function nameRdata(name: Name): Uint8Array {
  return name
}

/** RDATA of SRV (RFC 2782); each number has 16 bits. The target is never compressed. */
export function srvRdata(priority: number, weight: number, port: number, target: Name): Uint8Array {
  const rdata = new Uint8Array(6 + target.length)
  // Octet by octet: a DataView would move the small array out of V8's young heap.
  rdata[0] = priority >> 8
  rdata[1] = priority
  rdata[2] = weight >> 8
  rdata[3] = weight
  rdata[4] = port >> 8
  rdata[5] = port
  rdata.set(target, 6)
  return rdata
}

/**
 * RDATA of TXT (RFC 1035 section 3.3.14). A text is written as UTF-8, and one of more than 255 octets is cut into as
 * many character-strings as it needs. No text at all gives one empty string, because TXT has at least one.
 */
export function txtRdata(strings: readonly (string | Uint8Array)[]): Uint8Array {
  const chunks: Uint8Array[] = []
  for (const text of strings.length === 0 ? [''] : strings) {
    const octets = typeof text === 'string' ? new TextEncoder().encode(text) : text
    let start = 0
    do {
      chunks.push(octets.subarray(start, start + MAX_CHARACTER_STRING))
      start += MAX_CHARACTER_STRING
    } while (start < octets.length)
  }
  const rdata = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length + 1, 0))
  let i = 0
  for (const chunk of chunks) {
    rdata[i++] = chunk.length
    rdata.set(chunk, i)
    i += chunk.length
  }
  return rdata
}
