/** Reverse names: `in-addr.arpa` (RFC 1035 section 3.5) and nibble-wise `ip6.arpa` (RFC 3596 section 2.5). */
import { ADDRESS_BYTES, type Address, addressFromBigInt, familyOf } from './address.ts'
import type { Prefix } from './prefix.ts'

const HEX = '0123456789abcdef'

/** The labels of the address's reverse name, host side first, without the root: `['8', 'b', …, 'ip6', 'arpa']`. */
export function reverseLabels(bytes: Uint8Array, offset = 0): string[] {
  return familyOf(bytes, offset) === 'IPv6' ? labels6(bytes, offset, 32) : labels4(bytes, offset, 4)
}

/**
 * The labels of the smallest reverse zone that covers the whole prefix. A length that is not on a label boundary
 * (4 bits in `ip6.arpa`, 8 in `in-addr.arpa`) is rounded down, to the larger block.
 */
export function reverseZoneLabels(prefix: Prefix): string[] {
  return prefix.family === 'IPv6'
    ? labels6(prefix.address, 0, prefix.length >> 2)
    : labels4(prefix.address, 0, prefix.length >> 3)
}

/** The address of a full reverse name given as lower-case labels, or null when it is none. */
export function addressOfReverseLabels(labels: readonly string[]): Address | null {
  const suffix = labels.slice(-2).join('.')
  if (suffix === 'ip6.arpa' && labels.length === 34) return addressOfNibbles(labels)
  if (suffix === 'in-addr.arpa' && labels.length === 6) return addressOfOctets(labels)
  return null
}

function labels6(bytes: Uint8Array, offset: number, nibbles: number): string[] {
  const labels: string[] = []
  for (let i = nibbles - 1; i >= 0; i--) {
    const byte = bytes[offset + (i >> 1)] ?? 0
    labels.push(HEX.charAt((i & 1) === 0 ? byte >> 4 : byte & 15))
  }
  labels.push('ip6', 'arpa')
  return labels
}

function labels4(bytes: Uint8Array, offset: number, octets: number): string[] {
  const labels: string[] = []
  for (let i = octets - 1; i >= 0; i--) labels.push(String(bytes[offset + 12 + i]))
  labels.push('in-addr', 'arpa')
  return labels
}

function addressOfNibbles(labels: readonly string[]): Address | null {
  let value = 0n
  for (let i = 31; i >= 0; i--) {
    const label = labels[i] ?? ''
    const nibble = label.length === 1 ? HEX.indexOf(label) : -1
    if (nibble < 0) return null
    value = (value << 4n) | BigInt(nibble)
  }
  return addressFromBigInt(value)
}

function addressOfOctets(labels: readonly string[]): Address | null {
  const bytes = new Uint8Array(ADDRESS_BYTES) as Address
  bytes[10] = 0xff
  bytes[11] = 0xff
  for (let i = 0; i < 4; i++) {
    const label = labels[3 - i] ?? ''
    if (!/^(0|[1-9][0-9]{0,2})$/.test(label) || Number(label) > 255) return null
    bytes[12 + i] = Number(label)
  }
  return bytes
}
