/**
 * Which backend of a route gets the next connection. What may be chosen from the caller's place is worked out once per
 * route and kept packed, so that a choice is a few cache misses at most and allocates nothing:
 *
 * ```
 *   words   by entry number of the table, one word each:  value … │ affine │ kind
 *             ALL     value = number of backends; all are usable and equally near
 *             LISTED  value = where the list starts in `lists`
 *             NONE    value = 1 reject, 2 drop
 *   lists   … │ end0 end1 end2 │ 4 7 0 1 9 2 3 5 │ …      members nearest tier first; tier 0 is [0, end0), …
 *   turns   by entry number: where round robin goes on
 * ```
 */
import { familyOf } from '../ip/address.ts'
import { DROP, eligibleBackends, type Locality, REJECT, type Tiers } from './eligible.ts'
import { avalanche } from './hash.ts'
import { buildMaglev } from './maglev.ts'
import type { Route } from './route.ts'
import { LookupTable } from './table.ts'

const UNKNOWN = 0
const ALL = 1
const LISTED = 2
const NONE = 3
const KIND_MASK = 3
/** Set when the route has session affinity. */
const AFFINE = 4
const VALUE_SHIFT = 3

const TIERS = 3

type List = Uint8Array | Uint16Array | Uint32Array

/** Bytes of Maglev tables that are kept. */
const MAGLEV_BYTES = 64 << 20

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

/** One place from which backends are chosen, and what is remembered for it. Give it each new table. */
export class ChoiceContext {
  readonly options: ChoiceOptions
  words: Int32Array = new Int32Array(0)
  turns: Int32Array = new Int32Array(0)
  lists: List = new Uint8Array(64)
  #table: LookupTable = LookupTable.empty
  #used = 0
  readonly #maglev = new Map<number, Uint16Array | Uint32Array>()
  #maglevBytes = 0

  constructor(options: ChoiceOptions) {
    this.options = options
  }

  get table(): LookupTable {
    return this.#table
  }

  /** Entry numbers mean the same in tables of one lineage, so what is remembered stays good. */
  set table(table: LookupTable) {
    if (table.entries !== this.#table.entries) this.#forget()
    this.#table = table
    if (this.words.length >= table.entries.length) return
    const size = Math.max(1024, 2 * table.entries.length)
    this.words = grown(this.words, size)
    this.turns = grown(this.turns, size)
  }

  /** Works out the word of an entry. */
  prepare(entry: number): number {
    const route = this.#table.entries[entry] as Route
    const found = eligibleBackends(route, this.options.locality)
    const word = typeof found === 'number' ? NONE | (-found << VALUE_SHIFT) : this.#usable(entry, route, found)
    this.words[entry] = word
    return word
  }

  #usable(entry: number, route: Route, tiers: Tiers): number {
    const [nearest, near, far] = tiers
    const first = nearest.length || near.length || far.length
    this.turns[entry] = Math.floor(this.options.random() * first)
    const affine = route.sessionAffinity === null ? 0 : AFFINE
    if (nearest.length === route.backends.length) return ALL | affine | (nearest.length << VALUE_SHIFT)
    const end1 = nearest.length + near.length
    const start = this.#append(
      [nearest.length, end1, end1 + far.length, ...nearest, ...near, ...far],
      route.backends.length,
    )
    return LISTED | affine | (start << VALUE_SHIFT)
  }

  /** The backend that the client's hash falls to; few clients move when a backend comes or goes. */
  affine(entry: number, client: number): number {
    const table = this.#maglev.get(entry) ?? this.#buildMaglev(entry)
    return table[(client >>> 0) % table.length] as number
  }

  #buildMaglev(entry: number): Uint16Array | Uint32Array {
    const { backends } = this.#table.entries[entry] as Route
    const word = this.words[entry] as number
    const start = word >> VALUE_SHIFT
    const isAll = (word & KIND_MASK) === ALL
    const members = isAll
      ? [...backends.keys()]
      : [...this.lists.subarray(start + TIERS, start + TIERS + (this.lists[start + TIERS - 1] as number))]
    const table = buildMaglev(backends, members)
    this.#maglevBytes += table.byteLength
    if (this.#maglevBytes > MAGLEV_BYTES) {
      this.#maglev.clear()
      this.#maglevBytes = table.byteLength
    }
    this.#maglev.set(entry, table)
    return table
  }

  /** As narrow as the largest route allows: fewer cache lines. */
  #append(list: readonly number[], largest: number): number {
    const start = this.#used
    this.#used += list.length
    const width = Math.max(this.lists.BYTES_PER_ELEMENT, largest > 0xffff ? 4 : largest > 0xff ? 2 : 1)
    if (this.#used > this.lists.length || width > this.lists.BYTES_PER_ELEMENT) {
      const size = 2 * this.#used
      const copy = width === 4 ? new Uint32Array(size) : width === 2 ? new Uint16Array(size) : new Uint8Array(size)
      copy.set(this.lists.subarray(0, start))
      this.lists = copy
    }
    this.lists.set(list, start)
    return start
  }

  #forget(): void {
    this.words.fill(UNKNOWN)
    this.#used = 0
    this.#maglev.clear()
    this.#maglevBytes = 0
  }
}

