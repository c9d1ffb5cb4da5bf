/**
 * `npm run bench:churn`: DNS latency while the cluster changes, how fast a change arrives everywhere, what it costs, and
 * what a large cluster takes in memory and at the start. The cluster is synthetic, so that the rate of changes is ours.
 *
 * node bench/system/churn.ts [--seconds S] [--services N] [--endpoints N] [--watchers N] [--pin]
 */
import { type ChildProcess, fork } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type BenchRow, formatRows } from '../report.ts'
import { compileNative, cpuOfTree, type LoadResult, machine, memoryOfTree, runLoad } from './measure.ts'
import { lineChart } from './plot.ts'
import { measurePropagation } from './propagation.ts'
import type { Order } from './synthetic-server.ts'

const PORT = 5455
const RATE = 20_000
const CHANGES = 1000
const SERVER_CPU = 0
const CLIENT_CPU = 1

const { values: flags } = parseArgs({
  options: {
    seconds: { type: 'string', default: '8' },
    services: { type: 'string', default: '10000' },
    endpoints: { type: 'string', default: '25' },
    watchers: { type: 'string', default: '1000' },
    pin: { type: 'boolean', default: false },
  },
})

/** A forked synthetic server. */
class Server {
  readonly child: ChildProcess

  constructor(services: number, endpoints: number, headless: boolean, directory?: string) {
    const path = fileURLToPath(new URL('synthetic-server.ts', import.meta.url))
    const args = [services, 100, endpoints, headless, PORT, 1, ...(directory === undefined ? [] : [directory])].map(
      String,
    )
    const prefix = flags.pin ? ['-c', String(SERVER_CPU), process.execPath] : []
    this.child = flags.pin ? fork(path, args, { execPath: 'taskset', execArgv: prefix }) : fork(path, args)
  }

  /** Sends an order and resolves with the answer. */
  async order(order: Order): Promise<Record<string, number | string | NodeJS.MemoryUsage>> {
    const answer = this.next(order.do)
    this.child.send(order)
    return await answer
  }

  next(event: string): Promise<Record<string, number | string | NodeJS.MemoryUsage>> {
    return new Promise((resolve, reject) => {
      const onMessage = (message: { event: string }): void => {
        if (message.event !== event) return
        this.child.off('message', onMessage)
        this.child.off('exit', onExit)
        resolve(message as unknown as Record<string, number>)
      }
      const onExit = (code: number | null): void => reject(new Error(`The server ended with ${code}`))
      this.child.on('message', onMessage)
      this.child.once('exit', onExit)
    })
  }
}

await main()

