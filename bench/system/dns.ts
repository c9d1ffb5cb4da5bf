/**
 * `npm run bench:dns`: Waypost beside the servers that are installed, with the same data, on the same core, in the
 * same minutes. Prints and saves medians over several rounds; each server is checked before it is timed.
 *
 * node bench/system/dns.ts [--services N] [--rounds N] [--seconds S] [--only NAME,NAME] [--workloads hit,mix,headless,tcp]
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type DataSet, makeDataSet, type Workload } from './data-set.ts'
import {
  compileNative,
  cpuOfTree,
  type LoadResult,
  machine,
  median,
  memoryOfTree,
  runDnsperf,
  runLoad,
} from './measure.ts'
import { findProgram, knownPeers, type Peer, startPeer, versionOf } from './peers.ts'
import { barChart } from './plot.ts'

/** One server under one workload: medians over the rounds. */
export interface DnsFigure {
  readonly server: string
  readonly workload: Workload
  /** Answered queries a second when saturated. */
  readonly qps: number
  /** Share of the queries that got no answer when saturated. */
  readonly lost: number
  /** Processor time of the whole process tree for one answered query, saturated; microseconds. */
  readonly cpu: number
  /** The same under dnsperf, which does not saturate a fast server; null without dnsperf. */
  readonly cpuDnsperf: number | null
  /** Latencies at fixed rates, microseconds; null where the rate is not held or does not apply. */
  readonly at10k: Latencies | null
  readonly at20k: Latencies | null
  /** Megabytes after the load. */
  readonly memory: number
}

interface Latencies {
  readonly p50: number
  readonly p99: number
  readonly p999: number
}

const PORT = 5355
/** Milliseconds for whatever a server still does after its start. */
const SETTLE = 4000
const SERVER_CPU = 0
const CLIENT_CPU = 1
const RATES = [10_000, 20_000] as const
const FLOOR = 'echo (C)'
const OURS = 'Waypost'

const { values: flags } = parseArgs({
  options: {
    services: { type: 'string', default: '10000' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '4' },
    only: { type: 'string' },
    workloads: { type: 'string', default: 'hit,mix,headless,tcp' },
  },
})

await main()

