/**
 * discovery.k8s.io/v1 EndpointSlice → packed {@link EndpointSlice}. An endpoint with a fault is left out alone and
 * reported; a fault elsewhere refuses the slice (rules of pkg/apis/discovery/validation, defaults of
 * pkg/apis/discovery/v1). Reading of absent conditions is the API's own: `ready` counts as true, `serving` as `ready`.
 */
import { ADDRESS_BYTES, familyOf, parseAddress } from '../../ip/address.ts'
import {
  type EndpointMeta,
  type EndpointPort,
  type EndpointSlice,
  type Origin,
  READY,
  SERVING,
  TERMINATING,
} from '../objects.ts'
import { Faults } from './faults.ts'
import { arrayAt, booleanAt, choiceAt, type Fields, integerAt, isFields, objectAt, textAt } from './fields.ts'
import { detach, type Interner } from './intern.ts'
import { readMetadata, textOrNull } from './metadata.ts'
import {
  isLabel1123,
  isLabelValue,
  isQualifiedName,
  isSubdomain1123,
  MUST_BE_ADDRESS,
  MUST_BE_LABEL_1123,
  MUST_BE_LABEL_VALUE,
  MUST_BE_QUALIFIED_NAME,
  MUST_BE_SUBDOMAIN_1123,
  specialAddress,
} from './rules.ts'
import { PROTOCOLS } from './service.ts'

const SERVICE_NAME = 'kubernetes.io/service-name'
const ADDRESS_TYPES = ['IPv4', 'IPv6', 'FQDN'] as const

/** A slice, and the faults of endpoints that were left out of it. */
export interface StrippedSlice {
  readonly slice: EndpointSlice | null
  readonly leftOut: Faults
}

/** Strips an EndpointSlice; the slice is null when `faults` has got an entry. */
export function stripSlice(object: Fields, origin: Origin, interner: Interner, faults: Faults): StrippedSlice {
  const metadata = readMetadata(object, isSubdomain1123, MUST_BE_SUBDOMAIN_1123, interner, faults)
  const addressType = choiceAt(object, 'addressType', '', ADDRESS_TYPES, faults)
  if (addressType === null && !faults.list.some(fault => fault.field === 'addressType')) {
    faults.required('addressType')
  }
  const ports = readPorts(object, interner, faults)
  const endpoints = arrayAt(object, 'endpoints', '', faults)
  const service = textOrNull(metadata.labels, SERVICE_NAME) ?? ''
  const leftOut = new Faults()
  if (addressType === null || faults.list.length > 0) return { slice: null, leftOut }
  const packed = new EndpointReader(addressType, interner, leftOut).read(addressType === 'FQDN' ? [] : endpoints)
  const slice: EndpointSlice = {
    kind: 'EndpointSlice',
    namespace: metadata.namespace,
    name: metadata.name,
    key: metadata.key,
    service: service === '' ? null : detach(`${metadata.namespace}/${service}`),
    addressType,
    ports: interner.ports(ports),
    addresses: packed.addresses,
    conditions: interner.octets(packed.conditions),
    meta: packed.meta,
    origin,
  }
  return { slice, leftOut }
}

/** The API server's defaults: name '' and protocol TCP; port 0 counts as no port, as kube-proxy has it. */
function readPorts(object: Fields, interner: Interner, faults: Faults): EndpointPort[] {
  const ports: EndpointPort[] = []
  for (const [i, item] of arrayAt(object, 'ports', '', faults).entries()) {
    const path = `ports[${i}]`
    if (!isFields(item)) {
      faults.invalid(path, item, 'must be an object')
      continue
    }
    const name = textAt(item, 'name', path, faults) ?? ''
    if (name !== '' && !isLabel1123(name)) faults.invalid(`${path}.name`, name, MUST_BE_LABEL_1123)
    if (ports.some(other => other.name === name)) faults.duplicate(`${path}.name`, name)
    const port = integerAt(item, 'port', path, faults) ?? 0
    if (port < 0 || port > 65_535) faults.invalid(`${path}.port`, port, 'must be between 0 and 65535, inclusive')
    const appProtocol = textAt(item, 'appProtocol', path, faults)
    if (appProtocol !== null && !isQualifiedName(appProtocol)) {
      faults.invalid(`${path}.appProtocol`, appProtocol, MUST_BE_QUALIFIED_NAME)
    }
    ports.push({
      name: interner.string(name),
      port: port === 0 ? null : port,
      protocol: choiceAt(item, 'protocol', path, PROTOCOLS, faults) ?? 'TCP',
      appProtocol: appProtocol === null ? null : interner.string(appProtocol),
    })
  }
  return ports
}

/** Packs the endpoints of one slice. A cluster has hundreds of thousands of them: no path is built without a fault. */
class EndpointReader {
  readonly #family: string
  readonly #interner: Interner
  readonly #leftOut: Faults
  #last: EndpointMeta | null = null

  constructor(family: string, interner: Interner, leftOut: Faults) {
    this.#family = family
    this.#interner = interner
    this.#leftOut = leftOut
  }

