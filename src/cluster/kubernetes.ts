/**
 * The source that follows a real cluster through its API server.
 *
 * ```
 *   Services, EndpointSlices, Namespaces (Pods) ─► a Reflector each ─► Collection ─(changes, whole or none)─► sink
 *   ServiceCIDRs, IPAddresses ───────────────────► a Reflector each ─► Collection ─► address sink
 * ```
 *
 * It fails static: while the API server is away, or refuses, everything that is known stays. With a list of namespaces
 * each of them is followed by itself, so that a Role in each is all the right that is needed.
 */
import {
  type ClusterAddressSink,
  type IpAddress,
  readIpAddress,
  readServiceCidr,
  type ServiceCidr,
} from './kubernetes/addresses.ts'
import type { KubernetesClient } from './kubernetes/client.ts'
import { type Change, Collection } from './kubernetes/collection.ts'
import type { Follower } from './kubernetes/follower.ts'
import { NamespacePoll } from './kubernetes/namespace-poll.ts'
import { Problems } from './kubernetes/problems.ts'
import { REFLECTOR_TIMES, type ReflectorLog, type ReflectorTimes } from './kubernetes/reflector/options.ts'
import { Reflector } from './kubernetes/reflector.ts'
import {
  collectionPath,
  ENDPOINT_SLICES,
  IP_ADDRESSES,
  NAMESPACES,
  PODS,
  type Resource,
  readClusterObject,
  SERVICE_CIDRS,
  SERVICES,
} from './kubernetes/resources.ts'
import { triggerTime } from './kubernetes/trigger-time.ts'
import type { ClusterObject, ObjectChange } from './objects.ts'
import type { Source, SourceResource, SourceSink } from './source.ts'
import type { Fields } from './strip/fields.ts'
import { Interner } from './strip.ts'

/** What a {@link KubernetesSource} is made of. */
export interface KubernetesSourceOptions {
  /** Rejects while the credentials cannot be read; then it is asked again. */
  readonly client: () => Promise<KubernetesClient>
  /** Only these; null: all that there are. */
  readonly namespaces: readonly string[] | null
  /** Only Services, and slices of Services, with these labels; null: all. Slices carry the labels of their Service. */
  readonly labelSelector: string | null
  /** Whether Pods are followed. */
  readonly pods: boolean
  /** null: ServiceCIDRs and IPAddresses are not followed. */
  readonly addresses: ClusterAddressSink | null
  readonly logger: ReflectorLog
  /** Milliseconds since the epoch. */
  readonly clock?: () => number
  /** From 0 to 1. */
  readonly random?: () => number
  readonly times?: ReflectorTimes
}

/** See the top of the file. Started once. */
export class KubernetesSource implements Source {
  readonly #options: KubernetesSourceOptions
  readonly #clock: () => number
  readonly #interner = new Interner()
  readonly #followers: { readonly resource: Resource; readonly follower: Follower }[] = []
  readonly #problems: Problems
  readonly #synced = Promise.withResolvers<void>()
  #sink: SourceSink | null = null
  #startedAt = 0
  /** Resources whose first complete state has not come. */
  #missing = 0
  #missingAddresses = 0

  constructor(options: KubernetesSourceOptions) {
    this.#options = options
    this.#clock = options.clock ?? Date.now
    this.#problems = new Problems(options.logger, list => this.#sink?.problems(list))
  }

