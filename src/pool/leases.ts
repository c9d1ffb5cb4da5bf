/** The leases of an allocator: reservations made, looked at, and ended, each change durable (see reservations.ts). */
import { WaypostError } from '../errors.ts'
import type { Address } from '../ip/address.ts'
import type { NetworkBook } from './book.ts'
import { type ClaimRecord, type OwnerRef, ownerKey, type ReserveRequest, type ReserveResult } from './claims.ts'
import { lapsed, Reserver } from './reservations.ts'
import { Transaction } from './transaction.ts'

/** What the leases need of their allocator. */
export interface LeaseOptions {
  /** Milliseconds since the epoch. */
  readonly clock: () => number
  /** How long a reservation holds, in milliseconds. */
  readonly leaseMs: number
  /** The book of a network, without rests that are over. */
  bookOf(network: string): NetworkBook
  /** Does changes on the books and makes them durable, or does nothing and throws WAY_LEDGER_WRITE. */
  commit<T>(change: (transaction: Transaction) => T): T
}

/** When to try again after a failed write, in milliseconds. */
const WRITE_RETRY = 1000

/** See the top of the file. */
export class Leases {
  readonly #options: LeaseOptions
  /** How often a lapsed reservation was seen without a holder. */
  readonly #observed = new WeakMap<ClaimRecord, number>()

  constructor(options: LeaseOptions) {
    this.#options = options
  }

  /**
   * Promises addresses to owners that are about to exist, in one durable transaction, in the order of the requests;
   * `results[i]` answers `requests[i]`. An owner that asks again gets what it was promised, with a new lease, unless
   * the cluster has marked that as another's. A refused owner keeps what it had.
   */
  reserve(requests: readonly ReserveRequest[]): ReserveResult[] {
    const { bookOf, clock, commit, leaseMs } = this.#options
    const now = clock()
    try {
      const results = commit(transaction => {
        const reserver = new Reserver(transaction, now, leaseMs)
        return requests.map(request => reserver.reserve(bookOf(request.network), request))
      })
      requests.forEach(({ network }, i) => {
        if (results[i]?.ok === true) bookOf(network).reservations++
      })
      return results
    } catch (error) {
      if (!(error instanceof WaypostError)) throw error
      const { code, message } = error
      return requests.map(() => ({ ok: false, code, message, retryAt: now + WRITE_RETRY }))
    }
  }

  /** What {@link reserve} would answer now; nothing is promised. */
  preview(request: ReserveRequest): ReserveResult {
    const transaction = new Transaction()
    try {
      const reserver = new Reserver(transaction, this.#options.clock(), this.#options.leaseMs)
      return reserver.reserve(this.#options.bookOf(request.network), request)
    } finally {
      transaction.rollback()
    }
  }

  /** The addresses that are reserved for an owner. */
  promisedTo(network: string, owner: OwnerRef): Address[] {
    const claims = this.#options.bookOf(network).claimsOf(ownerKey(owner))
    return claims.filter(claim => claim.state === 'reserved').map(claim => claim.address)
  }

  /** Reservations of a network. */
  count(network: string): number {
    return this.#options.bookOf(network).reserved.size
  }

  /**
   * One observation of the cluster for a network: a reservation whose lease is over and whose address no Service
   * lists, twice in a row, ends; the address is free at once, for nobody has had it.
   *
   * @param seenAt until when the observed state is known to be complete, in milliseconds since the epoch.
   * @param isListed whether a Service lists the address.
   * @returns the addresses that were given back.
   * @throws WaypostError WAY_LEDGER_WRITE: nothing was given back, try again.
   */
  observe(network: string, seenAt: number, isListed: (address: Address) => boolean): Address[] {
    const book = this.#options.bookOf(network)
    const over = lapsed(book, this.#observed, Math.min(seenAt, this.#options.clock()), isListed)
    this.#giveBack(book, over)
    return over.map(claim => claim.address)
  }

  /** Ends the reservations of an owner at once. @throws WaypostError WAY_LEDGER_WRITE: they hold until their lease ends. */
  cancel(network: string, owner: OwnerRef): void {
    const book = this.#options.bookOf(network)
    const claims = book.claimsOf(ownerKey(owner)).filter(claim => claim.state === 'reserved')
    this.#giveBack(book, claims)
  }

  #giveBack(book: NetworkBook, claims: readonly ClaimRecord[]): void {
    this.#options.commit(transaction => {
      for (const claim of claims) transaction.put(book, claim.key, null)
    })
    book.lapsed += claims.length
  }
}
