/** Names in messages of upstreams, which may be compressed (RFC 1035 section 4.1.4) and hostile. */
import { MAX_NAME } from '../../../wire/name.ts'

const HEADER_OCTETS = 12
const POINTER = 0xc0
const MAX_POINTERS = 127

/**
 * Where the name at `at` ends; −1 when it is malformed, too long or cut off. A pointer must lead before the labels that it
 * ends, so every name that this accepts can be followed without a check.
 */
export function skipName(bytes: Uint8Array, at: number, end: number): number {
  let after = -1
  let segment = at
  let i = at
  let octets = 1
  let pointers = 0
  while (i < end) {
    const length = bytes[i] as number
    if (length === 0) return after < 0 ? i + 1 : after
    if (length >= POINTER) {
      if (i + 2 > end) return -1
      if (after < 0) after = i + 2
      const target = ((length & 0x3f) << 8) | (bytes[i + 1] as number)
      if (target >= segment || target < HEADER_OCTETS || ++pointers > MAX_POINTERS) return -1
      segment = target
      i = target
      continue
    }
    octets += length + 1
    if (length > 63 || octets > MAX_NAME) return -1
    i += length + 1
  }
  return -1
}

/** Whether two names that {@link skipName} accepts are equal; ASCII letters in any case. */
export function isSameName(bytes: Uint8Array, a: number, b: number): boolean {
  let i = follow(bytes, a)
  let j = follow(bytes, b)
  while (i !== j) {
    const length = bytes[i] as number
    if (length !== bytes[j]) return false
    if (length === 0) return true
    for (let k = 1; k <= length; k++) if (fold(bytes[i + k] as number) !== fold(bytes[j + k] as number)) return false
    i = follow(bytes, i + length + 1)
    j = follow(bytes, j + length + 1)
  }
  return true
}

/** Whether the name at `name` is the one at `ancestor` or below it. */
export function isWithin(bytes: Uint8Array, name: number, ancestor: number): boolean {
  // Only one of the name's endings has as many labels; to compare each would take a hostile message's time squared.
  let above = labelsAt(bytes, name) - labelsAt(bytes, ancestor)
  if (above < 0) return false
  let i = follow(bytes, name)
  for (; above > 0; above--) i = follow(bytes, i + (bytes[i] as number) + 1)
  return isSameName(bytes, i, ancestor)
}

/** Writes the name at `at` spelled out. @returns where it ends in `out`. */
export function spellName(bytes: Uint8Array, at: number, out: Uint8Array, to: number): number {
  let i = follow(bytes, at)
  let j = to
  for (;;) {
    const length = bytes[i] as number
    for (let k = 0; k <= length; k++) out[j + k] = bytes[i + k] as number
    j += length + 1
    if (length === 0) return j
    i = follow(bytes, i + length + 1)
  }
}

function labelsAt(bytes: Uint8Array, at: number): number {
  let labels = 0
  for (let i = follow(bytes, at); bytes[i] !== 0; i = follow(bytes, i + (bytes[i] as number) + 1)) labels++
  return labels
}

function follow(bytes: Uint8Array, at: number): number {
  let i = at
  while ((bytes[i] as number) >= POINTER) i = (((bytes[i] as number) & 0x3f) << 8) | (bytes[i + 1] as number)
  return i
}

function fold(octet: number): number {
  return octet >= 0x41 && octet <= 0x5a ? octet + 0x20 : octet
}
