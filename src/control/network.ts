/**
 * One network: observed objects in, addresses, names and routes out. Everything that a Service gets is decided in the
 * reconcile step from the store and published together (law 1); events only name what may have changed (law 3).
 */
import type { ObjectChange, ObjectKey, Service } from '../cluster/objects.ts'
import { Store } from '../cluster/store.ts'
import { type Address, formatAddress } from '../ip/address.ts'
import type { ServiceFacts } from '../naming/context.ts'
import { nameFaults, nameProblem } from '../naming/names.ts'
import type { Allocator } from '../pool/allocator.ts'
import type { ClaimRequest, ClaimResult, OwnerRef } from '../pool/claims.ts'
import { compileRoutes, compileSyncVersion } from '../route/compile.ts'
import type { Route } from '../route/route.ts'
import { type AddressGiver, addressNeed, orderAddresses } from './address-need.ts'
import type { Log } from './log.ts'
import type { NetworkNames } from './network-names.ts'
import {
  type Problem,
  type PublishedService,
  type RouteChange,
  sameAddresses,
  sameFacts,
  sameProblem,
} from './published.ts'
import { WorkQueue } from './work-queue.ts'

/** What a network needs from the composition root. */
export interface NetworkOptions {
  readonly name: string
  readonly allocator: Allocator
  readonly names: NetworkNames
  readonly proxyName: string | null
  readonly addressGiver: AddressGiver
  readonly log: Log
  /** Milliseconds of a monotonic clock. */
  now(): number
  /** Milliseconds since the epoch. */
  clock(): number
  /** Called at the end of every published step with the Services whose routes changed. */
  onPublish(changes: readonly RouteChange[]): void
  /** The problem or the addresses outside of what is published for this Service are not what they were. */
  onTrouble(service: ObjectKey): void
  /** A claim may succeed at this time (milliseconds since the epoch), or, null, only when something is released. */
  onWaiting(retryAt: number | null): void
  /** Seconds that a reconcile step took; called after each. */
  onReconciled(seconds: number): void
  /** Seconds from what triggered a change of a headless Service's endpoints to the publish of its names. */
  onProgrammed(seconds: number): void
  onError(error: unknown): void
}

/** What may have changed: `service:ns/name`, `namespace:name`, `pod:ns/name`. */
type WorkKey = `${'service' | 'namespace' | 'pod'}:${string}`

/** How long one step may hold the control thread before it publishes and yields; milliseconds. */
const STEP = 8
/** The same before anybody is served: only probes of health wait then. */
const FIRST_STEP = 50

/** See the top of the file. */
export class Network {
  readonly name: string
  readonly store: Store = new Store()
  readonly #options: NetworkOptions
  readonly #queue: WorkQueue<WorkKey>
  readonly #published = new Map<ObjectKey, PublishedService>()
  readonly #waiting = new Set<ObjectKey>()
  readonly #warned = new Set<string>()
  /** Headless Services that wait to be published, with the earliest trigger (milliseconds since the epoch). */
  readonly #triggers = new Map<ObjectKey, number>()
  /** Triggers of what the next commit publishes. */
  #programmed: number[] = []
  #step = FIRST_STEP
  #nextOwner = FIRST_OWNER
  #changes: RouteChange[] = []

  constructor(options: NetworkOptions) {
    this.name = options.name
    this.#options = options
    this.#queue = new WorkQueue(keys => this.#reconcile(keys), options.onError)
  }

  /** Everything published, by Service. */
  get published(): ReadonlyMap<ObjectKey, PublishedService> {
    return this.#published
  }

  /** Keys that wait to be reconciled. */
  get queueDepth(): number {
    return this.#queue.depth
  }

  /** Services that wait for an address. */
  get waiting(): number {
    return this.#waiting.size
  }

