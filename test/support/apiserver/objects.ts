/** Objects for a real API server. */
import { randomUUID } from 'node:crypto'

/** A Service with one port, `http` 80 → 8080; without a selector its endpoints are {@link slice}s. */
export function service(name: string, fields: Record<string, unknown> = {}, namespace = 'default'): object {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace },
    spec: { ports: [{ name: 'http', port: 80, targetPort: 8080 }], ...fields },
  }
}

/** An IPv6 slice of a Service; every address is ready. */
export function slice(
  name: string,
  of: string,
  addresses: readonly string[],
  fields: Record<string, unknown> = {},
  metadata: Record<string, unknown> = {},
): object {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name, namespace: 'default', labels: { 'kubernetes.io/service-name': of }, ...metadata },
    addressType: 'IPv6',
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
    endpoints: addresses.map(address => ({ addresses: [address], conditions: { ready: true } })),
    ...fields,
  }
}

/** What the API server adds to the metadata of an object that it stores. */
export function stored(): Record<string, unknown> {
  return { uid: randomUUID(), creationTimestamp: new Date().toISOString() }
}

/** A Service as the API server stores it, with every default. */
export function storedService(name: string, ip: string): object {
  const fields = { type: 'ClusterIP', sessionAffinity: 'None', internalTrafficPolicy: 'Cluster' }
  const families = { ipFamilies: ['IPv6'], ipFamilyPolicy: 'SingleStack' }
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default', ...stored() },
    spec: {
      ...fields,
      ...families,
      clusterIP: ip,
      clusterIPs: [ip],
      ports: [{ name: 'http', port: 80, targetPort: 8080, protocol: 'TCP' }],
    },
    status: { loadBalancer: {} },
  }
}

/** The API server's own record of a Service's address. */
export function storedAddress(service: string, ip: string): object {
  const labels = {
    'ipaddress.kubernetes.io/ip-family': 'IPv6',
    'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io',
  }
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'IPAddress',
    metadata: { name: ip, labels, ...stored() },
    spec: { parentRef: { group: '', resource: 'services', namespace: 'default', name: service } },
  }
}

/** What the tests read of a Service that the API server gave. */
export interface ServiceObject {
  readonly metadata: {
    readonly name: string
    readonly namespace: string
    readonly annotations?: Readonly<Record<string, string>>
  }
  readonly spec: {
    readonly clusterIP?: string
    readonly clusterIPs?: readonly string[]
    readonly ipFamilies?: readonly string[]
    readonly ipFamilyPolicy?: string
  }
}

export interface ListObject<T> {
  readonly items: readonly T[]
}
