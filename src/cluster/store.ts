/**
 * The observed state of one cluster, indexed by what its readers ask: a Service with the slices behind it. A change
 * costs what it touches, whatever the size of the cluster.
 *
 * ```
 *   namespace ─┬─ Namespace object (app)
 *              ├─ Pods
 *              ├─ selectors ──► Services that a Pod's labels match
 *              └─ Services ──► own slices │ Pods that match → slices derived when asked
 * ```
 */
import { isDerivable, isEndpoint, matchesSelector } from './derive.ts'
import { equalObjects, equalTexts, makesSameEndpoint } from './equality.ts'
import type {
  ClusterObject,
  EndpointSlice,
  Namespace,
  ObjectChange,
  ObjectKey,
  ObjectKind,
  Pod,
  Service,
  ServiceRecord,
} from './objects.ts'
import { ServiceEntry } from './store/entry.ts'
import { SelectorIndex } from './store/selector-index.ts'

/** What an {@link Store.apply} changed. A key is there also when its object is gone now. */
export interface TouchedKeys {
  /** Every Service whose address, names or routes may differ: by itself, its slices, its Pods or its namespace's app. */
  readonly services: Set<ObjectKey>
  /** Every Namespace that appeared, changed or went, and every namespace that got its first Pod or lost its last. */
  readonly namespaces: Set<string>
  /** Every Pod that appeared, changed or went. */
  readonly pods: Set<ObjectKey>
}

/** How much is held. */
export interface StoreStats {
  readonly namespaces: number
  readonly services: number
  readonly slices: number
  /** Endpoints of the slices that came from the source; derived ones are not counted. */
  readonly endpoints: number
  readonly pods: number
}

/** What the store knows of one namespace; also when there is no Namespace object for it. */
class Space {
  namespace: Namespace | null = null
  readonly entries = new Set<ServiceEntry>()
  readonly selectors = new SelectorIndex()
  readonly pods = new Map<ObjectKey, Pod>()

  get isEmpty(): boolean {
    return this.namespace === null && this.entries.size === 0 && this.pods.size === 0
  }
}

/** Services before Pods: a Pod finds its Services by index, a new selector must look at every Pod. */
const ORDER: readonly ObjectKind[] = ['Namespace', 'Service', 'EndpointSlice', 'Pod']
const NO_SLICES: readonly EndpointSlice[] = Object.freeze([])
const NO_PODS: readonly Pod[] = Object.freeze([])

/** The store of one cluster. Objects go in by {@link Store.apply} alone and are never changed. */
export class Store {
  readonly #spaces = new Map<string, Space>()
  readonly #entries = new Map<ObjectKey, ServiceEntry>()
  readonly #slices = new Map<ObjectKey, EndpointSlice>()
  #services = 0
  #endpoints = 0

  /**
   * Applies an atomic set of changes. An object that says the same as the one held touches nothing. When one key
   * occurs twice, the later change wins.
   */
  apply(changes: readonly ObjectChange[]): TouchedKeys {
    const touched: TouchedKeys = { services: new Set(), namespaces: new Set(), pods: new Set() }
    for (const kind of ORDER) {
      for (const change of changes) if (change.kind === kind) this.#applyOne(change, touched)
    }
    return touched
  }

  service(key: ObjectKey): Service | null {
    return this.#entries.get(key)?.service ?? null
  }

  /** What the API server says of the Service at this moment; null when it is gone or came from no API server. */
  record(key: ObjectKey): ServiceRecord | null {
    return this.#entries.get(key)?.record ?? null
  }