  /** Takes observed changes. They are visible in the store at once and published soon. */
  apply(changes: readonly ObjectChange[]): void {
    const touched = this.store.apply(changes)
    for (const change of changes) {
      if (change.triggeredAt !== undefined) this.#noteTrigger(change, change.triggeredAt, touched.services)
    }
    this.#queue.add(workKeys('service', touched.services))
    this.#queue.add(workKeys('namespace', touched.namespaces))
    if (this.#options.names.publishesPods) this.#queue.add(workKeys('pod', touched.pods))
  }

  /** The first state is published, and somebody may wait for what comes next. */
  beginServing(): void {
    this.#step = STEP
  }

  /** Publishes the names of an app as its claims are now, at once: the reply to its request says that they resolve. */
  publishApp(app: string): void {
    const { allocator, names } = this.#options
    names.setApp(app, allocator.addressesOf(this.name, { kind: 'App', name: app }))
    names.commit()
  }

  /** Services that have given back every address: the ledger knows of their end before anything else is written. */
  releasedServices(): ReadonlySet<ObjectKey> {
    const released = new Set<ObjectKey>()
    const holding = new Set<ObjectKey>()
    for (const { network, owner, state } of this.#options.allocator.claims()) {
      if (network !== this.name || owner.kind !== 'Service') continue
      if (state === 'resting') released.add(owner.name)
      else holding.add(owner.name)
    }
    return released.difference(holding)
  }

  /** Tries the Services again that wait for an address. */
  retryWaiting(): void {
    this.#queue.add(workKeys('service', this.#waiting))
  }

  /** Looks at Services again whose claims are not what they should be. */
  recheck(services: readonly ObjectKey[]): void {
    this.#queue.add(workKeys('service', services))
  }

  /** Resolves when everything observed so far is published. */
  idle(): Promise<void> {
    return this.#queue.idle()
  }

  stop(): Promise<void> {
    return this.#queue.stop()
  }

  /** The Service's routes as published now; computed, not stored. */
  routesOf(key: ObjectKey): readonly Route[] {
    const facts = this.#published.get(key)?.facts
    return facts === null || facts === undefined ? [] : compileRoutes(facts, { proxyName: this.#options.proxyName })
  }

  /** Publishes every name again, after the naming rules (TTL, zones) changed. */
  async republish(): Promise<void> {
    await this.#queue.idle()
    const { names } = this.#options
    names.beginRepublish()
    for (const entry of this.#published.values()) {
      if (entry.facts !== null) names.setService(entry.owner, null, entry.facts)
    }
    names.endRepublish()
  }

  /** Names of other Services do not change with their endpoints; CoreDNS measures the same ones. */
  #noteTrigger({ object }: ObjectChange, triggeredAt: number, touched: ReadonlySet<ObjectKey>): void {
    const key = object?.kind === 'EndpointSlice' ? object.service : null
    if (key === null || !touched.has(key) || this.store.service(key)?.headless !== true) return
    this.#triggers.set(key, Math.min(triggeredAt, this.#triggers.get(key) ?? triggeredAt))
  }

  async #reconcile(keys: ReadonlySet<WorkKey>): Promise<void> {
    const started = this.#options.now()
    const services: ObjectKey[] = []
    const rest: WorkKey[] = []
    for (const key of keys) {
      if (key.startsWith('service:')) services.push(key.slice('service:'.length))
      else rest.push(key)
    }
    // Namespaces first: a Service's names hang below theirs.
    for (const key of rest) this.#reconcileOther(key)
    const results = this.#claim(services)
    await this.#inSteps(services, key => this.#publishService(key, results.get(key) ?? null))
    this.#options.onReconciled((this.#options.now() - started) / 1000)
  }

  #reconcileOther(workKey: WorkKey): void {
    const names = this.#options.names
    const key = workKey.slice(workKey.indexOf(':') + 1)
    if (workKey.startsWith('namespace:')) names.setNamespace(key, this.store.namespace(key), this.store.hasPods(key))
    else names.setPod(key, this.store.pod(key))
  }

