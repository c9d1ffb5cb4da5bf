/**
 * IP addresses as 16 bytes in network order. An IPv4 address is held in its IPv4-mapped form `::ffff:a.b.c.d`
 * (RFC 4291 section 2.5.5.2), so that one type, one comparison and one key serve both families. Text exists only at
 * the edge: {@link parseAddress} on the way in, {@link formatAddress} (RFC 5952) on the way out.
 */

declare const addressBrand: unique symbol

/** Sixteen bytes, network order; IPv4 as IPv4-mapped. Never changed after it was made. */
export type Address = Uint8Array & { readonly [addressBrand]: true }

/** The names that Kubernetes uses in `ipFamilies` and `addressType`. */
export type Family = 'IPv4' | 'IPv6'

/** Bytes of an {@link Address}. */
export const ADDRESS_BYTES = 16

/**
 * Parses an IPv6 (RFC 4291 section 2.2, all three forms) or dotted IPv4 address.
 * Zone identifiers, leading zeros in IPv4 octets, and white space are refused.
 *
 * @returns the address, or null when the text is no address.
 */
export function parseAddress(text: string): Address | null {
  const bytes = new Uint8Array(ADDRESS_BYTES) as Address
  if (text.indexOf(':') >= 0) return parseIPv6(text, bytes) ? bytes : null
  bytes[10] = 0xff
  bytes[11] = 0xff
  return parseIPv4(text, 0, bytes, 12) ? bytes : null
}

/** The family of the address at `offset` in `bytes`. */
export function familyOf(bytes: Uint8Array, offset = 0): Family {
  for (let i = 0; i < 10; i++) if (bytes[offset + i] !== 0) return 'IPv6'
  return bytes[offset + 10] === 0xff && bytes[offset + 11] === 0xff ? 'IPv4' : 'IPv6'
}

/** The canonical text of the address at `offset` in `bytes`: RFC 5952 section 4 for IPv6, dotted decimal for IPv4. */
export function formatAddress(bytes: Uint8Array, offset = 0): string {
  if (familyOf(bytes, offset) === 'IPv4') {
    return `${bytes[offset + 12]}.${bytes[offset + 13]}.${bytes[offset + 14]}.${bytes[offset + 15]}`
  }
  const groups: number[] = []
  for (let i = 0; i < 16; i += 2) groups.push(((bytes[offset + i] ?? 0) << 8) | (bytes[offset + i + 1] ?? 0))
  const [start, length] = longestZeroRun(groups)
  if (length < 2) return hexGroups(groups)
  return `${hexGroups(groups.slice(0, start))}::${hexGroups(groups.slice(start + length))}`
}

/** Byte order; the order in which backends are listed. */
export function compareAddresses(a: Uint8Array, b: Uint8Array, aOffset = 0, bOffset = 0): number {
  for (let i = 0; i < ADDRESS_BYTES; i++) {
    const difference = (a[aOffset + i] ?? 0) - (b[bOffset + i] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

/** Whether two addresses are the same. */
export function equalAddresses(a: Uint8Array, b: Uint8Array): boolean {
  return compareAddresses(a, b) === 0
}

/** The address as an unsigned 128-bit number. All arithmetic on addresses is done on this full width. */
export function addressToBigInt(address: Uint8Array): bigint {
  const view = new DataView(address.buffer, address.byteOffset, ADDRESS_BYTES)
  return (view.getBigUint64(0) << 64n) | view.getBigUint64(8)
}

/** The address of an unsigned 128-bit number. */
export function addressFromBigInt(value: bigint): Address {
  const bytes = new Uint8Array(ADDRESS_BYTES) as Address
  const view = new DataView(bytes.buffer)
  view.setBigUint64(0, value >> 64n)
  view.setBigUint64(8, value & 0xffff_ffff_ffff_ffffn)
  return bytes
}

/** A copy of the address at `offset` in a packed array. */
export function addressAt(bytes: Uint8Array, offset: number): Address {
  return bytes.slice(offset, offset + ADDRESS_BYTES) as Address
}

function longestZeroRun(groups: readonly number[]): [start: number, length: number] {
  let best = 0
  let bestLength = 0
  let length = 0
  for (let i = 0; i < groups.length; i++) {
    length = groups[i] === 0 ? length + 1 : 0
    if (length > bestLength) {
      bestLength = length
      best = i - length + 1
    }
  }
  return [best, bestLength]
}

function hexGroups(groups: readonly number[]): string {
  return groups.map(group => group.toString(16)).join(':')
}

function parseIPv4(text: string, start: number, out: Uint8Array, outOffset: number): boolean {
  let octet = -1
  let index = 0
  for (let i = start; i <= text.length; i++) {
    const code = i < text.length ? text.charCodeAt(i) : 0x2e
    if (code === 0x2e) {
      if (octet < 0 || index > 3) return false
      out[outOffset + index++] = octet
      octet = -1
    } else if (code >= 0x30 && code <= 0x39 && octet !== 0) {
      octet = (octet < 0 ? 0 : octet * 10) + code - 0x30
      if (octet > 255) return false
    } else {
      return false
    }
  }
  return index === 4
}

function parseIPv6(text: string, out: Uint8Array): boolean {
  let position = 0
  let gap = -1
  let i = 0
  if (text.startsWith('::')) {
    gap = 0
    i = 2
  }
  while (i < text.length) {
    if (position >= 16) return false
    const end = groupEnd(text, i)
    if (text.charCodeAt(end) === 0x2e) {
      if (position > 12 || !parseIPv4(text, i, out, position)) return false
      position += 4
      break
    }
    if (end === i || end - i > 4) return false
    const group = Number.parseInt(text.slice(i, end), 16)
    out[position++] = group >> 8
    out[position++] = group & 0xff
    i = end
    if (i === text.length) break
    if (text.charCodeAt(i) !== 0x3a) return false
    i++
    if (text.charCodeAt(i) === 0x3a) {
      if (gap >= 0) return false
      gap = position
      i++
    } else if (i === text.length) {
      return false
    }
  }
  if (gap < 0) return position === 16
  if (position > 14) return false
  out.copyWithin(16 - (position - gap), gap, position)
  out.fill(0, gap, 16 - (position - gap))
  return true
}

function groupEnd(text: string, start: number): number {
  let i = start
  for (; i < text.length; i++) {
    const code = text.charCodeAt(i) | 0x20
    const isDigit = code >= 0x30 && code <= 0x39 && text.charCodeAt(i) >= 0x30
    if (!isDigit && !(code >= 0x61 && code <= 0x66)) break
  }
  return i
}
