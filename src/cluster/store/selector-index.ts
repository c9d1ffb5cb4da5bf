/**
 * Finds the Services of one namespace whose selector matches a Pod, without trying them all: a Service is filed under
 * one pair of its selector, the one that the fewest others are filed under, and a Pod is looked up by each of its
 * labels.
 *
 * ```
 *   app → kuard → { default/kuard, default/kuard-canary }     Pod labels: app=kuard, tier=web
 *   tier → db   → { default/db }                              looks at app=kuard and tier=web
 * ```
 */
import { isDerivable, matchesSelector } from '../derive.ts'
import type { ServiceEntry } from './entry.ts'

type Labels = Readonly<Record<string, string>>

/** The Services of a namespace whose endpoints may come from Pods. */
export class SelectorIndex {
  readonly #byPair = new Map<string, Map<string, Set<ServiceEntry>>>()

  /** Files the entry by its Service's selector; one that cannot have derived slices is not filed. */
  add(entry: ServiceEntry): void {
    const { service } = entry
    if (service === null || service.selector === null || !isDerivable(service)) return
    let fewest = Number.POSITIVE_INFINITY
    for (const key in service.selector) {
      const value = service.selector[key] as string
      const count = this.#byPair.get(key)?.get(value)?.size ?? 0
      if (count >= fewest) continue
      fewest = count
      entry.pair = [key, value]
    }
    if (entry.pair !== null) this.#setOf(entry.pair).add(entry)
  }

  remove(entry: ServiceEntry): void {
    if (entry.pair === null) return
    const [key, value] = entry.pair
    const byValue = this.#byPair.get(key)
    const set = byValue?.get(value)
    set?.delete(entry)
    if (set?.size === 0) byValue?.delete(value)
    if (byValue?.size === 0) this.#byPair.delete(key)
    entry.pair = null
  }

  /** The entries whose selector matches `labels`. */
  matches(labels: Labels): Set<ServiceEntry> {
    const found = new Set<ServiceEntry>()
    for (const key in labels) {
      const candidates = this.#byPair.get(key)?.get(labels[key] as string)
      if (candidates === undefined) continue
      for (const entry of candidates) if (matchesSelector(entry.service?.selector ?? null, labels)) found.add(entry)
    }
    return found
  }

  #setOf([key, value]: readonly [string, string]): Set<ServiceEntry> {
    let byValue = this.#byPair.get(key)
    if (byValue === undefined) {
      byValue = new Map()
      this.#byPair.set(key, byValue)
    }
    let set = byValue.get(value)
    if (set === undefined) {
      set = new Set()
      byValue.set(value, set)
    }
    return set
  }
}