  async start(sink: SourceSink): Promise<void> {
    this.#sink = sink
    this.#startedAt = this.#clock()
    this.#followObjects()
    this.#followAddresses()
    for (const { follower } of this.#followers) follower.start()
    await this.#synced.promise
  }

  async stop(): Promise<void> {
    this.#sink = null
    this.#problems.stop()
    await Promise.all(this.#followers.map(({ follower }) => follower.stop()))
  }

  /** Of the resource that was not heard of for the longest time; each says something every minute. */
  lastSeen(): number {
    const times = this.#objectFollowers().map(follower => follower.lastSeen)
    return times.length === 0 ? 0 : Math.min(...times)
  }

  staleSince(): number | null {
    const broken = this.#objectFollowers().filter(follower => !follower.isLive)
    if (broken.length === 0) return null
    return Math.min(...broken.map(follower => (follower.lastSeen === 0 ? this.#startedAt : follower.lastSeen)))
  }

  resources(): readonly SourceResource[] {
    const byName = Map.groupBy(this.#followers, ({ resource }) => resource.plural)
    return Array.from(byName, ([name, list]) => {
      const followers = list.map(({ follower }) => follower)
      const errors = new Map<string, number>()
      for (const follower of followers) {
        for (const [reason, count] of follower.errors) errors.set(reason, (errors.get(reason) ?? 0) + count)
      }
      const sum = (value: (follower: Follower) => number): number => followers.reduce((n, f) => n + value(f), 0)
      const present = followers.filter(follower => !follower.isAbsent)
      return {
        name,
        lastSeen: present.length === 0 ? null : Math.min(...present.map(follower => follower.lastSeen)),
        relists: sum(follower => follower.relists),
        errors,
        objects: sum(follower => follower.size),
      }
    })
  }

  #objectFollowers(): readonly Follower[] {
    const isOptional = (resource: Resource): boolean => resource === SERVICE_CIDRS || resource === IP_ADDRESSES
    return this.#followers.filter(({ resource }) => !isOptional(resource)).map(({ follower }) => follower)
  }

  #followObjects(): void {
    const { labelSelector, namespaces, pods } = this.#options
    const labels: Record<string, string> = labelSelector === null ? {} : { labelSelector }
    // The addresses of Pods that have ended may belong to others by now.
    const running = { fieldSelector: 'status.phase!=Succeeded,status.phase!=Failed' }
    for (const namespace of namespaces ?? [null]) {
      this.#followObject(SERVICES, namespace, labels)
      this.#followObject(ENDPOINT_SLICES, namespace, labels)
      if (pods) this.#followObject(PODS, namespace, running)
    }
    this.#followObject(NAMESPACES, null, {})
  }

  #followObject(resource: Resource, namespace: string | null, query: Readonly<Record<string, string>>): void {
    const { namespaces } = this.#options
    const collection = this.#collect<ClusterObject>(resource, {
      read: value => readClusterObject(value, resource, this.#interner),
      emit: changes => this.#apply(resource, changes),
    })
    this.#missing++
    const onSynced = (): void => this.#onSynced()
    const options = { ...this.#reflectorOptions(resource, namespace, query), receiver: collection, onSynced }
    const isPolled = resource === NAMESPACES && namespaces !== null
    const follower = isPolled ? new NamespacePoll(namespaces, options) : new Reflector(options)
    this.#add(resource, follower)
  }

  #followAddresses(): void {
    const { addresses } = this.#options
    if (addresses === null) return
    const cidrs = this.#collect<ServiceCidr>(SERVICE_CIDRS, {
      read: readServiceCidr,
      emit: changes => addresses.serviceCidrs(changes),
    })
    const taken = this.#collect<IpAddress>(IP_ADDRESSES, {
      read: value => readIpAddress(value, this.#interner),
      emit: changes => addresses.ipAddresses(changes),
    })
    const onSynced = (): void => {
      if (--this.#missingAddresses === 0) addresses.synced()
    }
    for (const [resource, receiver] of [[SERVICE_CIDRS, cidrs] as const, [IP_ADDRESSES, taken] as const]) {
      this.#missingAddresses++
      const options = { ...this.#reflectorOptions(resource, null, {}), isOptional: true, receiver, onSynced }
      this.#add(resource, new Reflector(options))
    }
  }

  #collect<T>(
    { kind }: Resource,
    how: Pick<ConstructorParameters<typeof Collection<T>>[0], 'read' | 'emit'>,
  ): Collection<T> {
    const collection = new Collection<T>({ ...how, onFaults: () => this.#problems.changed() })
    this.#problems.watch(kind, collection)
    return collection
  }

  #add(resource: Resource, follower: Follower): void {
    this.#followers.push({ resource, follower })
    this.#problems.follow(follower)
  }

  #reflectorOptions(resource: Resource, namespace: string | null, query: Readonly<Record<string, string>>) {
    return {
      name: namespace === null ? resource.plural : `${resource.plural} of ${namespace}`,
      client: this.#options.client,
      path: collectionPath(resource, namespace),
      query,
      isOptional: false,
      onState: () => this.#problems.changed(),
      onRelisted: () => this.#sink?.relisted?.(),
      log: this.#options.logger,
      clock: this.#clock,
      random: this.#options.random ?? Math.random,
      times: this.#options.times ?? REFLECTOR_TIMES,
    }
  }

  #apply({ kind }: Resource, changes: readonly Change<ClusterObject>[]): void {
    this.#sink?.apply(changes.map(({ key, object, event }) => this.#changeOf(kind, key, object, event)))
  }

  #changeOf(kind: string, key: string, object: ClusterObject | null, event: Fields | null): ObjectChange {
    const change = { kind: kind as ObjectChange['kind'], key, object }
    const triggeredAt = kind === 'EndpointSlice' && event !== null ? triggerTime(event) : null
    // What was triggered before the start waited for us to start, and says nothing of how fast we are.
    return triggeredAt === null || triggeredAt < this.#startedAt ? change : { ...change, triggeredAt }
  }

  /** Problems first: a consumer that hears `synced` knows what is left out. */
  #onSynced(): void {
    if (--this.#missing > 0) return
    this.#problems.report()
    const objects = this.#followers.reduce((count, { follower }) => count + follower.size, 0)
    const fields = { event: 'kubernetes_synced', objects }
    this.#options.logger.info(fields, 'The cluster is known; its changes are followed')
    this.#sink?.synced()
    this.#synced.resolve()
  }
}
