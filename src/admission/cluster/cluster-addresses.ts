/**
 * One network's view of ServiceCIDR and IPAddress objects, kept from a watch: ServiceCIDRs become pools, IPAddresses
 * become marks on addresses, and those of our own label become claims of apps, which is how every replica knows them.
 */
import type { ClusterAddressSink, IpAddress, ServiceCidr } from '../../cluster/kubernetes/addresses.ts'
import { type Address, familyOf, formatAddress } from '../../ip/address.ts'
import { containsAddress, formatPrefix, type Prefix } from '../../ip/prefix.ts'
import type { Allocator } from '../../pool/allocator.ts'
import type { OwnerRef } from '../../pool/claims.ts'
import { ownerOf } from './objects.ts'
import { poolsOf, rangesOf } from './pools.ts'

/** What the view needs. */
export interface ClusterAddressesOptions {
  readonly network: string
  /** The configured pool. */
  readonly configured: Prefix
  readonly allocator: Allocator
  /** An app's claims have changed: its names are to be published again. */
  onApp(app: string): void
  readonly log: { info(fields: object, message: string): void; error(fields: object, message: string): void }
}

/** A change of one object, by its name; null: it is gone. */
export interface NamedChange<T> {
  readonly key: string
  readonly object: T | null
}

/** An address that is taken in the cluster. */
interface Taken {
  readonly address: Address
  readonly owner: OwnerRef | null
}

/** See the top of the file. */
export class ClusterAddresses implements ClusterAddressSink {
  readonly #options: ClusterAddressesOptions
  readonly #cidrs = new Map<string, ServiceCidr>()
  /** By canonical text. */
  readonly #taken = new Map<string, Taken>()
  #isSynced = false

  constructor(options: ClusterAddressesOptions) {
    this.#options = options
  }

  /**
   * Whether every IPAddress of the cluster is known. A cluster that shows them has at least that of its own API, so
   * none at all means that they are hidden.
   */
  get knowsAddresses(): boolean {
    return this.#isSynced && this.#taken.size > 0
  }

  serviceCidrs(changes: readonly NamedChange<ServiceCidr>[]): void {
    for (const { key, object } of changes) {
      if (object === null) this.#cidrs.delete(key)
      else this.#cidrs.set(key, object)
    }
    if (this.#isSynced) this.#setPools()
  }

  ipAddresses(changes: readonly NamedChange<IpAddress>[]): void {
    for (const { key, object } of changes) this.#setAddress(key, object)
  }

  synced(): void {
    this.#isSynced = true
    this.#setPools()
  }

  /** Whether the cluster has an address taken. */
  has(address: Address): boolean {
    return this.#taken.has(formatAddress(address))
  }

  /** The addresses of apps. */
  *apps(): Iterable<{ readonly owner: OwnerRef; readonly address: Address }> {
    for (const { owner, address } of this.#taken.values()) if (owner?.kind === 'App') yield { owner, address }
  }

  /** Whether an address lies where Services have theirs. Nothing is known of IPv4 without ServiceCIDRs. */
  isInside(address: Address): boolean {
    if (this.#cidrs.size === 0 && familyOf(address) === 'IPv4') return true
    const ranges = rangesOf(this.#options.configured, [...this.#cidrs.values()])
    return ranges.some(range => containsAddress(range, address))
  }

  /**
   * Makes an app's IPAddress its claim here. Of two for one app, which replicas that raced made, the first one stays
   * until its maker has taken one of them back.
   */
  adopt(owner: OwnerRef, address: Address): void {
    const { allocator, log, network, onApp } = this.#options
    const text = formatAddress(address)
    const held = allocator.addressesOf(network, owner)
    const isHeld = held.some(other => formatAddress(other) === text)
    if (isHeld && allocator.isShared(network, owner)) return
    if (!isHeld && held.some(other => this.has(other))) return
    const [result] = allocator.claim([{ network, owner, explicit: [address], place: false, created: null }])
    if (result?.ok !== true) {
      const fields = { event: 'app_not_adopted', network, app: owner.name, address: text, code: result?.code }
      log.error(fields, result?.message ?? 'The address could not be claimed')
      return
    }
    allocator.share(network, owner)
    if (!isHeld) onApp(owner.name)
  }

  #setAddress(name: string, object: IpAddress | null): void {
    const { allocator, network } = this.#options
    const before = this.#taken.get(name)
    const owner = object === null ? null : ownerOf(object, network)
    if (before !== undefined && (object === null || !isSameOwner(before.owner, owner))) this.#forget(before)
    if (object === null) {
      this.#taken.delete(name)
      return
    }
    this.#taken.set(name, { address: object.address, owner })
    allocator.mark(network, object.address, { owner })
    if (owner?.kind === 'App') this.adopt(owner, object.address)
  }

  /** An IPAddress went, or belongs to somebody else now. */
  #forget({ address, owner }: Taken): void {
    const { allocator, network, onApp } = this.#options
    allocator.mark(network, address, null)
    if (owner?.kind !== 'App' || !allocator.isShared(network, owner)) return
    const text = formatAddress(address)
    if (!allocator.addressesOf(network, owner).some(other => formatAddress(other) === text)) return
    allocator.release([{ network, owner }])
    onApp(owner.name)
  }

  #setPools(): void {
    const { allocator, configured, log, network } = this.#options
    const cidrs = [...this.#cidrs.values()]
    const before = allocator.stats(network).prefixes.map(formatPrefix).join()
    allocator.setPools(network, poolsOf(configured, cidrs), rangesOf(configured, cidrs))
    const after = allocator.stats(network).prefixes.map(formatPrefix)
    if (after.join() === before) return
    log.info({ event: 'pools_changed', network, pools: after }, 'The pools follow the ServiceCIDRs of the cluster')
  }
}

function isSameOwner(a: OwnerRef | null, b: OwnerRef | null): boolean {
  return a === null || b === null ? a === b : a.kind === b.kind && a.name === b.name
}
