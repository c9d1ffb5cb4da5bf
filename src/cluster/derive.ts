/**
 * The EndpointSlices of a Service that has none of its own, made from the Pods that its selector matches. The rules
 * are those of the EndpointSlice controller (staging/src/k8s.io/endpointslice: reconciler.go, utils.go, and
 * trafficdist for hints), without its limit of endpoints in a slice.
 */
import { ADDRESS_BYTES, type Address, type Family, familyOf } from '../ip/address.ts'
import {
  type EndpointMeta,
  type EndpointPort,
  type EndpointSlice,
  type Pod,
  READY,
  SERVING,
  type Service,
  type ServicePort,
  TERMINATING,
} from './objects.ts'

const FAMILIES: readonly Family[] = ['IPv6', 'IPv4']
const NO_NAMES: readonly string[] = Object.freeze([])
const CLOSE: readonly string[] = ['PreferClose', 'PreferSameZone', 'PreferSameNode']

/** Pods of one family that resolve every port of the Service to the same number. */
interface Group {
  readonly ports: readonly EndpointPort[]
  readonly members: { readonly pod: Pod; readonly address: Address }[]
}

/** Whether a selector chooses a Pod with these labels. A null selector chooses none. */
export function matchesSelector(
  selector: Readonly<Record<string, string>> | null,
  labels: Readonly<Record<string, string>>,
): boolean {
  if (selector === null) return false
  for (const key in selector) if (labels[key] !== selector[key]) return false
  return true
}

/** Whether Pods can stand in for slices of this Service: it has a selector and is no ExternalName. */
export function isDerivable(service: Service): boolean {
  return service.selector !== null && service.type !== 'ExternalName'
}

/**
 * Derives the slices of `service`: one for each family and each set of port numbers, named
 * `<service>-derived-<family>-<n>`. The result depends on the set of Pods only when they come in the same order;
 * a caller that wants it deterministic sorts them by name.
 *
 * @param pods Pods of the Service's namespace; those that the selector does not match are passed over
 */
export function deriveSlices(service: Service, pods: readonly Pod[]): EndpointSlice[] {
  if (!isDerivable(service)) return []
  const chosen = pods.filter(pod => isEndpoint(pod) && matchesSelector(service.selector, pod.labels))
  const metas = new MetaCache(service)
  const slices: EndpointSlice[] = []
  for (const family of familiesOf(service, chosen)) {
    let ordinal = 0
    for (const group of groupByPorts(service, chosen, family)) {
      slices.push(pack(service, family, ordinal++, group, metas))
    }
  }
  return slices
}

/** `ShouldPodBeInEndpoints`: not finished, and it has an address. Terminating Pods stay in, marked as such. */
export function isEndpoint(pod: Pod): boolean {
  return pod.phase !== 'Failed' && pod.phase !== 'Succeeded' && pod.addresses.length > 0
}

/**
 * `spec.ipFamilies`, else the families of the explicit ClusterIPs, else what the API server would have filled in: both
 * for a dual-stack policy (unless the one address of PreferDualStack is there already), IPv6 otherwise, for allocated
 * ClusterIPs are IPv6. A headless Service that says nothing has whatever its Pods have.
 */
function familiesOf(service: Service, pods: readonly Pod[]): readonly Family[] {
  const { ipFamilies, ipFamilyPolicy, clusterIPs } = service
  const isAssigned = ipFamilies.length === 1 && clusterIPs.length === 1
  if (ipFamilyPolicy === 'RequireDualStack' || clusterIPs.length > 1) return FAMILIES
  if (ipFamilyPolicy === 'PreferDualStack' && !isAssigned) return FAMILIES
  if (ipFamilies.length > 0) return FAMILIES.filter(family => ipFamilies.includes(family))
  const explicit = clusterIPs[0]
  if (explicit !== undefined) return [familyOf(explicit)]
  if (!service.headless) return ['IPv6']
  if (ipFamilyPolicy === null) return FAMILIES
  return [FAMILIES.find(family => pods.some(pod => addressOf(pod, family) !== null)) ?? 'IPv6']
}

