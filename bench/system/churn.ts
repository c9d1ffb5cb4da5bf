/**
 * `npm run bench:churn`: DNS latency while the cluster changes, how fast a change arrives everywhere, what it costs, and
 * what a large cluster takes in memory and at the start. The cluster is synthetic, so that the rate of changes is ours;
 * the server is started as the launcher starts it.
 *
 * node bench/system/churn.ts [--seconds S] [--rounds N] [--services N] [--endpoints N] [--watchers N] [--pin]
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { type BenchRow, saveChart, saveRows } from '../report.ts'
import { cpuOfTree, type LoadResult, machine, median, memoryOfTree, needNative, runLoad } from './measure.ts'
import { lineChart } from './plot.ts'
import { ForkedServer } from './synthetic/fork.ts'
import { propagationToDns, propagationToWatchers, timeRows, Watchers } from './synthetic/propagation.ts'
import { writeQueries } from './synthetic/queries.ts'

const PORT = 5455
const RATE = 20_000
const CHANGES = 1000
const SERVER_CPU = '0'
const CLIENT_CPU = 1

const { values: flags } = parseArgs({
  options: {
    seconds: { type: 'string', default: '8' },
    rounds: { type: 'string', default: '3' },
    services: { type: 'string', default: '10000' },
    endpoints: { type: 'string', default: '25' },
    watchers: { type: 'string', default: '1000' },
    pin: { type: 'boolean', default: false },
  },
})
const services = Number(flags.services)
const endpoints = Number(flags.endpoints)
const placed = flags.pin ? { cpus: SERVER_CPU } : {}

/** What the latency is measured with. */
interface Bench {
  readonly server: ForkedServer
  readonly load: string
  readonly queries: string
}

/** One round under one condition. */
interface Measured {
  readonly name: string
  readonly result: LoadResult
}

await main()

