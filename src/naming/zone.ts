/** The names that are not a Service's: zone apexes, the skeleton above Services, apps and Pods. */
import type { Namespace, Pod } from '../cluster/objects.ts'
import { type Address, formatAddress } from '../ip/address.ts'
import { joinName, type Name } from '../wire/name.ts'
import { txtRdata } from '../wire/rdata.ts'
import { TYPE } from '../wire/record-type.ts'
import type { Soa, ZoneNode } from '../zone/rrset.ts'
import type { NamingContext, OwnedNode, ZoneRole } from './context.ts'
import { dashedLabel } from './labels.ts'
import { addressSets, nameServerSet, ownedNode, pointerNode, rrset } from './nodes.ts'
import { joinOrNull, nameOf } from './plan.ts'

/** Of the Kubernetes DNS specification that we follow. */
const SCHEMA_VERSION = '1.1.0'
/** Seconds; the specification's own example, and what CoreDNS answers whatever its `ttl` says. */
const SCHEMA_TTL = 28_800

const SOA_TTL_LIMIT = 300
const UNSPECIFIED: readonly string[] = ['::', '0.0.0.0']

/**
 * What a cluster zone has without any object: NS at the apex, `ns.dns` with the server's addresses, `dns`, `svc` and
 * (unless Pods have no names) `pod` as empty non-terminals, and the schema version (specification section 2.2). The SOA
 * is the zone's own ({@link zoneSoa}).
 */
export function clusterZoneNodes(context: NamingContext): OwnedNode[] {
  const { domain, nameServer, ttl } = context
  const version = rrset(TYPE.TXT, SCHEMA_TTL, [txtRdata([SCHEMA_VERSION])])
  const nodes = [
    apexNode(context, 'cluster', domain),
    ownedNode('cluster', nameServer, addressSets(ttl, reachable(context))),
    ownedNode('cluster', joinName(['dns'], domain)),
    ownedNode('cluster', context.svc),
    ownedNode('cluster', joinName(['dns-version'], domain), [version]),
  ]
  if (context.pods !== 'disabled') nodes.push(ownedNode('cluster', context.pod))
  return nodes
}

/**
 * The apex of the flycast zone. Its name server is the cluster zone's: every other label of this zone is free for an
 * app to have.
 */
export function flycastZoneNodes(context: NamingContext): OwnedNode[] {
  return [apexNode(context, 'flycast', context.flycast)]
}

/** The apex of a reverse zone. */
export function reverseZoneNode(context: NamingContext, apex: Name): ZoneNode {
  return apexNode(context, 'reverse', apex).node
}

/**
 * The start of authority of the cluster, flycast or reverse zone at `apex`: CoreDNS's values, with the cluster zone's
 * name server for all of them. The record's own TTL is at most 300 seconds.
 *
 * @throws NameError when there is no room for `hostmaster` before the apex.
 */
export function zoneSoa(context: NamingContext, apex: Name, serial: number): Soa {
  return {
    mname: context.nameServer,
    rname: joinName(['hostmaster'], apex),
    serial,
    refresh: 7200,
    retry: 1800,
    expire: 86_400,
    minimum: context.ttl,
    ttl: Math.min(context.ttl, SOA_TTL_LIMIT),
  }
}

/**
 * The empty non-terminals of a namespace (RFC 8020): `<namespace>.svc`, `<namespace>.pod`, and with an app
 * `<app>.flycast` and `svc.<app>.flycast`. With `pods: insecure` the `pod` name answers dashed addresses below it.
 */
export function namespaceNodes(context: NamingContext, namespace: Namespace): OwnedNode[] {
  const nodes: OwnedNode[] = []
  const svc = nameOf([namespace.name], context.svc)
  if (svc !== null) nodes.push(ownedNode('cluster', svc))
  const pod = context.pods === 'disabled' ? null : nameOf([namespace.name], context.pod)
  if (pod !== null) {
    nodes.push(ownedNode('cluster', pod, [], context.pods === 'insecure' ? 'dashed-addresses' : 'plain'))
  }
  const app = namespace.app === null ? null : nameOf([namespace.app], context.flycast)
  const below = app === null ? null : joinOrNull(['svc'], app)
  if (app !== null && below !== null) nodes.push(ownedNode('flycast', app), ownedNode('flycast', below))
  return nodes
}

/** `<app>.flycast` with the app's addresses, and their PTRs. Empty when the app is no label or has no address. */
export function appNodes(context: NamingContext, app: string, addresses: readonly Address[]): OwnedNode[] {
  const name = nameOf([app], context.flycast)
  if (name === null || addresses.length === 0) return []
  const nodes = [ownedNode('flycast', name, addressSets(context.ttl, addresses))]
  for (const address of addresses) nodes.push(pointerNode(context.ttl, address, [name]))
  return nodes
}

/**
 * With `pods: verified` the dashed names of a Pod's addresses, each with the one address it spells. Unlike CoreDNS, of
 * all its addresses and not of the first alone. A Pod that ended or is being deleted has none.
 */
export function podNodes(context: NamingContext, pod: Pod): OwnedNode[] {
  if (context.pods !== 'verified') return []
  if (pod.terminating || pod.phase === 'Failed' || pod.phase === 'Succeeded') return []
  const nodes: OwnedNode[] = []
  for (const address of pod.addresses) {
    const name = nameOf([dashedLabel(address), pod.namespace], context.pod)
    if (name !== null) nodes.push(ownedNode('cluster', name, addressSets(context.ttl, [address])))
  }
  return nodes
}

function apexNode(context: NamingContext, role: ZoneRole, apex: Name): OwnedNode {
  return ownedNode(role, apex, [nameServerSet(context.ttl, context.nameServer, reachable(context))])
}

/** The unspecified address, which a wildcard listener has, leads nowhere. */
function reachable({ serverAddresses }: NamingContext): readonly Address[] {
  return serverAddresses.filter(address => !UNSPECIFIED.includes(formatAddress(address)))
}
