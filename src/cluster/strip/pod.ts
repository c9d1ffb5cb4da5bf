/** v1 Pod → {@link Pod}: what makes it an endpoint, as the EndpointSlice controller sees it. */
import { type Address, familyOf, parseAddress } from '../../ip/address.ts'
import type { ContainerPort, Origin, Pod } from '../objects.ts'
import type { Faults } from './faults.ts'
import { arrayAt, choiceAt, type Fields, integerAt, isFields, objectAt, textAt } from './fields.ts'
import type { Interner } from './intern.ts'
import { internTexts, readMetadata, textOrNull } from './metadata.ts'
import {
  isLabel1123,
  isPortNumber,
  isSubdomain1123,
  MUST_BE_ADDRESS,
  MUST_BE_LABEL_1123,
  MUST_BE_PORT_NUMBER,
  MUST_BE_SUBDOMAIN_1123,
  specialAddress,
} from './rules.ts'
import { PROTOCOLS } from './service.ts'

const ZONE = 'topology.kubernetes.io/zone'

/** Strips a Pod; null when it has a fault. */
export function stripPod(object: Fields, origin: Origin, interner: Interner, faults: Faults): Pod | null {
  const metadata = readMetadata(object, isSubdomain1123, MUST_BE_SUBDOMAIN_1123, interner, faults)
  const spec = objectAt(object, 'spec', '', faults)
  const status = objectAt(object, 'status', '', faults)
  const pod: Pod = {
    kind: 'Pod',
    namespace: metadata.namespace,
    name: metadata.name,
    key: metadata.key,
    labels: internTexts(metadata.labels, interner),
    addresses: readAddresses(status, faults),
    phase: interner.string(textAt(status, 'phase', 'status', faults) || 'Pending'),
    ready: isReady(status, faults),
    terminating: metadata.terminating,
    hostname: readLabel(spec, 'hostname', interner, faults),
    subdomain: readLabel(spec, 'subdomain', interner, faults),
    node: internOrNull(textAt(spec, 'nodeName', 'spec', faults), interner),
    zone: internOrNull(textOrNull(metadata.labels, ZONE), interner),
    ports: interner.ports(readPorts(spec, interner, faults)),
    origin,
  }
  return faults.list.length === 0 ? pod : null
}

/** `podIPs`, or `podIP` when there are none; the first of each family. */
function readAddresses(status: Fields, faults: Faults): Address[] {
  const items = arrayAt(status, 'podIPs', 'status', faults)
  if (items.length === 0) {
    const text = textAt(status, 'podIP', 'status', faults) ?? ''
    return text === '' ? [] : parseInto([], text, 'status.podIP', faults)
  }
  const addresses: Address[] = []
  for (const [i, item] of items.entries()) {
    const path = `status.podIPs[${i}]`
    const text = isFields(item) ? textAt(item, 'ip', path, faults) : null
    if (text === null || text === '') faults.required(`${path}.ip`)
    else parseInto(addresses, text, `${path}.ip`, faults)
  }
  return addresses
}

function parseInto(addresses: Address[], text: string, path: string, faults: Faults): Address[] {
  const address = parseAddress(text)
  const why = address === null ? MUST_BE_ADDRESS : specialAddress(address)
  if (why !== null) faults.invalid(path, text, why)
  else if (address !== null && !addresses.some(other => familyOf(other) === familyOf(address))) addresses.push(address)
  return addresses
}

function isReady(status: Fields, faults: Faults): boolean {
  for (const [i, item] of arrayAt(status, 'conditions', 'status', faults).entries()) {
    if (!isFields(item)) faults.invalid(`status.conditions[${i}]`, item, 'must be an object')
    else if (item['type'] === 'Ready') return item['status'] === 'True'
  }
  return false
}

/** Containers first, then init containers that keep running (`restartPolicy: Always`), as `FindPort` searches them. */
function readPorts(spec: Fields, interner: Interner, faults: Faults): ContainerPort[] {
  const ports: ContainerPort[] = []
  for (const [i, container] of arrayAt(spec, 'containers', 'spec', faults).entries()) {
    readContainer(container, `spec.containers[${i}]`, ports, interner, faults)
  }
  for (const [i, container] of arrayAt(spec, 'initContainers', 'spec', faults).entries()) {
    if (isFields(container) && container['restartPolicy'] !== 'Always') continue
    readContainer(container, `spec.initContainers[${i}]`, ports, interner, faults)
  }
  return ports
}

function readContainer(value: unknown, path: string, ports: ContainerPort[], interner: Interner, faults: Faults): void {
  if (!isFields(value)) {
    faults.invalid(path, value, 'must be an object')
    return
  }
  for (const [i, item] of arrayAt(value, 'ports', path, faults).entries()) {
    const portPath = `${path}.ports[${i}]`
    if (!isFields(item)) {
      faults.invalid(portPath, item, 'must be an object')
      continue
    }
    const port = integerAt(item, 'containerPort', portPath, faults)
    if (port === null) faults.required(`${portPath}.containerPort`)
    else if (!isPortNumber(port)) faults.invalid(`${portPath}.containerPort`, port, MUST_BE_PORT_NUMBER)
    const name = textAt(item, 'name', portPath, faults) ?? ''
    const protocol = choiceAt(item, 'protocol', portPath, PROTOCOLS, faults) ?? 'TCP'
    if (name !== '') ports.push({ name: interner.string(name), port: port ?? 0, protocol })
  }
}

function readLabel(spec: Fields, name: string, interner: Interner, faults: Faults): string | null {
  const text = textAt(spec, name, 'spec', faults)
  if (text === null || text === '') return null
  if (!isLabel1123(text)) faults.invalid(`spec.${name}`, text, MUST_BE_LABEL_1123)
  return interner.string(text)
}

function internOrNull(text: string | null, interner: Interner): string | null {
  return text === null || text === '' ? null : interner.string(text)
}
