/** What somebody should know about the addresses of a cluster, in the words of the API server's own repair. */
import type { ObjectKey } from '../../cluster/objects.ts'
import { type Address, familyOf, formatAddress } from '../../ip/address.ts'

/** One thing to know, about one Service. */
export interface Finding {
  /**
   * `outside`: its address lies in no pool and no ServiceCIDR; it is served all the same. `conflict`: somebody else
   * holds its address. `exhausted`: no address of the pools was free and rested when it was created.
   */
  readonly kind: 'outside' | 'conflict' | 'exhausted'
  readonly network: string
  /** `namespace/name`. */
  readonly service: ObjectKey
  /** RFC 5952 text, or null. */
  readonly address: string | null
  /** `reason` of an Event. */
  readonly reason: 'ClusterIPOutOfRange' | 'ClusterIPAlreadyAllocated' | 'ClusterIPPoolExhausted'
  readonly message: string
}

/** Takes findings as they come; the same one is said again at every reconcile while it holds. */
export type FindingSink = (finding: Finding) => void

/** See {@link Finding} (`repairip.go` in pkg/registry/core/service/ipallocator/controller for the messages). */
export function outsideFinding(network: string, service: ObjectKey, address: Address): Finding {
  const text = formatAddress(address)
  const message = `Cluster IP [${familyOf(address)}]: ${text} is not within any configured Service CIDR; please recreate service`
  return { kind: 'outside', network, service, address: text, reason: 'ClusterIPOutOfRange', message }
}

/** See {@link Finding}. */
export function conflictFinding(network: string, service: ObjectKey, address: Address): Finding {
  const text = formatAddress(address)
  const message = `Cluster IP [${familyOf(address)}]: ${text} was assigned to multiple services; please recreate service`
  return { kind: 'conflict', network, service, address: text, reason: 'ClusterIPAlreadyAllocated', message }
}

/** See {@link Finding}. */
export function exhaustedFinding(network: string, service: ObjectKey): Finding {
  const message = 'failed to allocate a serviceIP: range is full; the API server chose an address in its place'
  return { kind: 'exhausted', network, service, address: null, reason: 'ClusterIPPoolExhausted', message }
}
