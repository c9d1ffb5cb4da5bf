/**
 * Gives addresses to Services and apps and never one twice. The books in memory answer; the ledger makes each change
 * durable before anyone hears of it, and takes it back from memory when that fails.
 *
 * ```
 *  claim(batch) ─► decide on the books ─► one ledger transaction ─► results
 *                        ▲                      │ fails
 *                        └──── undo ────────────┘ ─► what needed no write still holds, the rest WAY_LEDGER_WRITE
 * ```
 *
 * {@link Leases} does the same for owners that are about to exist.
 *
 * Who waits: a refused owner may be served when {@link Allocator.version} has changed (somebody let go of an address, or
 * a rest ended), and at {@link Allocator.nextEvent}.
 */
import { WaypostError } from '../errors.ts'
import type { Address } from '../ip/address.ts'
import type { Prefix } from '../ip/prefix.ts'
import { Batch, EXPIRE_LIMIT } from './batch.ts'
import { loadBooks, NetworkBook } from './book.ts'
import {
  type AddressKey,
  addressKey,
  type Claim,
  type ClaimRequest,
  type ClaimResult,
  type NetworkOwner,
  type OwnerRef,
  ownerKey,
  type PoolStats,
} from './claims.ts'
import { Leases } from './leases.ts'
import { type ClaimStore, Ledger } from './ledger.ts'
import { Transaction } from './transaction.ts'

/** How an allocator is opened. */
export interface AllocatorOptions {
  /** The data folder; made when it is missing. */
  readonly directory: string
  /** Milliseconds since the epoch. */
  readonly clock: () => number
  /** How long a released address rests, in milliseconds. 0: not at all. */
  readonly restMs: number
  /** How long a reservation holds, in milliseconds. */
  readonly leaseMs: number
}

/** Rows of ended rests that are deleted along with one transaction. */
const PRUNE_LIMIT = 1024

/** When to try again after a failed write, in milliseconds. */
const WRITE_RETRY = 1000

/** See the top of the file. */
export class Allocator {
  /** Promises to owners that are about to exist. */
  readonly leases: Leases
  readonly #store: ClaimStore
  readonly #clock: () => number
  readonly #restMs: number
  readonly #books: Map<string, NetworkBook>
  #version = 0

