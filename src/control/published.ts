/** What is published for a Service, and whether two such states are the same. */
import type { ObjectKey } from '../cluster/objects.ts'
import type { ErrorCode } from '../errors.ts'
import { type Address, formatAddress } from '../ip/address.ts'
import type { ServiceFacts } from '../naming/context.ts'

/** Why a Service has neither name nor route, or no name. */
export interface Problem {
  readonly code: ErrorCode
  readonly message: string
}

/** What is published for one Service. */
export interface PublishedService {
  /** The Service's tag in the name index. */
  readonly owner: number
  /** null: no name and no route, for the reason in `problem`. With a problem beside it there is no name. */
  readonly facts: ServiceFacts | null
  readonly problem: Problem | null
  /** Addresses of the Service outside the pool, adopted as they are; every IPv4 address is one. */
  readonly outside: readonly Address[]
  readonly syncVersion: string | null
}

/** A Service whose routes changed. `present` is false when it has no route any more. */
export interface RouteChange {
  readonly network: string
  readonly service: ObjectKey
  readonly present: boolean
}

/** Objects are immutable and replaced on change, so identity is equality. */
export function sameFacts(a: ServiceFacts | null, b: ServiceFacts | null): boolean {
  if (a === null || b === null) return a === b
  if (a.service !== b.service || a.app !== b.app) return false
  return sameItems(a.slices, b.slices) && sameAddresses(a.addresses, b.addresses)
}

function sameItems<Item>(a: readonly Item[], b: readonly Item[]): boolean {
  return a === b || (a.length === b.length && a.every((item, i) => item === b[i]))
}

/** The same addresses in the same order. */
export function sameAddresses(a: readonly Address[], b: readonly Address[]): boolean {
  return a.length === b.length && a.every((address, i) => formatAddress(address) === formatAddress(b[i] ?? address))
}

/** Equal in code and message. */
export function sameProblem(a: Problem | null, b: Problem | null): boolean {
  return a?.code === b?.code && a?.message === b?.message
}
