/**
 * Whether two objects say the same. A source reports what is, also when nothing changed, so this comparison is what
 * keeps an unchanged object from being published again. Where an object was read (`origin`) makes no difference.
 */
import type { Address } from '../ip/address.ts'
import type {
  ClusterObject,
  ContainerPort,
  EndpointMeta,
  EndpointPort,
  EndpointSlice,
  Pod,
  Service,
  ServicePort,
} from './objects.ts'

/** Equal in everything but `origin`, and for a Service `record`. */
export function equalObjects(a: ClusterObject, b: ClusterObject): boolean {
  if (a === b) return true
  if (a.kind === 'EndpointSlice') return b.kind === 'EndpointSlice' && equalSlices(a, b)
  if (a.kind === 'Service') return b.kind === 'Service' && equalServices(a, b)
  if (a.kind === 'Pod')
    return b.kind === 'Pod' && a.phase === b.phase && equalTexts(a.labels, b.labels) && makesSameEndpoint(a, b)
  return b.kind === 'Namespace' && a.name === b.name && a.app === b.app
}

/** Whether two Pods that are selected and not finished make the same endpoints. */
export function makesSameEndpoint(a: Pod, b: Pod): boolean {
  return (
    a.ready === b.ready &&
    a.terminating === b.terminating &&
    a.key === b.key &&
    a.node === b.node &&
    a.zone === b.zone &&
    a.hostname === b.hostname &&
    a.subdomain === b.subdomain &&
    equalAddressLists(a.addresses, b.addresses) &&
    equalLists(a.ports, b.ports, equalContainerPorts)
  )
}

/** Equal maps of texts, whatever the order of their keys. */
export function equalTexts(
  a: Readonly<Record<string, string>> | null,
  b: Readonly<Record<string, string>> | null,
): boolean {
  if (a === b) return true
  if (a === null || b === null) return false
  let count = 0
  for (const key in a) {
    if (a[key] !== b[key]) return false
    count++
  }
  for (const _ in b) count--
  return count === 0
}

/** Equal metas; interned ones are the same object. */
export function equalMetas(a: EndpointMeta, b: EndpointMeta): boolean {
  return (
    a === b ||
    (a.node === b.node &&
      a.zone === b.zone &&
      a.hostname === b.hostname &&
      equalLists(a.forZones, b.forZones, Object.is) &&
      equalLists(a.forNodes, b.forNodes, Object.is))
  )
}

function equalSlices(a: EndpointSlice, b: EndpointSlice): boolean {
  return (
    a.key === b.key &&
    a.service === b.service &&
    a.addressType === b.addressType &&
    equalBytes(a.conditions, b.conditions) &&
    equalBytes(a.addresses, b.addresses) &&
    equalLists(a.ports, b.ports, equalEndpointPorts) &&
    equalLists(a.meta, b.meta, equalMetas)
  )
}

function equalServices(a: Service, b: Service): boolean {
  return (
    a.key === b.key &&
    a.created === b.created &&
    a.type === b.type &&
    a.headless === b.headless &&
    a.externalName === b.externalName &&
    a.publishNotReadyAddresses === b.publishNotReadyAddresses &&
    a.affinityTimeoutSeconds === b.affinityTimeoutSeconds &&
    a.internalTrafficPolicy === b.internalTrafficPolicy &&
    a.externalTrafficPolicy === b.externalTrafficPolicy &&
    a.trafficDistribution === b.trafficDistribution &&
    a.proxyName === b.proxyName &&
    a.ipFamilyPolicy === b.ipFamilyPolicy &&
    equalLists(a.ipFamilies, b.ipFamilies, Object.is) &&
    equalAddressLists(a.clusterIPs, b.clusterIPs) &&
    equalLists(a.ports, b.ports, equalServicePorts) &&
    equalTexts(a.selector, b.selector) &&
    equalTexts(a.annotations, b.annotations)
  )
}

function equalServicePorts(a: ServicePort, b: ServicePort): boolean {
  return (
    a.name === b.name &&
    a.port === b.port &&
    a.protocol === b.protocol &&
    a.targetPort === b.targetPort &&
    a.appProtocol === b.appProtocol
  )
}

function equalEndpointPorts(a: EndpointPort, b: EndpointPort): boolean {
  return a.name === b.name && a.port === b.port && a.protocol === b.protocol && a.appProtocol === b.appProtocol
}

function equalContainerPorts(a: ContainerPort, b: ContainerPort): boolean {
  return a.name === b.name && a.port === b.port && a.protocol === b.protocol
}

function equalAddressLists(a: readonly Address[], b: readonly Address[]): boolean {
  return equalLists(a, b, equalBytes)
}

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

function equalLists<T>(a: readonly T[], b: readonly T[], equal: (a: T, b: T) => boolean): boolean {
  if (a === b) return true
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (!equal(a[i] as T, b[i] as T)) return false
  return true
}