  /** @param store where the claims are kept; {@link Allocator.open} opens the ledger of a data folder. */
  constructor(store: ClaimStore, options: Omit<AllocatorOptions, 'directory'>) {
    this.#store = store
    this.#clock = options.clock
    this.#restMs = options.restMs
    const now = options.clock()
    const latest = { bound: 0, reserved: now + options.leaseMs, resting: now + options.restMs }
    // a clock that was wrong, or a time that was configured longer, does not lock an address away
    const claims = store.load()
    this.#books = loadBooks(
      claims.map(c => (c.until !== null && c.until > latest[c.state] ? { ...c, until: latest[c.state] } : c)),
    )
    this.leases = new Leases({
      clock: options.clock,
      leaseMs: options.leaseMs,
      bookOf: network => {
        const book = this.#bookOf(network)
        book.expire(options.clock(), EXPIRE_LIMIT)
        return book
      },
      commit: change => this.#commit(new Transaction(), change),
    })
  }

  /**
   * Opens the ledger of a data folder.
   *
   * @throws WaypostError WAY_DATA_UNWRITABLE, WAY_DATA_IN_USE or WAY_LEDGER_DAMAGED.
   */
  static open(options: AllocatorOptions): Allocator {
    return new Allocator(new Ledger(options.directory), options)
  }

  /** Grows whenever an owner that waits may be served now. */
  get version(): number {
    let version = this.#version
    for (const book of this.#books.values()) version += book.expired
    return version
  }

  /**
   * Sets or changes the pools of a network, in the order in which they fill. Nothing is claimed or released by this: a
   * Service whose placed address lies outside of the new pools gets a new one at its next {@link claim}; an app and an
   * owner that once named its address keep theirs; without any pool everyone does.
   *
   * @param ranges where owners may have their addresses besides: those are not reported as outside.
   * @throws WaypostError WAY_POOL_PREFIX unless each prefix is IPv6 and its length 64 to 124.
   */
  setPools(network: string, prefixes: readonly Prefix[], ranges: readonly Prefix[] = []): void {
    if (this.#bookOf(network).setPools(prefixes, ranges)) this.#version++
  }

  /**
   * Says that the cluster has an address taken, or, with null, no longer; placement leaves it alone and no reservation
   * is made on it. Kept in memory only: the cluster says it again after a restart.
   *
   * @param mark whose it is there; `owner` null: somebody of no concern to us.
   */
  mark(network: string, address: Address, mark: { readonly owner: OwnerRef | null } | null): void {
    const book = this.#bookOf(network)
    const key = addressKey(address)
    const owner = mark?.owner === null || mark === null ? null : ownerKey(mark.owner)
    const before = book.markOf(key)
    const since = before !== null && before.owner === owner ? before.since : this.#clock()
    book.setMark(key, mark === null ? null : { address, owner, since })
    if (before !== null && mark === null) this.#version++
  }

  /**
   * Serves requests in one durable transaction; `results[i]` answers `requests[i]`, and the order of the requests counts
   * for nothing (see batch.ts). A refused owner holds no address afterwards, except after WAY_LEDGER_WRITE: then
   * everything is as it was before.
   */
  claim(requests: readonly ClaimRequest[]): ClaimResult[] {
    const now = this.#clock()
    for (const book of this.#books.values()) book.expire(now, EXPIRE_LIMIT)
    const held = requests.map(({ network, owner }) => this.#bookOf(network).boundOf(ownerKey(owner)).length > 0)
    let results: ClaimResult[]
    try {
      results = this.#transact(now, batch => batch.decide(requests, this.#bookOf))
    } catch (error) {
      if (!(error instanceof WaypostError)) throw error
      results = requests.map(request => this.#claimWithoutWrite(request, now, error))
    }
    requests.forEach(({ network, owner }, i) => {
      const result = results[i]
      const book = this.#bookOf(network)
      if (result?.ok === false) {
        book.refusals++
        book.waiting.set(ownerKey(owner), result.code)
      } else {
        if (held[i] === false) book.allocations++
        book.waiting.delete(ownerKey(owner))
      }
    })
    return results
  }

  /**
   * Notes that what an owner holds is an object of the cluster now.
   *
   * @throws WaypostError WAY_LEDGER_WRITE.
   */
  share(network: string, owner: OwnerRef): void {
    const book = this.#bookOf(network)
    this.#commit(new Transaction(), transaction => {
      for (const claim of book.boundOf(ownerKey(owner))) {
        if (!claim.shared) transaction.put(book, claim.key, { ...claim, shared: true })
      }
    })
  }

  /** Whether all that an owner holds is known to be in the cluster, see {@link share}. */
  isShared(network: string, owner: OwnerRef): boolean {
    return this.#bookOf(network)
      .boundOf(ownerKey(owner))
      .every(claim => claim.shared)
  }

  /**
   * Releases everything that the owners hold, durably; the addresses rest. An owner that waits is forgotten, an unknown
   * one ignored.
   *
   * @throws WaypostError WAY_LEDGER_WRITE: nothing was released, try again.
   */
  release(owners: readonly NetworkOwner[]): void {
    this.#transact(this.#clock(), batch => {
      for (const { network, owner } of owners) batch.release(this.#bookOf(network), ownerKey(owner))
    })
    for (const { network, owner } of owners) this.#bookOf(network).waiting.delete(ownerKey(owner))
  }

  /**
   * Ends the cold start of a network: every Service of the ledger that made no request since {@link open} is gone, and
   * its addresses rest from now on. Before this, such a Service yields to another that names its address. Calling it
   * again does nothing.
   *
   * @throws WaypostError WAY_LEDGER_WRITE: nothing was released, try again.
   */
  settle(network: string): void {
    const book = this.#bookOf(network)
    this.#transact(this.#clock(), batch => {
      for (const owner of [...book.unconfirmed]) batch.release(book, owner)
    })
  }

  /** The addresses that an owner holds, in its order. */
  addressesOf(network: string, owner: OwnerRef): readonly Address[] {
    const claims = this.#books.get(network)?.boundOf(ownerKey(owner)) ?? []
    return claims.map(claim => claim.address)
  }

  /** The claim on an address, a resting one included. */
  holderOf(network: string, address: Address): Claim | null {
    const claim = this.#books.get(network)?.at(addressKey(address)) ?? null
    return claim !== null && isOver(claim, this.#clock()) ? null : claim
  }

  /** Every claim of every network, resting ones included, in no order. */
  *claims(): Iterable<Claim> {
    const now = this.#clock()
    for (const book of this.#books.values()) {
      for (const claim of book.claims()) if (!isOver(claim, now)) yield claim
    }
  }

  /** Figures of a network. */
  stats(network: string): PoolStats {
    const book = this.#bookOf(network)
    book.expire(this.#clock(), EXPIRE_LIMIT)
    return {
      prefixes: book.pools.prefixes,
      size: book.pools.size,
      free: book.pools.free,
      bound: book.bound,
      reserved: book.reserved.size,
      resting: book.resting,
      waiting: book.waiting.size,
      unconfirmed: book.unconfirmed.size,
      allocations: book.allocations,
      refusals: book.refusals,
      reservations: book.reservations,
      committed: book.committed,
      lapsed: book.lapsed,
    }
  }

  /** When the next rest ends, in milliseconds since the epoch; null when nothing rests. */
  nextEvent(): number | null {
    const now = this.#clock()
    let next: number | null = null
    for (const book of this.#books.values()) {
      book.expire(now, EXPIRE_LIMIT)
      const end = book.nextEnd()
      if (end !== null && (next === null || end < next)) next = end
    }
    return next
  }

  /** Closes the ledger. */
  close(): void {
    this.#store.close()
  }

  /** The answer to a request when nothing can be written: what holds without a write holds. */
  #claimWithoutWrite(request: ClaimRequest, now: number, failure: WaypostError): ClaimResult {
    const transaction = new Transaction()
    const [result] = new Batch(transaction, now, this.#restMs).decide([request], this.#bookOf)
    const { puts, deletes } = transaction.changes()
    if (puts.length + deletes.length === 0 && result !== undefined) return result
    transaction.rollback()
    return { ok: false, code: failure.code, message: failure.message, retryAt: now + WRITE_RETRY }
  }

  /** Does changes on the books and makes them durable; when either fails, the books are as before. */
  #transact<T>(now: number, change: (batch: Batch) => T): T {
    return this.#commit(new Transaction(), transaction => change(new Batch(transaction, now, this.#restMs)))
  }

  #commit<T>(transaction: Transaction, change: (transaction: Transaction) => T): T {
    try {
      const result = change(transaction)
      this.#write(transaction)
      return result
    } catch (error) {
      transaction.rollback()
      throw error
    }
  }

  /** Writes what a transaction changed. Rows of ended rests go along. */
  #write(transaction: Transaction): void {
    const { puts, deletes, freed, committed } = transaction.changes()
    if (puts.length + deletes.length > 0) {
      const ended = this.#endedRests()
      const pruned = ended.filter(({ book, key }) => book.at(key) === null)
      const rows = pruned.map(({ book, address }) => ({ network: book.network, address }))
      this.#store.write(puts, [...deletes, ...rows])
      for (const { book, key } of ended) book.ended.delete(key)
    }
    for (const book of committed) book.committed++
    if (freed) this.#version++
  }

  /** Some of the rests that ended and whose rows are still in the ledger. */
  #endedRests(): { book: NetworkBook; key: AddressKey; address: Address }[] {
    const rests: { book: NetworkBook; key: AddressKey; address: Address }[] = []
    for (const book of this.#books.values()) {
      for (const [key, address] of book.ended) {
        if (rests.length >= PRUNE_LIMIT) return rests
        rests.push({ book, key, address })
      }
    }
    return rests
  }

  readonly #bookOf = (network: string): NetworkBook => {
    let book = this.#books.get(network)
    if (book === undefined) {
      book = new NetworkBook(network)
      this.#books.set(network, book)
    }
    return book
  }
}

function isOver(claim: Claim, now: number): boolean {
  return claim.state === 'resting' && (claim.until ?? 0) <= now
}