async function main(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'waypost-churn-'))
  const rows: BenchRow[] = []
  try {
    const load = compileNative('load', directory)
    if (load === null) throw new Error('bench:churn needs a C compiler (cc) for its load generator')
    const lines = await measureLatency(load, directory, rows)
    await measureCost(rows)
    report(rows, lines)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** p99 while nothing happens, under changes, under a relist, and with watchers. */
async function measureLatency(load: string, directory: string, rows: BenchRow[]): Promise<[string, LoadResult][]> {
  const services = Number(flags.services)
  const endpoints = Number(flags.endpoints)
  const data = join(directory, 'server')
  const server = new Server(services, endpoints, false, data)
  const ready = await server.next('ready')
  rows.push({
    name: `synced: ${services} Services, ${services * endpoints} endpoints`,
    value: Number(ready['ms']),
    unit: 'ms',
  })
  const queries = join(directory, 'churn.bin')
  writeFileSync(queries, makeQueries(services))
  const base = { port: PORT, queries, cpu: CLIENT_CPU, rate: RATE, seconds: Number(flags.seconds) }
  await runLoad(load, { ...base, seconds: 2 })
  rows.push({ name: 'RSS after the start', value: memoryOfTree(server.child.pid ?? 0), unit: 'MB' })
  const lines: [string, LoadResult][] = []
  const measure = async (name: string): Promise<void> => {
    const result = await runLoad(load, base)
    lines.push([name, result])
    const idle = lines[0]?.[1].p99 ?? result.p99
    const note = `p50 ${result.p50.toFixed(0)}, p99.9 ${result.p999.toFixed(0)}, lost ${result.lost}, ${(result.p99 / idle).toFixed(2)} × idle`
    rows.push({ name: `p99 at ${RATE} queries/s, ${name}`, value: result.p99, unit: 'µs', note })
  }
  await measure('idle')
  await server.order({ do: 'churn', rate: CHANGES })
  const cpu = cpuOfTree(server.child.pid ?? 0)
  const before = Number((await server.order({ do: 'state' }))['applied'])
  await measure(`${CHANGES} changes/s`)
  const applied = Number((await server.order({ do: 'state' }))['applied']) - before
  const used = (cpuOfTree(server.child.pid ?? 0) - cpu) / 1e6
  rows.push({
    name: 'changes applied meanwhile',
    value: applied,
    unit: 'changes',
    note: `${used.toFixed(1)} s of CPU in all`,
  })
  await server.order({ do: 'churn', rate: 0 })
  const relist = setTimeout(() => void server.order({ do: 'relist', changed: true }), 1000)
  await measure('a relist in it')
  clearTimeout(relist)
  rows.push(...(await measurePropagation(server, PORT, Number(flags.watchers), measure)))
  rows.push({ name: 'RSS at the end', value: memoryOfTree(server.child.pid ?? 0), unit: 'MB' })
  await server.order({ do: 'stop' })
  await restart(services, endpoints, data, rows)
  return lines
}

/** Start to ready from the last state on disk. */
async function restart(services: number, endpoints: number, data: string, rows: BenchRow[]): Promise<void> {
  const again = new Server(services, endpoints, false, data)
  const ready = await again.next('ready')
  rows.push({ name: 'start to ready from the last state', value: Number(ready['ms']), unit: 'ms' })
  await again.order({ do: 'stop' })
}

/** What one endpoint change costs, by the size of the cluster and by the size of the Service. */
async function measureCost(rows: BenchRow[]): Promise<void> {
  const shapes = [
    [100, 10, false],
    [1000, 10, false],
    [5000, 20, false],
    [10_000, 25, false],
    [1000, 100, true],
    [1, 10_000, true],
  ] as const
  for (const [services, endpoints, headless] of shapes) {
    const server = new Server(services, endpoints, headless)
    await server.next('ready')
    const times = services === 1 ? 30 : 500
    await server.order({ do: 'change', times })
    const { ms, memory } = await server.order({ do: 'change', times })
    const kind = headless ? 'headless Services' : 'Services'
    const note = `RSS ${((memory as NodeJS.MemoryUsage).rss / 1e6).toFixed(0)} MB`
    const name = `one change: ${services} ${kind} × ${endpoints} endpoints`
    rows.push({ name, value: Number(ms) / times, unit: 'ms', note })
    await server.order({ do: 'stop' })
  }
}

function makeQueries(services: number): Buffer {
  const queries: Buffer[] = []
  for (let i = 0; i < services; i++) {
    if (i % 20 !== 19) queries.push(query([`svc-${i}`, `ns-${i % 100}`, 'svc', 'cluster', 'local'], 0, 1))
    if (i % 3 === 0) queries.push(query(['example', 'com', `ns-${i % 100}`, 'svc', 'cluster', 'local'], 3, 0))
  }
  return Buffer.concat(queries)
}

function query(labels: readonly string[], rcode: number, answers: number): Buffer {
  const name = labels.flatMap(label => [label.length, ...Buffer.from(label)])
  const message = [0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...name, 0, 0, 28, 0, 1]
  return Buffer.from([message.length >> 8, message.length & 255, rcode, answers, ...message])
}

function report(rows: readonly BenchRow[], lines: readonly [string, LoadResult][]): void {
  const results = new URL('../results/', import.meta.url)
  mkdirSync(results, { recursive: true })
  const head = `${machine()}; server ${flags.pin ? `on core ${SERVER_CPU}` : 'not pinned'}; ${new Date().toISOString().slice(0, 10)}`
  const text = `${head}\n\n${formatRows(rows)}\n`
  console.log(text)
  writeFileSync(new URL('churn.md', results), text)
  writeFileSync(new URL('churn.json', results), JSON.stringify({ head, rows }, null, 2))
  const chart = lineChart({
    title: `p99 latency at ${RATE} queries/s`,
    xLabel: 'seconds',
    yLabel: 'µs (p99 of each tenth of a second)',
    lines: lines
      .slice(0, 3)
      .map(([label, result]) => ({ label, points: result.slices.map(slice => [slice.at, slice.p99] as const) })),
  })
  writeFileSync(new URL('churn-latency.svg', results), chart)
}
