/** How the next lookup table is made from the present one. The structure is drawn in `table.ts`. */
import { parseAddress } from '../ip/address.ts'
import { plainSize } from './eligible.ts'
import { hash32 } from './hash.ts'
import type { Route } from './route.ts'
import {
  capacityFor,
  DELETED,
  FREE,
  hasAddress,
  isAmbiguous,
  keyWord,
  MAX_PLAIN,
  NUMBER_BITS,
  NUMBER_MASK,
  PAGE_BITS,
  PAGE_SLOTS,
  STRIDE,
  slotOf,
  UpperHalves,
  wordAt,
} from './slots.ts'

const GROUPS = 1024

/** All routes of one Service; none: the Service has left the table. */
export interface ServiceRoutes {
  /** `namespace/name`. */
  readonly service: string
  readonly routes: readonly Route[]
}

interface Group {
  readonly service: string
  readonly numbers: readonly number[]
}

/** Pages of slots in one array; what a table has written is never written again, new pages are added behind. */
export interface PageStore {
  readonly words: Int32Array
  /** Pages that are taken. */
  used: number
}

const PAGE_WORDS = PAGE_SLOTS * STRIDE

/** A table in the making: pages of an older table are copied before the first write to them. */
export class TableDraft {
  store: PageStore
  /** By page of the table: its first word in the store. */
  readonly directory: Int32Array
  /** By number; never shrinks. */
  readonly routes: Route[]
  readonly upperHalves: UpperHalves
  size = 0
  /** Slots that are not free, deleted ones included. */
  #used = 0
  #groups: (readonly Group[])[] = Array.from({ length: GROUPS }, () => [])
  /** Pages that no other table has. */
  readonly #own = new Set<number>()
  readonly #key = new Int32Array(STRIDE)

  constructor(capacity: number, from: TableDraft | null = null) {
    if (from === null) {
      const pages = capacity / PAGE_SLOTS
      this.store = { words: new Int32Array(2 * pages * PAGE_WORDS), used: pages }
      this.directory = Int32Array.from({ length: pages }, (_, page) => page * PAGE_WORDS)
      this.routes = []
      this.upperHalves = new UpperHalves()
      for (let page = 0; page < pages; page++) this.#own.add(page)
      return
    }
    this.store = from.store
    this.directory = from.directory.slice()
    this.routes = from.routes
    this.upperHalves = from.upperHalves
    this.size = from.size
    this.#used = from.#used
    this.#groups = [...from.#groups]
  }

  /** See `slotOf`. */
  get shift(): number {
    return 1 + Math.clz32(this.#capacity)
  }

  /** A draft that starts as this one, with room for `added` more routes. */
  successor(added: number): TableDraft {
    const isTight = 2 * (this.#used + added) > this.#capacity
    const isStale = this.routes.length > 2 * this.size + 1024
    if (!isTight && !isStale) return new TableDraft(0, this)
    const fresh = new TableDraft(capacityFor(this.size + added))
    for (const group of this.#groups.flat()) {
      fresh.replace({ service: group.service, routes: group.numbers.map(number => this.routes[number] as Route) })
    }
    return fresh
  }

  replace(change: ServiceRoutes): void {
    const index = hash32(change.service, 0) & (GROUPS - 1)
    const group = this.#groups[index] as readonly Group[]
    const before = group.find(candidate => candidate.service === change.service)
    // New ones first: a route that stays is written over in its slot, and only those that left become deleted slots.
    const numbers = change.routes.map(route => this.#insert(route))
    for (const number of before?.numbers ?? []) this.#remove(number)
    const others = before === undefined ? group : group.filter(candidate => candidate !== before)
    this.#groups[index] = numbers.length === 0 ? others : [...others, { service: change.service, numbers }]
  }

  #insert(route: Route): number {
    const number = this.routes.push(route) - 1
    if (number > NUMBER_MASK) throw new RangeError(`Cannot put more than ${NUMBER_MASK} routes into a table`)
    const slot = this.#find(route)
    const at = this.#writable(slot)
    const { words } = this.store
    if (words[at + 2] === FREE) {
      this.#used++
      this.size++
    }
    const plain = plainSize(route)
    this.#key[3] = number | ((plain > MAX_PLAIN ? 0 : plain) << NUMBER_BITS)
    words.set(this.#key, at)
    return number
  }

  /** A newer entry in the slot stays: it is this Service's own, or another Service has taken the place over. */
  #remove(number: number): void {
    const slot = this.#find(this.routes[number] as Route)
    const found = this.#wordOf(slot)
    const held = (this.store.words[found + 3] as number) & NUMBER_MASK
    if (this.store.words[found + 2] === FREE || held !== number) return
    const at = this.#writable(slot)
    this.store.words[at + 2] = DELETED
    this.size--
  }

  /** The slot that has the route's key, or the free one where it belongs; leaves the key in `#key`. */
  #find(route: Route): number {
    const address = parseAddress(route.address)
    if (address === null) throw new TypeError(`Cannot put a route into the table: "${route.address}" is no address`)
    const a2 = wordAt(address, 8)
    const a3 = wordAt(address, 12)
    const upperHalf = this.upperHalves.add(wordAt(address, 0), wordAt(address, 4))
    const key = keyWord(upperHalf, route.number, route.protocol)
    this.#key.set([a2, a3, key])
    const { words } = this.store
    for (let slot = slotOf(a2, a3, key, this.shift); ; slot = (slot + 1) & (this.#capacity - 1)) {
      const at = this.#wordOf(slot)
      if (words[at + 2] === FREE) return slot
      if (words[at + 2] !== key || words[at + 1] !== a3 || words[at] !== a2) continue
      if (!isAmbiguous(key) || this.#hasAddress(words[at + 3] as number, address)) return slot
    }
  }

  #hasAddress(entry: number, address: Uint8Array): boolean {
    return hasAddress(this.routes[entry & NUMBER_MASK] as Route, address, 0)
  }

  get #capacity(): number {
    return this.directory.length * PAGE_SLOTS
  }

  /** Where the slot is in the store. */
  #wordOf(slot: number): number {
    return (this.directory[slot >>> PAGE_BITS] as number) + (slot & (PAGE_SLOTS - 1)) * STRIDE
  }

  /** Where the slot is, in a page that may be written. */
  #writable(slot: number): number {
    const page = slot >>> PAGE_BITS
    if (!this.#own.has(page)) {
      if (PAGE_WORDS * (this.store.used + 1) > this.store.words.length) this.#moveToNewStore()
      else this.#copyPage(page)
    }
    return this.#wordOf(slot)
  }

  #copyPage(page: number): void {
    const { store, directory } = this
    const from = directory[page] as number
    const to = PAGE_WORDS * store.used++
    store.words.copyWithin(to, from, from + PAGE_WORDS)
    directory[page] = to
    this.#own.add(page)
  }

  /** The store is full: this table's pages alone, and as much room again. */
  #moveToNewStore(): void {
    const { directory } = this
    const before = this.store.words
    const words = new Int32Array(2 * directory.length * PAGE_WORDS)
    for (let page = 0; page < directory.length; page++) {
      const from = directory[page] as number
      words.set(before.subarray(from, from + PAGE_WORDS), page * PAGE_WORDS)
      directory[page] = page * PAGE_WORDS
      this.#own.add(page)
    }
    this.store = { words, used: directory.length }
  }
}