  read(items: readonly unknown[]): Pick<EndpointSlice, 'addresses' | 'conditions' | 'meta'> {
    const addresses = new Uint8Array(items.length * ADDRESS_BYTES)
    const conditions = new Uint8Array(items.length)
    const meta: EndpointMeta[] = new Array(items.length)
    let count = 0
    for (let i = 0; i < items.length; i++) {
      const item = items[i]
      if (!isFields(item)) {
        this.#leftOut.invalid(`endpoints[${i}]`, item, 'must be an object')
        continue
      }
      const before = this.#leftOut.list.length
      this.#readAddress(item, i, addresses, count * ADDRESS_BYTES)
      conditions[count] = this.#readConditions(item['conditions'], i)
      const read = this.#readMeta(item, i)
      if (this.#leftOut.list.length === before) meta[count++] = read
    }
    if (count === items.length) return { addresses, conditions, meta }
    return {
      addresses: addresses.slice(0, count * ADDRESS_BYTES),
      conditions: conditions.slice(0, count),
      meta: meta.slice(0, count),
    }
  }

  /** Only the first address counts (Kubernetes promises that all of them are the same endpoint). */
  #readAddress(item: Fields, i: number, out: Uint8Array, offset: number): void {
    const texts = item['addresses']
    const text = Array.isArray(texts) ? texts[0] : undefined
    if (typeof text !== 'string') {
      this.#leftOut.required(`endpoints[${i}].addresses`, 'must contain at least 1 address')
      return
    }
    const address = parseAddress(text)
    if (address === null) {
      this.#leftOut.invalid(`endpoints[${i}].addresses[0]`, text, MUST_BE_ADDRESS)
    } else if (familyOf(address) !== this.#family) {
      this.#leftOut.invalid(`endpoints[${i}].addresses[0]`, text, `must be a valid ${this.#family} address`)
    } else {
      const why = specialAddress(address)
      if (why === null) out.set(address, offset)
      else this.#leftOut.invalid(`endpoints[${i}].addresses[0]`, text, why)
    }
  }

  #readConditions(value: unknown, i: number): number {
    if (value === undefined || value === null) return READY | SERVING
    if (!isFields(value)) {
      this.#leftOut.invalid(`endpoints[${i}].conditions`, value, 'must be an object')
      return 0
    }
    const ready = this.#readCondition(value, 'ready', true, i)
    const serving = this.#readCondition(value, 'serving', ready, i)
    const terminating = this.#readCondition(value, 'terminating', false, i)
    return (ready ? READY : 0) | (serving ? SERVING : 0) | (terminating ? TERMINATING : 0)
  }

  #readCondition(conditions: Fields, name: string, absent: boolean, i: number): boolean {
    const value = conditions[name]
    if (typeof value === 'boolean') return value
    if (value === undefined || value === null) return absent
    booleanAt(conditions, name, `endpoints[${i}].conditions`, this.#leftOut)
    return absent
  }

  #readMeta(item: Fields, i: number): EndpointMeta {
    const hostname = this.#readText(item, 'hostname', i)
    const node = this.#readText(item, 'nodeName', i)
    const zone = this.#readText(item, 'zone', i)
    const hints = item['hints']
    const last = this.#last
    const before = this.#leftOut.list.length
    const hasHints = hints !== undefined && hints !== null
    if (!hasHints && last !== null && last.node === node && last.zone === zone && last.hostname === hostname) {
      return last
    }
    if (hostname !== null && !isLabel1123(hostname)) {
      this.#leftOut.invalid(`endpoints[${i}].hostname`, hostname, MUST_BE_LABEL_1123)
    }
    if (node !== null && !isSubdomain1123(node)) {
      this.#leftOut.invalid(`endpoints[${i}].nodeName`, node, MUST_BE_SUBDOMAIN_1123)
    }
    if (zone !== null && !isLabelValue(zone)) {
      this.#leftOut.invalid(`endpoints[${i}].zone`, zone, MUST_BE_LABEL_VALUE)
    }
    if (hasHints) return this.#withHints(item, hostname, node, zone, i)
    const meta = this.#interner.meta(hostname, node, zone)
    this.#last = this.#leftOut.list.length === before ? meta : null
    return meta
  }

  #withHints(item: Fields, hostname: string | null, node: string | null, zone: string | null, i: number): EndpointMeta {
    const hints = objectAt(item, 'hints', `endpoints[${i}]`, this.#leftOut)
    const path = `endpoints[${i}].hints`
    const forZones = this.#readNames(hints, 'forZones', path)
    const forNodes = this.#readNames(hints, 'forNodes', path)
    return this.#interner.meta(hostname, node, zone, forZones, forNodes)
  }

  #readNames(hints: Fields, name: string, path: string): string[] {
    const names = new Set<string>()
    for (const [k, item] of arrayAt(hints, name, path, this.#leftOut).entries()) {
      const text = isFields(item) ? item['name'] : undefined
      if (typeof text === 'string' && text !== '' && (isLabelValue(text) || isSubdomain1123(text))) names.add(text)
      else this.#leftOut.invalid(`${path}.${name}[${k}].name`, text ?? item, MUST_BE_LABEL_VALUE)
    }
    return [...names].sort()
  }

  #readText(item: Fields, name: string, i: number): string | null {
    const value = item[name]
    if (typeof value === 'string') return value === '' ? null : value
    if (value !== undefined && value !== null) textAt(item, name, `endpoints[${i}]`, this.#leftOut)
    return null
  }
}
