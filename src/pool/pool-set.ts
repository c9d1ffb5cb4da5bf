/**
 * The pools of one network: disjoint prefixes in the order in which they fill. Most networks have one; a cluster with
 * several ServiceCIDRs has one for each.
 *
 * ```
 *  pools      a          b          c
 *  dynamic    ──1──►     ──2──►     ──3──►
 *  static     ──4──►     ──5──►     ──6──►     only when no dynamic band has room
 * ```
 */
import type { Address } from '../ip/address.ts'
import { containsPrefix, formatPrefix, type Prefix, prefixSize } from '../ip/prefix.ts'
import type { OwnerRef } from './claims.ts'
import { Pool } from './pool.ts'

/** See the top of the file. Immutable but for what is taken. */
export class PoolSet {
  readonly prefixes: readonly Prefix[]
  readonly #pools: readonly Pool[]

  /**
   * @param prefixes one that overlaps an earlier one is left out.
   * @throws WaypostError WAY_POOL_PREFIX unless each is IPv6 and its length 64 to 124.
   */
  constructor(network: string, prefixes: readonly Prefix[]) {
    this.prefixes = disjoint(prefixes)
    this.#pools = this.prefixes.map(prefix => new Pool(network, prefix))
  }

  /** Addresses of all pools. */
  get size(): bigint {
    return this.prefixes.reduce((sum, prefix) => sum + prefixSize(prefix), 0n)
  }

  /** Addresses that placement can give now. */
  get free(): bigint {
    return this.#pools.reduce((sum, pool) => sum + pool.free, 0n)
  }

  /** `fdaa::/112 and fdab::/112`, for messages. */
  get text(): string {
    return this.prefixes.map(formatPrefix).join(' and ')
  }

  /** Whether the address lies in a pool. */
  contains(address: Address): boolean {
    return this.#pools.some(pool => pool.contains(address))
  }

  /** Whether placement may give the address at all. */
  isPlaceable(address: Address): boolean {
    return this.#pools.some(pool => pool.isPlaceable(address))
  }

  /** Marks a free address as taken; one of no pool is nobody's business. */
  take(address: Address): void {
    for (const pool of this.#pools) pool.take(address)
  }

  /** Marks a taken address as free. */
  give(address: Address): void {
    for (const pool of this.#pools) pool.give(address)
  }

  /** The address for an owner, or null when all pools are full. */
  place(owner: OwnerRef): Address | null {
    for (const band of [0, 1] as const) {
      for (const pool of this.#pools) {
        const address = pool.placeIn(band, owner)
        if (address !== null) return address
      }
    }
    return null
  }

  /** Whether it is made of these prefixes. */
  isOf(prefixes: readonly Prefix[]): boolean {
    const wanted = disjoint(prefixes)
    if (wanted.length !== this.prefixes.length) return false
    return wanted.every((prefix, i) => formatPrefix(prefix) === formatPrefix(this.prefixes[i] ?? prefix))
  }
}

/** Prefixes nest or are apart, so "overlaps" is "one holds the other". */
function disjoint(prefixes: readonly Prefix[]): readonly Prefix[] {
  const kept: Prefix[] = []
  for (const prefix of prefixes) {
    if (!kept.some(other => containsPrefix(other, prefix) || containsPrefix(prefix, other))) kept.push(prefix)
  }
  return kept
}
