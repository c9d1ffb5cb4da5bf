/** Lookup with backend choice in a table of 100,000 routes, at random addresses: what a proxy pays per connection. */
import { parseAddress } from '../../src/ip/address.ts'
import { ChoiceContext, choose, type Policy } from '../../src/route/choose.ts'
import type { Route } from '../../src/route/route.ts'
import { LookupTable } from '../../src/route/table.ts'
import type { ServiceRoutes } from '../../src/route/table-draft.ts'
import { type BenchRow, formatRows } from '../report.ts'

const ROUTES = 100_000
const BACKENDS = 10
const QUERIES = 1 << 20
const ROUNDS = 7

export async function run(): Promise<BenchRow[]> {
  const addresses = Array.from({ length: ROUTES }, (_, i) => addressText(i))
  const start = performance.now()
  const table = LookupTable.empty.with(addresses.map(serviceRoutes))
  const built = performance.now() - start
  const queries = makeQueries(addresses)
  const rows: BenchRow[] = [
    { name: `table of ${ROUTES} routes, built`, value: built, unit: 'ms' },
    { name: 'lookup', value: nanoseconds(queries, (q, i) => table.lookup(q, 8080, 'TCP', i)), unit: 'ns/op' },
  ]
  for (const policy of ['round-robin', 'least-loaded', 'maglev'] as const) {
    const context = contextFor(policy)
    context.table = table
    const value = nanoseconds(queries, (q, i) => choose(table.lookup(q, 8080, 'TCP', i), context, i))
    rows.push({ name: `lookup and ${policy}`, value, unit: 'ns/op' })
    if (policy === 'least-loaded') rows.push(changeRow(table, addresses))
  }
  return rows
}

/** Replacing the routes of one Service in the full table. */
function changeRow(table: LookupTable, addresses: readonly string[]): BenchRow {
  const times: number[] = []
  for (let i = 0; i < 2000; i++) {
    const change = serviceRoutes(addresses[(i * 7919) % ROUTES] ?? '', (i * 7919) % ROUTES)
    const start = performance.now()
    table.with([change])
    times.push(performance.now() - start)
  }
  return { name: 'replace one Service', value: (times.toSorted((a, b) => a - b)[1000] ?? 0) * 1000, unit: 'µs/op' }
}

function contextFor(policy: Policy): ChoiceContext {
  let state = 1
  const random = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    return (state >>> 0) / 0x1_0000_0000
  }
  const inFlight = new Uint16Array(64)
  const load = (_entry: number, backend: number): number => inFlight[backend] ?? 0
  const locality = { node: null, zone: 'iad', prefer: 'zone' } as const
  return new ChoiceContext({ locality, policy, random, load, spill: Number.POSITIVE_INFINITY })
}

/** Median of the rounds after the first, which also makes the eligible sets. */
function nanoseconds(queries: Uint8Array, work: (queries: Uint8Array, offset: number) => number): number {
  const times: number[] = []
  let sink = 0
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now()
    for (let i = 0; i < QUERIES; i++) sink += work(queries, 16 * i)
    times.push(((performance.now() - start) * 1e6) / QUERIES)
  }
  if (sink === Number.MIN_SAFE_INTEGER) throw new Error('unreachable, keeps the work alive')
  return times.slice(1).toSorted((a, b) => a - b)[ROUNDS >> 1] ?? 0
}

function makeQueries(addresses: readonly string[]): Uint8Array {
  const packed = new Uint8Array(16 * QUERIES)
  const parsed = addresses.map(text => parseAddress(text) as Uint8Array)
  let state = 7
  for (let i = 0; i < QUERIES; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    packed.set(parsed[(state >>> 0) % ROUTES] as Uint8Array, 16 * i)
  }
  return packed
}

function addressText(i: number): string {
  const host = Math.imul(i + 1, 0x2545f491) >>> 0
  return `fdaa:0:48c8:0:1::${(host >>> 16).toString(16)}:${(host & 0xffff).toString(16)}`
}

function serviceRoutes(address: string, i: number): ServiceRoutes {
  const service = `ns-${i % 100}/service-${i}`
  const route: Route = {
    service,
    port: 'http',
    protocol: 'TCP',
    address,
    number: 8080,
    appProtocol: null,
    syncVersion: String(i),
    sessionAffinity: null,
    internalTrafficPolicy: 'Cluster',
    externalTrafficPolicy: null,
    trafficDistribution: null,
    annotations: {},
    backends: Array.from({ length: BACKENDS }, (_, b) => ({
      address: `fdaa:0:48c8:a7b::${b.toString(16)}`,
      port: 8080,
      state: 'ready' as const,
      zone: ['iad', 'ord', 'ams'][b % 3] ?? null,
      node: null,
      forZones: [],
      forNodes: [],
    })),
  }
  return { service, routes: [route] }
}

if (import.meta.main) console.log(formatRows(await run()))