function addressOf(pod: Pod, family: Family): Address | null {
  for (const address of pod.addresses) if (familyOf(address) === family) return address
  return null
}

/** Groups in the order of their port numbers, so that the order of Pods does not name the slices. */
function groupByPorts(service: Service, pods: readonly Pod[], family: Family): Group[] {
  const groups = new Map<string, Group>()
  for (const pod of pods) {
    const address = addressOf(pod, family)
    if (address === null) continue
    let numbers = ''
    for (const port of service.ports) numbers += `${portNumber(port, pod) ?? '-'} `
    let group = groups.get(numbers)
    if (group === undefined) {
      group = { ports: resolvePorts(service, pod), members: [] }
      groups.set(numbers, group)
    }
    group.members.push({ pod, address })
  }
  if (groups.size < 2) return [...groups.values()]
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => group)
}

/** `FindPort`: a number as it is, a name by the Pod's container ports of the same protocol; null when not found. */
function portNumber(port: ServicePort, pod: Pod): number | null {
  if (typeof port.targetPort !== 'string') return port.targetPort ?? port.port
  for (const candidate of pod.ports) {
    if (candidate.name === port.targetPort && candidate.protocol === port.protocol) return candidate.port
  }
  return null
}

/** A port that the Pod does not have is left out; the Pod stays. */
function resolvePorts(service: Service, pod: Pod): EndpointPort[] {
  const ports: EndpointPort[] = []
  for (const port of service.ports) {
    const number = portNumber(port, pod)
    if (number === null) continue
    ports.push({ name: port.name, port: number, protocol: port.protocol, appProtocol: port.appProtocol })
  }
  return ports
}

function pack(service: Service, family: Family, ordinal: number, group: Group, metas: MetaCache): EndpointSlice {
  const count = group.members.length
  const addresses = new Uint8Array(count * ADDRESS_BYTES)
  const conditions = new Uint8Array(count)
  const meta: EndpointMeta[] = []
  for (const [i, { pod, address }] of group.members.entries()) {
    addresses.set(address, i * ADDRESS_BYTES)
    conditions[i] = conditionsOf(service, pod)
    meta.push(metas.of(pod))
  }
  const name = `${service.name}-derived-${family.toLowerCase()}-${ordinal}`
  return {
    kind: 'EndpointSlice',
    namespace: service.namespace,
    name,
    key: `${service.namespace}/${name}`,
    service: service.key,
    addressType: family,
    ports: group.ports,
    addresses,
    conditions,
    meta,
    origin: service.origin,
  }
}

/** `podToEndpoint`: serving is the Pod's Ready condition; ready also means not terminating, or published anyway. */
function conditionsOf(service: Service, pod: Pod): number {
  const ready = service.publishNotReadyAddresses || (pod.ready && !pod.terminating)
  return (ready ? READY : 0) | (pod.ready ? SERVING : 0) | (pod.terminating ? TERMINATING : 0)
}

/** Metas of one Service's Pods; Pods on one node share theirs. */
class MetaCache {
  readonly #service: Service
  readonly #hints: boolean
  readonly #nodeHints: boolean
  readonly #metas = new Map<string, EndpointMeta>()

  constructor(service: Service) {
    this.#service = service
    this.#hints = CLOSE.includes(service.trafficDistribution ?? '')
    this.#nodeHints = service.trafficDistribution === 'PreferSameNode'
  }

  of(pod: Pod): EndpointMeta {
    const hostname = pod.subdomain === this.#service.name ? pod.hostname : null
    const hinted = this.#hints && (conditionsOf(this.#service, pod) & READY) !== 0
    const key = `${hinted} ${pod.node ?? ''} ${pod.zone ?? ''} ${hostname ?? ''}`
    let meta = this.#metas.get(key)
    if (meta === undefined) {
      meta = {
        hostname,
        node: pod.node,
        zone: pod.zone,
        forZones: hinted && pod.zone !== null ? [pod.zone] : NO_NAMES,
        forNodes: hinted && this.#nodeHints && pod.node !== null ? [pod.node] : NO_NAMES,
      }
      this.#metas.set(key, meta)
    }
    return meta
  }
}
