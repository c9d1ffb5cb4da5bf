/** The claims of one network in memory, by address and by owner, with its pools, its rests and the cluster's marks. */
import type { ErrorCode } from '../errors.ts'
import type { Address } from '../ip/address.ts'
import { containsAddress, type Prefix } from '../ip/prefix.ts'
import { ClaimTable } from './claim-table.ts'
import type { AddressKey, ClaimRecord, OwnerKey, OwnerRef } from './claims.ts'
import { PoolSet } from './pool-set.ts'

const NONE: readonly ClaimRecord[] = []

/** An address that the cluster itself says is taken, whatever the claims say. */
export interface Mark {
  readonly address: Address
  /** Who has it there; null: somebody of no concern to us. */
  readonly owner: OwnerKey | null
  /** Milliseconds since the epoch at which it was seen first. */
  readonly since: number
}

/** See the top of the file. All changes go through {@link NetworkBook.put}. */
export class NetworkBook {
  readonly network: string
  /** Services of the ledger that have not been heard of since the start: they yield to one that names their address. */
  readonly unconfirmed: Set<OwnerKey> = new Set()
  /** Owners whose last request was refused, with the code. */
  readonly waiting: Map<OwnerKey, ErrorCode> = new Map()
  /** Addresses whose rest ended: free here, their rows not yet deleted from the ledger. */
  readonly ended: Map<AddressKey, Address> = new Map()
  /** Requests since the start: those that gave an owner addresses where it held none, and those that were refused. */
  allocations = 0
  refusals = 0
  /** Reservations since the start: made or renewed, taken over by a claim, and given back unused. */
  reservations = 0
  committed = 0
  lapsed = 0
  readonly #byAddress = new ClaimTable()
  readonly #byOwner = new Map<OwnerKey, readonly ClaimRecord[]>()
  /** Rests of addresses that placement waits for, and of all others. */
  #rests = new RestQueue()
  #otherRests = new RestQueue()
  readonly #reserved = new Set<ClaimRecord>()
  readonly #marks = new Map<AddressKey, Mark>()
  #pools: PoolSet
  #ranges: readonly Prefix[] = []
  #bound = 0
  #expired = 0

  constructor(network: string) {
    this.network = network
    this.#pools = new PoolSet(network, [])
  }

  get pools(): PoolSet {
    return this.#pools
  }

  /** Claims that are bound. */
  get bound(): number {
    return this.#bound
  }

  /** Claims that rest. */
  get resting(): number {
    return this.#byAddress.size - this.#bound - this.#reserved.size
  }

  /** The reservations. */
  get reserved(): ReadonlySet<ClaimRecord> {
    return this.#reserved
  }

  /** Rests that have ended since the start. */
  get expired(): number {
    return this.#expired
  }

  /** Whether an address lies where owners have theirs: in a pool, or in a range beside the pools. */
  isInside(address: Address): boolean {
    return this.#pools.contains(address) || this.#ranges.some(range => containsAddress(range, address))
  }

