/** Changes to the books that become durable together or are taken back together. */
import type { NetworkBook } from './book.ts'
import type { AddressKey, ClaimRecord, OwnerKey } from './claims.ts'

/** One address: what was claimed there when the transaction began, and what is now. */
interface Change {
  readonly before: ClaimRecord | null
  after: ClaimRecord | null
}

/** What differs between the state before and the state now. */
export interface NetChanges {
  /** Claims that are new or have changed. */
  readonly puts: readonly ClaimRecord[]
  /** Claims that are gone. */
  readonly deletes: readonly ClaimRecord[]
  /** Whether an address lost its holder, so that an owner that waits may be served. */
  readonly freed: boolean
  /** The books of reservations that became claims, once for each. */
  readonly committed: readonly NetworkBook[]
}

/** The books are changed at once, so that later requests of a batch see it; {@link Transaction.rollback} undoes it. */
export class Transaction {
  readonly #changes = new Map<NetworkBook, Map<AddressKey, Change>>()
  readonly #confirmed: { book: NetworkBook; owner: OwnerKey }[] = []
  #freed = false

  put(book: NetworkBook, key: AddressKey, after: ClaimRecord | null): void {
    let changes = this.#changes.get(book)
    if (changes === undefined) {
      changes = new Map()
      this.#changes.set(book, changes)
    }
    const before = book.put(key, after)
    const change = changes.get(key)
    if (change === undefined) changes.set(key, { before, after })
    else change.after = after
  }

  /** Notes that an owner of the ledger has come back. */
  confirm(book: NetworkBook, owner: OwnerKey): void {
    if (book.unconfirmed.delete(owner)) this.#confirmed.push({ book, owner })
  }

  /** Notes that somebody was refused an address for a reason that has gone meanwhile. */
  markFreed(): void {
    this.#freed = true
  }

  /** Restores the books as they were. */
  rollback(): void {
    for (const [book, changes] of this.#changes) {
      for (const [key, { before }] of changes) book.put(key, before)
    }
    this.#changes.clear()
    for (const { book, owner } of this.#confirmed) book.unconfirmed.add(owner)
    this.#confirmed.length = 0
  }

  /** What is to be written: one entry an address, however often it changed. */
  changes(): NetChanges {
    const puts: ClaimRecord[] = []
    const deletes: ClaimRecord[] = []
    const committed: NetworkBook[] = []
    let freed = this.#freed
    for (const [book, changes] of this.#changes) {
      for (const { before, after } of changes.values()) {
        if (before === after) continue
        if (after !== null) puts.push(after)
        else if (before !== null) deletes.push(before)
        if (before?.state === 'reserved' && after?.state === 'bound') committed.push(book)
        if (isHeld(before) && !isHeld(after)) freed = true
      }
    }
    return { puts, deletes, freed, committed }
  }
}

function isHeld(claim: ClaimRecord | null): boolean {
  return claim !== null && claim.state !== 'resting'
}
