/**
 * Kubernetes objects, stripped at the door to what Waypost uses. A cluster of 10,000 Services and 250,000 endpoints is
 * held in these types: think of the memory before adding a field. Every object is immutable after it was made; a
 * change is a new object, so identity tells whether anything changed.
 */
import type { Address, Family } from '../ip/address.ts'

/** `namespace/name`. */
export type ObjectKey = string

export type Protocol = 'TCP' | 'UDP' | 'SCTP'
export type ServiceType = 'ClusterIP' | 'NodePort' | 'LoadBalancer' | 'ExternalName'
export type TrafficPolicy = 'Cluster' | 'Local'

/** Where an object was read, for messages: `file:line` of a manifest, or a URL path of the API. */
export type Origin = string

/** v1 Namespace. */
export interface Namespace {
  readonly kind: 'Namespace'
  readonly name: string
  /** Label `fly.io/app`: the app whose flycast zone holds the namespace's Services. */
  readonly app: string | null
  readonly origin: Origin
}

/** One entry of a Service's `spec.ports`. */
export interface ServicePort {
  /** '' when the port is unnamed. */
  readonly name: string
  readonly protocol: Protocol
  readonly port: number
  /** A number, a container port's name, or null for "the same number as `port`". */
  readonly targetPort: number | string | null
  readonly appProtocol: string | null
}

/**
 * What only an API server says of a Service. It is compared and written back to, and changes nothing that is served, so
 * two Services that differ in it alone are equal.
 */
export interface ServiceRecord {
  readonly uid: string
  /** The annotation `service.fly.io/sync-version`, or null. */
  readonly syncVersion: string | null
}

/** v1 Service, with the API server's defaults applied. */
export interface Service {
  readonly kind: 'Service'
  readonly namespace: string
  readonly name: string
  readonly key: ObjectKey
  /** Milliseconds since the epoch, null when the manifest has none. Decides who holds a disputed address. */
  readonly created: number | null
  readonly type: ServiceType
  /** `spec.clusterIP: None`. */
  readonly headless: boolean
  /** The addresses that the manifest itself names (at most one a family, in its order); empty: one is to be allocated. */
  readonly clusterIPs: readonly Address[]
  /** As written; empty: the default. */
  readonly ipFamilies: readonly Family[]
  readonly ipFamilyPolicy: 'SingleStack' | 'PreferDualStack' | 'RequireDualStack' | null
  /**
   * Lower-case host name without the final dot, for type ExternalName; else null. It may be digits and dots, as the API
   * server allows: who makes names of it must see that no CNAME leads to an address.
   */
  readonly externalName: string | null
  readonly ports: readonly ServicePort[]
  /** null when the Service has no selector: its endpoints come from slices alone. */
  readonly selector: Readonly<Record<string, string>> | null
  /** `spec.publishNotReadyAddresses` or the annotation `service.alpha.kubernetes.io/tolerate-unready-endpoints`. */
  readonly publishNotReadyAddresses: boolean
  /** Session affinity ClientIP with its timeout, or null for None. */
  readonly affinityTimeoutSeconds: number | null
  readonly internalTrafficPolicy: TrafficPolicy
  /** null unless the type is NodePort or LoadBalancer. */
  readonly externalTrafficPolicy: TrafficPolicy | null
  readonly trafficDistribution: string | null
  /** The annotations `service.fly.io/*` except `sync-version`, keys sorted. */
  readonly annotations: Readonly<Record<string, string>>
  /** Label `service.kubernetes.io/service-proxy-name`, or null. */
  readonly proxyName: string | null
  /** As it was when the object was made, see `Store.record`; null for a manifest that was never in an API server. */
  readonly record: ServiceRecord | null
  readonly origin: Origin
}

/**
 * One entry of an EndpointSlice's `ports`. A null name or port is kept: the reader decides (kube-proxy skips it). From
 * manifests and the API server an absent name comes as '', the default.
 */
export interface EndpointPort {
  readonly name: string | null
  readonly port: number | null
  readonly protocol: Protocol
  readonly appProtocol: string | null
}

/** What endpoints on one node mostly share; equal ones are one object (interned), so compare by identity first. */
export interface EndpointMeta {
  readonly hostname: string | null
  readonly node: string | null
  readonly zone: string | null
  /** Sorted. */
  readonly forZones: readonly string[]
  /** Sorted. */
  readonly forNodes: readonly string[]
}

/** Bits of {@link EndpointSlice.conditions}, with absent conditions already resolved. */
export const READY = 1
export const SERVING = 2
export const TERMINATING = 4

/**
 * discovery.k8s.io/v1 EndpointSlice, or one derived from Pods, packed: endpoint `i` has its address at byte `16 * i` of
 * `addresses`, its conditions in `conditions[i]` and the rest in `meta[i]`. Only the first address of an endpoint
 * counts. About 25 bytes an endpoint.
 */
export interface EndpointSlice {
  readonly kind: 'EndpointSlice'
  readonly namespace: string
  readonly name: string
  readonly key: ObjectKey
  /** The Service's key, from the label `kubernetes.io/service-name`; null: the slice is of no Service. */
  readonly service: ObjectKey | null
  readonly addressType: Family | 'FQDN'
  readonly ports: readonly EndpointPort[]
  readonly addresses: Uint8Array
  readonly conditions: Uint8Array
  readonly meta: readonly EndpointMeta[]
  readonly origin: Origin
}

/** A named port of a Pod's containers (restartable init containers included). */
export interface ContainerPort {
  readonly name: string
  readonly port: number
  readonly protocol: Protocol
}

/** v1 Pod. */
export interface Pod {
  readonly kind: 'Pod'
  readonly namespace: string
  readonly name: string
  readonly key: ObjectKey
  readonly labels: Readonly<Record<string, string>>
  /** `status.podIPs`, or `status.podIP` alone; at most one a family. */
  readonly addresses: readonly Address[]
  readonly phase: string
  readonly ready: boolean
  readonly terminating: boolean
  readonly hostname: string | null
  readonly subdomain: string | null
  readonly node: string | null
  /** Label `topology.kubernetes.io/zone`, or null. */
  readonly zone: string | null
  readonly ports: readonly ContainerPort[]
  readonly origin: Origin
}

export type ClusterObject = Namespace | Service | EndpointSlice | Pod
export type ObjectKind = ClusterObject['kind']

/** One change of the observed state: the object as it is now, or null when it is gone. */
export interface ObjectChange {
  readonly kind: ObjectKind
  /** `namespace/name`, or the name alone for a Namespace. */
  readonly key: ObjectKey
  readonly object: ClusterObject | null
  /** Milliseconds since the epoch of what caused the change, when that is known and was after our start. */
  readonly triggeredAt?: number
}