  *services(): Iterable<Service> {
    for (const entry of this.#entries.values()) if (entry.service !== null) yield entry.service
  }

  namespace(name: string): Namespace | null {
    return this.#spaces.get(name)?.namespace ?? null
  }

  *namespaces(): Iterable<Namespace> {
    for (const space of this.#spaces.values()) if (space.namespace !== null) yield space.namespace
  }

  /**
   * The slices behind a Service, sorted by name: its own (labelled with its name) when it has any, else those derived
   * from its Pods. The list is immutable.
   */
  slicesOf(key: ObjectKey): readonly EndpointSlice[] {
    return this.#entries.get(key)?.slices() ?? NO_SLICES
  }

  /** The Pods of a namespace, in no order. */
  pods(namespace: string): Iterable<Pod> {
    return this.#spaces.get(namespace)?.pods.values() ?? NO_PODS
  }

  hasPods(namespace: string): boolean {
    return (this.#spaces.get(namespace)?.pods.size ?? 0) > 0
  }

  pod(key: ObjectKey): Pod | null {
    return this.#spaces.get(namespaceOf(key))?.pods.get(key) ?? null
  }

  /** Every object that a source reported, for the last-state file; derived slices are not among them. */
  *objects(): Iterable<ClusterObject> {
    yield* this.namespaces()
    yield* this.services()
    yield* this.#slices.values()
    for (const space of this.#spaces.values()) yield* space.pods.values()
  }

  stats(): StoreStats {
    let namespaces = 0
    let pods = 0
    for (const space of this.#spaces.values()) {
      if (space.namespace !== null) namespaces++
      pods += space.pods.size
    }
    return { namespaces, services: this.#services, slices: this.#slices.size, endpoints: this.#endpoints, pods }
  }

  #applyOne(change: ObjectChange, touched: TouchedKeys): void {
    const { kind, key, object } = change
    if (kind === 'Namespace') this.#applyNamespace(key, object?.kind === kind ? object : null, touched)
    else if (kind === 'Service') this.#applyService(key, object?.kind === kind ? object : null, touched)
    else if (kind === 'EndpointSlice') this.#applySlice(key, object?.kind === kind ? object : null, touched)
    else this.#applyPod(key, object?.kind === kind ? object : null, touched)
  }

  #applyNamespace(name: string, next: Namespace | null, touched: TouchedKeys): void {
    const space = this.#space(name)
    const before = space.namespace
    if (isAgain(before, next)) return
    space.namespace = next
    this.#dropIfEmpty(name, space)
    if (isSame(before, next)) return
    touched.namespaces.add(name)
    if ((before?.app ?? null) === (next?.app ?? null)) return
    for (const entry of space.entries) if (entry.service !== null) touched.services.add(entry.key)
  }

  #applyService(key: ObjectKey, next: Service | null, touched: TouchedKeys): void {
    const entry = this.#entry(key)
    const before = entry.service
    const space = this.#space(entry.namespace)
    entry.record = next?.record ?? null
    const same = isSame(before, next)
    // What is published holds the object before; a second one that says the same would only take memory.
    entry.service = same && before?.origin === next?.origin ? before : next
    if (!same) {
      this.#services += (next === null ? 0 : 1) - (before === null ? 0 : 1)
      touched.services.add(key)
      entry.forgetDerived()
      if (!hasSameSelector(before, next)) this.#select(entry, space)
    }
    this.#release(entry, space)
  }

  /** Files the entry by its new selector and gathers the Pods that it matches. */
  #select(entry: ServiceEntry, space: Space): void {
    space.selectors.remove(entry)
    space.selectors.add(entry)
    entry.clearPods()
    if (entry.pair === null) return
    const selector = entry.service?.selector ?? null
    for (const pod of space.pods.values()) if (matchesSelector(selector, pod.labels)) entry.putPod(pod)
  }

  #applySlice(key: ObjectKey, next: EndpointSlice | null, touched: TouchedKeys): void {
    const before = this.#slices.get(key) ?? null
    if (isAgain(before, next)) return
    if (next === null) this.#slices.delete(key)
    else this.#slices.set(key, next)
    this.#endpoints += (next?.meta.length ?? 0) - (before?.meta.length ?? 0)
    const changed = !isSame(before, next)
    if (before !== null && before.service !== null && before.service !== next?.service) {
      const entry = this.#entry(before.service)
      entry.removeSlice(before)
      if (entry.service !== null) touched.services.add(entry.key)
      this.#release(entry, this.#space(entry.namespace))
    }
    if (next === null || next.service === null) return
    const entry = this.#entry(next.service)
    entry.putSlice(next)
    if (changed && entry.service !== null) touched.services.add(entry.key)
  }

  #applyPod(key: ObjectKey, next: Pod | null, touched: TouchedKeys): void {
    const name = namespaceOf(key)
    const space = this.#space(name)
    const before = space.pods.get(key) ?? null
    if (isAgain(before, next)) return
    const hadPods = space.pods.size > 0
    if (next === null) space.pods.delete(key)
    else space.pods.set(key, next)
    if (!isSame(before, next)) touched.pods.add(key)
    if (hadPods !== space.pods.size > 0) touched.namespaces.add(name)
    const left = before === null ? new Set<ServiceEntry>() : space.selectors.matches(before.labels)
    const joined = next === null ? new Set<ServiceEntry>() : space.selectors.matches(next.labels)
    const was = before !== null && isEndpoint(before)
    const is = next !== null && isEndpoint(next)
    const isOther = was !== is || (was && is && !makesSameEndpoint(before, next))
    for (const entry of joined) {
      if (next !== null) entry.putPod(next)
      const hasStayed = left.delete(entry)
      if (hasStayed ? isOther : is) this.#touchDerived(entry, touched)
    }
    for (const entry of left) {
      if (before !== null) entry.removePod(before)
      if (was) this.#touchDerived(entry, touched)
    }
    this.#dropIfEmpty(name, space)
  }

  #touchDerived(entry: ServiceEntry, touched: TouchedKeys): void {
    entry.forgetDerived()
    if (!entry.hasOwnSlices) touched.services.add(entry.key)
  }

  #space(name: string): Space {
    let space = this.#spaces.get(name)
    if (space === undefined) {
      space = new Space()
      this.#spaces.set(name, space)
    }
    return space
  }

  #entry(key: ObjectKey): ServiceEntry {
    let entry = this.#entries.get(key)
    if (entry === undefined) {
      entry = new ServiceEntry(key, namespaceOf(key))
      this.#entries.set(key, entry)
      this.#space(entry.namespace).entries.add(entry)
    }
    return entry
  }

  #release(entry: ServiceEntry, space: Space): void {
    if (!entry.isEmpty) return
    this.#entries.delete(entry.key)
    space.entries.delete(entry)
    this.#dropIfEmpty(entry.namespace, space)
  }

  #dropIfEmpty(name: string, space: Space): void {
    if (space.isEmpty) this.#spaces.delete(name)
  }
}

/**
 * The same from the same place: the object that is held stays. What was published refers to it, and after a list that
 * brings nothing new (a restart, a relist) there would be two of each.
 */
function isAgain(before: ClusterObject | null, next: ClusterObject | null): boolean {
  return before !== null && next !== null && before.origin === next.origin && equalObjects(before, next)
}

function isSame(before: ClusterObject | null, next: ClusterObject | null): boolean {
  return before === null || next === null ? before === next : equalObjects(before, next)
}

function hasSameSelector(before: Service | null, next: Service | null): boolean {
  const isBefore = before !== null && isDerivable(before)
  const isNext = next !== null && isDerivable(next)
  return isBefore === isNext && equalTexts(before?.selector ?? null, next?.selector ?? null)
}

function namespaceOf(key: ObjectKey): string {
  return key.slice(0, key.indexOf('/'))
}
