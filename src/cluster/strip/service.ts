/** v1 Service → {@link Service}: defaults of pkg/apis/core/v1, rules of `ValidateService` in pkg/apis/core/validation. */
import type { Origin, Protocol, Service, ServicePort, ServiceRecord, ServiceType, TrafficPolicy } from '../objects.ts'
import type { Faults } from './faults.ts'
import { arrayAt, booleanAt, choiceAt, type Fields, integerAt, isFields, objectAt, textAt } from './fields.ts'
import { detach, type Interner, NO_TEXTS } from './intern.ts'
import { internTexts, labelsAt, type Metadata, readMetadata, textOrNull } from './metadata.ts'
import {
  isLabel1035,
  isLabel1123,
  isPortName,
  isPortNumber,
  isQualifiedName,
  isSubdomain1123,
  MUST_BE_LABEL_1035,
  MUST_BE_LABEL_1123,
  MUST_BE_PORT_NAME,
  MUST_BE_PORT_NUMBER,
  MUST_BE_QUALIFIED_NAME,
  MUST_BE_SUBDOMAIN_1123,
} from './rules.ts'
import { readServiceAddresses } from './service-addresses.ts'

const TYPES: readonly ServiceType[] = ['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName']
const POLICIES: readonly TrafficPolicy[] = ['Cluster', 'Local']
/** Transport protocols of Service, slice and container ports. */
export const PROTOCOLS: readonly Protocol[] = ['TCP', 'UDP', 'SCTP']
const AFFINITIES = ['ClientIP', 'None'] as const
const DEFAULT_AFFINITY_SECONDS = 10_800
const LONGEST_AFFINITY_SECONDS = 86_400
const TOLERATE_UNREADY = 'service.alpha.kubernetes.io/tolerate-unready-endpoints'
const PROXY_NAME = 'service.kubernetes.io/service-proxy-name'
const OUR_ANNOTATIONS = 'service.fly.io/'
const SYNC_VERSION = 'service.fly.io/sync-version'

/** Strips a Service; null when it has a fault. */
export function stripService(object: Fields, origin: Origin, interner: Interner, faults: Faults): Service | null {
  const metadata = readMetadata(object, isLabel1035, MUST_BE_LABEL_1035, interner, faults)
  const spec = objectAt(object, 'spec', '', faults)
  const type = choiceAt(spec, 'type', 'spec', TYPES, faults) ?? 'ClusterIP'
  const addresses = readServiceAddresses(spec, type, faults)
  const service: Service = {
    kind: 'Service',
    namespace: metadata.namespace,
    name: metadata.name,
    key: metadata.key,
    created: metadata.created,
    type,
    headless: addresses.headless,
    clusterIPs: addresses.clusterIPs,
    ipFamilies: addresses.ipFamilies,
    ipFamilyPolicy: addresses.ipFamilyPolicy,
    externalName: type === 'ExternalName' ? readExternalName(spec, faults) : null,
    ports: interner.ports(readPorts(spec, type !== 'ExternalName' && !addresses.headless, interner, faults)),
    selector: readSelector(spec, interner, faults),
    publishNotReadyAddresses: readPublish(spec, metadata, faults),
    affinityTimeoutSeconds: readAffinity(spec, faults),
    internalTrafficPolicy: choiceAt(spec, 'internalTrafficPolicy', 'spec', POLICIES, faults) ?? 'Cluster',
    externalTrafficPolicy: readExternalPolicy(spec, type, faults),
    trafficDistribution: internOrNull(textAt(spec, 'trafficDistribution', 'spec', faults), interner),
    annotations: ourAnnotations(metadata.annotations, interner),
    proxyName: internOrNull(textOrNull(metadata.labels, PROXY_NAME), interner),
    record: readRecord(metadata),
    origin,
  }
  return faults.list.length === 0 ? service : null
}

function readRecord({ annotations, uid }: Metadata): ServiceRecord | null {
  if (uid === null) return null
  const syncVersion = textOrNull(annotations, SYNC_VERSION)
  return { uid: detach(uid), syncVersion: syncVersion === null ? null : detach(syncVersion) }
}

function readExternalName(spec: Fields, faults: Faults): string | null {
  const written = textAt(spec, 'externalName', 'spec', faults) ?? ''
  if (written === '') {
    faults.required('spec.externalName')
    return null
  }
  const name = written.endsWith('.') ? written.slice(0, -1) : written
  if (!isSubdomain1123(name)) {
    faults.invalid('spec.externalName', written, MUST_BE_SUBDOMAIN_1123)
    return null
  }
  return detach(name)
}

