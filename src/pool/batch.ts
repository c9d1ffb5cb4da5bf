/**
 * Decides a batch of requests on the books of memory. The order in which they were handed in counts for nothing:
 *
 * 1. every owner lets go of what it no longer wants,
 * 2. owners that name addresses, the older creation first, then by name: all of its addresses or none,
 * 3. all others by name: they keep what they hold, get back what rests for them, or are placed.
 */
import type { ErrorCode } from '../errors.ts'
import { type Address, familyOf, formatAddress } from '../ip/address.ts'
import type { NetworkBook } from './book.ts'
import {
  type AddressKey,
  addressKey,
  boundRecord,
  type ClaimRecord,
  type ClaimRequest,
  type ClaimResult,
  compareOwners,
  type OwnerKey,
  ownerKey,
  ownerText,
} from './claims.ts'
import type { Transaction } from './transaction.ts'

/** How many rests are ended at a time. */
export const EXPIRE_LIMIT = 4096

const NONE_NAMED: ReadonlyMap<AddressKey, Address> = new Map()
const NO_ADDRESSES: readonly Address[] = []

/** A request on its way through the phases. */
interface Item {
  readonly request: ClaimRequest
  readonly book: NetworkBook
  readonly owner: OwnerKey
  /** The explicit addresses, each once. */
  readonly named: ReadonlyMap<AddressKey, Address>
  /** What was at the explicit addresses before this batch gave them to the owner. */
  readonly before: Map<AddressKey, ClaimRecord | null> | null
  /** null: not yet decided, or granted. */
  result: ClaimResult | null
}

/** Changes the books through one transaction, at one moment. */
export class Batch {
  readonly #now: number
  readonly #restMs: number
  readonly #transaction: Transaction

  constructor(transaction: Transaction, now: number, restMs: number) {
    this.#transaction = transaction
    this.#now = now
    this.#restMs = restMs
  }

  /** Decides the requests and changes the books accordingly; `results[i]` answers `requests[i]`. */
  decide(requests: readonly ClaimRequest[], bookOf: (network: string) => NetworkBook): ClaimResult[] {
    const items = requests.map(request => itemOf(request, bookOf(request.network)))
    for (const item of items) this.#letGo(item)
    const naming = items.filter(item => item.named.size > 0)
    for (const item of naming.sort(compareAge)) item.result = this.#takeNamed(item)
    const byName = items.length > 1 ? items.toSorted(compareName) : items
    for (const item of byName) item.result ??= this.#complete(item)
    return items.map(item => item.result ?? granted(item.book, item.book.boundOf(item.owner)))
  }

  /** Releases everything that an owner holds; it is not expected to come back. */
  release(book: NetworkBook, owner: OwnerKey): void {
    this.#transaction.confirm(book, owner)
    for (const claim of book.boundOf(owner)) this.#rest(book, claim)
  }

