/** Names that answer without being stored: addresses in dashed form, and the inner names of reverse zones. */
import { foldWord, type NameHash } from '../index/hash.ts'

const DASH = 0x2d
const ZERO = 0x30
/** Labels of `ip6.arpa` and `in-addr.arpa`, and of a whole address before them. */
const REVERSE_LABELS = 2
const NIBBLES = 32
const OCTETS = 4

/**
 * Reads a label that is an address with dashes for dots or colons, as CoreDNS does: exactly three dashes and no `--`
 * are IPv4 (`10-0-0-1`), everything else is IPv6 (`fdaa--1`).
 *
 * @param at where the label's text of `length` octets starts.
 * @param out gets 4 or 16 octets.
 * @returns how many; 0: the label is no address.
 */
export function readDashedAddress(bytes: DataView, at: number, length: number, out: Uint8Array): number {
  let dashes = 0
  let doubles = 0
  for (let i = at; i < at + length; i++) {
    if (bytes.getUint8(i) !== DASH) continue
    dashes++
    if (i > at && bytes.getUint8(i - 1) === DASH) doubles++
  }
  if (dashes === 3 && doubles === 0) return readIPv4(bytes, at, at + length, out) ? 4 : 0
  return readIPv6(bytes, at, at + length, out) ? 16 : 0
}

/** Whether a name in a zone under `ip6.arpa` is a shorter name of nibbles: one that has addresses below it. */
export function isInnerNibbleName(bytes: DataView, at: number, name: NameHash): boolean {
  const nibbles = name.labels - REVERSE_LABELS
  if (nibbles >= NIBBLES) return false
  for (let label = 0; label < nibbles; label++) {
    const start = at + (name.starts[label] as number)
    if (bytes.getUint8(start) !== 1 || hexValue(bytes.getUint8(start + 1)) < 0) return false
  }
  return true
}

/** Whether a name in a zone under `in-addr.arpa` is a shorter name of octets: one that has addresses below it. */
export function isInnerOctetName(bytes: DataView, at: number, name: NameHash): boolean {
  const octets = name.labels - REVERSE_LABELS
  if (octets >= OCTETS) return false
  for (let label = 0; label < octets; label++) {
    const start = at + (name.starts[label] as number)
    if (readOctet(bytes, start + 1, start + 1 + bytes.getUint8(start)) < 0) return false
  }
  return true
}

function readIPv4(bytes: DataView, start: number, end: number, out: Uint8Array): boolean {
  let octet = 0
  let from = start
  for (let i = start; i <= end; i++) {
    if (i < end && bytes.getUint8(i) !== DASH) continue
    const value = readOctet(bytes, from, i)
    if (value < 0) return false
    out[octet++] = value
    from = i + 1
  }
  return octet === OCTETS
}

/** 0 to 255 in decimal without leading zeros; −1: it is not. */
function readOctet(bytes: DataView, start: number, end: number): number {
  if (end === start || end - start > 3 || (end - start > 1 && bytes.getUint8(start) === ZERO)) return -1
  let value = 0
  for (let i = start; i < end; i++) {
    const digit = bytes.getUint8(i) - ZERO
    if (digit < 0 || digit > 9) return -1
    value = value * 10 + digit
  }
  return value > 255 ? -1 : value
}

/** RFC 4291 section 2.2, forms 1 and 2, with dashes for colons. */
function readIPv6(bytes: DataView, start: number, end: number, out: Uint8Array): boolean {
  let position = 0
  let gap = -1
  let i = start
  if (end - start >= 2 && bytes.getUint8(start) === DASH) {
    if (bytes.getUint8(start + 1) !== DASH) return false
    gap = 0
    i = start + 2
  }
  while (i < end) {
    const groupStart = i
    let group = 0
    for (let digit = 0; i < end && digit >= 0; ) {
      digit = hexValue(bytes.getUint8(i))
      if (digit < 0) break
      group = (group << 4) | digit
      i++
      if (i - groupStart > 4) return false
    }
    if (i === groupStart || position > 14) return false
    out[position++] = group >> 8
    out[position++] = group & 0xff
    if (i === end) break
    if (bytes.getUint8(i++) !== DASH || i === end) return false
    if (bytes.getUint8(i) !== DASH) continue
    if (gap >= 0) return false
    gap = position
    i++
  }
  return closeGap(out, position, gap)
}

/** Moves the groups behind `::` to the end. */
function closeGap(out: Uint8Array, position: number, gap: number): boolean {
  if (gap < 0) return position === 16
  if (position > 14) return false
  const moved = position - gap
  out.copyWithin(16 - moved, gap, position)
  out.fill(0, gap, 16 - moved)
  return true
}

function hexValue(octet: number): number {
  const digit = octet - ZERO
  if (digit >= 0 && digit <= 9) return digit
  const letter = foldWord(octet) - 0x61
  return letter >= 0 && letter <= 5 ? letter + 10 : -1
}
