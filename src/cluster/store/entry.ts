/** One Service of the store with what stands behind it: its own slices, or the Pods that its selector matches. */
import { deriveSlices } from '../derive.ts'
import type { EndpointSlice, ObjectKey, Pod, Service, ServiceRecord } from '../objects.ts'

const NO_SLICES: readonly EndpointSlice[] = Object.freeze([])

/**
 * A cluster has tens of thousands of these, most with one slice and no Pod: lists are there only when needed.
 * The slices may be there before the Service is, and stay when it goes. Lists are sorted by name at all times, so
 * that what comes out never depends on the order in which objects came in.
 */
export class ServiceEntry {
  readonly key: ObjectKey
  readonly namespace: string
  service: Service | null = null
  /** The newest one: that of `service` may be older. */
  record: ServiceRecord | null = null
  /** The pair of the selector under which the entry is found; see `SelectorIndex`. */
  pair: readonly [key: string, value: string] | null = null
  #own: EndpointSlice[] | null = null
  /** The list was handed out, and is copied before the next change. */
  #isShared = false
  #pods: Pod[] | null = null
  #derived: readonly EndpointSlice[] | null = null

  constructor(key: ObjectKey, namespace: string) {
    this.key = key
    this.namespace = namespace
  }

  /** Slices labelled with the Service's name stop derivation, whatever is in them. */
  get hasOwnSlices(): boolean {
    return this.#own !== null
  }

  /** Nothing is left to remember. */
  get isEmpty(): boolean {
    return this.service === null && this.#own === null
  }

  /** The Service's own slices, else those derived from its Pods. The list is never changed after it was returned. */
  slices(): readonly EndpointSlice[] {
    if (this.#own !== null) {
      this.#isShared = true
      return this.#own
    }
    if (this.service === null || this.#pods === null) return NO_SLICES
    this.#derived ??= deriveSlices(this.service, this.#pods)
    return this.#derived
  }

  putSlice(slice: EndpointSlice): void {
    if (this.#own === null) this.#own = [slice]
    else put(this.#writable(this.#own), slice)
  }

  removeSlice(slice: EndpointSlice): void {
    if (this.#own !== null) this.#own = remove(this.#writable(this.#own), slice)
  }

  putPod(pod: Pod): void {
    if (this.#pods === null) this.#pods = [pod]
    else put(this.#pods, pod)
  }

  removePod(pod: Pod): void {
    if (this.#pods !== null) this.#pods = remove(this.#pods, pod)
  }

  clearPods(): void {
    this.#pods = null
    this.#derived = null
  }

  /** The Service or a Pod changed: derive again when asked. */
  forgetDerived(): void {
    this.#derived = null
  }

  #writable(list: EndpointSlice[]): EndpointSlice[] {
    if (!this.#isShared) return list
    this.#isShared = false
    this.#own = list.slice()
    return this.#own
  }
}

/** Inserts into a list sorted by name, or replaces the one of that name. */
function put<T extends { readonly name: string }>(list: T[], item: T): void {
  const index = indexOf(list, item.name)
  if (list[index]?.name === item.name) list[index] = item
  else list.splice(index, 0, item)
}

/** Removes the one of that name; a list that has become empty is none. */
function remove<T extends { readonly name: string }>(list: T[], item: T): T[] | null {
  const index = indexOf(list, item.name)
  if (list[index]?.name === item.name) list.splice(index, 1)
  return list.length === 0 ? null : list
}

/** Where the name is or belongs. */
function indexOf(list: readonly { readonly name: string }[], name: string): number {
  let low = 0
  let high = list.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((list[middle] as { readonly name: string }).name < name) low = middle + 1
    else high = middle
  }
  return low
}
