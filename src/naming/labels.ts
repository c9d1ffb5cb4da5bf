/** Which texts can be labels, and the label that stands for an address. */
import { familyOf } from '../ip/address.ts'

const MAX_LABEL = 63
const DASH = 0x2d

/** Octets that {@link putDashed} writes at most: eight groups of four digits and seven dashes. */
export const MAX_DASHED = 39

/** Whether the text is one label of a host name (RFC 1123 section 2.1): letters, digits and inner hyphens, at most 63. */
export function isLabel(text: string): boolean {
  const { length } = text
  if (length === 0 || length > MAX_LABEL || text.charCodeAt(0) === DASH || text.charCodeAt(length - 1) === DASH) {
    return false
  }
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i)
    const letter = code | 0x20
    const isHostCharacter =
      code === DASH || (code >= 0x30 && code <= 0x39) || (code < 0x80 && letter >= 0x61 && letter <= 0x7a)
    if (!isHostCharacter) return false
  }
  return true
}

/**
 * The address at `offset` as one label: `10-0-0-1`, or the RFC 5952 text of an IPv6 address with dashes for colons.
 * As in CoreDNS a label that would end in a dash gets a `0` behind it (`fdaa--` is no host name, `fdaa--0` is); other
 * than in CoreDNS one that would begin with a dash gets a `0` before it (`0--1` for ::1), because stub resolvers refuse
 * host names with a leading hyphen. Both forms read back as the same address.
 */
export function dashedLabel(bytes: Uint8Array, offset = 0): string {
  const out = new Uint8Array(MAX_DASHED)
  return String.fromCharCode(...out.subarray(0, putDashed(bytes, offset, out, 0)))
}

/** Writes {@link dashedLabel} at `at`, which needs room for {@link MAX_DASHED} octets; returns the end. */
export function putDashed(bytes: Uint8Array, offset: number, out: Uint8Array, at: number): number {
  return familyOf(bytes, offset) === 'IPv4'
    ? putDashed4(bytes, offset + 12, out, at)
    : putDashed6(bytes, offset, out, at)
}

function putDashed4(bytes: Uint8Array, offset: number, out: Uint8Array, at: number): number {
  let end = putDecimal(bytes[offset] as number, out, at)
  for (let i = 1; i < 4; i++) {
    out[end++] = DASH
    end = putDecimal(bytes[offset + i] as number, out, end)
  }
  return end
}

function putDashed6(bytes: Uint8Array, offset: number, out: Uint8Array, at: number): number {
  const run = longestZeroRun(bytes, offset)
  const start = run >> 4
  const length = run & 15
  let end = at
  for (let group = 0; group < 8; group++) {
    if (group === start) {
      if (group === 0) out[end++] = 0x30
      out[end++] = DASH
      group += length - 1
      if (group === 7) {
        out[end++] = DASH
        out[end++] = 0x30
      }
      continue
    }
    if (group > 0) out[end++] = DASH
    end = putHex(((bytes[offset + 2 * group] as number) << 8) | (bytes[offset + 2 * group + 1] as number), out, end)
  }
  return end
}

/**
 * The first of the longest runs of zero groups as 16 × its start + its length; start 8 when no run has two groups
 * (RFC 5952 section 4.2).
 */
function longestZeroRun(bytes: Uint8Array, offset: number): number {
  let best = 8
  let bestLength = 1
  let length = 0
  for (let group = 0; group < 8; group++) {
    const isZero = bytes[offset + 2 * group] === 0 && bytes[offset + 2 * group + 1] === 0
    length = isZero ? length + 1 : 0
    if (length > bestLength) {
      bestLength = length
      best = group - length + 1
    }
  }
  return (best << 4) | bestLength
}

/** Writes an octet in decimal digits; returns the end. */
export function putDecimal(value: number, out: Uint8Array, at: number): number {
  let end = at
  if (value >= 100) out[end++] = 0x30 + Math.floor(value / 100)
  if (value >= 10) out[end++] = 0x30 + (Math.floor(value / 10) % 10)
  out[end++] = 0x30 + (value % 10)
  return end
}

function putHex(value: number, out: Uint8Array, at: number): number {
  let end = at
  if (value > 0xfff) out[end++] = hexDigit(value >> 12)
  if (value > 0xff) out[end++] = hexDigit((value >> 8) & 15)
  if (value > 0xf) out[end++] = hexDigit((value >> 4) & 15)
  out[end++] = hexDigit(value & 15)
  return end
}

/** The code of the lower-case digit of a nibble. */
export function hexDigit(nibble: number): number {
  return nibble < 10 ? 0x30 + nibble : 0x57 + nibble
}
