/** A made-up cluster that changes on command, in place of a real source. */
import {
  type EndpointMeta,
  type EndpointSlice,
  type ObjectChange,
  READY,
  SERVING,
  type Service,
} from '../../../src/cluster/objects.ts'
import type { Source, SourceResource, SourceSink } from '../../../src/cluster/source.ts'
import { Interner } from '../../../src/cluster/strip/intern.ts'
import { ADDRESS_BYTES, type Address, parseAddress } from '../../../src/ip/address.ts'

/** How large the cluster is. */
export interface SyntheticOptions {
  readonly services: number
  readonly namespaces: number
  readonly endpointsEach: number
  /** Every Service is headless when set; otherwise every 20th. */
  readonly headless: boolean
}

const META: EndpointMeta = { hostname: null, node: null, zone: null, forZones: [], forNodes: [] }
const SLICE_SIZE = 100
/** What real sources keep once for all objects is one here too. */
const NONE: readonly never[] = []
const NO_ANNOTATIONS = {}
const SERVICE_PORTS = [{ name: 'http', protocol: 'TCP', port: 80, targetPort: null, appProtocol: null }] as const
const SLICE_PORTS = [{ name: 'http', port: 80, protocol: 'TCP', appProtocol: null }] as const
const interner = new Interner()
/**
 * Two Services whose only endpoint carries a sequence number in its address: a headless one, which DNS shows, and one
 * with an address, which the feed shows. See {@link SyntheticSource.probe}.
 */
const PROBES = [
  { name: 'probe', headless: true },
  { name: 'probe-vip', headless: false },
]
const PROBE_NAMESPACE = 'ns-0'

/** See the top of the file. */
export class SyntheticSource implements Source {
  readonly #options: SyntheticOptions
  #sink: SourceSink | null = null
  #next = 0
  #timer: NodeJS.Timeout | null = null
  #applied = 0

  constructor(options: SyntheticOptions) {
    this.#options = options
  }

  /** Changes applied by {@link churn} so far. */
  get applied(): number {
    return this.#applied
  }

  start(sink: SourceSink): Promise<void> {
    this.#sink = sink
    sink.apply([...this.#objects(), ...this.#probeObjects(0)])
    sink.synced()
    return Promise.resolve()
  }

  stop(): Promise<void> {
    this.churn(0)
    return Promise.resolve()
  }

  lastSeen(): number {
    return Date.now()
  }

  staleSince(): null {
    return null
  }

  resources(): readonly SourceResource[] {
    return []
  }

  /** One endpoint of one Service, in turn, gets another address. */
  change(): void {
    const { services, endpointsEach } = this.#options
    const i = this.#next++ % services
    const slice = this.#slice(i, 0, Math.min(endpointsEach, SLICE_SIZE), 1 + Math.floor(this.#next / services))
    this.#sink?.apply([slice])
    this.#applied++
  }

  /** Changes per second, spread over the milliseconds; 0 stops. */
  churn(rate: number): void {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
    if (rate === 0) return
    const started = performance.now()
    let done = 0
    this.#timer = setInterval(() => {
      const due = Math.floor(((performance.now() - started) / 1000) * rate)
      while (done < due) {
        this.change()
        done++
      }
    }, 1)
  }

  /** Lists everything again, as after a lost watch: every object is new and says the same, or another address each. */
  relist(changed: boolean): void {
    this.#sink?.apply(changed ? this.#objects(this.#next + 2) : this.#objects())
  }

  /** Gives the probe's endpoint the address that ends in the sequence number. */
  probe(sequence: number): void {
    this.#sink?.apply(PROBES.map(({ name }) => probeSlice(name, sequence)))
  }

  #objects(version = 0): ObjectChange[] {
    const changes: ObjectChange[] = []
    const { services, endpointsEach } = this.#options
    for (let i = 0; i < services; i++) {
      changes.push(this.#service(i))
      for (let slice = 0; slice * SLICE_SIZE < endpointsEach; slice++) {
        changes.push(this.#slice(i, slice, Math.min(SLICE_SIZE, endpointsEach - slice * SLICE_SIZE), version))
      }
    }
    return changes
  }

  #service(i: number): ObjectChange {
    return serviceChange(`svc-${i}`, `ns-${i % this.#options.namespaces}`, this.#options.headless || i % 20 === 19)
  }

  #slice(i: number, number: number, endpoints: number, version: number): ObjectChange {
    const addresses = new Uint8Array(endpoints * ADDRESS_BYTES)
    for (let e = 0; e < endpoints; e++) {
      writePod(
        addresses,
        e * ADDRESS_BYTES,
        i * this.#options.endpointsEach + number * SLICE_SIZE + e,
        e === 0 ? version : 0,
      )
    }
    return sliceChange(`svc-${i}`, `ns-${i % this.#options.namespaces}`, number, addresses)
  }

  #probeObjects(sequence: number): ObjectChange[] {
    return PROBES.flatMap(({ name, headless }) => [
      serviceChange(name, PROBE_NAMESPACE, headless),
      probeSlice(name, sequence),
    ])
  }
}

function probeSlice(service: string, sequence: number): ObjectChange {
  const addresses = new Uint8Array(ADDRESS_BYTES)
  addresses.set(parseAddress('fdaa:0:48c8:ffff::') as Address)
  new DataView(addresses.buffer).setUint32(12, sequence)
  return sliceChange(service, PROBE_NAMESPACE, 0, addresses)
}

/** `fdaa:0:48c8:a7b:<host>:<machine>:<version>`: 1,000 hosts, machine ids spread as random ones are. */
function writePod(bytes: Uint8Array, at: number, pod: number, version: number): void {
  const view = new DataView(bytes.buffer)
  view.setUint32(at, 0xfdaa_0000)
  view.setUint32(at + 4, 0x48c8_0a7b)
  view.setUint16(at + 8, pod % 1000)
  view.setUint32(at + 10, Math.imul(pod, 0x9e37_79b1))
  view.setUint16(at + 14, 2 + version)
}

function serviceChange(name: string, namespace: string, headless: boolean): ObjectChange {
  const object: Service = {
    kind: 'Service',
    namespace: interner.string(namespace),
    name,
    key: `${namespace}/${name}`,
    created: null,
    type: 'ClusterIP',
    headless,
    clusterIPs: NONE,
    ipFamilies: NONE,
    ipFamilyPolicy: null,
    externalName: null,
    ports: SERVICE_PORTS,
    selector: null,
    publishNotReadyAddresses: false,
    affinityTimeoutSeconds: null,
    internalTrafficPolicy: 'Cluster',
    externalTrafficPolicy: null,
    trafficDistribution: null,
    annotations: NO_ANNOTATIONS,
    proxyName: null,
    record: null,
    origin: '',
  }
  return { kind: 'Service', key: object.key, object }
}

function sliceChange(service: string, namespace: string, number: number, addresses: Uint8Array): ObjectChange {
  const count = addresses.length / ADDRESS_BYTES
  const name = `${service}-${number}`
  const object: EndpointSlice = {
    kind: 'EndpointSlice',
    namespace: interner.string(namespace),
    name,
    key: `${namespace}/${name}`,
    service: `${namespace}/${service}`,
    addressType: 'IPv6',
    ports: SLICE_PORTS,
    addresses,
    conditions: interner.octets(new Uint8Array(count).fill(READY | SERVING)),
    meta: new Array<EndpointMeta>(count).fill(META),
    origin: '',
  }
  return { kind: 'EndpointSlice', key: object.key, object }
}