async function main(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'waypost-churn-'))
  try {
    const rows: BenchRow[] = []
    const measured = await measureLarge(directory, rows)
    await measureCost(rows)
    const place = flags.pin ? `server on core ${SERVER_CPU}` : 'server not pinned'
    saveRows('churn', `${machine()}; ${place}; medians of ${flags.rounds} rounds`, rows)
    saveChart('churn-latency', chartOf(measured))
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Everything about one large cluster: its start, its latency under changes, how they arrive, its restart. */
async function measureLarge(directory: string, rows: BenchRow[]): Promise<Measured[]> {
  const [load, probe] = [needNative('load', directory), needNative('probe', directory)]
  const files = writeQueries(directory, services)
  const data = join(directory, 'server')
  const shape = { services, endpoints, port: PORT, directory: data, ...placed }
  // The compile cache is filled by the first start of all.
  await (await ForkedServer.start({ ...shape, services: 10, directory: join(directory, 'first') })).server.stop()
  const { server, ms } = await ForkedServer.start(shape)
  rows.push({ name: `synced: ${services} Services, ${services * endpoints} endpoints`, value: ms, unit: 'ms' })
  await runLoad(load, { port: PORT, queries: files.mixed, cpu: CLIENT_CPU, rate: RATE, seconds: 2 })
  rows.push({ name: 'RSS after the start', value: memoryOfTree(server.pid), unit: 'MB' })
  const measured = await measureLatency({ server, load, queries: files.mixed }, rows)
  rows.push({ name: 'RSS at the end', value: memoryOfTree(server.pid), unit: 'MB' })
  await server.stop()
  const restarts: number[] = []
  for (let round = 0; round < Number(flags.rounds); round++) {
    const again = await ForkedServer.start(shape)
    restarts.push(again.ms)
    await again.server.stop()
  }
  const note = restarts.map(value => value.toFixed(0)).join(', ')
  rows.push({
    name: 'start to ready from the last state',
    value: median(restarts),
    unit: 'ms',
    note: `from the start of the process: ${note}`,
  })
  // Its own server, with two workers: a change must arrive in each.
  const two = await ForkedServer.start({ ...shape, workers: 2 })
  const target = { server: two.server, port: PORT, probe, queries: files.probe }
  rows.push(...timeRows('change to the answer of each of 2 workers', await propagationToDns(target)))
  await two.server.order({ do: 'churn', rate: CHANGES })
  rows.push(...timeRows(`the same among ${CHANGES} changes/s`, await propagationToDns(target)))
  await two.server.stop()
  return measured
}

/** Latency while nothing happens, under changes, under a relist, and with watchers, in turn over several rounds. */
async function measureLatency(bench: Bench, rows: BenchRow[]): Promise<Measured[]> {
  const { server } = bench
  const measured: Measured[] = []
  let [applied, cpu, seconds] = [0, 0, 0]
  for (let round = 0; round < Number(flags.rounds); round++) {
    measured.push(await measure(bench, 'idle'))
    await server.order({ do: 'churn', rate: CHANGES })
    const before = { applied: (await server.order({ do: 'state' })).applied, cpu: cpuOfTree(server.pid) }
    const started = performance.now()
    measured.push(await measure(bench, `${CHANGES} changes/s`))
    seconds += (performance.now() - started) / 1000
    applied += (await server.order({ do: 'state' })).applied - before.applied
    cpu += cpuOfTree(server.pid) - before.cpu
    await server.order({ do: 'churn', rate: 0 })
    const relist = delay(1000 * Number(flags.seconds) * 0.2).then(() => server.order({ do: 'relist', changed: true }))
    measured.push(await measure(bench, 'a relist'))
    await relist
  }
  const watchers = await Watchers.connect(PORT + 1, Number(flags.watchers))
  const toWatchers = await propagationToWatchers(server, watchers)
  await server.order({ do: 'churn', rate: CHANGES })
  for (let round = 0; round < Number(flags.rounds); round++) measured.push(await measure(bench, watchedName()))
  await server.order({ do: 'churn', rate: 0 })
  watchers.close()
  const note = `of ${CHANGES} asked for; ${(cpu / 1e6 / seconds).toFixed(2)} s of CPU a second in all`
  rows.push(...latencyRows(measured), { name: 'changes applied meanwhile', value: applied / seconds, unit: '/s', note })
  rows.push(...timeRows(`change to the last of ${flags.watchers} watchers`, toWatchers))
  return measured
}

function watchedName(): string {
  return `${flags.watchers} watchers and ${CHANGES} changes/s`
}

async function measure({ load, queries }: Bench, name: string): Promise<Measured> {
  const options = { port: PORT, queries, cpu: CLIENT_CPU, rate: RATE, seconds: Number(flags.seconds) }
  return { name, result: await runLoad(load, options) }
}

function latencyRows(measured: readonly Measured[]): BenchRow[] {
  const idle = median(measured.filter(({ name }) => name === 'idle').map(({ result }) => result.p99))
  return Array.from(
    Map.groupBy(measured, ({ name }) => name),
    ([name, group]) => {
      const results = group.map(({ result }) => result)
      const of = (pick: (result: LoadResult) => number): number => median(results.map(pick))
      const lost = results.reduce((sum, result) => sum + result.lost, 0)
      const wrong = results.reduce((sum, { wrongRcode, wrongCount }) => sum + wrongRcode + wrongCount, 0)
      const p99 = of(result => result.p99)
      const tails = `p99.9 ${of(result => result.p999).toFixed(0)}, max ${of(result => result.max).toFixed(0)}`
      const lag = `sent late by ${of(result => result.lagP99).toFixed(0)} (p99)`
      const note = `p50 ${of(result => result.p50).toFixed(0)}, ${tails}; ${lag}`
      return [
        { name: `p99 at ${RATE} queries/s, ${name}`, value: p99, unit: 'µs', note },
        { name: `p99 in idle p99s, ${name}`, value: p99 / idle, unit: 'ratio' },
        { name: `queries lost or answered wrongly, ${name}`, value: lost + wrong, unit: 'queries' },
      ]
    },
  ).flat()
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
    const { server } = await ForkedServer.start({ services, endpoints, headless, port: PORT, ...placed })
    const times = services === 1 ? 30 : 500
    await server.order({ do: 'change', times })
    const { ms } = await server.order({ do: 'change', times })
    const kind = headless ? 'headless Services' : 'Services'
    const note = `RSS ${memoryOfTree(server.pid).toFixed(0)} MB`
    const name = `one change, published: ${services} ${kind} × ${endpoints} endpoints`
    rows.push({ name, value: ms / times, unit: 'ms', note })
    await server.stop()
  }
}

/** The middle round of each condition over time. */
function chartOf(measured: readonly Measured[]): string {
  const lines = Array.from(
    Map.groupBy(measured, ({ name }) => name),
    ([label, group]) => {
      const sorted = group.map(({ result }) => result).sort((a, b) => a.p99 - b.p99)
      const slices = sorted[sorted.length >> 1]?.slices ?? []
      return { label, points: slices.map(slice => [slice.at, slice.p99] as const) }
    },
  )
  return lineChart({
    title: `p99 latency at ${RATE} queries/s while the cluster changes`,
    xLabel: 'seconds',
    yLabel: 'µs (p99 of each tenth of a second)',
    lines,
  })
}