  /** Phase 1. What is kept of an owner's claims: see {@link ClaimRequest.place}. */
  #letGo({ request, book, owner, named }: Item): void {
    let hasPlaced = false
    for (const claim of book.boundOf(owner)) {
      if (named.has(claim.key) || (named.size === 0 && keepsUnnamed(request, book, claim))) continue
      const mayStay = named.size > 0 && request.place && !hasPlaced && book.pools.contains(claim.address)
      if (mayStay) hasPlaced = true
      else this.#rest(book, claim)
    }
  }

  /** Phase 2. */
  #takeNamed(item: Item): ClaimResult | null {
    const { request, book, owner, named } = item
    this.#transaction.confirm(book, owner)
    for (const [key, address] of named) {
      const holder = book.at(key)
      if (holder?.state !== 'bound' || holder.ownerKey === owner || book.unconfirmed.has(holder.ownerKey)) continue
      const message = `Cannot give ${formatAddress(address)} to ${ownerText(request.owner)}: it belongs to ${ownerText(holder.owner)}`
      return this.#refuse(item, 'WAY_ADDRESS_TAKEN', message, null)
    }
    if (request.place && !this.#canPlace(item)) return this.#refuseFull(item)
    let position = 0
    for (const [key, address] of named) {
      const before = book.at(key)
      const holds = before?.state === 'bound' && before.ownerKey === owner
      if (!holds || before.position !== position) {
        item.before?.set(key, before)
        const claim = boundRecord(book.network, request.owner, owner, address, holds && before.placed, position)
        this.#transaction.put(book, key, claim)
      }
      position++
    }
    return null
  }

  /** Phase 3. */
  #complete(item: Item): ClaimResult | null {
    const { request, book, owner, named } = item
    this.#transaction.confirm(book, owner)
    const held = book.boundOf(owner)
    const isComplete = request.place ? held.length > named.size : held.length > 0
    if (isComplete && named.size === 0) return granted(book, held)
    if (isComplete) {
      if (request.place) this.#putLast(item, held)
      return null
    }
    if (!request.place) {
      const message = `Cannot give ${ownerText(request.owner)} an address: it takes IPv4 only and names none, and only IPv6 is placed`
      return this.#refuse(item, 'WAY_POOL_FAMILY', message, null)
    }
    const address = returning(item)?.address ?? this.#place(item)
    if (address === null) return this.#refuseFull(item)
    const claim = boundRecord(book.network, request.owner, owner, address, true, named.size)
    this.#transaction.put(book, claim.key, claim)
    return named.size === 0 ? granted(book, [claim]) : null
  }

  /** A placed address that stays while its owner begins to name others comes after them. */
  #putLast({ book, named }: Item, held: readonly ClaimRecord[]): void {
    const claim = held.find(other => !named.has(other.key))
    if (claim === undefined || claim.position === named.size) return
    this.#transaction.put(book, claim.key, { ...claim, position: named.size })
  }

  #place({ request, book }: Item): Address | null {
    for (;;) {
      const address = book.place(request.owner)
      if (address !== null || book.expire(this.#now, EXPIRE_LIMIT) === 0) return address
    }
  }

  /** Whether phase 3 will find an address, unless others of the batch take the last ones. */
  #canPlace(item: Item): boolean {
    if (item.book.boundOf(item.owner).some(claim => !item.named.has(claim.key))) return true
    return returning(item) !== null || this.#place(item) !== null
  }

  #refuseFull(item: Item): ClaimResult {
    const { request, book } = item
    const what = `Cannot place an address for ${ownerText(request.owner)}`
    if (book.pools.prefixes.length === 0) {
      return this.#refuse(item, 'WAY_POOL_FAMILY', `${what}: network "${book.network}" has no pool`, null)
    }
    const retryAt = book.nextFree()
    const wait = retryAt === null ? 'none is resting' : `the next rest ends at ${new Date(retryAt).toISOString()}`
    const message = `${what}: no address of ${book.pools.text} is free and ${wait}`
    return this.#refuse(item, 'WAY_POOL_EXHAUSTED', message, retryAt)
  }

  /** Refuses a request: what this batch gave its owner goes back, and the owner keeps nothing. */
  #refuse(item: Item, code: ErrorCode, message: string, retryAt: number | null): ClaimResult {
    const { book, owner } = item
    for (const [key, before] of item.before ?? []) {
      if (before?.state === 'bound') continue
      this.#transaction.put(book, key, before)
      this.#transaction.markFreed()
    }
    this.release(book, owner)
    return { ok: false, code, message, retryAt }
  }

  #rest(book: NetworkBook, claim: ClaimRecord): void {
    const resting: ClaimRecord = { ...claim, state: 'resting', until: Math.ceil(this.#now + this.#restMs), slot: -1 }
    this.#transaction.put(book, claim.key, this.#restMs > 0 ? resting : null)
  }
}

function itemOf(request: ClaimRequest, book: NetworkBook): Item {
  const { explicit } = request
  const named = explicit.length === 0 ? NONE_NAMED : new Map(explicit.map(address => [addressKey(address), address]))
  const before = explicit.length === 0 ? null : new Map<AddressKey, ClaimRecord | null>()
  return { request, book, owner: ownerKey(request.owner), named, before, result: null }
}

/** Whether an owner that names no address keeps one that it holds. */
function keepsUnnamed(request: ClaimRequest, book: NetworkBook, claim: ClaimRecord): boolean {
  if (!request.place) return familyOf(claim.address) === 'IPv4'
  const hasStrayed = claim.placed && book.pools.prefixes.length > 0 && !book.pools.contains(claim.address)
  return !hasStrayed || request.owner.kind === 'App'
}

/** The address that waits for the owner and that placement may give: a reserved one, else the one it had last. */
function returning({ named, book, owner }: Item): ClaimRecord | null {
  let best: ClaimRecord | null = null
  for (const claim of book.claimsOf(owner)) {
    if (claim.state === 'bound' || named.has(claim.key) || !book.pools.isPlaceable(claim.address)) continue
    if (claim.state === 'reserved') return claim
    const later = (claim.until ?? 0) - (best?.until ?? -1)
    if (later > 0 || (later === 0 && best !== null && claim.key < best.key)) best = claim
  }
  return best
}

function granted(book: NetworkBook, claims: readonly ClaimRecord[]): ClaimResult {
  const addresses = claims.map(claim => claim.address)
  const outside = addresses.filter(address => !book.isInside(address))
  return { ok: true, addresses, outside: outside.length === 0 ? NO_ADDRESSES : outside }
}

function compareAge(a: Item, b: Item): number {
  const older = a.request.created ?? Number.POSITIVE_INFINITY
  const younger = b.request.created ?? Number.POSITIVE_INFINITY
  return older === younger ? compareOwners(a.request.owner, b.request.owner) : older < younger ? -1 : 1
}

function compareName(a: Item, b: Item): number {
  return compareOwners(a.request.owner, b.request.owner)
}
