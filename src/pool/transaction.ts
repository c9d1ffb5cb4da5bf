/** Changes to the books that become durable together or are taken back together. */
import type { NetworkBook } from './book.ts'
import type { AddressKey, ClaimRecord, OwnerKey } from './claims.ts'

interface Step {
  readonly book: NetworkBook
  readonly key: AddressKey
  readonly before: ClaimRecord | null
  readonly after: ClaimRecord | null
}

/** What differs between the state before and the state now. */
export interface NetChanges {
  /** Claims that are new or have changed. */
  readonly puts: readonly ClaimRecord[]
  /** Claims that are gone. */
  readonly deletes: readonly ClaimRecord[]
  /** Whether an address left its holder, so that an owner that waits may be served. */
  readonly freed: boolean
}

const NONE: readonly ClaimRecord[] = []

/** The books are changed at once, so that later requests of a batch see it; {@link Transaction.rollback} undoes it step by step. */
export class Transaction {
  readonly #steps: Step[] = []
  readonly #confirmed: { book: NetworkBook; owner: OwnerKey }[] = []
  #freed = false

  put(book: NetworkBook, key: AddressKey, claim: ClaimRecord | null): void {
    this.#steps.push({ book, key, before: book.put(key, claim), after: claim })
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
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      step.book.put(step.key, step.before)
    }
    for (const { book, owner } of this.#confirmed) book.unconfirmed.add(owner)
    this.#confirmed.length = 0
  }

  /** What is to be written: one entry an address, however often it changed. */
  changes(): NetChanges {
    if (this.#steps.length === 0) return { puts: NONE, deletes: NONE, freed: this.#freed }
    const last = new Map<NetworkBook, Map<AddressKey, ClaimRecord | null>>()
    for (const { book, key, after } of this.#steps) {
      const claims = last.get(book) ?? new Map()
      last.set(book, claims.set(key, after))
    }
    const puts: ClaimRecord[] = []
    const deletes: ClaimRecord[] = []
    let freed = this.#freed
    for (const { book, key, before } of this.#steps) {
      const claims = last.get(book)
      const now = claims?.get(key)
      // the first step at an address tells what was before; the others find it gone from the map
      claims?.delete(key)
      if (now === undefined || isSame(before, now)) continue
      if (now !== null) puts.push(now)
      else if (before !== null) deletes.push(before)
      if (before?.state === 'bound' && (now?.ownerKey !== before.ownerKey || now.state !== 'bound')) freed = true
    }
    return { puts, deletes, freed }
  }
}

function isSame(a: ClaimRecord | null, b: ClaimRecord | null): boolean {
  if (a === b) return true
  if (a === null || b === null) return false
  return (
    a.ownerKey === b.ownerKey &&
    a.state === b.state &&
    a.until === b.until &&
    a.placed === b.placed &&
    a.position === b.position
  )
}
