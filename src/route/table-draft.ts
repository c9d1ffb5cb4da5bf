/** How the next lookup table is made from the present one. The structure is drawn in `table.ts`. */
import { parseAddress } from '../ip/address.ts'
import { hash32 } from './hash.ts'
import type { Route } from './route.ts'
import { capacityFor, DELETED, FREE, PAGE_BITS, PAGE_SLOTS, portKey, STRIDE, slotOf, wordAt } from './slots.ts'

const GROUPS = 1024

/** All routes of one Service; none: the Service has left the table. */
export interface ServiceRoutes {
  /** `namespace/name`. */
  readonly service: string
  readonly routes: readonly Route[]
}

interface Group {
  readonly service: string
  readonly entries: readonly number[]
}

/** A table in the making: pages of an older table are copied before the first write to them. */
export class TableDraft {
  readonly pages: Int32Array[]
  readonly entries: Route[]
  size = 0
  /** Slots that are not free, deleted ones included. */
  #used = 0
  #groups: (readonly Group[])[] = Array.from({ length: GROUPS }, () => [])
  readonly #own = new Set<number>()
  readonly #key = new Int32Array(STRIDE)

  constructor(capacity: number, from: TableDraft | null = null) {
    if (from === null) {
      this.entries = []
      this.pages = Array.from({ length: capacity / PAGE_SLOTS }, () => new Int32Array(PAGE_SLOTS * STRIDE))
      for (let i = 0; i < this.pages.length; i++) this.#own.add(i)
      return
    }
    this.entries = from.entries
    this.pages = [...from.pages]
    this.size = from.size
    this.#used = from.#used
    this.#groups = [...from.#groups]
  }

  /** See `slotOf`. */
  get shift(): number {
    return 1 + Math.clz32(this.pages.length * PAGE_SLOTS)
  }

  /** A draft that starts as this one, with room for `added` more routes. */
  successor(added: number): TableDraft {
    const capacity = this.pages.length * PAGE_SLOTS
    const isTight = 2 * (this.#used + added) > capacity
    const isStale = this.entries.length > 2 * this.size + 1024
    if (!isTight && !isStale) return new TableDraft(0, this)
    const fresh = new TableDraft(capacityFor(this.size + added))
    for (const group of this.#groups.flat()) {
      fresh.replace({ service: group.service, routes: group.entries.map(entry => this.entries[entry] as Route) })
    }
    return fresh
  }

  replace(change: ServiceRoutes): void {
    const index = hash32(change.service, 0) & (GROUPS - 1)
    const group = this.#groups[index] as readonly Group[]
    const before = group.find(candidate => candidate.service === change.service)
    // New ones first: a route that stays is written over in its slot, and only those that left become deleted slots.
    const entries = change.routes.map(route => this.#insert(route))
    for (const entry of before?.entries ?? []) this.#remove(entry)
    const others = before === undefined ? group : group.filter(candidate => candidate !== before)
    this.#groups[index] = entries.length === 0 ? others : [...others, { service: change.service, entries }]
  }

  #insert(route: Route): number {
    const entry = this.entries.push(route) - 1
    const slot = this.#find(route)
    const page = this.#writable(slot >>> PAGE_BITS)
    const at = (slot & (PAGE_SLOTS - 1)) * STRIDE
    if (page[at + 4] === FREE) {
      this.#used++
      this.size++
    }
    this.#key[5] = entry
    page.set(this.#key, at)
    return entry
  }

  /** A newer entry in the slot stays: it is this Service's own, or another Service has taken the place over. */
  #remove(entry: number): void {
    const slot = this.#find(this.entries[entry] as Route)
    const at = (slot & (PAGE_SLOTS - 1)) * STRIDE
    const found = this.pages[slot >>> PAGE_BITS] as Int32Array
    if (found[at + 4] === FREE || found[at + 5] !== entry) return
    this.#writable(slot >>> PAGE_BITS)[at + 4] = DELETED
    this.size--
  }

  /** The slot that has the route's key, or the free one where it belongs; leaves the key in `#key`. */
  #find(route: Route): number {
    const address = parseAddress(route.address)
    if (address === null) throw new TypeError(`Cannot put a route into the table: "${route.address}" is no address`)
    const key = this.#key
    for (let i = 0; i < 4; i++) key[i] = wordAt(address, 4 * i)
    key[4] = portKey(route.number, route.protocol)
    const mask = this.pages.length * PAGE_SLOTS - 1
    const [a0, a1, a2, a3, ports] = key as unknown as [number, number, number, number, number]
    for (let slot = slotOf(a0, a1, a2, a3, ports, this.shift); ; slot = (slot + 1) & mask) {
      const page = this.pages[slot >>> PAGE_BITS] as Int32Array
      const at = (slot & (PAGE_SLOTS - 1)) * STRIDE
      if (page[at + 4] === FREE) return slot
      if (
        page[at + 4] === ports &&
        page[at + 3] === a3 &&
        page[at + 2] === a2 &&
        page[at + 1] === a1 &&
        page[at] === a0
      ) {
        return slot
      }
    }
  }

  #writable(index: number): Int32Array {
    const page = this.pages[index] as Int32Array
    if (this.#own.has(index)) return page
    const copy = page.slice()
    this.pages[index] = copy
    this.#own.add(index)
    return copy
  }
}
