/** A route as the feed's JSON shows it: one per Service port and address. The order of the keys is part of the shape. */
import type { Protocol, TrafficPolicy } from '../cluster/objects.ts'

/**
 * `ready`: send here. `draining`: the endpoint is shutting down but still serves; send here only when no backend of
 * the route is ready (KEP-1669). Endpoints that are neither are not in the list.
 */
export type BackendState = 'ready' | 'draining'

/** One endpoint of a route. */
export interface Backend {
  /** RFC 5952 text. */
  readonly address: string
  readonly port: number
  readonly state: BackendState
  readonly zone: string | null
  readonly node: string | null
  /** Zones that the EndpointSlice controller hints this endpoint for, sorted (KEP-2433). */
  readonly forZones: readonly string[]
  /** Nodes that it is hinted for, sorted (KEP-3015). */
  readonly forNodes: readonly string[]
}

/** Where traffic for one address, port and protocol goes. */
export interface Route {
  /** `namespace/name`. */
  readonly service: string
  /** The Service port's name, or null when it has none. */
  readonly port: string | null
  readonly protocol: Protocol
  /** RFC 5952 text. */
  readonly address: string
  /** The Service port's number. */
  readonly number: number
  readonly appProtocol: string | null
  /** Decimal text of the 64-bit hash of everything else in the route, equal on every replica. */
  readonly syncVersion: string
  readonly sessionAffinity: { readonly timeoutSeconds: number } | null
  readonly internalTrafficPolicy: TrafficPolicy
  readonly externalTrafficPolicy: TrafficPolicy | null
  readonly trafficDistribution: string | null
  /** `service.fly.io/*` except the sync version, keys sorted. */
  readonly annotations: Readonly<Record<string, string>>
  /** Sorted by address bytes, then port. */
  readonly backends: readonly Backend[]
}
