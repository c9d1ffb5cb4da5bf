/** Small builders of what routes are made from. */
import type { EndpointMeta, EndpointPort, EndpointSlice, Service, ServicePort } from '#src/cluster/objects.ts'
import { READY, SERVING, TERMINATING } from '#src/cluster/objects.ts'
import { familyOf } from '#src/ip/address.ts'
import type { Backend, Route } from '#src/route/route.ts'
import { address } from '#support/ip.ts'
import { plainService } from '#support/objects.ts'

export function servicePort(fields: Partial<ServicePort> = {}): ServicePort {
  return { name: 'http', protocol: 'TCP', port: 80, targetPort: null, appProtocol: null, ...fields }
}

export function service(fields: Partial<Service> = {}): Service {
  return plainService({ namespace: 'default', name: 'kuard', ports: [servicePort()], ...fields })
}

/** One endpoint: `conditions` as letters, r(eady) s(erving) t(erminating). */
export interface EndpointSpec extends Partial<EndpointMeta> {
  readonly address: string
  readonly conditions?: string
}

export function slice(
  endpoints: readonly EndpointSpec[],
  fields: Partial<EndpointSlice> & { readonly ports?: readonly EndpointPort[] } = {},
): EndpointSlice {
  const first = endpoints[0]
  return {
    kind: 'EndpointSlice',
    namespace: 'default',
    name: 'kuard-1',
    key: 'default/kuard-1',
    service: 'default/kuard',
    addressType: first === undefined ? 'IPv6' : familyOf(address(first.address)),
    ports: [slicePort()],
    addresses: Uint8Array.from(endpoints.flatMap(endpoint => [...address(endpoint.address)])),
    conditions: Uint8Array.from(endpoints.map(endpoint => conditionBits(endpoint.conditions ?? 'rs'))),
    meta: endpoints.map(({ hostname, node, zone, forZones, forNodes }) => ({
      hostname: hostname ?? null,
      node: node ?? null,
      zone: zone ?? null,
      forZones: forZones ?? [],
      forNodes: forNodes ?? [],
    })),
    origin: 'test',
    ...fields,
  }
}

export function slicePort(fields: Partial<EndpointPort> = {}): EndpointPort {
  return { name: 'http', port: 8080, protocol: 'TCP', appProtocol: null, ...fields }
}

export function conditionBits(letters: string): number {
  const bit = (letter: string, value: number): number => (letters.includes(letter) ? value : 0)
  return bit('r', READY) | bit('s', SERVING) | bit('t', TERMINATING)
}

export function backend(fields: Partial<Backend> = {}): Backend {
  return {
    address: 'fdaa::1',
    port: 8080,
    state: 'ready',
    zone: null,
    node: null,
    forZones: [],
    forNodes: [],
    ...fields,
  }
}

export function route(fields: Partial<Route> = {}): Route {
  return {
    service: 'default/kuard',
    port: 'http',
    protocol: 'TCP',
    address: 'fdaa:0:48c8:0:1::1a',
    number: 80,
    appProtocol: null,
    syncVersion: '1',
    sessionAffinity: null,
    internalTrafficPolicy: 'Cluster',
    externalTrafficPolicy: null,
    trafficDistribution: null,
    annotations: {},
    backends: [backend()],
    ...fields,
  }
}
