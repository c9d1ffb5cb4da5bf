/**
 * Which backends of a route may be used from one place: kube-proxy's CategorizeEndpoints
 * (pkg/proxy/topology.go) for traffic to a ClusterIP, and the order in which nearer ones are preferred.
 */
import type { Backend, Route } from './route.ts'

/** Where the caller is and whom it prefers. */
export interface Locality {
  /** The caller's node; null: it is on no node, and a policy `Local` cannot apply to it. */
  readonly node: string | null
  readonly zone: string | null
  /**
   * `zone`: backends of the caller's zone first; `node`: those of its node first, then its zone. This is on top of the
   * EndpointSlice controller's hints, which always hold.
   */
  readonly prefer: 'none' | 'zone' | 'node'
}

/** No endpoint anywhere: refuse the connection, so that the client does not wait for a timeout. */
export const REJECT = -1
/** There are endpoints, but the policy `Local` forbids every one of them: drop, as kube-proxy does. */
export const DROP = -2

/** Indexes of the usable backends in the route's order, by nearness; a tier may be empty, but not all three. */
export type Tiers = readonly [nearest: readonly number[], near: readonly number[], far: readonly number[]]

/** The usable backends, or why there is none: {@link REJECT}, {@link DROP}. */
export function eligibleBackends(route: Route, locality: Locality): Tiers | typeof REJECT | typeof DROP {
  const { backends } = route
  if (backends.length === 0) return REJECT
  const isLocal = route.internalTrafficPolicy === 'Local' && locality.node !== null
  const usable = isLocal ? onNode(backends, locality.node) : clusterWide(backends, locality)
  if (usable.length === 0) return DROP
  const tiers: [number[], number[], number[]] = [[], [], []]
  for (const index of usable) tiers[tierOf(backends[index] as Backend, locality)].push(index)
  return tiers
}

/**
 * How many backends the route has, if all of them are usable and equal wherever the caller is (who prefers none) and
 * whoever the client is; else 0.
 */
export function plainSize(route: Route): number {
  const { backends } = route
  if (route.sessionAffinity !== null || route.internalTrafficPolicy === 'Local') return 0
  if (backends.some(backend => backend.state !== 'ready')) return 0
  // One hint that is missing switches its kind off for everyone.
  const hasHints = (kind: 'forNodes' | 'forZones'): boolean => backends.every(backend => backend[kind].length > 0)
  return hasHints('forNodes') || hasHints('forZones') ? 0 : backends.length
}

/** Hints do not apply to the policy `Local`, and there is no spill to other nodes. */
function onNode(backends: readonly Backend[], node: string | null): number[] {
  const ready = indexesOf(backends, backend => backend.node === node && backend.state === 'ready')
  return ready.length > 0 ? ready : indexesOf(backends, backend => backend.node === node)
}

/** Draining backends count only when there is no ready one at all (KEP-1669), and hints do not apply to them. */
function clusterWide(backends: readonly Backend[], locality: Locality): number[] {
  const ready = indexesOf(backends, backend => backend.state === 'ready')
  if (ready.length === 0) return indexesOf(backends, () => true)
  return (
    hinted(backends, ready, 'forNodes', locality.node) ?? hinted(backends, ready, 'forZones', locality.zone) ?? ready
  )
}

/** The ready backends hinted for this place, or null when hints do not decide: one is missing, or none names us. */
function hinted(
  backends: readonly Backend[],
  ready: readonly number[],
  kind: 'forNodes' | 'forZones',
  place: string | null,
): number[] | null {
  if (place === null) return null
  const found: number[] = []
  for (const index of ready) {
    const hints = (backends[index] as Backend)[kind]
    if (hints.length === 0) return null
    if (hints.includes(place)) found.push(index)
  }
  return found.length > 0 ? found : null
}

function tierOf(backend: Backend, locality: Locality): 0 | 1 | 2 {
  const { node, zone, prefer } = locality
  if (prefer === 'none') return 0
  if (prefer === 'node' && node !== null && backend.node === node) return 0
  const isInZone = zone !== null && backend.zone === zone
  if (prefer === 'zone') return isInZone ? 0 : 1
  return isInZone ? 1 : 2
}

function indexesOf(backends: readonly Backend[], isWanted: (backend: Backend) => boolean): number[] {
  const found: number[] = []
  for (let i = 0; i < backends.length; i++) if (isWanted(backends[i] as Backend)) found.push(i)
  return found
}
