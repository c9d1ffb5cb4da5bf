/**
 * `npm run bench:dns`: Waypost beside the servers that are installed, with the same data, on the same core, in the
 * same minutes. Prints and saves medians of the rounds so far, after each; each server is checked before it is timed.
 *
 * node bench/system/dns.ts [--services N] [--rounds N] [--seconds S] [--only NAME,NAME] [--workloads hit,mix,headless,tcp]
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { checkGenerator, type GeneratorCheck } from './dns/generator.ts'
import { type DnsFigure, type Latencies, saveDns } from './dns/report.ts'
import {
  compileNative,
  type LoadOptions,
  type LoadResult,
  median,
  memoryOfTree,
  needNative,
  runDnsperf,
  runLoad,
  withCpu,
  wrongOf,
} from './measure.ts'
import { type DataSet, makeDataSet, type Workload } from './servers/data-set.ts'
import { FLOOR, knownPeers, OURS, type Peer, startPeer, versionOf } from './servers/peers.ts'
import { findProgram } from './servers/program.ts'

const PORT = 5355
/** Milliseconds for whatever a server still does after its start. */
const SETTLE = 4000
const SERVER_CPU = 0
const CLIENT_CPU = 1
const RATES = [10_000, 20_000] as const

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
    const load = needNative('load', directory)
    const data = makeDataSet({ directory, services: Number(flags.services), namespaces: 100, endpoints: 5, seed: 7 })
    const workloads = flags.workloads.split(',') as Workload[]
    const { usable, skipped } = await usablePeers(load, data, workloads, compileNative('echo', directory))
    const peers = usable.map(({ peer }) => peer)
    const versions = peers.map(peer => `${peer.name}: ${versionOf(peer)}`).filter(line => !line.endsWith(': '))
    const runs: DnsFigure[] = []
    const save = (rounds: number, generator: readonly GeneratorCheck[]): void => {
      const figures = summarise(runs)
      saveDns({ flags: { ...flags, rounds: String(rounds) }, workloads, versions, skipped, figures, generator })
    }
    for (let round = 0; round < Number(flags.rounds); round++) {
      for (const { peer, workloads } of usable) runs.push(...(await measurePeer(peer, load, data, workloads)))
      console.error(`round ${round + 1} of ${flags.rounds} is done`)
      // A run takes long: whoever ends it has the rounds that are done.
      save(round + 1, [])
    }
    save(Number(flags.rounds), await checkGeneratorWith(peers, load, data))
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** A server and the workloads that it can take. */
interface UsablePeer {
  readonly peer: Peer
  readonly workloads: readonly Workload[]
}

/**
 * The servers that are installed and answer samples rightly, and a sentence on each that is left out, of everything or
 * of one workload: dnsmasq takes no 100 connections.
 */
async function usablePeers(
  load: string,
  data: DataSet,
  workloads: readonly Workload[],
  echo: string | null,
): Promise<{ usable: UsablePeer[]; skipped: string[] }> {
  const wanted = flags.only?.split(',')
  const usable: UsablePeer[] = []
  const skipped: string[] = []
  for (const peer of knownPeers(echo)) {
    if (wanted !== undefined && !wanted.includes(peer.name)) continue
    const missing =
      peer.name === FLOOR ? 'there is no C compiler' : 'it is not installed (see bench/system/servers/peers.md)'
    if (peer.program === null) {
      skipped.push(`${peer.name} is skipped: ${missing}.`)
      continue
    }
    const taken: Workload[] = []
    for (const workload of workloads) {
      const fault = await faultOf(peer, load, data, workload)
      if (fault === null) taken.push(workload)
      else skipped.push(`${peer.name} is skipped under ${workload}: ${fault}.`)
    }
    if (taken.length > 0) usable.push({ peer, workloads: taken })
  }
  for (const sentence of skipped) console.error(sentence)
  return { usable, skipped }
}