async function main(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'waypost-bench-'))
  try {
    const load = compileNative('load', directory)
    if (load === null) throw new Error('bench:dns needs a C compiler (cc) for its load generator')
    const data = makeDataSet({ directory, services: Number(flags.services), namespaces: 100, endpoints: 5, seed: 7 })
    const peers = await usablePeers(load, data, compileNative('echo', directory))
    const workloads = flags.workloads.split(',') as Workload[]
    const runs: DnsFigure[] = []
    for (let round = 0; round < Number(flags.rounds); round++) {
      for (const peer of peers) runs.push(...(await measurePeer(peer, load, data, workloads)))
      console.error(`round ${round + 1} of ${flags.rounds} is done`)
    }
    report(peers, summarise(runs))
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** The servers that are installed and answer the sample rightly; says which are left out and why. */
async function usablePeers(load: string, data: DataSet, echo: string | null): Promise<Peer[]> {
  const wanted = flags.only?.split(',')
  const usable: Peer[] = []
  for (const peer of knownPeers(echo)) {
    if (wanted !== undefined && !wanted.includes(peer.name)) continue
    const fault =
      peer.program === null ? 'it is not installed (see bench/system/peers.md)' : await faultOf(peer, load, data)
    if (fault === null) usable.push(peer)
    else console.error(`skipped ${peer.name}: ${fault}`)
  }
  return usable
}

/** Asks every kind of question slowly; null when every answer has the right code and count. */
async function faultOf(peer: Peer, load: string, data: DataSet): Promise<string | null> {
  if (peer.name === FLOOR) return null
  try {
    const server = await startPeer(peer, data, PORT, SERVER_CPU)
    try {
      return await checkSample(load, data)
    } finally {
      await server.stop()
    }
  } catch (error) {
    return String(error)
  }
}

/** A lost answer may be the machine's fault, so a sample may be taken again; a wrong one is the server's. */
async function checkSample(load: string, data: DataSet): Promise<string | null> {
  const sample = { port: PORT, queries: data.queries('mix'), seconds: 2, rate: 1000, cpu: CLIENT_CPU }
  for (let attempt = 1; ; attempt++) {
    const result = await runLoad(load, sample)
    const wrong = result.wrongRcode + result.wrongCount + result.wrongId + result.wrongQuestion
    if (wrong > 0) return `${wrong} of ${result.sent} sample answers are wrong`
    if (result.lost === 0) return null
    if (attempt === 3) return `${result.lost} of ${result.sent} sample questions were not answered`
  }
}

async function measurePeer(
  peer: Peer,
  load: string,
  data: DataSet,
  workloads: readonly Workload[],
): Promise<DnsFigure[]> {
  const figures: DnsFigure[] = []
  const server = await startPeer(peer, data, PORT, SERVER_CPU)
  try {
    await new Promise(resolve => setTimeout(resolve, SETTLE))
    for (const workload of workloads) {
      if (peer.name === FLOOR && workload === 'tcp') continue
      try {
        figures.push(await measureWorkload(peer, server.pid, load, data, workload))
      } catch (error) {
        console.error(`${peer.name} fails under ${workload}: ${String(error).split('\n')[0]}`)
      }
    }
  } finally {
    await server.stop()
  }
  return figures
}

async function measureWorkload(
  peer: Peer,
  pid: number,
  load: string,
  data: DataSet,
  workload: Workload,
): Promise<DnsFigure> {
  const base = { port: PORT, queries: data.queries(workload), cpu: CLIENT_CPU }
  const shape = workload === 'tcp' ? { tcp: 100, window: 16 } : { window: 64, sockets: 4 }
  const seconds = Number(flags.seconds)
  await runLoad(load, { ...base, ...shape, seconds: 2 })
  const before = cpuOfTree(pid)
  const saturated = await runLoad(load, { ...base, ...shape, seconds })
  const cpu = (cpuOfTree(pid) - before) / Math.max(saturated.received, 1)
  const cpuDnsperf = workload === 'hit' || workload === 'mix' ? await underDnsperf(peer, pid, data, workload) : null
  const [at10k = null, at20k = null] = workload === 'tcp' ? [] : await fixedRates(load, base, seconds)
  return {
    server: peer.name,
    workload,
    qps: saturated.qps,
    lost: saturated.lost / Math.max(saturated.sent, 1),
    cpu,
    cpuDnsperf,
    at10k,
    at20k,
    memory: memoryOfTree(pid),
  }
}

async function underDnsperf(peer: Peer, pid: number, data: DataSet, workload: Workload): Promise<number | null> {
  const dnsperf = findProgram('dnsperf')
  if (dnsperf === null || peer.name === FLOOR) return null
  const before = cpuOfTree(pid)
  const completed = await runDnsperf(dnsperf, PORT, data.dnsperf(workload), Number(flags.seconds), CLIENT_CPU)
  return (cpuOfTree(pid) - before) / Math.max(completed, 1)
}

async function fixedRates(
  load: string,
  base: { port: number; queries: string; cpu: number },
  seconds: number,
): Promise<(Latencies | null)[]> {
  const results: (Latencies | null)[] = []
  for (const rate of RATES) {
    const result: LoadResult = await runLoad(load, { ...base, seconds, rate })
    results.push(result.lost > result.sent / 100 ? null : { p50: result.p50, p99: result.p99, p999: result.p999 })
  }
  return results
}

function summarise(runs: readonly DnsFigure[]): DnsFigure[] {
  const groups = Map.groupBy(runs, run => `${run.workload}\t${run.server}`)
  return Array.from(groups.values(), group => {
    const first = group[0] as DnsFigure
    const of = (pick: (run: DnsFigure) => number): number => median(group.map(pick))
    return {
      ...first,
      qps: of(run => run.qps),
      lost: of(run => run.lost),
      cpu: of(run => run.cpu),
      cpuDnsperf: first.cpuDnsperf === null ? null : of(run => run.cpuDnsperf ?? 0),
      at10k: medianLatencies(group.map(run => run.at10k)),
      at20k: medianLatencies(group.map(run => run.at20k)),
      memory: of(run => run.memory),
    }
  })
}

function medianLatencies(values: readonly (Latencies | null)[]): Latencies | null {
  const held = values.filter(value => value !== null)
  if (held.length === 0) return null
  const of = (pick: (value: Latencies) => number): number => median(held.map(pick))
  return { p50: of(value => value.p50), p99: of(value => value.p99), p999: of(value => value.p999) }
}

function report(peers: readonly Peer[], figures: readonly DnsFigure[]): void {
  const results = new URL('../results/', import.meta.url)
  mkdirSync(results, { recursive: true })
  const versions = peers.map(peer => `${peer.name}: ${versionOf(peer)}`).filter(line => !line.endsWith(': '))
  const text = [
    `${machine()}; ${flags.services} Services; medians of ${flags.rounds} rounds; ${new Date().toISOString().slice(0, 10)}`,
    ...versions.map(line => `- ${line}`),
    ...(flags.workloads.split(',') as Workload[]).map(workload => table(workload, figures)),
  ].join('\n\n')
  console.log(text)
  writeFileSync(new URL('dns.md', results), `${text}\n`)
  writeFileSync(new URL('dns.json', results), JSON.stringify({ machine: machine(), flags, versions, figures }, null, 2))
  const bars = figures.filter(figure => figure.workload === 'hit' || figure.workload === 'mix')
  const rows = Array.from(
    Map.groupBy(bars, bar => bar.server),
    ([label, group]) => ({
      label,
      values: (['hit', 'mix'] as const).map(workload => group.find(bar => bar.workload === workload)?.cpu ?? 0),
    }),
  )
  const chart = barChart({
    title: 'CPU per answered query, saturated (µs, lower is better)',
    series: ['hit', 'mix'],
    rows,
    highlight: OURS,
  })
  writeFileSync(new URL('dns-cpu.svg', results), chart)
}

function table(workload: Workload, figures: readonly DnsFigure[]): string {
  const rows = figures.filter(figure => figure.workload === workload)
  const ours = rows.find(row => row.server === OURS)
  const ratio = (value: number, own: number | undefined): string =>
    own === undefined || own === 0 ? '' : ` (${(value / own).toFixed(2)}×)`
  const latencies = (value: Latencies | null): string =>
    value === null ? '–' : [value.p50, value.p99, value.p999].map(us => us.toFixed(0)).join(' / ')
  const lines = rows.map(row => {
    const cells = [
      row.server,
      `${Math.round(row.qps / 1000)},000${ratio(row.qps, ours?.qps)}`,
      `${(row.lost * 100).toFixed(2)} %`,
      `${row.cpu.toFixed(2)}${ratio(row.cpu, ours?.cpu)}`,
      row.cpuDnsperf?.toFixed(2) ?? '–',
      latencies(row.at10k),
      latencies(row.at20k),
      `${row.memory.toFixed(0)}${ratio(row.memory, ours?.memory)}`,
    ]
    return `| ${cells.join(' | ')} |`
  })
  const head =
    '| server | queries/s | lost | CPU µs a query | under dnsperf | µs at 10,000/s: p50 / p99 / p99.9 | at 20,000/s | MB |'
  return [`**${workload}**`, '', head, '|---|---:|---:|---:|---:|---:|---:|---:|', ...lines].join('\n')
}
