/** Service and endpoints → names and records: all of them, or one of them. */
import { addressOfReverseLabels } from '../ip/arpa.ts'
import { foldName, labelsOf, type NameKey, nameOfKey } from '../wire/name.ts'
import type { ZoneNode } from '../zone/rrset.ts'
import { endpointReverseNode, targetName, targetSets } from './below.ts'
import { diffPlans } from './changes.ts'
import { planNodes } from './compile.ts'
import type { NamingContext, NodeChanges, OwnedNode, ServiceFacts, ZoneRole } from './context.ts'
import { headNodes, reverseNode } from './head.ts'
import { LargePlans } from './large-plans.ts'
import { equalBytes } from './nodes.ts'
import { Packer } from './pack.ts'
import { labelsBefore, planService, type ServicePlan } from './plan.ts'

/** Gives the node that a Service has at a name, or null. The key is lower-case (`foldName`). */
export type NodeLookup = (role: ZoneRole, key: NameKey) => ZoneNode | null

/**
 * Every name of a Service, each once a role:
 * - `<service>.<namespace>.svc.<domain>` and `<service>.svc.<app>.flycast`, with `_proto` and `_port._proto` below;
 * - the endpoints' names below both, hostname or dashed address;
 * - the reverse names of its ClusterIPs and of its ready endpoints' addresses (names of all their labels only).
 *
 * Empty when the Service has no name at the moment, see `planService`. The empty non-terminals above the Service's
 * name are the namespace's (`namespaceNodes`).
 */
export function serviceNodes(context: NamingContext, facts: ServiceFacts): OwnedNode[] {
  const plan = planService(context, facts)
  return plan === null ? [] : planNodes(plan)
}

/**
 * The changes from one state of a Service to another, null being "no such Service". Applied to {@link serviceNodes} of
 * `before` they give those of `after`, except that records of a set may be in another order and that a node may be set
 * again as it was. Both states have one context: with another context everything is compiled anew.
 *
 * Cost: both states' endpoints are resolved to tables (about 100 ns an endpoint), nodes are built for what differs.
 *
 * @param plans remembers from call to call what is costly to make.
 */
export function diffService(
  context: NamingContext,
  before: ServiceFacts | null,
  after: ServiceFacts | null,
  plans: LargePlans = new LargePlans(),
): NodeChanges {
  const old = before === null ? null : plans.before(context, before)
  return diffPlans(old, plans.after(context, after, old))
}

/**
 * One name at a time, for names that several owners share (reverse names, most of all): the plan is made once, a
 * lookup builds nothing but the node asked for.
 */
export function serviceLookup(context: NamingContext, facts: ServiceFacts): NodeLookup {
  const plan = planService(context, facts)
  if (plan === null) return () => null
  const packer = new Packer()
  let head: OwnedNode[] | null = null
  return (role, key) => {
    if (role === 'reverse') return lookupReverse(plan, key, packer)
    const place = plan.places.find(candidate => candidate.role === role)
    if (place === undefined) return null
    const rest = labelsBefore(key, place)
    if (rest === null) return null
    if (rest.length === 1 && !(rest[0] ?? '').startsWith('_')) {
      const target = plan.targets.find(rest[0] ?? '')
      const name = target < 0 ? null : targetName(plan, place, target, packer)
      return name === null ? null : { name, kind: 'plain', rrsets: targetSets(plan, target) }
    }
    head ??= headNodes(plan, packer)
    return head.find(owned => owned.role === role && foldName(owned.node.name) === key)?.node ?? null
  }
}

function lookupReverse(plan: ServicePlan, key: NameKey, packer: Packer): ZoneNode | null {
  const address = addressOfReverseLabels(labelsOf(nameOfKey(key)))
  if (address === null) return null
  if (plan.shape === 'cluster' && plan.facts.addresses.some(own => equalBytes(own, address))) {
    return reverseNode(plan, address).node
  }
  const { endpoints } = plan.targets
  const endpoint = endpoints.find(address)
  if (endpoint < 0 || !endpoints.isReady(endpoint)) return null
  return endpointReverseNode(plan, endpoint, packer)?.node ?? null
}