  /** Runs `step` for every item, publishing and yielding to the event loop whenever a step's time has passed. */
  async #inSteps<Item>(items: readonly Item[], step: (item: Item) => void): Promise<void> {
    let started = this.#options.now()
    for (const item of items) {
      step(item)
      if (this.#options.now() - started < this.#step) continue
      this.#commit()
      await new Promise<void>(resolve => setImmediate(resolve))
      started = this.#options.now()
    }
    this.#commit()
  }

  #commit(): void {
    this.#options.names.commit()
    const changes = this.#changes
    this.#changes = []
    if (changes.length > 0) this.#options.onPublish(changes)
    if (this.#programmed.length === 0) return
    const now = this.#options.clock()
    for (const triggeredAt of this.#programmed) this.#options.onProgrammed(Math.max(now - triggeredAt, 0) / 1000)
    this.#programmed = []
  }

  /** Releases and claims for all Services of a batch in one durable step each. */
  #claim(keys: readonly ObjectKey[]): Map<ObjectKey, ClaimResult> {
    const { allocator } = this.#options
    const results = new Map<ObjectKey, ClaimResult>()
    const requests: ClaimRequest[] = []
    const releases: { network: string; owner: OwnerRef }[] = []
    for (const key of keys) {
      const service = this.store.service(key)
      const owner: OwnerRef = { kind: 'Service', name: key }
      const need = service === null ? { kind: 'none' as const } : addressNeed(service, this.#options.addressGiver)
      if (need.kind === 'claim' && service !== null) {
        requests.push({
          network: this.name,
          owner,
          explicit: need.explicit,
          place: need.place,
          created: service.created,
        })
        continue
      }
      // One that waits holds nothing, but the allocator counts it until it is released.
      const isKnown = this.#waiting.has(key) || allocator.addressesOf(this.name, owner).length > 0
      if (isKnown) releases.push({ network: this.name, owner })
      if (need.kind === 'unavailable') {
        results.set(key, { ok: false, code: need.code, message: need.message, retryAt: null })
      }
    }
    if (releases.length > 0) this.#release(releases)
    const claimed = requests.length > 0 ? allocator.claim(requests) : []
    claimed.forEach((result, i) => {
      const request = requests[i]
      if (request !== undefined) results.set(request.owner.name, result)
    })
    return results
  }

  /** A release that cannot be written keeps the address bound, which is safe; it is tried again later. */
  #release(releases: readonly { network: string; owner: OwnerRef }[]): void {
    const { allocator, log, onWaiting } = this.#options
    try {
      allocator.release(releases)
    } catch (error) {
      log.error(
        { event: 'release_failed', network: this.name, error: String(error) },
        'Addresses could not be released',
      )
      for (const { owner } of releases) this.#waiting.add(owner.name)
      onWaiting(this.#options.clock() + RELEASE_RETRY)
    }
  }

  #publishService(key: ObjectKey, result: ClaimResult | null): void {
    const triggeredAt = this.#triggers.get(key)
    if (triggeredAt !== undefined && this.#triggers.delete(key)) this.#programmed.push(triggeredAt)
    const before = this.#published.get(key) ?? null
    const service = this.store.service(key)
    if (service === null) {
      this.#waiting.delete(key)
      if (before !== null) this.#withdraw(key, before)
      return
    }
    const refusal = result === null || result.ok ? null : { code: result.code, message: result.message }
    const addresses = result?.ok === true ? orderAddresses(service, result.addresses) : []
    const facts = refusal === null ? this.#factsOf(service, addresses) : null
    const problem = refusal ?? this.#nameProblem(facts)
    this.#noteProblem(key, before?.problem ?? null, problem, result)
    const outside = result?.ok === true ? result.outside : NO_ADDRESSES
    if (outside.length > 0) this.#warnOutside(service, outside)
    const isSameTrouble = sameProblem(before?.problem ?? null, problem) && sameAddresses(before?.outside ?? [], outside)
    if (before !== null && sameFacts(before.facts, facts) && isSameTrouble) return
    this.#publishFacts(key, before, { facts, problem, outside })
    if (!isSameTrouble) this.#options.onTrouble(key)
  }

  #publishFacts(
    key: ObjectKey,
    before: PublishedService | null,
    next: Pick<PublishedService, 'facts' | 'problem' | 'outside'>,
  ): void {
    const { facts, problem, outside } = next
    const owner = before?.owner ?? this.#nextOwner++
    if (before === null) this.#options.names.countService(key, 1)
    const syncVersion = facts === null ? null : compileSyncVersion(facts, { proxyName: this.#options.proxyName })
    this.#published.set(key, { owner, facts, problem, outside, syncVersion })
    this.#options.names.setService(owner, before?.facts ?? null, facts)
    if (syncVersion !== (before?.syncVersion ?? null)) {
      this.#changes.push({ network: this.name, service: key, present: syncVersion !== null })
    }
  }

  #withdraw(key: ObjectKey, before: PublishedService): void {
    this.#published.delete(key)
    this.#options.names.setService(before.owner, before.facts, null)
    this.#options.names.countService(key, -1)
    if (before.syncVersion !== null) this.#changes.push({ network: this.name, service: key, present: false })
  }

  #factsOf(service: Service, addresses: readonly Address[]): ServiceFacts {
    const app = this.store.namespace(service.namespace)?.app ?? null
    return { service, addresses, slices: this.store.slicesOf(service.key), app }
  }

