/**
 * From a publish to the last of many watchers, over loopback sockets: the server in this thread, the readers in a
 * worker, both clocks the kernel's monotonic one. Also what a snapshot of a whole cluster costs the control thread.
 */
import { connect } from 'node:net'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { buildApi } from '../../src/feed/api.ts'
import type { ApiBackend } from '../../src/feed/backend.ts'
import { type Clock, systemClock } from '../../src/feed/clock.ts'
import { RouteHub } from '../../src/feed/hub.ts'
import { compileRoutes, type RouteFacts } from '../../src/route/compile.ts'
import type { Route } from '../../src/route/route.ts'
import { type BenchRow, formatRows } from '../report.ts'
import { makeFacts } from '../route/compile.bench.ts'

const ENDPOINTS = 25
const PUBLISHES = 200

interface ReaderData {
  readonly port: number
  readonly readers: number
  /** Word 0: the readers that have their first sync. */
  readonly ready: SharedArrayBuffer
  /** Word 0: how many readers have the current version. Then nanoseconds of the last one. */
  readonly seen: SharedArrayBuffer
}

export async function run(): Promise<BenchRow[]> {
  const rows: BenchRow[] = []
  for (const readers of [100, 1000]) rows.push(...(await fanOut(readers)))
  rows.push(...(await snapshot(10_000)))
  return rows
}

async function fanOut(readers: number): Promise<BenchRow[]> {
  const { hub, api, port } = await serve(100)
  const data: ReaderData = { port, readers, ready: new SharedArrayBuffer(4), seen: new SharedArrayBuffer(16) }
  const worker = new Worker(new URL(import.meta.url), { workerData: data })
  const ready = new Int32Array(data.ready)
  while (Atomics.load(ready, 0) < readers) await pause(5)
  const count = new Int32Array(data.seen, 0, 1)
  const last = new BigInt64Array(data.seen, 8, 1)
  const cpu = process.threadCpuUsage()
  const ends: number[] = []
  for (let i = 0; i < PUBLISHES; i++) {
    Atomics.store(count, 0, 0)
    const start = process.hrtime.bigint()
    hub.publish([{ network: 'default', service: serviceName(i % 100), present: true }])
    while (Atomics.load(count, 0) < readers) await pause(1)
    ends.push(Number(Atomics.load(last, 0) - start) / 1e6)
    await pause(5)
  }
  const { user, system } = process.threadCpuUsage(cpu)
  await worker.terminate()
  await api.close()
  const name = `publish to ${readers} watchers, ${ENDPOINTS} endpoints`
  return [
    { name: `${name}: CPU of the control thread`, value: (user + system) / 1000 / PUBLISHES, unit: 'ms/op' },
    { name: `${name}: last watcher, p50`, value: quantile(ends, 0.5), unit: 'ms' },
    { name: `${name}: last watcher, p99`, value: quantile(ends, 0.99), unit: 'ms' },
  ]
}

/** One watcher and one table of a cluster of 250,000 endpoints. */
async function snapshot(services: number): Promise<BenchRow[]> {
  const rows: BenchRow[] = []
  for (const path of ['/v1/routes/watch', '/v1/routes']) {
    const clock = new TurnClock()
    const { api, port } = await serve(services, clock)
    const start = performance.now()
    const bytes = await readWhole(port, path)
    const took = performance.now() - start
    const note = `${(bytes / 1e6).toFixed(0)} MB`
    rows.push({ name: `${path}, ${services} Services of ${ENDPOINTS} endpoints`, value: took, unit: 'ms', note })
    rows.push({ name: `${path}: longest turn of the event loop`, value: clock.longest, unit: 'ms', note: 'CPU' })
    await api.close()
  }
  return rows
}

/** The real clock; measures the CPU time of each turn that the feed takes. */
class TurnClock implements Clock {
  longest = 0
  readonly now = systemClock.now
  readonly after = systemClock.after
  readonly every = systemClock.every

  soon(work: () => void): void {
    setImmediate(() => {
      const before = process.threadCpuUsage()
      work()
      // Behind the promises that the work has resolved.
      queueMicrotask(() => process.nextTick(() => this.#note(process.threadCpuUsage(before))))
    })
  }

  #note({ user, system }: NodeJS.CpuUsage): void {
    this.longest = Math.max(this.longest, (user + system) / 1000)
  }
}

async function serve(
  services: number,
  clock: Clock = systemClock,
): Promise<{ hub: RouteHub; api: ReturnType<typeof buildApi>; port: number }> {
  const facts = new Map<string, RouteFacts>()
  const base = makeFacts(ENDPOINTS)
  for (let i = 0; i < services; i++) {
    const service = { ...base.service, key: serviceName(i) }
    facts.set(service.key, { ...base, service })
  }
  const routesOf = (_network: string, service: string): Route[] =>
    compileRoutes(facts.get(service) ?? base, { proxyName: null })
  const hub = new RouteHub({ epoch: 'bench', networks: ['default'], routesOf, clock })
  hub.publish(Array.from(facts.keys(), service => ({ network: 'default', service, present: true })))
  // The routes and the watch ask it for nothing but the names of the networks.
  const backend = { networks: ['default'] } as unknown as ApiBackend
  const api = buildApi(backend, hub, { token: null, listen: { address: '::1', port: 0 }, logger: null })
  const url = await api.listen({ host: '::1', port: 0 })
  return { hub, api, port: Number(new URL(url).port) }
}

function serviceName(i: number): string {
  return `ns-${i % 50}/service-${i}`
}

/** Reads a table to its end, or a watch to its first sync. */
function readWhole(port: number, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '::1')
    let bytes = 0
    let wanted = Number.POSITIVE_INFINITY
    socket.on('error', reject)
    socket.on('data', (chunk: Buffer) => {
      if (bytes === 0) wanted = lengthOf(chunk)
      bytes += chunk.length
      if (bytes < wanted && !chunk.subarray(-200).includes('"type":"sync"')) return
      socket.destroy()
      resolve(bytes)
    })
    socket.write(`GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`)
  })
}

/** Bytes of the whole answer, when its header tells. */
function lengthOf(head: Buffer): number {
  const text = head.toString('latin1')
  const length = /content-length: ([0-9]+)/i.exec(text)?.[1]
  return length === undefined ? Number.POSITIVE_INFINITY : text.indexOf('\r\n\r\n') + 4 + Number(length)
}

/** The worker's side: counts the syncs that reach its readers. */
function readAll({ port, readers, ready, seen }: ReaderData): void {
  const readyCount = new Int32Array(ready)
  const count = new Int32Array(seen, 0, 1)
  const last = new BigInt64Array(seen, 8, 1)
  for (let i = 0; i < readers; i++) {
    const socket = connect(port, '::1')
    let isReady = false
    socket.on('data', chunk => {
      if (!chunk.includes('"type":"sync"')) return
      if (isReady) {
        Atomics.store(last, 0, process.hrtime.bigint())
        Atomics.add(count, 0, 1)
      } else {
        isReady = true
        Atomics.add(readyCount, 0, 1)
      }
    })
    socket.write('GET /v1/routes/watch HTTP/1.1\r\nhost: localhost\r\n\r\n')
  }
}

function quantile(values: readonly number[], q: number): number {
  return values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * q))] ?? Number.NaN
}

function pause(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}

if (!isMainThread && parentPort !== null && (workerData as ReaderData | null)?.readers !== undefined) {
  readAll(workerData as ReaderData)
} else if (import.meta.main) {
  console.log(formatRows(await run()))
}
