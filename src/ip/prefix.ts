/** Address prefixes (RFC 4291 section 2.3, RFC 4632): a masked address and a length in bits. */
import {
  type Address,
  addressFromBigInt,
  addressToBigInt,
  type Family,
  familyOf,
  formatAddress,
  parseAddress,
} from './address.ts'

/** A block of addresses. `length` counts the bits of its own family: 0–128 for IPv6, 0–32 for IPv4. */
export interface Prefix {
  readonly family: Family
  /** The lowest address of the block; every host bit is zero. */
  readonly address: Address
  readonly length: number
}

/** Why a text is no prefix: `reason` continues the sentence "Cannot parse prefix …:". */
export interface PrefixFault {
  readonly reason: string
}

const ALL_ONES = (1n << 128n) - 1n

/**
 * Parses `address/length`. Host bits are refused and the reason names the masked form, because a prefix whose text
 * says one thing and whose mask another is nearly always a typing error.
 */
export function parsePrefix(text: string): Prefix | PrefixFault {
  const slash = text.indexOf('/')
  const address = parseAddress(slash < 0 ? text : text.slice(0, slash))
  if (slash < 0 || address === null) return { reason: 'it must be an address, a slash and a length' }
  const family = familyOf(address)
  const bits = family === 'IPv6' ? 128 : 32
  const lengthText = text.slice(slash + 1)
  const length = Number(lengthText)
  if (!/^(0|[1-9][0-9]{0,2})$/.test(lengthText) || length > bits) {
    return { reason: `the length must be 0 to ${bits}` }
  }
  const prefix = prefixOf(address, length)
  if (formatAddress(prefix.address) !== formatAddress(address)) {
    return { reason: `it has bits set behind its length; the block is ${formatPrefix(prefix)}` }
  }
  return prefix
}

/** Whether {@link parsePrefix} gave a prefix. */
export function isPrefix(value: Prefix | PrefixFault): value is Prefix {
  return 'address' in value
}

/** The block of `length` bits that holds `address`. */
export function prefixOf(address: Address, length: number): Prefix {
  const family = familyOf(address)
  const hostBits = BigInt(hostBitsOf(family, length))
  const masked = addressToBigInt(address) & (ALL_ONES ^ ((1n << hostBits) - 1n))
  return { family, address: addressFromBigInt(masked), length }
}

/** Canonical text, for example `fdaa:0:48c8::/48`. */
export function formatPrefix(prefix: Prefix): string {
  return `${formatAddress(prefix.address)}/${prefix.length}`
}

/** Whether the 16 bytes at `offset` lie in the block; an IPv4 address lies in `::/0` of neither family but its own. */
export function containsAddress(prefix: Prefix, bytes: Uint8Array, offset = 0): boolean {
  const { address, family, length } = prefix
  if (familyOf(bytes, offset) !== family) return false
  const bits = family === 'IPv6' ? length : 96 + length
  const whole = bits >> 3
  for (let i = 0; i < whole; i++) if (bytes[offset + i] !== address[i]) return false
  const rest = bits & 7
  return rest === 0 || (((bytes[offset + whole] ?? 0) ^ (address[whole] ?? 0)) & (0xff00 >> rest) & 0xff) === 0
}

/** Whether `inner` lies wholly inside `outer`. */
export function containsPrefix(outer: Prefix, inner: Prefix): boolean {
  return inner.length >= outer.length && containsAddress(outer, inner.address)
}

/** How many addresses the block has: 2^(host bits). */
export function prefixSize(prefix: Prefix): bigint {
  return 1n << BigInt(hostBitsOf(prefix.family, prefix.length))
}

function hostBitsOf(family: Family, length: number): number {
  return (family === 'IPv6' ? 128 : 32) - length
}
