/** Short ways to write objects, contexts and node sets. */
import {
  type EndpointMeta,
  type EndpointPort,
  type EndpointSlice,
  type Pod,
  READY,
  SERVING,
  type Service,
  type ServicePort,
} from '#src/cluster/objects.ts'
import { type Family, formatAddress } from '#src/ip/address.ts'
import {
  type NamingContext,
  type NamingOptions,
  namingContext,
  type OwnedNode,
  type ServiceFacts,
  type ZoneRole,
} from '#src/naming/context.ts'
import { foldName, formatName, type Name, type NameKey, parseName } from '#src/wire/name.ts'
import { typeName } from '#src/wire/record-type.ts'
import type { ZoneNode } from '#src/zone/rrset.ts'
import { address } from '#support/ip.ts'
import { plainService } from '#support/objects.ts'

export const UP: number = READY | SERVING

export function context(options: Partial<NamingOptions> = {}): NamingContext {
  return namingContext({ domain: 'cluster.local', ttl: 5, pods: 'insecure', serverAddresses: [], ...options })
}

export function servicePort(name: string, port: number, protocol: ServicePort['protocol'] = 'TCP'): ServicePort {
  return { name, port, protocol, targetPort: null, appProtocol: null }
}

export function service(fields: Partial<Service> = {}): Service {
  return plainService({ namespace: 'default', name: 'web', origin: 'web.yaml:1', ...fields })
}

export interface EndpointFields {
  readonly address: string
  readonly conditions?: number
  readonly hostname?: string | null
}

export function slicePort(
  name: string | null,
  port: number | null,
  protocol: EndpointPort['protocol'] = 'TCP',
): EndpointPort {
  return { name, port, protocol, appProtocol: null }
}

/** An EndpointSlice; an endpoint that is only a text is ready and without a hostname. */
export function slice(
  name: string,
  endpoints: readonly (string | EndpointFields)[],
  ports: readonly EndpointPort[] = [],
  addressType?: Family | 'FQDN',
): EndpointSlice {
  const fields = endpoints.map(endpoint => (typeof endpoint === 'string' ? { address: endpoint } : endpoint))
  const addresses = new Uint8Array(16 * fields.length)
  fields.forEach((endpoint, i) => {
    addresses.set(address(endpoint.address), 16 * i)
  })
  return {
    kind: 'EndpointSlice',
    namespace: 'default',
    name,
    key: `default/${name}`,
    service: 'default/web',
    addressType: addressType ?? (fields[0]?.address.includes(':') === false ? 'IPv4' : 'IPv6'),
    ports,
    addresses,
    conditions: Uint8Array.from(fields, endpoint => endpoint.conditions ?? UP),
    meta: fields.map(endpoint => meta(endpoint.hostname ?? null)),
    origin: `${name}.yaml:1`,
  }
}

export function meta(hostname: string | null): EndpointMeta {
  return { hostname, node: null, zone: null, forZones: [], forNodes: [] }
}

export function facts(fields: Partial<Service>, rest: Partial<Omit<ServiceFacts, 'service'>> = {}): ServiceFacts {
  return { service: service(fields), addresses: [], slices: [], app: null, ...rest }
}

export function pod(fields: Partial<Pod> = {}): Pod {
  return {
    kind: 'Pod',
    namespace: 'default',
    name: 'web-0',
    key: 'default/web-0',
    labels: {},
    addresses: [],
    phase: 'Running',
    ready: true,
    terminating: false,
    hostname: null,
    subdomain: null,
    node: null,
    zone: null,
    ports: [],
    origin: 'pod.yaml:1',
    ...fields,
  }
}

/** The node at a name (absolute, any case), or null. */
export function nodeAt(nodes: readonly OwnedNode[], name: string, role?: ZoneRole): ZoneNode | null {
  const key = keyOf(name)
  const found = nodes.filter(({ node }) => foldName(node.name) === key)
  if (found.length > 1) throw new Error(`${name} occurs ${found.length} times`)
  const [only] = found
  if (only === undefined || (role !== undefined && only.role !== role)) return null
  return only.node
}

/** The records of a type at a name as text, in their order; null where the name does not exist. */
export function answer(nodes: readonly OwnedNode[], name: string, type: string): string[] | null {
  const node = nodeAt(nodes, name)
  if (node === null) return null
  const set = node.rrsets.find(candidate => typeName(candidate.type) === type)
  return (set?.rdatas ?? []).map(rdata => `${set?.ttl} ${showRdata(type, rdata)}`)
}

/** The additional records that go with a set, as text. */
export function additional(nodes: readonly OwnedNode[], name: string, type: string): string[] {
  const set = nodeAt(nodes, name)?.rrsets.find(candidate => typeName(candidate.type) === type)
  return (set?.additional ?? []).map(record => {
    const type = typeName(record.type)
    return `${formatName(record.name)} ${record.ttl} ${type} ${showRdata(type, record.rdata)}`
  })
}

/** Every record of every node as sorted lines; a name without records is a line of its own. */
export function dump(nodes: readonly OwnedNode[]): string[] {
  return nodes.flatMap(({ role, node }) => dumpNode(role, node)).sort()
}

export function dumpNode(role: ZoneRole, node: ZoneNode): string[] {
  const name = `${role} ${formatName(node.name)} ${node.kind}`
  const lines = node.rrsets.flatMap(set => {
    const type = typeName(set.type)
    const extra = set.additional.map(record => `${formatName(record.name)} ${record.type} ${record.rdata}`).sort()
    return set.rdatas.map(rdata => `${name} ${set.ttl} ${type} ${showRdata(type, rdata)} + ${extra.join(',')}`)
  })
  return lines.length === 0 ? [name] : lines
}

export function keyOf(name: string): NameKey {
  return foldName(parseName(name))
}

function showRdata(type: string, rdata: Uint8Array): string {
  if (type === 'A') return formatAddress(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ...rdata))
  if (type === 'AAAA') return formatAddress(rdata)
  if (type === 'TXT') return JSON.stringify(String.fromCharCode(...rdata.subarray(1)))
  if (type !== 'SRV') return formatName(rdata as Name)
  const view = new DataView(rdata.buffer, rdata.byteOffset)
  return `${view.getUint16(0)} ${view.getUint16(2)} ${view.getUint16(4)} ${formatName(rdata, 6)}`
}
