/** Compiling Services into nodes, and finding what one change did. */
import { pathToFileURL } from 'node:url'
import { plainService } from '#support/objects.ts'
import { type EndpointMeta, type EndpointSlice, READY, SERVING } from '../../src/cluster/objects.ts'
import { type Address, addressFromBigInt } from '../../src/ip/address.ts'
import { namingContext, type ServiceFacts } from '../../src/naming/context.ts'
import { diffService, serviceLookup, serviceNodes } from '../../src/naming/service.ts'
import { type BenchRow, formatRows } from '../report.ts'

const META: EndpointMeta = { hostname: null, node: 'node-1', zone: 'iad', forZones: [], forNodes: [] }
const SLICE_SIZE = 100
/** Rounds that are not counted: the first ones run before the code is optimised. */
const WARM_UP = 15
const CONTEXT = namingContext({
  domain: 'cluster.local',
  ttl: 5,
  pods: 'insecure',
  serverAddresses: [],
})

/** A Service with `count` endpoints in slices of 100, all ready. */
function makeFacts(count: number, options: { headless: boolean; ports: number; hostnames?: boolean }): ServiceFacts {
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
  const service = plainService({
    namespace: 'default',
    name: 'web',
    headless: options.headless,
    ports: ports.map(port => ({
      name: port.name,
      port: port.number,
      protocol: 'TCP',
      targetPort: null,
      appProtocol: null,
    })),
  })
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
function withOneOut(facts: ServiceFacts): ServiceFacts {
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
  for (let round = 0; round < rounds + WARM_UP; round++) {
    const start = process.hrtime.bigint()
    for (let i = 0; i < calls; i++) call()
    if (round >= WARM_UP) times.push(Number(process.hrtime.bigint() - start) / 1000 / calls)
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
  const { set, removed } = diffService(CONTEXT, facts, out)
  const [reverse] = removed.filter(({ role }) => role === 'reverse')
  const lookup = serviceLookup(CONTEXT, facts)
  const rows: BenchRow[] = []
  const time = (what: string, call: () => void, note: string): void => {
    rows.push({ name: `${name}${what}`, value: measure(25, 1, call) / 1000, unit: 'ms', note })
  }
  time('', () => serviceNodes(CONTEXT, facts), `${serviceNodes(CONTEXT, facts).length} nodes`)
  time(', one goes', () => diffService(CONTEXT, facts, out), `${set.length} set, ${removed.length} removed`)
  time(', one comes', () => diffService(CONTEXT, out, facts), '')
  if (reverse !== undefined) {
    rows.push({ name: `${name}, one PTR`, value: measure(25, 200, () => lookup('reverse', reverse.key)), unit: 'µs' })
  }
  return rows
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) console.log(formatRows(await run()))
