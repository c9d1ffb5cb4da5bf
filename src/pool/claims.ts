/** The words of the pool: who owns an address, who asks for one, and what the answer is. */
import type { ErrorCode } from '../errors.ts'
import type { Address } from '../ip/address.ts'
import type { Prefix } from '../ip/prefix.ts'

/** Who holds an address. A Service's name is `namespace/name`; an app's is one label. */
export interface OwnerRef {
  readonly kind: 'Service' | 'App'
  readonly name: string
}

/** One address of one network and its owner. */
export interface Claim {
  readonly network: string
  readonly address: Address
  readonly owner: OwnerRef
  /**
   * `reserved`: promised to an owner that is about to exist, until a Service is seen to hold the address or the lease
   * has run out. `resting`: released; until `until` only its former owner gets it, or an owner that names it.
   */
  readonly state: 'bound' | 'reserved' | 'resting'
  /** Milliseconds since the epoch at which a lease or a rest ends; null when bound. */
  readonly until: number | null
}

/** What an owner wants, whole: addresses it holds beyond that are released. */
export interface ClaimRequest {
  readonly network: string
  readonly owner: OwnerRef
  /** The addresses that the owner itself names, IPv6 or IPv4, in or outside the pool, in its order. */
  readonly explicit: readonly Address[]
  /**
   * Whether it is to have an IPv6 address of the network's pool besides the explicit ones. An owner that names none and
   * holds some keeps what it holds, as Kubernetes does on an update without `clusterIP`. False with `explicit` empty is
   * an owner that takes IPv4 only: it keeps IPv4 addresses it holds, and else fails with WAY_POOL_FAMILY.
   */
  readonly place: boolean
  /** Milliseconds since the epoch; the older of two owners that name one free address gets it. null counts as newest. */
  readonly created: number | null
}

/** Every address of the request, durable, or none of them. */
export type ClaimResult =
  | {
      readonly ok: true
      /** The explicit addresses in their order, then the placed one. */
      readonly addresses: readonly Address[]
      /** Those of them outside the network's pools and ranges (IPv4 mostly is): adopted, worth a warning. */
      readonly outside: readonly Address[]
    }
  | {
      readonly ok: false
      /** WAY_ADDRESS_TAKEN, WAY_POOL_EXHAUSTED, WAY_POOL_FAMILY or WAY_LEDGER_WRITE. */
      readonly code: ErrorCode
      readonly message: string
      /** Milliseconds since the epoch of the next attempt that may succeed by time alone; null: only by a release. */
      readonly retryAt: number | null
    }

/** What an owner that is about to exist is to get; the fields as in {@link ClaimRequest}. */
export type ReserveRequest = Omit<ClaimRequest, 'created'>

/** Every address of the request, durable until the lease ends, or none of them. */
export type ReserveResult =
  | {
      readonly ok: true
      /** The explicit addresses in their order, then the placed one. */
      readonly addresses: readonly Address[]
    }
  | Extract<ClaimResult, { readonly ok: false }>

/** An owner in its network. */
export interface NetworkOwner {
  readonly network: string
  readonly owner: OwnerRef
}

/** Figures of one network. */
export interface PoolStats {
  /** The prefixes of its pools, in the order of placement. */
  readonly prefixes: readonly Prefix[]
  /** Addresses of all prefixes; 0 without a pool. */
  readonly size: bigint
  /** Addresses that placement can give at this moment. */
  readonly free: bigint
  /** Claims in use, those outside the pool included. */
  readonly bound: number
  readonly reserved: number
  readonly resting: number
  /** Owners whose last request was refused. */
  readonly waiting: number
  /** Services of the ledger that have not been heard of since the start. */
  readonly unconfirmed: number
  /** Requests since the start: those that gave an owner addresses where it held none, and those that were refused. */
  readonly allocations: number
  readonly refusals: number
  /** Reservations since the start: made or renewed, taken over by a claim, and given back unused. */
  readonly reservations: number
  readonly committed: number
  readonly lapsed: number
}

/** A claim as the pool keeps it. Immutable but for `slot`: a change is a new record. */
export interface ClaimRecord extends Claim {
  readonly key: AddressKey
  readonly ownerKey: OwnerKey
  /** Given by placement; false: the owner named it. */
  readonly placed: boolean
  /** Seen as an object of the cluster, which is then the judge of whether it still holds (apps only). */
  readonly shared: boolean
  /** Its place among the owner's addresses. */
  readonly position: number
  /** Its place in the queue of rests, −1 when it is in none. */
  slot: number
}

declare const addressKeyBrand: unique symbol
declare const ownerKeyBrand: unique symbol

/** The sixteen bytes of an address as eight UTF-16 units: a map key that costs no formatting. */
export type AddressKey = string & { readonly [addressKeyBrand]: true }

/** An owner as a map key. */
export type OwnerKey = string & { readonly [ownerKeyBrand]: true }

/** The map key of an address. */
export function addressKey(a: Address): AddressKey {
  return String.fromCharCode(
    ((a[0] as number) << 8) | (a[1] as number),
    ((a[2] as number) << 8) | (a[3] as number),
    ((a[4] as number) << 8) | (a[5] as number),
    ((a[6] as number) << 8) | (a[7] as number),
    ((a[8] as number) << 8) | (a[9] as number),
    ((a[10] as number) << 8) | (a[11] as number),
    ((a[12] as number) << 8) | (a[13] as number),
    ((a[14] as number) << 8) | (a[15] as number),
  ) as AddressKey
}

/** The map key of an owner: a Service's name, which has a slash, as it is (no copy, no new hash); an app's marked. */
export function ownerKey(owner: OwnerRef): OwnerKey {
  return (owner.kind === 'Service' ? owner.name : `app:${owner.name}`) as OwnerKey
}

/** An owner in a message: `Service default/kuard`. */
export function ownerText(owner: OwnerRef): string {
  return `${owner.kind} ${owner.name}`
}

/** The order in which owners are served: by name, then kind, as UTF-16 units (never by locale). */
export function compareOwners(a: OwnerRef, b: OwnerRef): number {
  if (a.name !== b.name) return a.name < b.name ? -1 : 1
  return a.kind === b.kind ? 0 : a.kind < b.kind ? -1 : 1
}

/** A bound claim that is in no index yet. */
export function boundRecord(
  network: string,
  owner: OwnerRef,
  key: OwnerKey,
  address: Address,
  placed: boolean,
  position: number,
): ClaimRecord {
  return {
    network,
    address,
    owner,
    state: 'bound',
    until: null,
    key: addressKey(address),
    ownerKey: key,
    placed,
    shared: false,
    position,
    slot: -1,
  }
}