  /** Sets the pools and ranges; claims stay as they are. Answers whether the pools are others now. */
  setPools(prefixes: readonly Prefix[], ranges: readonly Prefix[]): boolean {
    this.#ranges = ranges
    if (this.#pools.isOf(prefixes)) return false
    this.#pools = new PoolSet(this.network, prefixes)
    this.#rests = new RestQueue()
    this.#otherRests = new RestQueue()
    for (const claim of this.#byAddress.values()) {
      this.#pools.take(claim.address)
      if (claim.state === 'resting') this.#restsOf(claim).add(claim)
    }
    for (const [key, mark] of this.#marks) if (this.at(key) === null) this.#pools.take(mark.address)
    return true
  }

  /** What the cluster says of an address. */
  markOf(key: AddressKey): Mark | null {
    return this.#marks.get(key) ?? null
  }

  /** Sets what the cluster says of an address; placement leaves a marked one alone. */
  setMark(key: AddressKey, mark: Mark | null): void {
    const before = this.#marks.get(key)
    const isFree = this.at(key) === null
    if (mark !== null) this.#marks.set(key, mark)
    else this.#marks.delete(key)
    if (isFree && before === undefined && mark !== null) this.#pools.take(mark.address)
    if (isFree && before !== undefined && mark === null) this.#pools.give(before.address)
  }

  /** The claim on an address. */
  at(key: AddressKey): ClaimRecord | null {
    return this.#byAddress.get(key)
  }

  /** Every claim of an owner, in whatever state. */
  claimsOf(owner: OwnerKey): readonly ClaimRecord[] {
    return this.#byOwner.get(owner) ?? NONE
  }

  /** The bound claims of an owner, by position. */
  boundOf(owner: OwnerKey): readonly ClaimRecord[] {
    const claims = this.claimsOf(owner)
    if (claims.length < 2) return claims[0]?.state === 'bound' ? claims : NONE
    return claims.filter(claim => claim.state === 'bound').sort((a, b) => a.position - b.position)
  }

  /** Every claim. */
  claims(): Iterable<ClaimRecord> {
    return this.#byAddress.values()
  }

  /** The address that placement gives an owner now, or null when the pools are full. */
  place(owner: OwnerRef): Address | null {
    return this.#pools.place(owner)
  }

  /** Sets what is claimed at an address; answers what was before. */
  put(key: AddressKey, claim: ClaimRecord | null): ClaimRecord | null {
    const before = this.#byAddress.get(key)
    if (before !== null) this.#unlink(before)
    if (claim !== null) this.#link(claim)
    else this.#byAddress.delete(key)
    if ((before === null) === (claim === null) || this.#marks.has(key)) return before
    if (claim !== null) this.#pools.take(claim.address)
    else if (before !== null) this.#pools.give(before.address)
    return before
  }

  /** Ends up to `limit` rests that are over; answers how many it ended. */
  expire(now: number, limit: number): number {
    let count = 0
    for (const queue of [this.#rests, this.#otherRests]) {
      for (let claim = queue.first(); claim !== null && count < limit; claim = queue.first()) {
        if ((claim.until ?? 0) > now) break
        this.put(claim.key, null)
        this.ended.set(claim.key, claim.address)
        count++
      }
    }
    this.#expired += count
    return count
  }

  /** When the next rest of an address that placement can give ends. */
  nextFree(): number | null {
    return this.#rests.first()?.until ?? null
  }

  /** When the next rest ends. */
  nextEnd(): number | null {
    const other = this.#otherRests.first()?.until ?? null
    const next = this.nextFree()
    if (next === null || other === null) return next ?? other
    return Math.min(next, other)
  }

  #link(claim: ClaimRecord): void {
    this.#byAddress.set(claim)
    const others = this.#byOwner.get(claim.ownerKey)
    this.#byOwner.set(claim.ownerKey, others === undefined ? [claim] : [...others, claim])
    if (claim.state === 'bound') this.#bound++
    else if (claim.state === 'reserved') this.#reserved.add(claim)
    else this.#restsOf(claim).add(claim)
  }

  #unlink(claim: ClaimRecord): void {
    const rest = this.#byOwner.get(claim.ownerKey)?.filter(other => other !== claim)
    if (rest === undefined || rest.length === 0) this.#byOwner.delete(claim.ownerKey)
    else this.#byOwner.set(claim.ownerKey, rest)
    if (claim.state === 'bound') this.#bound--
    else if (claim.state === 'reserved') this.#reserved.delete(claim)
    else this.#restsOf(claim).delete(claim)
  }

  #restsOf(claim: ClaimRecord): RestQueue {
    return this.#pools.isPlaceable(claim.address) ? this.#rests : this.#otherRests
  }
}

/** A network's books are made from what the ledger holds. */
export function loadBooks(claims: Iterable<ClaimRecord>): Map<string, NetworkBook> {
  const books = new Map<string, NetworkBook>()
  for (const claim of claims) {
    let book = books.get(claim.network)
    if (book === undefined) {
      book = new NetworkBook(claim.network)
      books.set(claim.network, book)
    }
    book.put(claim.key, claim)
    if (claim.state === 'bound' && claim.owner.kind === 'Service') book.unconfirmed.add(claim.ownerKey)
  }
  return books
}

/** Resting claims by the end of their rest: a binary heap that knows where each record is, so any can be taken out. */
export class RestQueue {
  readonly #heap: ClaimRecord[] = []

  get size(): number {
    return this.#heap.length
  }

  /** The claim whose rest ends first. */
  first(): ClaimRecord | null {
    return this.#heap[0] ?? null
  }

  add(claim: ClaimRecord): void {
    this.#heap.push(claim)
    this.#up(this.#heap.length - 1, claim)
  }

  delete(claim: ClaimRecord): void {
    const slot = claim.slot
    const last = this.#heap.pop() as ClaimRecord
    claim.slot = -1
    if (last === claim) return
    this.#up(slot, last)
    this.#down(last.slot, last)
  }

  /** Moves `claim` towards the root from a free slot. */
  #up(start: number, claim: ClaimRecord): void {
    let slot = start
    while (slot > 0) {
      const above = (slot - 1) >> 1
      const parent = this.#heap[above] as ClaimRecord
      if (endOf(parent) <= endOf(claim)) break
      this.#set(slot, parent)
      slot = above
    }
    this.#set(slot, claim)
  }

  #down(start: number, claim: ClaimRecord): void {
    let slot = start
    for (;;) {
      let below = 2 * slot + 1
      if (below >= this.#heap.length) break
      const right = this.#heap[below + 1]
      if (right !== undefined && endOf(right) < endOf(this.#heap[below] as ClaimRecord)) below++
      const child = this.#heap[below] as ClaimRecord
      if (endOf(child) >= endOf(claim)) break
      this.#set(slot, child)
      slot = below
    }
    this.#set(slot, claim)
  }

  #set(slot: number, claim: ClaimRecord): void {
    this.#heap[slot] = claim
    claim.slot = slot
  }
}

function endOf(claim: ClaimRecord): number {
  return claim.until ?? 0
}
