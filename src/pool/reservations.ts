/**
 * Reservations: what an owner that is about to exist will get. Asking again for the same owner gives the same
 * addresses with a new lease. A reservation is a promise of ours alone. The cluster decides: whoever is seen to hold
 * the address there gets it ({@link Batch}), and an address that the cluster has marked as another's is not promised.
 *
 * ```
 *  free, resting ──reserve──► reserved ──claim by a Service that lists it──► bound
 *                                │  ▲ reserve again: new lease
 *                                └─ lease over, two observations without a holder ──► free
 * ```
 */
import { type Address, familyOf, formatAddress } from '../ip/address.ts'
import type { NetworkBook } from './book.ts'
import {
  type AddressKey,
  addressKey,
  boundRecord,
  type ClaimRecord,
  type OwnerKey,
  ownerKey,
  ownerText,
  type ReserveRequest,
  type ReserveResult,
} from './claims.ts'
import type { Transaction } from './transaction.ts'

/**
 * How long a mark of the owner's own does not keep its reservation from being renewed, in milliseconds. A create that
 * failed late has its IPAddress for a moment until it is taken back; one that stays is a leak, and the API server
 * would refuse the address until its own repair has found it (a minute).
 */
export const OWN_MARK_GRACE = 5000

/** How often a lapsed lease must be seen without a holder before it ends. */
const OBSERVATIONS = 2

/** Promises addresses through one transaction, at one moment. */
export class Reserver {
  readonly #transaction: Transaction
  readonly #now: number
  readonly #until: number

  constructor(transaction: Transaction, now: number, leaseMs: number) {
    this.#transaction = transaction
    this.#now = now
    this.#until = Math.ceil(now + leaseMs)
  }

  /** All addresses of the request, or none. Other reservations of the owner end: it will not exist twice. */
  reserve(book: NetworkBook, request: ReserveRequest): ReserveResult {
    const owner = ownerKey(request.owner)
    const wanted: Address[] = []
    for (const address of request.explicit) {
      const holder = this.#otherHolder(book, owner, addressKey(address))
      if (holder !== null) return takenBy(request, address, holder)
      wanted.push(address)
    }
    if (request.place) {
      const address = this.#placed(book, request, owner)
      if (address === null) return full(book, request)
      wanted.push(address)
    }
    const keys = new Set(wanted.map(addressKey))
    for (const claim of book.claimsOf(owner)) {
      if (claim.state === 'reserved' && !keys.has(claim.key)) this.#transaction.put(book, claim.key, null)
    }
    wanted.forEach((address, position) => {
      this.#promise(book, request, owner, address, position)
    })
    return { ok: true, addresses: wanted }
  }

  #promise(book: NetworkBook, request: ReserveRequest, owner: OwnerKey, address: Address, position: number): void {
    const before = book.at(addressKey(address))
    if (before?.state === 'bound') return
    const record = boundRecord(book.network, request.owner, owner, address, false, position)
    this.#transaction.put(book, record.key, { ...record, state: 'reserved', until: this.#until })
  }

  /** Where the owner is placed: what it has, what is promised to it, what rests for it, or a free address. */
  #placed(book: NetworkBook, request: ReserveRequest, owner: OwnerKey): Address | null {
    const named = new Set(request.explicit.map(addressKey))
    let best: ClaimRecord | null = null
    for (const claim of book.claimsOf(owner)) {
      if (named.has(claim.key) || familyOf(claim.address) !== 'IPv6') continue
      const fits = claim.state === 'bound' ? book.pools.contains(claim.address) : book.pools.isPlaceable(claim.address)
      if (!fits || this.#isElsewhere(book, owner, claim)) continue
      if (best === null || isBetter(claim, best)) best = claim
    }
    return best?.address ?? book.place(request.owner)
  }

  /** Who has an address so that the owner cannot get it; null: nobody. */
  #otherHolder(book: NetworkBook, owner: OwnerKey, key: AddressKey): string | null {
    const claim = book.at(key)
    if (claim !== null && claim.state !== 'resting' && claim.ownerKey !== owner) return ownerText(claim.owner)
    const mark = book.markOf(key)
    return mark === null || mark.owner === owner ? null : (mark.owner ?? 'another object of the cluster')
  }

  /** Whether the cluster has the owner's address for somebody else, or for a create of its own that left it behind. */
  #isElsewhere(book: NetworkBook, owner: OwnerKey, claim: ClaimRecord): boolean {
    const mark = book.markOf(claim.key)
    if (mark === null) return false
    return mark.owner !== owner || (claim.state === 'reserved' && this.#now - mark.since > OWN_MARK_GRACE)
  }
}

/**
 * The lapsed reservations that end now. Each call is one observation of a state of the cluster.
 *
 * @param seenAt when that state was known to be fresh, in milliseconds since the epoch; a lease that ended later is
 *   not looked at.
 * @param isListed whether a Service of that state lists the address.
 */
export function lapsed(
  book: NetworkBook,
  seen: WeakMap<ClaimRecord, number>,
  seenAt: number,
  isListed: (address: Address) => boolean,
): ClaimRecord[] {
  const over: ClaimRecord[] = []
  for (const claim of book.reserved) {
    if ((claim.until ?? 0) > seenAt) continue
    const count = isListed(claim.address) ? 0 : (seen.get(claim) ?? 0) + 1
    seen.set(claim, count)
    if (count >= OBSERVATIONS) over.push(claim)
  }
  return over
}

const RANK = { bound: 2, reserved: 1, resting: 0 } as const

/** Bound before reserved before resting, then the one that ends last, then by address: a choice that is always one. */
function isBetter(a: ClaimRecord, b: ClaimRecord): boolean {
  if (a.state !== b.state) return RANK[a.state] > RANK[b.state]
  return a.until === b.until ? a.key < b.key : (a.until ?? 0) > (b.until ?? 0)
}

function takenBy(request: ReserveRequest, address: Address, holder: string): ReserveResult {
  const message = `Cannot reserve ${formatAddress(address)} for ${ownerText(request.owner)}: it belongs to ${holder}`
  return { ok: false, code: 'WAY_ADDRESS_TAKEN', message, retryAt: null }
}

function full(book: NetworkBook, request: ReserveRequest): ReserveResult {
  const what = `Cannot reserve an address for ${ownerText(request.owner)}`
  if (book.pools.prefixes.length === 0) {
    const message = `${what}: network "${book.network}" has no pool`
    return { ok: false, code: 'WAY_POOL_FAMILY', message, retryAt: null }
  }
  const message = `${what}: no address of ${book.pools.text} is free and rested`
  return { ok: false, code: 'WAY_POOL_EXHAUSTED', message, retryAt: book.nextFree() }
}
