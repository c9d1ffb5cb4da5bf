/**
 * Which Service changed in which publish. There is no log of changes: a reader that was away gets everything whose
 * version is above the one it has seen, so its catching up is coalesced by nature and costs what changed, not what
 * happened. Only deletions need memory of their own, and that is bounded by age and number: `floor` is the version
 * below which a deletion may have been forgotten.
 */

/** What happened to one Service in a publish. */
export interface RouteChange {
  readonly network: string
  /** `namespace/name`. */
  readonly service: string
  /** Whether it has routes now. */
  readonly present: boolean
}

/** A Service that has, or not long ago had, routes. */
export interface Unit {
  readonly network: string
  readonly service: string
  /** Grows with every new unit; {@link Versions.units} runs in this order. */
  readonly sequence: number
  /** The publish that changed it last. */
  version: number
  /** false: a tombstone. */
  present: boolean
  /** When it became a tombstone. */
  deletedAt: number
}

export interface VersionsOptions {
  readonly tombstoneMs: number
  readonly maxTombstones: number
}

/** See the top of the file. */
export class Versions {
  /** The counter of publishes. */
  current = 0
  /** A reader that has seen this version or a later one can be told what changed since. */
  floor = 0
  readonly #options: VersionsOptions
  readonly #units = new Map<string, Unit>()
  /** In the order of their deletion. */
  readonly #tombstones = new Set<Unit>()
  #sorted: readonly Unit[] | null = null
  #sequence = 0

  constructor(options: VersionsOptions) {
    this.#options = options
  }

  /** How many Services have routes. */
  get size(): number {
    return this.#units.size - this.#tombstones.size
  }

  get tombstones(): number {
    return this.#tombstones.size
  }

  /**
   * One publish: all units that it touches get the next version.
   *
   * @returns the touched units; none, and no new version, when there is nothing to tell (a Service that never had
   *   routes has none still).
   */
  apply(changes: Iterable<RouteChange>, now: number): Unit[] {
    const touched = new Set<Unit>()
    for (const change of changes) {
      const unit = this.get(change.network, change.service) ?? (change.present ? this.#add(change) : null)
      if (unit === null || (!unit.present && !change.present)) continue
      this.#setPresent(unit, change.present, now)
      touched.add(unit)
    }
    if (touched.size > 0) this.current++
    for (const unit of touched) unit.version = this.current
    return [...touched]
  }

  get(network: string, service: string): Unit | null {
    return this.#units.get(keyOf(network, service)) ?? null
  }

  /** Every unit, tombstones included, by sequence. The iterator goes on over units that are added meanwhile. */
  units(): IterableIterator<Unit> {
    return this.#units.values()
  }

  /** The units that have routes, by service, then network. */
  sorted(): readonly Unit[] {
    this.#sorted ??= [...this.#units.values()].filter(unit => unit.present).sort(byServiceAndNetwork)
    return this.#sorted
  }

  /** Forgets tombstones that are too old or too many, and gives them. */
  expire(now: number): Unit[] {
    const { tombstoneMs, maxTombstones } = this.#options
    const expired: Unit[] = []
    for (const unit of this.#tombstones) {
      const isOver = this.#tombstones.size > maxTombstones
      if (!isOver && now - unit.deletedAt < tombstoneMs) break
      this.#tombstones.delete(unit)
      this.#units.delete(keyOf(unit.network, unit.service))
      this.floor = Math.max(this.floor, unit.version)
      expired.push(unit)
    }
    return expired
  }

  #add({ network, service }: RouteChange): Unit {
    const unit = { network, service, sequence: ++this.#sequence, version: 0, present: true, deletedAt: 0 }
    this.#units.set(keyOf(network, service), unit)
    this.#sorted = null
    return unit
  }

  #setPresent(unit: Unit, isPresent: boolean, now: number): void {
    if (unit.present === isPresent) return
    unit.present = isPresent
    this.#sorted = null
    if (isPresent) {
      this.#tombstones.delete(unit)
    } else {
      unit.deletedAt = now
      this.#tombstones.add(unit)
    }
  }
}

function keyOf(network: string, service: string): string {
  return `${network}\n${service}`
}

/** The order of `GET /v1/routes`. */
export function byServiceAndNetwork(a: Unit, b: Unit): number {
  if (a.service !== b.service) return a.service < b.service ? -1 : 1
  return a.network < b.network ? -1 : a.network > b.network ? 1 : 0
}
