/**
 * The lookup table of one network: (address, port, protocol) → route. A table never changes; {@link LookupTable.with}
 * gives a new one that shares everything the change did not touch, so a reader that holds a table is never disturbed
 * and a change costs the changed Services, not the table.
 *
 * ```
 *   pages ─► page 0    a0 a1 a2 a3 pp ee │ a0 a1 a2 a3 pp ee │ …     1,024 slots of six words: the address, port and
 *            page 1    …                                             protocol (0: free, −1: deleted), the entry
 *                                         open addressing, linear over page borders
 *   entries ─► Route, Route, …            by entry number, append-only, shared by all tables of one lineage
 *   groups  ─► 1,024 buckets of (service, its entry numbers)         to find what a Service had before
 * ```
 *
 * A change copies the list of pages and the pages it writes to (24 KB each). An entry number means the same route in
 * every table that has the same {@link LookupTable.entries}; when too many of them are of the past, the next table
 * starts a new list. The key is inside the slot because a lookup at a random address is a matter of cache misses.
 */
import type { Protocol } from '../cluster/objects.ts'
import type { Route } from './route.ts'
import { capacityFor, FREE, PAGE_BITS, PAGE_SLOTS, portKey, STRIDE, slotOf, wordAt } from './slots.ts'
import { type ServiceRoutes, TableDraft } from './table-draft.ts'

/** {@link LookupTable.lookup} found nothing. */
export const NO_ENTRY = -1

/** See the top of the file. */
export class LookupTable {
  static readonly empty: LookupTable = new LookupTable(new TableDraft(capacityFor(0)))

  /** The routes by entry number; also holds routes of the past and of other tables. */
  readonly entries: readonly Route[]
  /** How many routes the table has. */
  readonly size: number
  readonly #pages: readonly Int32Array[]
  readonly #mask: number
  readonly #shift: number
  readonly #draft: TableDraft

  private constructor(draft: TableDraft) {
    this.entries = draft.entries
    this.size = draft.size
    this.#pages = draft.pages
    this.#mask = draft.pages.length * PAGE_SLOTS - 1
    this.#shift = draft.shift
    this.#draft = draft
  }

  /**
   * The entry number of an address, a port and a protocol, or {@link NO_ENTRY}; its route is `entries[number]`.
   *
   * @param bytes sixteen bytes at `offset`, network order, IPv4 as IPv4-mapped.
   */
  lookup(bytes: Uint8Array, port: number, protocol: Protocol, offset = 0): number {
    const a0 = wordAt(bytes, offset)
    const a1 = wordAt(bytes, offset + 4)
    const a2 = wordAt(bytes, offset + 8)
    const a3 = wordAt(bytes, offset + 12)
    const key = portKey(port, protocol)
    const pages = this.#pages
    const mask = this.#mask
    for (let slot = slotOf(a0, a1, a2, a3, key, this.#shift); ; slot = (slot + 1) & mask) {
      const page = pages[slot >>> PAGE_BITS] as Int32Array
      const at = (slot & (PAGE_SLOTS - 1)) * STRIDE
      const found = page[at + 4] as number
      if (found === FREE) return NO_ENTRY
      if (found === key && page[at + 3] === a3 && page[at + 2] === a2 && page[at + 1] === a1 && page[at] === a0) {
        return page[at + 5] as number
      }
    }
  }

  /**
   * This table with all routes of the given Services replaced. A Service that is given twice has what was given last.
   * When two Services claim one address and port, which the allocator never lets happen, the later one has it.
   */
  with(changes: Iterable<ServiceRoutes>): LookupTable {
    const list = [...changes]
    const added = list.reduce((sum, change) => sum + change.routes.length, 0)
    const draft = this.#draft.successor(added)
    for (const change of list) draft.replace(change)
    return new LookupTable(draft)
  }
}
