/** The nodes of a Service's endpoints: a name below the Service's name, and the reverse name of the address. */
import { ADDRESS_BYTES } from '../ip/address.ts'
import { TYPE } from '../wire/record-type.ts'
import type { OwnedNode } from './context.ts'
import type { Position } from './endpoints.ts'
import { ownedNode, rrset } from './nodes.ts'
import type { Packer } from './pack.ts'
import type { Place, ServicePlan } from './plan.ts'
import type { Target } from './targets.ts'

/** The target's name in one place, with the addresses of its endpoints; null when the name is too long. */
export function targetNode(plan: ServicePlan, place: Place, target: Target, packer: Packer): OwnedNode | null {
  const { targets, context } = plan
  const { endpoints } = targets
  const name = packer.endpointName(targets.hostnameOf(target), endpoints.addresses, ADDRESS_BYTES * target, place.base)
  if (name === null) return null
  const rdata = endpoints.rdataAt(target)
  if (targets.next(target) < 0) {
    return ownedNode(place.role, name, [rrset(endpoints.typeAt(target), context.ttl, [rdata])])
  }
  const members = targets.members(target)
  const sets = [TYPE.A, TYPE.AAAA].map(type => {
    const ofType = members.filter(member => endpoints.typeAt(member) === type)
    return rrset(
      type,
      context.ttl,
      ofType.map(member => endpoints.rdataAt(member)),
    )
  })
  return ownedNode(
    place.role,
    name,
    sets.filter(set => set.rdatas.length > 0),
  )
}

/**
 * The reverse node of an endpoint: PTR to its name in the cluster zone, whatever else it is called. null when it has
 * no such name.
 */
export function endpointReverseNode(plan: ServicePlan, endpoint: Position, packer: Packer): OwnedNode | null {
  const place = plan.places[0]
  if (place === undefined || place.role !== 'cluster') return null
  const { targets, context } = plan
  const { addresses } = targets.endpoints
  const at = ADDRESS_BYTES * endpoint
  const name = packer.endpointName(targets.hostnameOf(endpoint), addresses, at, place.base)
  if (name === null) return null
  // The RDATA of a PTR is an uncompressed name (RFC 1035 section 3.3.12): the very octets.
  return ownedNode('reverse', packer.reverseName(addresses, at), [rrset(TYPE.PTR, context.ttl, [name])])
}

/** Endpoints with an address that is the Service's own: their reverse name is the Service's. */
export function ownPositions({ facts, shape, targets }: ServicePlan): ReadonlySet<Position> {
  return new Set(shape === 'cluster' ? facts.addresses.map(address => targets.endpoints.find(address)) : [])
}

/** Appends a node that may not exist. */
export function pushNode(nodes: OwnedNode[], node: OwnedNode | null): void {
  if (node !== null) nodes.push(node)
}