/**
 * Chooses a backend of an entry that `context.table.lookup` gave.
 *
 * @param client from {@link clientHash}; −1: the client is not known.
 * @returns the index in `backends` of the route, or `REJECT` (no endpoint at all) or `DROP` (policy Local, none here).
 */
export function choose(entry: number, context: ChoiceContext, client = -1): number {
  let word = context.words[entry] as number
  if (word === UNKNOWN) word = context.prepare(entry)
  const kind = word & KIND_MASK
  const value = word >> VALUE_SHIFT
  if (kind === NONE) return value === -DROP ? DROP : REJECT
  const { policy } = context.options
  if (client >= 0 && ((word & AFFINE) !== 0 || policy === 'maglev')) return context.affine(entry, client)
  if (kind === LISTED) return pick(entry, context, value, policy === 'round-robin')
  return policy === 'round-robin' ? turn(entry, context, 0, value) : lessLoaded(entry, context, -1, 0, value)
}

/** Hash of a client's address (16 bytes), for affinity: equal on every replica, never negative. */
export function clientHash(bytes: Uint8Array, offset = 0): number {
  let h = familyOf(bytes, offset) === 'IPv6' ? 6 : 4
  for (let i = 0; i < 16; i++) h = (Math.imul(h, 0x01000193) ^ (bytes[offset + i] as number)) | 0
  return avalanche(h) >>> 0
}

/** Tier by tier: the first candidate below the spill limit, or the least loaded of all that were tried. */
function pick(entry: number, context: ChoiceContext, start: number, isInTurn: boolean): number {
  const { load, spill } = context.options
  const members = start + TIERS
  let first = 0
  let least = -1
  let leastLoad = Number.POSITIVE_INFINITY
  for (let tier = 0; tier < TIERS; tier++) {
    const end = context.lists[start + tier] as number
    if (end === first) continue
    const member = isInTurn
      ? memberAt(context, members, turn(entry, context, first, end))
      : lessLoaded(entry, context, members, first, end)
    if (load === null || spill === Number.POSITIVE_INFINITY) return member
    const present = load(entry, member)
    if (present < spill) return member
    if (least < 0 || present < leastLoad) {
      least = member
      leastLoad = present
    }
    first = end
  }
  return least
}

/** The next place in [first, end). */
function turn(entry: number, context: ChoiceContext, first: number, end: number): number {
  const { turns } = context
  const next = turns[entry] as number
  const place = next < first || next >= end ? first : next
  turns[entry] = place + 1
  return place
}

/** Two different ones at random, of which the less loaded: nearly as even as asking all of them, at the price of two. */
function lessLoaded(entry: number, context: ChoiceContext, members: number, first: number, end: number): number {
  const { load, random } = context.options
  const size = end - first
  const drawn = random() * size
  const one = drawn | 0
  const member = memberAt(context, members, first + one)
  if (load === null || size === 1) return member
  // What one draw leaves behind the point is uniform too, and has bits to spare.
  const two = ((drawn - one) * (size - 1)) | 0
  const other = memberAt(context, members, first + (two < one ? two : two + 1))
  return load(entry, other) < load(entry, member) ? other : member
}

/** The backend at a place of the list that starts at `members`; −1: there is no list, places are backends. */
function memberAt(context: ChoiceContext, members: number, place: number): number {
  return members < 0 ? place : (context.lists[members + place] as number)
}

function grown(array: Int32Array, size: number): Int32Array {
  const copy = new Int32Array(size)
  copy.set(array)
  return copy
}
