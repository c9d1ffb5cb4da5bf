/** The nodes of a Service's endpoints: a name below the Service's name, and the reverse name of the address. */
import { ADDRESS_BYTES } from '../ip/address.ts'
import type { Name } from '../wire/name.ts'
import { nameRdata } from '../wire/rdata.ts'
import { TYPE } from '../wire/record-type.ts'
import type { RRset } from '../zone/rrset.ts'
import type { OwnedNode } from './context.ts'
import type { Position } from './endpoints.ts'
import { ownedNode, rrset } from './nodes.ts'
import type { Packer } from './pack.ts'
import type { Place, ServicePlan } from './plan.ts'
import type { Target } from './targets.ts'

/** The target's name in one place; null when it is too long. */
export function targetName({ targets }: ServicePlan, { base }: Place, target: Target, packer: Packer): Name | null {
  return packer.below(targets.wireLabels, targets.wireLabelAt(target), base)
}

/** The addresses of the target's endpoints: A and AAAA sets. The same in each place. */
export function targetSets({ context, targets }: ServicePlan, target: Target): RRset[] {
  const { endpoints } = targets
  if (targets.next(target) < 0) {
    return [rrset(endpoints.typeAt(target), context.ttl, [endpoints.rdataAt(target)])]
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
  return sets.filter(set => set.rdatas.length > 0)
}

/** Appends the target's name in each place; returns its name in the cluster zone, or null when it has none there. */
export function pushTarget(nodes: OwnedNode[], plan: ServicePlan, target: Target, packer: Packer): Name | null {
  const sets = targetSets(plan, target)
  let clusterName: Name | null = null
  for (const place of plan.places) {
    const name = targetName(plan, place, target, packer)
    if (name === null) continue
    nodes.push(ownedNode(place.role, name, sets))
    if (place.role === 'cluster') clusterName = name
  }
  return clusterName
}

/**
 * The reverse node of an endpoint: PTR to its name in the cluster zone, whatever else it is called. null when it has
 * no such name.
 */
export function endpointReverseNode(plan: ServicePlan, endpoint: Position, packer: Packer): OwnedNode | null {
  const place = plan.places[0]
  if (place === undefined || place.role !== 'cluster') return null
  const target = targetName(plan, place, endpoint, packer)
  return target === null ? null : reverseNodeTo(plan, endpoint, target, packer)
}

/** The reverse node of an endpoint whose name in the cluster zone is known. */
export function reverseNodeTo(plan: ServicePlan, endpoint: Position, target: Name, packer: Packer): OwnedNode {
  const name = packer.reverseName(plan.targets.endpoints.addresses, ADDRESS_BYTES * endpoint)
  return ownedNode('reverse', name, [rrset(TYPE.PTR, plan.context.ttl, [nameRdata(target)])])
}

/** Endpoints with an address that is the Service's own: their reverse name is the Service's. */
export function ownPositions({ facts, shape, targets }: ServicePlan): ReadonlySet<Position> {
  return new Set(shape === 'cluster' ? facts.addresses.map(address => targets.endpoints.find(address)) : [])
}

/** Appends a node that may not exist. */
export function pushNode(nodes: OwnedNode[], node: OwnedNode | null): void {
  if (node !== null) nodes.push(node)
}
