/**
 * One place from which backends are chosen. What may be chosen from there is worked out once per route and kept in a
 * record of 16 bytes, so that a choice waits for one cache line:
 *
 * ```
 *   byte 0          kind, and whether the route has session affinity
 *   NONE   1        why there is nothing to choose
 *   ALL    4…7      how many backends; all are usable and equally near       8…11  where round robin goes on
 *   SHORT  1 2 3    ends of the tiers     4  where round robin goes on       5…15  the backends, nearest tier first
 *   LONG   4…7      where end end end member member … starts in `lists`      8…11  where round robin goes on
 * ```
 *
 * Tier 0 is [0, end 0), tier 1 is [end 0, end 1), tier 2 the rest.
 */
import { DROP, eligibleBackends, type Locality, REJECT, type Tiers } from './eligible.ts'
import { buildMaglev } from './maglev.ts'
import { NUMBER_MASK } from './slots.ts'
import { LookupTable } from './table.ts'

/** `round-robin`: in turn. `least-loaded`: the less loaded of two random ones. `maglev`: by the client's hash. */
export type Policy = 'round-robin' | 'least-loaded' | 'maglev'

export interface ChoiceOptions {
  readonly locality: Locality
  /** A route with session affinity goes by the client's hash whatever is set here, if the client is given. */
  readonly policy: Policy
  /** Uniform in [0, 1). */
  readonly random: () => number
  /** The present load of a backend (its index in the route) in any unit; null: not known, all are equal. */
  readonly load: ((entry: number, backend: number) => number) | null
  /** A backend with this load or more spills to the next tier (node → zone → everywhere); Infinity: never. */
  readonly spill: number
}

/** Kinds of records. */
export const UNKNOWN = 0
export const NONE = 1
export const ALL = 2
export const SHORT = 3
export const LONG = 4
export const KIND_MASK = 7
/** Set in byte 0 when the route has session affinity. */
export const AFFINE = 8

const RECORD_BITS = 4
/** Members of a SHORT record. */
const SHORT_MEMBERS = 11
/** Bytes of Maglev tables that are kept. */
const MAGLEV_BYTES = 64 << 20

/** See the top of the file. Give it each new table. */
export class ChoiceContext {
  readonly options: ChoiceOptions
  /** Whether every backend of a plain entry is as good as any other, so that its record need not be read. */
  readonly isPlain: boolean
  bytes: Uint8Array = new Uint8Array(0)
  /** The same memory as `bytes`. */
  words: Int32Array = new Int32Array(0)
  lists: Int32Array = new Int32Array(64)
  #table: LookupTable = LookupTable.empty
  #listed = 0
  readonly #maglev = new Map<number, Uint16Array | Uint32Array>()
  #maglevBytes = 0

  constructor(options: ChoiceOptions) {
    this.options = options
    this.isPlain = options.policy === 'least-loaded' && options.locality.prefer === 'none'
  }

  get table(): LookupTable {
    return this.#table
  }

  /** An entry means the same in tables of one lineage, so what is remembered stays good. */
  set table(table: LookupTable) {
    if (table.lineage !== this.#table.lineage) this.#forget()
    this.#table = table
    const wanted = table.numbers << RECORD_BITS
    if (this.bytes.length >= wanted) return
    const bytes = new Uint8Array(Math.max(16_384, 2 * wanted))
    bytes.set(this.bytes)
    this.bytes = bytes
    this.words = new Int32Array(bytes.buffer)
  }

  /** The first byte of the entry's record. */
  recordOf(entry: number): number {
    const at = (entry & NUMBER_MASK) << RECORD_BITS
    if (this.bytes[at] === UNKNOWN) this.#prepare(entry, at)
    return at
  }

  /** The backend that the client's hash falls to; few clients move when a backend comes or goes. */
  affine(entry: number, at: number, client: number): number {
    const table = this.#maglev.get(entry) ?? this.#buildMaglev(entry, at)
    return table[(client >>> 0) % table.length] as number
  }

  #prepare(entry: number, at: number): void {
    const route = this.#table.route(entry)
    const found = eligibleBackends(route, this.options.locality)
    const affine = route.sessionAffinity === null ? 0 : AFFINE
    if (found === REJECT || found === DROP) {
      this.bytes[at] = NONE
      this.bytes[at + 1] = -found
    } else if (found[0].length === route.backends.length) {
      this.bytes[at] = ALL | affine
      this.words[(at >> 2) + 1] = route.backends.length
      this.words[(at >> 2) + 2] = this.#start(route.backends.length)
    } else {
      this.#list(at, affine, found, route.backends.length)
    }
  }

  #list(at: number, affine: number, [nearest, near, far]: Tiers, backends: number): void {
    const end1 = nearest.length + near.length
    const members = [...nearest, ...near, ...far]
    const ends = [nearest.length, end1, members.length]
    const start = this.#start(nearest.length || near.length || far.length)
    if (members.length <= SHORT_MEMBERS && backends <= 256) {
      this.bytes.set([SHORT | affine, ...ends, start, ...members], at)
      return
    }
    this.bytes[at] = LONG | affine
    this.words[(at >> 2) + 1] = this.#append([...ends, ...members])
    this.words[(at >> 2) + 2] = start
  }

  /** Not every route starts with its first backend, or a change of many routes would send all to the first ones. */
  #start(size: number): number {
    return Math.floor(this.options.random() * size)
  }

  #append(list: readonly number[]): number {
    const start = this.#listed
    this.#listed += list.length
    if (this.#listed > this.lists.length) {
      const lists = new Int32Array(2 * this.#listed)
      lists.set(this.lists)
      this.lists = lists
    }
    this.lists.set(list, start)
    return start
  }

  #buildMaglev(entry: number, at: number): Uint16Array | Uint32Array {
    const { backends } = this.#table.route(entry)
    const table = buildMaglev(backends, this.#members(at, backends.length))
    this.#maglevBytes += table.byteLength
    if (this.#maglevBytes > MAGLEV_BYTES) {
      this.#maglev.clear()
      this.#maglevBytes = table.byteLength
    }
    this.#maglev.set(entry, table)
    return table
  }

  #members(at: number, backends: number): number[] {
    const kind = (this.bytes[at] as number) & KIND_MASK
    if (kind === ALL) return Array.from({ length: backends }, (_, i) => i)
    if (kind === SHORT) return [...this.bytes.subarray(at + 5, at + 5 + (this.bytes[at + 3] as number))]
    const start = this.words[(at >> 2) + 1] as number
    return [...this.lists.subarray(start + 3, start + 3 + (this.lists[start + 2] as number))]
  }

  #forget(): void {
    this.bytes.fill(UNKNOWN)
    this.#listed = 0
    this.#maglev.clear()
    this.#maglevBytes = 0
  }
}
