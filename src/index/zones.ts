/** Which zones the writer of the index knows, and their numbers. */
import { MAX_NAME } from '../wire/name.ts'

/** A zone that is served, or still has entries. */
export interface ZoneState {
  readonly id: number
  /** Set while the zone is served. */
  key: string | null
  readonly apexLength: number
  entries: number
  wildcards: number
  flags: number
}

/** Numbers of zones that rest before they are given again: a reader may still be with an entry that is gone. */
const RESTING_IDS = 64

/** See the top of the file. */
export class Zones {
  /** By number. */
  readonly #zones: ZoneState[] = []
  readonly #ids = new Map<string, number>()
  readonly #freeIds: number[] = []
  /** By octets of a name: 1 when an apex is or was so long, so that few suffixes of a name need a look. */
  readonly #apexLengths = new Uint8Array(MAX_NAME + 1)

  /** How many are served. */
  get served(): number {
    return this.#ids.size
  }

  /** Whether a name of so many octets may be an apex. */
  mayBeApex(octets: number): boolean {
    return this.#apexLengths[octets] === 1
  }

  /** The zone with this number, which an entry has. */
  at(id: number): ZoneState {
    return this.#zones[id] as ZoneState
  }

  /** The zone with this number. @throws RangeError when none is served under it. */
  servedAt(id: number): ZoneState {
    const zone = this.#zones[id]
    if (zone === undefined || zone.key === null) throw new RangeError(`Cannot set a name: there is no zone ${id}`)
    return zone
  }

  find(key: string): ZoneState | null {
    return this.#zones[this.#ids.get(key) ?? -1] ?? null
  }

  open(key: string, apexLength: number): ZoneState {
    const id = (this.#freeIds.length > RESTING_IDS ? this.#freeIds.shift() : undefined) ?? this.#zones.length
    const zone: ZoneState = { id, key, apexLength, entries: 0, wildcards: 0, flags: 0 }
    this.#zones[id] = zone
    this.#ids.set(key, id)
    this.#apexLengths[apexLength] = 1
    return zone
  }

  /** The zone is served no more. Its number is given again some time after its last entry has gone. */
  close(zone: ZoneState): void {
    if (zone.key !== null) this.#ids.delete(zone.key)
    zone.key = null
    this.freeIfEmpty(zone)
  }

  /** To be told when entries went. */
  freeIfEmpty(zone: ZoneState): void {
    if (zone.key === null && zone.entries === 0) this.#freeIds.push(zone.id)
  }
}
