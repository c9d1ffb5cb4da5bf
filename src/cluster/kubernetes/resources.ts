/** The resources that a source follows: where they are and what is kept of their objects. */
import type { ClusterObject, Service } from '../objects.ts'
import type { Fields } from '../strip/fields.ts'
import { EMPTY, NO_TEXTS } from '../strip/intern.ts'
import { type Interner, stripObject } from '../strip.ts'
import type { ReadObject } from './collection.ts'

/** One resource. */
export interface Resource {
  readonly plural: string
  readonly kind: string
  readonly apiVersion: string
}

export const SERVICES: Resource = { plural: 'services', kind: 'Service', apiVersion: 'v1' }
export const ENDPOINT_SLICES: Resource = {
  plural: 'endpointslices',
  kind: 'EndpointSlice',
  apiVersion: 'discovery.k8s.io/v1',
}
export const NAMESPACES: Resource = { plural: 'namespaces', kind: 'Namespace', apiVersion: 'v1' }
export const PODS: Resource = { plural: 'pods', kind: 'Pod', apiVersion: 'v1' }
export const SERVICE_CIDRS: Resource = {
  plural: 'servicecidrs',
  kind: 'ServiceCIDR',
  apiVersion: 'networking.k8s.io/v1',
}
export const IP_ADDRESSES: Resource = { plural: 'ipaddresses', kind: 'IPAddress', apiVersion: 'networking.k8s.io/v1' }

/** Where objects of a real cluster come from, for messages; one text for all of them. */
const ORIGIN = 'the Kubernetes API'

/** The path of the collection, in one namespace or (null) in all. */
export function collectionPath({ apiVersion, plural }: Resource, namespace: string | null): string {
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`
  return namespace === null ? `${root}/${plural}` : `${root}/namespaces/${encodeURIComponent(namespace)}/${plural}`
}

/**
 * Strips an object. Items of a list do not say what they are, so `resource` does.
 *
 * In a real cluster endpoints come from slices alone, for the EndpointSlice controller makes them of Pods: a Service
 * has no selector here, and a Pod is an address with a name.
 */
export function readClusterObject(value: Fields, resource: Resource, interner: Interner): ReadObject<ClusterObject> {
  const { apiVersion, kind } = resource
  const stripped = stripObject({ ...value, apiVersion, kind }, ORIGIN, interner)
  if (stripped.outcome === 'ignored') return { found: null, faults: [] }
  if (stripped.outcome === 'refused') return { found: null, faults: stripped.faults }
  const object = lean(stripped.object)
  const key = object.kind === 'Namespace' ? object.name : object.key
  return { found: { key, object }, faults: stripped.faults }
}

function lean(object: ClusterObject): ClusterObject {
  if (object.kind === 'Service') return object.selector === null ? object : withoutSelector(object)
  if (object.kind === 'Pod') return { ...object, labels: NO_TEXTS, ports: EMPTY }
  return object
}

function withoutSelector(service: Service): Service {
  return { ...service, selector: null }
}
