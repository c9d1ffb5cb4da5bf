/** What naming is told: where the zones are, how they answer, and the facts of one Service. */
import type { EndpointSlice, Service } from '../cluster/objects.ts'
import type { Address } from '../ip/address.ts'
import { foldName, joinName, type Name, type NameKey, parseName } from '../wire/name.ts'
import type { ZoneNode } from '../zone/rrset.ts'

/**
 * How `<dashed address>.<namespace>.pod.<domain>` answers: not at all, with whatever address the label spells, or only
 * for the address of a Pod that runs in the namespace.
 */
export type PodMode = 'disabled' | 'insecure' | 'verified'

/** The settings of one network's names. Made by {@link namingContext}; immutable. */
export interface NamingContext {
  /** The cluster domain, `cluster.local`. */
  readonly domain: Name
  readonly domainKey: NameKey
  /** The zone of app names, `flycast`. */
  readonly flycast: Name
  readonly flycastKey: NameKey
  /** `svc.<domain>` */
  readonly svc: Name
  /** `pod.<domain>` */
  readonly pod: Name
  /** `ns.dns.<domain>`: the name server that all our zones name, in SOA and NS. */
  readonly nameServer: Name
  /** Seconds, 0 to 3600, of every record but the schema version. */
  readonly ttl: number
  readonly pods: PodMode
  /** The addresses that this server answers on; what `ns.dns.<domain>` has. */
  readonly serverAddresses: readonly Address[]
}

/** The settings that {@link namingContext} takes. */
export interface NamingOptions {
  /** Presentation format, with or without the final dot. */
  readonly domain: string
  /** `flycast` unless told otherwise. */
  readonly flycast?: string
  readonly ttl: number
  readonly pods: PodMode
  readonly serverAddresses: readonly Address[]
}

/** All that decides the names of one Service. */
export interface ServiceFacts {
  readonly service: Service
  /** The ClusterIPs in effect: declared or allocated. Empty: it has none (yet), so a ClusterIP Service has no name. */
  readonly addresses: readonly Address[]
  /** The Service's own slices, or those derived from its Pods; in any order. */
  readonly slices: readonly EndpointSlice[]
  /** The app of the Service's namespace (label `fly.io/app`), or null. */
  readonly app: string | null
}

/** Which zone a name belongs to. Reverse names lie in whichever reverse zone the network has for the address. */
export type ZoneRole = 'cluster' | 'flycast' | 'reverse'

/** A node and the zone that it is for. Its name is absolute. */
export interface OwnedNode {
  readonly role: ZoneRole
  readonly node: ZoneNode
}

/** A name that is gone. */
export interface RemovedName {
  readonly role: ZoneRole
  readonly key: NameKey
}

/** What a change does to names: `set` replaces or adds, `removed` takes away; no name is in both. */
export interface NodeChanges {
  readonly set: OwnedNode[]
  readonly removed: RemovedName[]
}

/**
 * The context of one network.
 *
 * @throws NameError when a domain is no name.
 */
export function namingContext(options: NamingOptions): NamingContext {
  const domain = parseName(options.domain)
  const flycast = parseName(options.flycast ?? 'flycast')
  return {
    domain,
    domainKey: foldName(domain),
    flycast,
    flycastKey: foldName(flycast),
    svc: joinName(['svc'], domain),
    pod: joinName(['pod'], domain),
    nameServer: joinName(['ns', 'dns'], domain),
    ttl: options.ttl,
    pods: options.pods,
    serverAddresses: options.serverAddresses,
  }
}
