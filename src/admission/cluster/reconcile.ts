/**
 * Compares the claims of a network with what its cluster has, both ways, and mends the difference. What is taken away
 * was seen to be missing twice in a row; what is given is given at once.
 *
 * ```
 *  claims                          cluster
 *    reserved, lease over   ─?─►   a Service lists it    no, twice: free
 *    a Service's            ─?─►   the Service lists it  no, twice: released
 *    an app's               ─?─►   its IPAddress         no: created when it never was there, twice: released
 *    not there              ◄─?─   a Service's address   adopted
 *    not there              ◄─?─   an IPAddress of ours  adopted
 * ```
 */
import type { ObjectKey, Service } from '../../cluster/objects.ts'
import type { Address } from '../../ip/address.ts'
import type { Allocator } from '../../pool/allocator.ts'
import { type AddressKey, addressKey, type Claim, ownerKey } from '../../pool/claims.ts'
import type { ClusterAddresses } from './cluster-addresses.ts'
import { conflictFinding, type Finding, type FindingSink, outsideFinding } from './findings.ts'

/** What the reconcile needs. */
export interface ReconcilerOptions {
  readonly network: string
  readonly allocator: Allocator
  readonly addresses: ClusterAddresses
  readonly leaseMs: number
  /** The Services of the cluster, complete. */
  services(): Iterable<Service>
  /** Until when the Services are known to be complete, in milliseconds since the epoch; null: they are not yet. */
  seenAt(): number | null
  /** Looks at Services again whose addresses are not claimed. */
  recheck(services: readonly ObjectKey[]): void
  /** Creates the IPAddress of an app that has none. */
  createApp(app: string, address: Address): Promise<unknown>
  /** An app was released. */
  onApp(app: string): void
  readonly onFinding: FindingSink
  readonly log: { info(fields: object, message: string): void; error(fields: object, message: string): void }
}

/** Milliseconds between two full reconciles. */
export const FULL_INTERVAL = 300_000
/** Bounds of the time between two looks at lapsed leases. */
const SHORTEST_LOOK = 1000
const LONGEST_LOOK = 30_000

/** Counts since the start, and what holds now. */
export interface ReconcileFigures {
  readonly network: string
  readonly outside: number
  readonly conflicts: number
  /** Services whose addresses appeared without us. */
  readonly adopted: number
  /** Claims that nobody had any more. */
  readonly freed: number
}

/** See the top of the file. */
export class Reconciler {
  readonly #options: ReconcilerOptions
  readonly #missing = new Map<AddressKey, number>()
  readonly #timers: NodeJS.Timeout[] = []
  #findings: readonly Finding[] = []
  #adopted = 0
  #freed = 0

  constructor(options: ReconcilerOptions) {
    this.#options = options
  }

  /** What a person should know, as of the last full reconcile. */
  get findings(): readonly Finding[] {
    return this.#findings
  }

  figures(): ReconcileFigures {
    const count = (kind: Finding['kind']): number => this.#findings.filter(finding => finding.kind === kind).length
    return {
      network: this.#options.network,
      outside: count('outside'),
      conflicts: count('conflict'),
      adopted: this.#adopted,
      freed: this.#freed,
    }
  }

  /** Begins: the first full reconcile as soon as the Services are known, then one every five minutes. */
  start(): void {
    const { leaseMs } = this.#options
    const look = Math.min(Math.max(leaseMs / 3, SHORTEST_LOOK), LONGEST_LOOK)
    this.#every(FULL_INTERVAL, () => this.full())
    this.#every(look, () => this.look())
  }

  stop(): void {
    for (const timer of this.#timers) clearInterval(timer)
  }

  /** One look at lapsed leases. */
  look(): void {
    const { allocator, network, seenAt, services } = this.#options
    const seen = seenAt()
    if (seen === null || allocator.leases.count(network) === 0) return
    const listed = new Set<AddressKey>()
    for (const { clusterIPs } of services()) for (const address of clusterIPs) listed.add(addressKey(address))
    const freed = allocator.leases.observe(network, seen, address => listed.has(addressKey(address)))
    this.#freed += freed.length
  }

  /** One full reconcile, see the top of the file. */
  full(): void {
    if (this.#options.seenAt() === null) return
    const { listed, known } = this.#lookAtServices()
    this.#lookAtClaims(listed, known)
    const { addresses } = this.#options
    if (addresses.knowsAddresses) for (const { owner, address } of addresses.apps()) addresses.adopt(owner, address)
  }

  /** The cluster's Services against the claims; gives who lists which address, and who there is. */
  #lookAtServices(): { listed: ReadonlyMap<AddressKey, ObjectKey>; known: ReadonlySet<ObjectKey> } {
    const { addresses, allocator, network, onFinding, recheck, services } = this.#options
    const listed = new Map<AddressKey, ObjectKey>()
    const known = new Set<ObjectKey>()
    const unclaimed = new Set<ObjectKey>()
    const findings: Finding[] = []
    for (const { key, clusterIPs } of services()) {
      known.add(key)
      for (const address of clusterIPs) {
        listed.set(addressKey(address), key)
        if (!addresses.isInside(address)) findings.push(outsideFinding(network, key, address))
        const holder = allocator.holderOf(network, address)
        if (holder?.state === 'bound' && holder.owner.name === key) continue
        if (holder?.state === 'bound') findings.push(conflictFinding(network, key, address))
        else unclaimed.add(key)
      }
    }
    this.#adopted += unclaimed.size
    if (unclaimed.size > 0) recheck([...unclaimed])
    this.#findings = findings
    for (const finding of findings) onFinding(finding)
    return { listed, known }
  }

  /** The claims against the cluster. */
  #lookAtClaims(listed: ReadonlyMap<AddressKey, ObjectKey>, known: ReadonlySet<ObjectKey>): void {
    const { addresses, allocator, network, onApp, recheck } = this.#options
    const missing = new Map<AddressKey, number>()
    for (const claim of [...allocator.claims()]) {
      if (claim.network !== network || claim.state !== 'bound') continue
      const key = addressKey(claim.address)
      if (claim.owner.kind === 'App') {
        if (!addresses.knowsAddresses || addresses.has(claim.address)) continue
        if (!allocator.isShared(network, claim.owner)) {
          this.#create(claim)
          continue
        }
      } else if (listed.get(key) === claim.owner.name) continue
      else if (known.has(claim.owner.name)) {
        // it has other addresses now, and its next claim lets go of this one
        recheck([claim.owner.name])
        continue
      }
      const count = (this.#missing.get(key) ?? 0) + 1
      if (count < 2) missing.set(key, count)
      else {
        allocator.release([{ network, owner: claim.owner }])
        this.#freed++
        if (claim.owner.kind === 'App') onApp(claim.owner.name)
      }
    }
    this.#missing.clear()
    for (const [key, count] of missing) this.#missing.set(key, count)
  }

  /** An app from before the network had a cluster. */
  #create({ owner, address }: Claim): void {
    const { createApp, log, network } = this.#options
    createApp(owner.name, address).catch(error => {
      const fields = { event: 'app_not_created', network, app: ownerKey(owner), error: String(error) }
      log.error(fields, 'The IPAddress of an app could not be created')
    })
  }

  #every(ms: number, work: () => void): void {
    const timer = setInterval(() => {
      try {
        work()
      } catch (error) {
        const fields = { event: 'reconcile_failed', network: this.#options.network, error: String(error) }
        this.#options.log.error(fields, 'Claims could not be compared with the cluster')
      }
    }, ms)
    timer.unref()
    this.#timers.push(timer)
  }
}