function readPorts(spec: Fields, required: boolean, interner: Interner, faults: Faults): ServicePort[] {
  const items = arrayAt(spec, 'ports', 'spec', faults)
  if (items.length === 0 && required) faults.required('spec.ports')
  const ports: ServicePort[] = []
  for (let i = 0; i < items.length; i++) {
    const path = `spec.ports[${i}]`
    const item = items[i]
    if (!isFields(item)) {
      faults.invalid(path, item, 'must be an object')
      continue
    }
    const port = readPort(item, path, interner, faults)
    checkName(port.name, path, items.length > 1, ports, faults)
    if (ports.some(other => other.port === port.port && other.protocol === port.protocol)) {
      faults.duplicate(path, { port: port.port, protocol: port.protocol })
    }
    ports.push(port)
  }
  return ports
}

function readPort(item: Fields, path: string, interner: Interner, faults: Faults): ServicePort {
  const port = integerAt(item, 'port', path, faults)
  if (port === null) {
    if (item['port'] === undefined || item['port'] === null) faults.required(`${path}.port`)
  } else if (!isPortNumber(port)) {
    faults.invalid(`${path}.port`, port, MUST_BE_PORT_NUMBER)
  }
  const appProtocol = textAt(item, 'appProtocol', path, faults)
  if (appProtocol !== null && !isQualifiedName(appProtocol)) {
    faults.invalid(`${path}.appProtocol`, appProtocol, MUST_BE_QUALIFIED_NAME)
  }
  return {
    name: interner.string(textAt(item, 'name', path, faults) ?? ''),
    protocol: choiceAt(item, 'protocol', path, PROTOCOLS, faults) ?? 'TCP',
    port: port ?? 0,
    targetPort: readTargetPort(item['targetPort'], path, interner, faults),
    appProtocol: internOrNull(appProtocol, interner),
  }
}

function checkName(
  name: string,
  path: string,
  required: boolean,
  before: readonly ServicePort[],
  faults: Faults,
): void {
  if (name === '') {
    if (required) faults.required(`${path}.name`)
  } else if (!isLabel1123(name)) {
    faults.invalid(`${path}.name`, name, MUST_BE_LABEL_1123)
  } else if (before.some(other => other.name === name)) {
    faults.duplicate(`${path}.name`, name)
  }
}

/** 0 and '' are "the same number as `port`" (defaults of pkg/apis/core/v1). */
function readTargetPort(value: unknown, path: string, interner: Interner, faults: Faults): number | string | null {
  if (value === undefined || value === null || value === 0 || value === '') return null
  if (typeof value === 'string') {
    if (!isPortName(value)) faults.invalid(`${path}.targetPort`, value, MUST_BE_PORT_NAME)
    return interner.string(value)
  }
  if (typeof value === 'number' && Number.isInteger(value) && isPortNumber(value)) return value
  faults.invalid(`${path}.targetPort`, value, `${MUST_BE_PORT_NUMBER}, or a port name`)
  return null
}

/** An empty selector is none: etcd keeps no empty map, and it must never mean every Pod. */
function readSelector(spec: Fields, interner: Interner, faults: Faults): Record<string, string> | null {
  const selector = internTexts(labelsAt(spec, 'selector', 'spec', faults), interner)
  for (const _ in selector) return selector
  return null
}

function readPublish(spec: Fields, metadata: Metadata, faults: Faults): boolean {
  const published = booleanAt(spec, 'publishNotReadyAddresses', 'spec', faults) ?? false
  return published || textOrNull(metadata.annotations, TOLERATE_UNREADY) === 'true'
}

function readAffinity(spec: Fields, faults: Faults): number | null {
  const affinity = choiceAt(spec, 'sessionAffinity', 'spec', AFFINITIES, faults) ?? 'None'
  const config = objectAt(spec, 'sessionAffinityConfig', 'spec', faults)
  const clientIP = objectAt(config, 'clientIP', 'spec.sessionAffinityConfig', faults)
  const path = 'spec.sessionAffinityConfig.clientIP'
  const seconds = integerAt(clientIP, 'timeoutSeconds', path, faults) ?? DEFAULT_AFFINITY_SECONDS
  if (affinity === 'None') return null
  if (seconds < 1 || seconds > LONGEST_AFFINITY_SECONDS) {
    faults.invalid(`${path}.timeoutSeconds`, seconds, `must be greater than 0 and at most ${LONGEST_AFFINITY_SECONDS}`)
  }
  return seconds
}

function readExternalPolicy(spec: Fields, type: ServiceType, faults: Faults): TrafficPolicy | null {
  const policy = choiceAt(spec, 'externalTrafficPolicy', 'spec', POLICIES, faults)
  return type === 'NodePort' || type === 'LoadBalancer' ? (policy ?? 'Cluster') : null
}

function ourAnnotations(annotations: Fields, interner: Interner): Readonly<Record<string, string>> {
  let ours: Record<string, string> | null = null
  for (const key of Object.keys(annotations).sort()) {
    if (!key.startsWith(OUR_ANNOTATIONS) || key === SYNC_VERSION) continue
    ours ??= {}
    ours[interner.string(key)] = interner.string(textOrNull(annotations, key) ?? '')
  }
  return ours ?? NO_TEXTS
}

function internOrNull(text: string | null, interner: Interner): string | null {
  return text === null ? null : interner.string(text)
}
