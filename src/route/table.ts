/**
 * The lookup table of one network: (address, port, protocol) → route. A table never changes; {@link LookupTable.with}
 * gives a new one that shares everything the change did not touch, so a reader that holds a table is never disturbed
 * and a change costs the changed Services, not the table.
 *
 * ```
 *   directory ─► store  a2 a3 kk ee │ a2 a3 kk ee │ …  pages of 1,024 slots of four words: the lower half of the
 *    by page      …                                    address, the key (number of the upper half, port, protocol;
 *                                                      0: free, −1: deleted), the entry; open addressing, over pages
 *   routes  ─► Route, Route, …            by the entry's number, append-only, shared by all tables of one lineage
 *   groups  ─► 1,024 buckets of (service, numbers of its routes)     to find what a Service had before
 * ```
 *
 * A change copies the directory and the pages it writes to (16 KB each). An entry means the same route in every table
 * of one {@link LookupTable.lineage}; when too many numbers are of the past, the next table starts a new one. The key
 * is inside the slot because a lookup at a random address is a matter of cache misses.
 */
import type { Protocol } from '../cluster/objects.ts'
import type { Route } from './route.ts'
import {
  capacityFor,
  FREE,
  hasAddress,
  isAmbiguous,
  keyWord,
  NUMBER_MASK,
  PAGE_BITS,
  PAGE_SLOTS,
  STRIDE,
  slotOf,
  type UpperHalves,
  wordAt,
} from './slots.ts'
import { type ServiceRoutes, TableDraft } from './table-draft.ts'

/** {@link LookupTable.lookup} found nothing. */
export const NO_ENTRY = -1

/** See the top of the file. */
export class LookupTable {
  static readonly empty: LookupTable = new LookupTable(new TableDraft(capacityFor(0)))

  /** Tables in which an entry means the same have the same object here. */
  readonly lineage: object
  /** How many routes the table has. */
  readonly size: number
  readonly #words: Int32Array
  readonly #directory: Int32Array
  readonly #mask: number
  readonly #shift: number
  readonly #upperHalves: UpperHalves
  readonly #routes: readonly Route[]
  readonly #draft: TableDraft

  private constructor(draft: TableDraft) {
    this.lineage = draft.routes
    this.#routes = draft.routes
    this.size = draft.size
    this.#words = draft.store.words
    this.#directory = draft.directory
    this.#mask = draft.directory.length * PAGE_SLOTS - 1
    this.#shift = draft.shift
    this.#upperHalves = draft.upperHalves
    this.#draft = draft
  }

  /**
   * The entry of an address, a port and a protocol, or {@link NO_ENTRY}. An entry is a number without meaning of its
   * own: {@link route} tells its route, `choose` chooses one of its backends.
   *
   * @param bytes sixteen bytes at `offset`, network order, IPv4 as IPv4-mapped.
   */
  lookup(bytes: Uint8Array, port: number, protocol: Protocol, offset = 0): number {
    const upperHalf = this.#upperHalves.find(wordAt(bytes, offset), wordAt(bytes, offset + 4))
    if (upperHalf < 0) return NO_ENTRY
    const a2 = wordAt(bytes, offset + 8)
    const a3 = wordAt(bytes, offset + 12)
    const key = keyWord(upperHalf, port, protocol)
    const words = this.#words
    const directory = this.#directory
    const mask = this.#mask
    for (let slot = slotOf(a2, a3, key, this.#shift); ; slot = (slot + 1) & mask) {
      const at = (directory[slot >>> PAGE_BITS] as number) + (slot & (PAGE_SLOTS - 1)) * STRIDE
      const found = words[at + 2] as number
      if (found === FREE) return NO_ENTRY
      if (found !== key || words[at + 1] !== a3 || words[at] !== a2) continue
      const entry = words[at + 3] as number
      if (!isAmbiguous(key) || hasAddress(this.route(entry), bytes, offset)) return entry
    }
  }

  /** The route of an entry of this table's lineage. */
  route(entry: number): Route {
    return this.#routes[entry & NUMBER_MASK] as Route
  }

  /** Numbers of routes that the lineage has given out so far. */
  get numbers(): number {
    return this.#routes.length
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
