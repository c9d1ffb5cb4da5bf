/**
 * Where an owner's address lies in a pool: a hash of the owner picks the start, the next free address after it is
 * taken. Pure arithmetic on the full width; an offset is the unsigned host part of an address, up to 64 bits.
 *
 * ```
 *  offset 0      1        2 … n              n+1 … size−1
 *         │      │        │                  │
 *         network first   static band        dynamic band
 *         never   never   when the rest      by hash, wrapping
 *                         is full
 * ```
 *
 * The band sizes are those of Kubernetes (KEP-3070, `ipallocator.calculateRangeOffset`): n = min(max(16, size/16), 256),
 * none when size ≤ 16. IPv6 has no broadcast address, so the last address counts.
 */
import { WaypostError } from '../errors.ts'
import { ADDRESS_BYTES, type Address } from '../ip/address.ts'
import { formatPrefix, type Prefix, prefixSize } from '../ip/prefix.ts'
import type { OwnerRef } from './claims.ts'

/** Offsets `first` to `last`, both included. */
export interface Band {
  readonly first: bigint
  readonly last: bigint
}

/** What a pool's prefix length determines. */
export interface Layout {
  readonly size: bigint
  /** Mask of the host part in the low 64 bits. */
  readonly hostMask: bigint
  /** The low 64 bits of the network address. */
  readonly base: bigint
  /** Last offset of the static band (it begins at 1); 0 when there is none. */
  readonly staticLast: bigint
  /** The bands of placement, in the order in which they fill. */
  readonly bands: readonly Band[]
}

/** First offset that placement may give: the network address and the one after it stay out. */
export const FIRST_PLACED = 2n

/**
 * The layout of a pool.
 *
 * @throws WaypostError WAY_POOL_PREFIX unless the prefix is IPv6 and its length 64 to 124.
 */
export function layoutOf(prefix: Prefix): Layout {
  if (prefix.family !== 'IPv6' || prefix.length < 64 || prefix.length > 124) {
    const wrong = `Cannot use prefix "${formatPrefix(prefix)}" as a pool`
    throw new WaypostError('WAY_POOL_PREFIX', `${wrong}: it must be an IPv6 prefix with a length of 64 to 124`)
  }
  const size = prefixSize(prefix)
  const staticLast = staticBand(size)
  const dynamic: Band = { first: staticLast === 0n ? FIRST_PLACED : staticLast + 1n, last: size - 1n }
  return {
    size,
    hostMask: size - 1n,
    base: low64(prefix.address),
    staticLast,
    bands: staticLast === 0n ? [dynamic] : [dynamic, { first: FIRST_PLACED, last: staticLast }],
  }
}

/** The offset of an address that lies in the pool. */
export function offsetOf(layout: Layout, address: Uint8Array): bigint {
  return low64(address) & layout.hostMask
}

/** The address at an offset; `network` is the pool's network address. */
export function addressAtOffset(layout: Layout, network: Address, offset: bigint): Address {
  const address = new Uint8Array(ADDRESS_BYTES) as Address
  for (let i = 0; i < 8; i++) address[i] = network[i] as number
  const low = layout.base | offset
  writeUint32(address, 8, Number(low >> 32n))
  writeUint32(address, 12, Number(low & 0xffff_ffffn))
  return address
}

/** The offset of a band at which the search for an owner's address begins: the hash scaled to the band. */
export function startIn(band: Band, hash: bigint): bigint {
  return band.first + ((hash * (band.last - band.first + 1n)) >> 64n)
}

/**
 * 64 bits of an owner in its network: FNV-1a over `network NUL kind NUL name NUL`, then three Feistel rounds, because
 * FNV leaves the last characters out of the high bits and it is these that {@link startIn} uses. Addresses after a
 * loss of all state depend on it: it never changes.
 */
export function ownerHash(network: string, owner: OwnerRef): bigint {
  let high = 0xcbf29ce4
  let low = 0x84222325
  for (let field = 0; field < 3; field++) {
    const text = field === 0 ? network : field === 1 ? owner.kind : owner.name
    for (let i = 0; i <= text.length; i++) {
      low = (low ^ (i < text.length ? text.charCodeAt(i) : 0)) >>> 0
      // times the 64-bit FNV prime 2^40 + 0x1b3, in 32-bit halves; every product is below 2^42 and so exact
      const product = low * 0x1b3
      high = (high * 0x1b3 + Math.floor(product / 0x1_0000_0000) + ((low << 8) >>> 0)) >>> 0
      low = product >>> 0
    }
  }
  low ^= avalanche(high)
  high ^= avalanche(low)
  low ^= avalanche(high)
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0)
}

function staticBand(size: bigint): bigint {
  if (size <= 16n) return 0n
  const sixteenth = size / 16n
  if (sixteenth > 256n) return 256n
  return sixteenth < 16n ? 16n : sixteenth
}

function low64(address: Uint8Array): bigint {
  return (BigInt(readUint32(address, 8)) << 32n) | BigInt(readUint32(address, 12))
}

function readUint32(bytes: Uint8Array, at: number): number {
  const high = ((bytes[at] as number) << 8) | (bytes[at + 1] as number)
  return ((high << 16) | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number)) >>> 0
}

function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
}

/** Every bit of the result depends on every bit of `x`. */
function avalanche(x: number): number {
  let h = Math.imul(x ^ (x >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}