/** Asks every kind of question slowly; null when every answer has the right code and count. */
async function faultOf(peer: Peer, load: string, data: DataSet, workload: Workload): Promise<string | null> {
  if (peer.name === FLOOR) return null
  try {
    const server = await startPeer(peer, data, PORT, SERVER_CPU)
    try {
      return await checkSample(load, { ...optionsOf(workload, data), seconds: 1, rate: 2000 })
    } finally {
      await server.stop()
    }
  } catch (error) {
    return String(error).split('\n')[0] ?? ''
  }
}

/** A lost answer may be the machine's fault, so a sample may be taken again; a wrong one is the server's. */
async function checkSample(load: string, sample: LoadOptions): Promise<string | null> {
  for (let attempt = 1; ; attempt++) {
    const result = await runLoad(load, sample)
    if (wrongOf(result) > 0) return `${wrongOf(result)} of ${result.sent} sample answers are wrong`
    if (result.lost === 0) return null
    if (attempt === 3) return `${result.lost} of ${result.sent} sample questions were not answered`
  }
}

/** Queries, connections and core of a workload. */
function optionsOf(
  workload: Workload,
  data: DataSet,
): { port: number; queries: string; cpu: number; tcp?: number; sockets?: number } {
  const flows = workload === 'tcp' ? { tcp: 100 } : { sockets: 4 }
  return { port: PORT, queries: data.queries(workload), cpu: CLIENT_CPU, ...flows }
}

/** Runs the generator and dnsperf against one server, Waypost where it takes part. */
async function checkGeneratorWith(
  peers: readonly Peer[],
  load: string,
  data: DataSet,
): Promise<readonly GeneratorCheck[]> {
  const dnsperf = findProgram('dnsperf')
  const peer = peers.find(({ name }) => name === OURS) ?? peers.find(({ name }) => name !== FLOOR)
  if (dnsperf === null || peer === undefined) return []
  const server = await startPeer(peer, data, PORT, SERVER_CPU)
  try {
    await new Promise(resolve => setTimeout(resolve, SETTLE))
    const queries = { own: data.queries('hit'), dnsperf: data.dnsperf('hit') }
    return await checkGenerator({ load, dnsperf, pid: server.pid, port: PORT, cpu: CLIENT_CPU, queries })
  } finally {
    await server.stop()
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
  const base = optionsOf(workload, data)
  const window = workload === 'tcp' ? 16 : 64
  const seconds = Number(flags.seconds)
  await runLoad(load, { ...base, window, seconds: 2 })
  const [saturated, used] = await withCpu(pid, () => runLoad(load, { ...base, window, seconds }))
  const cpuDnsperf = workload === 'hit' || workload === 'mix' ? await underDnsperf(peer, pid, data, workload) : null
  const [at10k = null, at20k = null] = await fixedRates(load, base, seconds)
  return {
    server: peer.name,
    workload,
    qps: saturated.qps,
    lost: saturated.lost / Math.max(saturated.sent, 1),
    wrong: peer.name === FLOOR ? 0 : wrongOf(saturated) / Math.max(saturated.received, 1),
    cpu: used / Math.max(saturated.received, 1),
    cpuDnsperf,
    at10k,
    at20k,
    memory: memoryOfTree(pid),
  }
}

async function underDnsperf(peer: Peer, pid: number, data: DataSet, workload: Workload): Promise<number | null> {
  const dnsperf = findProgram('dnsperf')
  if (dnsperf === null || peer.name === FLOOR) return null
  const shape = { port: PORT, seconds: Number(flags.seconds), cpu: CLIENT_CPU, clients: 8, window: 256 }
  const queries = data.dnsperf(workload)
  const [{ completed }, used] = await withCpu(pid, () => runDnsperf(dnsperf, { ...shape, queries }))
  return used / Math.max(completed, 1)
}

async function fixedRates(
  load: string,
  base: ReturnType<typeof optionsOf>,
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
      wrong: Math.max(...group.map(run => run.wrong)),
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
