/** What compiling the routes of one Service costs: 25 endpoints (the usual Service of the scale figure) and 10,000. */

import { plainService } from '#support/objects.ts'
import { type EndpointSlice, READY, SERVING } from '../../src/cluster/objects.ts'
import { parseAddress } from '../../src/ip/address.ts'
import { compileRoutes, type RouteFacts } from '../../src/route/compile.ts'
import { type BenchRow, formatRows } from '../report.ts'

const SLICE = 100

export async function run(): Promise<BenchRow[]> {
  const rows: BenchRow[] = []
  for (const [endpoints, rounds] of [
    [25, 4000],
    [1000, 200],
    [10_000, 40],
  ] as const) {
    const facts = makeFacts(endpoints)
    const microseconds = medianMicroseconds(() => compileRoutes(facts, { proxyName: null }), rounds)
    rows.push({ name: `compile ${endpoints} endpoints`, value: microseconds, unit: 'µs/op' })
  }
  return rows
}

/** A Service whose endpoints lie in shuffled order over slices of 100, as after some rolling updates. */
export function makeFacts(endpoints: number): RouteFacts {
  const address = parseAddress('fdaa:0:48c8:0:1::1a')
  if (address === null) throw new Error('bad address')
  const service = plainService({
    namespace: 'default',
    name: 'kuard',
    ports: [{ name: 'http', protocol: 'TCP', port: 8080, targetPort: null, appProtocol: null }],
    annotations: { 'service.fly.io/concurrency-limit-soft': '20' },
  })
  const slices: EndpointSlice[] = []
  for (let start = 0; start < endpoints; start += SLICE)
    slices.push(makeSlice(start, Math.min(SLICE, endpoints - start)))
  return { service, addresses: [address], slices }
}

function makeSlice(start: number, size: number): EndpointSlice {
  const addresses = new Uint8Array(16 * size)
  const prefix = parseAddress('fdaa:0:48c8:a7b::2') as Uint8Array
  for (let i = 0; i < size; i++) {
    addresses.set(prefix, 16 * i)
    const scattered = Math.imul(start + i + 1, 0x9e3779b1)
    new DataView(addresses.buffer).setUint32(16 * i + 8, scattered)
  }
  return {
    kind: 'EndpointSlice',
    namespace: 'default',
    name: `kuard-${start}`,
    key: `default/kuard-${start}`,
    service: 'default/kuard',
    addressType: 'IPv6',
    ports: [{ name: 'http', port: 8080, protocol: 'TCP', appProtocol: null }],
    addresses,
    conditions: new Uint8Array(size).fill(READY | SERVING),
    meta: Array.from({ length: size }, (_, i) => ({
      hostname: null,
      node: `worker-${(start + i) % 50}`,
      zone: ['iad', 'ord', 'ams'][i % 3] ?? null,
      forZones: [],
      forNodes: [],
    })),
    origin: 'bench',
  }
}

function medianMicroseconds(work: () => unknown, rounds: number): number {
  const times: number[] = []
  for (let i = 0; i < rounds; i++) {
    const start = performance.now()
    work()
    times.push(performance.now() - start)
  }
  return (times.toSorted((a, b) => a - b)[rounds >> 1] ?? 0) * 1000
}

if (import.meta.main) console.log(formatRows(await run()))
