/** Compiling Services into nodes, and finding what one change did. */
import { pathToFileURL } from 'node:url'
import { type EndpointMeta, type EndpointSlice, READY, SERVING, type Service } from '../../src/cluster/objects.ts'
import { type Address, addressFromBigInt } from '../../src/ip/address.ts'
import { type NamingContext, namingContext, type ServiceFacts } from '../../src/naming/context.ts'
import { diffService, serviceLookup, serviceNodes } from '../../src/naming/service.ts'
import { foldName } from '../../src/wire/name.ts'
import { type BenchRow, formatRows } from '../report.ts'

const META: EndpointMeta = { hostname: null, node: 'node-1', zone: 'iad', forZones: [], forNodes: [] }
const SLICE_SIZE = 100
export const CONTEXT: NamingContext = namingContext({
  domain: 'cluster.local',
  ttl: 5,
  pods: 'insecure',
  serverAddresses: [],
})

/** A Service with `count` endpoints in slices of 100, all ready. */
export function makeFacts(
  count: number,
  options: { headless: boolean; ports: number; hostnames?: boolean },
): ServiceFacts {
  const ports = Array.from({ length: options.ports }, (_, i) => ({ name: `port-${i}`, number: 8080 + i }))
  const slices: EndpointSlice[] = []
  for (let first = 0; first < count; first += SLICE_SIZE) {
    const size = Math.min(SLICE_SIZE, count - first)
    slices.push({
      kind: 'EndpointSlice',
      namespace: 'default',
      name: `web-${String(first).padStart(6, '0')}`,
      key: `default/web-${first}`,
      service: 'default/web',
      addressType: 'IPv6',
      ports: ports.map(port => ({ name: port.name, port: port.number, protocol: 'TCP', appProtocol: null })),
      addresses: packAddresses(first, size),
      conditions: new Uint8Array(size).fill(READY | SERVING),
      meta: Array.from({ length: size }, (_, i) =>
        options.hostnames === true ? { ...META, hostname: `web-${first + i}` } : META,
      ),
      origin: '',
    })
  }
  const service: Service = {
    kind: 'Service',
    namespace: 'default',
    name: 'web',
    key: 'default/web',
    created: null,
    type: 'ClusterIP',
    headless: options.headless,
    clusterIPs: [],
    ipFamilies: [],
    ipFamilyPolicy: null,
    externalName: null,
    ports: ports.map(port => ({
      name: port.name,
      port: port.number,
      protocol: 'TCP',
      targetPort: null,
      appProtocol: null,
    })),
    selector: null,
    publishNotReadyAddresses: false,
    affinityTimeoutSeconds: null,
    internalTrafficPolicy: 'Cluster',
    externalTrafficPolicy: null,
    trafficDistribution: null,
    annotations: {},
    proxyName: null,
    origin: '',
  }
  const addresses = options.headless ? [] : [addressOf(0xfdaa_0000_48c8_0000_0001_0000_0000_001an)]
  return { service, addresses, slices, app: 'fks-default-7zyjm3ovpdxmd0ep' }
}

function addressOf(value: bigint): Address {
  return addressFromBigInt(value)
}

function packAddresses(first: number, size: number): Uint8Array {
  const packed = new Uint8Array(16 * size)
  for (let i = 0; i < size; i++) {
    const number = BigInt(first + i)
    packed.set(addressOf(0xfdaa_0000_48c8_0a7b_0000_0000_0000_0002n + (number << 16n) * 0x1_0003n), 16 * i)
  }
  return packed
}

/** The same Service with one endpoint of a slice in the middle turned not ready. */
export function withOneOut(facts: ServiceFacts): ServiceFacts {
  const middle = facts.slices.length >> 1
  const slices = facts.slices.map((slice, i) => {
    if (i !== middle) return slice
    const conditions = slice.conditions.slice()
    conditions[conditions.length >> 1] = 0
    return { ...slice, conditions }
  })
  return { ...facts, slices }
}

/** Median microseconds of a call. */
function measure(rounds: number, calls: number, call: () => void): number {
  const times: number[] = []
  for (let round = 0; round < rounds + 3; round++) {
    const start = process.hrtime.bigint()
    for (let i = 0; i < calls; i++) call()
    if (round >= 3) times.push(Number(process.hrtime.bigint() - start) / 1000 / calls)
  }
  times.sort((a, b) => a - b)
  return times[times.length >> 1] ?? 0
}

export async function run(): Promise<BenchRow[]> {
  const rows: BenchRow[] = []
  const small = makeFacts(25, { headless: false, ports: 1 })
  const nodes = serviceNodes(CONTEXT, small).length
  const note = `${nodes} nodes`
  rows.push({
    name: 'ClusterIP, 25 endpoints',
    value: measure(40, 200, () => serviceNodes(CONTEXT, small)),
    unit: 'µs',
    note,
  })
  const smallOut = withOneOut(small)
  rows.push({
    name: 'ClusterIP, 25 endpoints, one goes',
    value: measure(40, 200, () => diffService(CONTEXT, small, smallOut)),
    unit: 'µs',
  })
  for (const [name, options] of [
    ['headless, 10,000 endpoints', { headless: true, ports: 1 }],
    ['headless, 10,000 endpoints, 3 ports', { headless: true, ports: 3 }],
    ['headless, 10,000 hostnames', { headless: true, ports: 1, hostnames: true }],
    ['ClusterIP, 10,000 endpoints', { headless: false, ports: 1 }],
  ] as const) {
    rows.push(...measureLarge(name, makeFacts(10_000, options)))
  }
  return rows
}

function measureLarge(name: string, facts: ServiceFacts): BenchRow[] {
  const out = withOneOut(facts)
  const nodes = serviceNodes(CONTEXT, facts)
  const { set, removed } = diffService(CONTEXT, facts, out)
  const last = nodes.at(-1)
  const key = foldName(last?.node.name ?? CONTEXT.domain)
  const lookup = serviceLookup(CONTEXT, facts)
  return [
    {
      name,
      value: measure(15, 1, () => serviceNodes(CONTEXT, facts)) / 1000,
      unit: 'ms',
      note: `${nodes.length} nodes`,
    },
    {
      name: `${name}, one goes`,
      value: measure(25, 1, () => diffService(CONTEXT, facts, out)) / 1000,
      unit: 'ms',
      note: `${set.length} set, ${removed.length} removed`,
    },
    {
      name: `${name}, one comes`,
      value: measure(25, 1, () => diffService(CONTEXT, out, facts)) / 1000,
      unit: 'ms',
    },
    { name: `${name}, one PTR looked up`, value: measure(15, 200, () => lookup('reverse', key)), unit: 'µs' },
  ]
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) console.log(formatRows(await run()))
