/** Short ways to say addresses, prefixes and requests, and a ledger without a disk. */
import { WaypostError } from '#src/errors.ts'
import { formatAddress } from '#src/ip/address.ts'
import { Allocator } from '#src/pool/allocator.ts'
import {
  type AddressKey,
  addressKey,
  type ClaimRecord,
  type ClaimRequest,
  type ClaimResult,
  type OwnerRef,
} from '#src/pool/claims.ts'
import type { ClaimStore, RowKey } from '#src/pool/ledger.ts'
import { address, prefix } from '#support/ip.ts'

export const NETWORK = 'personal'

export function service(name: string): OwnerRef {
  return { kind: 'Service', name: name.includes('/') ? name : `default/${name}` }
}

export function app(name: string): OwnerRef {
  return { kind: 'App', name }
}

/** A request of a Service (or of an owner given whole) that wants an address of the pool and those it names. */
export function request(owner: string | OwnerRef, options: Partial<ClaimRequest> = {}): ClaimRequest {
  const who = typeof owner === 'string' ? service(owner) : owner
  return { network: NETWORK, owner: who, explicit: [], place: true, created: null, ...options }
}

/** A request of a Service that names its addresses and wants no other. */
export function naming(name: string, addresses: readonly string[], created: number | null = null): ClaimRequest {
  return request(name, { explicit: addresses.map(address), place: false, created })
}

/** The addresses of a result as text, or its code. */
export function outcome(result: ClaimResult | undefined): string[] | string {
  if (result === undefined) return 'no result'
  return result.ok ? result.addresses.map(a => formatAddress(a)) : result.code
}

/** Every claim: address, owner and state, sorted. */
export function states(fix: Fixture): string[] {
  return Array.from(fix.allocator.claims(), c => `${formatAddress(c.address)} ${c.owner.name} ${c.state}`).sort()
}

/** The one address of a result; fails on anything else. */
export function only(result: ClaimResult | undefined): string {
  const addresses = outcome(result)
  if (typeof addresses === 'string' || addresses.length !== 1) throw new Error(`not one address: ${addresses}`)
  return addresses[0] ?? ''
}

/** A ledger in memory that outlives its allocator and can refuse to write. */
export class MemoryStore implements ClaimStore {
  readonly rows: Map<string, ClaimRecord> = new Map()
  writes = 0
  deleted = 0
  full = false

  load(): ClaimRecord[] {
    return [...this.rows.values()].map(row => ({ ...row, slot: -1 }))
  }

  write(puts: readonly ClaimRecord[], deletes: readonly RowKey[]): void {
    if (this.full) throw new WaypostError('WAY_LEDGER_WRITE', 'Cannot write to the ledger: the disk is full')
    this.writes++
    this.deleted += deletes.length
    for (const row of deletes) this.rows.delete(rowKey(row.network, addressKey(row.address)))
    for (const row of puts) this.rows.set(rowKey(row.network, row.key), row)
  }

  close(): void {}
}

/** How long addresses rest in {@link Fixture}. */
export const REST = 600_000

/** How long reservations hold in it. */
export const LEASE = 90_000

/** An allocator on a ledger in memory, with a clock that the test moves. */
export class Fixture {
  readonly store: MemoryStore = new MemoryStore()
  now = 1_800_000_000_000
  allocator: Allocator
  readonly #pool: string | null
  readonly #restMs: number

  constructor(pool: string | null, restMs: number) {
    this.#pool = pool
    this.#restMs = restMs
    this.allocator = this.#open(pool)
  }

  /** Opens it again on the same ledger, as after kill -9. */
  restart(pool: string | null = this.#pool): void {
    this.allocator = this.#open(pool)
  }

  claim(...requests: ClaimRequest[]): ClaimResult[] {
    return this.allocator.claim(requests)
  }

  #open(pool: string | null): Allocator {
    const allocator = new Allocator(this.store, { clock: () => this.now, restMs: this.#restMs, leaseMs: LEASE })
    allocator.setPools(NETWORK, pool === null ? [] : [prefix(pool)])
    return allocator
  }
}

export function fixture(pool: string | null = 'fdaa:0:48c8:0:1::/112', restMs: number = REST): Fixture {
  return new Fixture(pool, restMs)
}

function rowKey(network: string, key: AddressKey): string {
  return `${network} ${key}`
}
