/** A Service and its endpoints → its routes. Pure: the same facts give the same routes on every replica. */
import type { EndpointSlice, Service, ServicePort } from '../cluster/objects.ts'
import { type Address, compareAddresses, familyOf, formatAddress } from '../ip/address.ts'
import { backendsOfPort, hashBackendsOfPort, type PortBackends } from './backends.ts'
import { Hash64, serviceSyncVersion } from './hash.ts'
import type { Route } from './route.ts'
import { wordAt } from './slots.ts'

/** What the routes of one Service depend on. */
export interface RouteFacts {
  readonly service: Service
  /** The ClusterIPs in effect, at most one a family; empty while the Service waits for one. */
  readonly addresses: readonly Address[]
  /** Every slice that carries the Service's name, in any order. */
  readonly slices: readonly EndpointSlice[]
}

export interface CompileOptions {
  /**
   * The name under which Services ask for this proxy: a Service labelled `service.kubernetes.io/service-proxy-name`
   * has routes only when the label says this. null: no labelled Service has routes.
   */
  readonly proxyName: string | null
}

/**
 * One route per Service port and address, sorted by port name, protocol and address. Headless Services, ExternalName
 * Services and those without an address have none. A route without endpoints is a route without backends.
 */
export function compileRoutes(facts: RouteFacts, options: CompileOptions): Route[] {
  return forEachRoute(facts, options, (port, address, slices) => {
    return routeOf(facts.service, port, address, backendsOfPort(slices, familyOf(address), port))
  })
}

/**
 * The Service's sync version, see `serviceSyncVersion`: that of {@link compileRoutes}, in a third of its time.
 *
 * @returns null when the Service has no route.
 */
export function compileSyncVersion(facts: RouteFacts, options: CompileOptions): string | null {
  const { service } = facts
  const versions = forEachRoute(facts, options, (port, address, slices) => {
    const { hash, appProtocol } = hashBackendsOfPort(slices, familyOf(address), port)
    return { syncVersion: hashRoute(service, port, address, port.appProtocol ?? appProtocol, hash) }
  })
  return serviceSyncVersion(versions)
}

function forEachRoute<T>(
  facts: RouteFacts,
  options: CompileOptions,
  make: (port: ServicePort, address: Address, slices: readonly EndpointSlice[]) => T,
): T[] {
  const { service } = facts
  if (!isRouted(service, options)) return []
  const addresses = facts.addresses.length < 2 ? facts.addresses : facts.addresses.toSorted(compareAddresses)
  const slices = facts.slices.length < 2 ? facts.slices : facts.slices.toSorted(bySliceName)
  const ports = service.ports.length < 2 ? service.ports : service.ports.toSorted(byNameAndProtocol)
  return ports.flatMap(port => addresses.map(address => make(port, address, slices)))
}

function isRouted(service: Service, options: CompileOptions): boolean {
  if (service.headless || service.type === 'ExternalName') return false
  return service.proxyName === null || service.proxyName === options.proxyName
}

function routeOf(service: Service, port: ServicePort, address: Address, found: PortBackends): Route {
  const appProtocol = port.appProtocol ?? found.appProtocol
  const timeout = service.affinityTimeoutSeconds
  return {
    service: service.key,
    port: port.name === '' ? null : port.name,
    protocol: port.protocol,
    address: formatAddress(address),
    number: port.port,
    appProtocol,
    syncVersion: hashRoute(service, port, address, appProtocol, found.hash),
    sessionAffinity: timeout === null ? null : { timeoutSeconds: timeout },
    internalTrafficPolicy: service.internalTrafficPolicy,
    externalTrafficPolicy: service.externalTrafficPolicy,
    trafficDistribution: service.trafficDistribution,
    annotations: service.annotations,
    backends: found.backends,
  }
}

function hashRoute(
  service: Service,
  port: ServicePort,
  address: Address,
  appProtocol: string | null,
  backends: Hash64,
): string {
  const hash = new Hash64()
  hash.text(service.key)
  hash.text(port.name)
  hash.text(port.protocol)
  for (let i = 0; i < 16; i += 4) hash.word(wordAt(address, i))
  hash.word(port.port)
  hash.text(appProtocol)
  hash.word(service.affinityTimeoutSeconds ?? -1)
  hash.text(service.internalTrafficPolicy)
  hash.text(service.externalTrafficPolicy)
  hash.text(service.trafficDistribution)
  const keys = Object.keys(service.annotations)
  hash.word(keys.length)
  for (const key of keys) {
    hash.text(key)
    hash.text(service.annotations[key] ?? null)
  }
  hash.absorb(backends)
  return hash.digest()
}

function bySliceName(a: EndpointSlice, b: EndpointSlice): number {
  return compareText(a.name, b.name)
}

function byNameAndProtocol(a: ServicePort, b: ServicePort): number {
  return compareText(a.name, b.name) || compareText(a.protocol, b.protocol)
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