  /** What can have no name; what only a part of the names lacks is said once. */
  #nameProblem(facts: ServiceFacts | null): Problem | null {
    if (facts === null) return null
    const { context } = this.#options.names
    const message = nameProblem(context, facts)
    if (message !== null) return { code: 'WAY_NAME_INVALID', message }
    for (const fault of nameFaults(context, facts)) this.#warnOnce('name_left_out', facts.service.key, fault)
    return null
  }

  #noteProblem(key: ObjectKey, before: Problem | null, problem: Problem | null, result: ClaimResult | null): void {
    const { log, onWaiting } = this.#options
    if (result === null || result.ok) this.#waiting.delete(key)
    else {
      this.#waiting.add(key)
      onWaiting(result.retryAt)
    }
    // The message may count down to the end of a rest; it is said once.
    if (before?.code === problem?.code) return
    if (problem === null) {
      log.info({ event: 'service_recovered', network: this.name, service: key }, 'Service is served')
      return
    }
    log.warn({ event: 'service_problem', network: this.name, service: key, code: problem.code }, problem.message)
  }

  #warnOutside(service: Service, addresses: readonly Address[]): void {
    for (const address of addresses.map(outside => formatAddress(outside))) {
      const message = `Service "${service.key}" names address ${address}, which lies outside the pool; it is adopted as it is`
      this.#warnOnce('address_outside_pool', service.key, message)
    }
  }

  #warnOnce(event: string, service: ObjectKey, message: string): void {
    if (this.#warned.has(message)) return
    if (this.#warned.size >= MOST_WARNINGS) this.#warned.clear()
    this.#warned.add(message)
    this.#options.log.warn({ event, network: this.name, service }, message)
  }
}

const NO_ADDRESSES: readonly Address[] = Object.freeze([])

/** Tags below are for zones and zone files; see `network-names.ts`. */
const FIRST_OWNER = 0x1000_0000

/** Warnings that are remembered, so that they are said once. */
const MOST_WARNINGS = 10_000

/** Milliseconds until a release that could not be written is tried again. */
const RELEASE_RETRY = 1000

function workKeys(kind: 'service' | 'namespace' | 'pod', keys: Iterable<string>): WorkKey[] {
  return Array.from(keys, key => `${kind}:${key}` as const)
}
