/**
 * `npm run bench:forward`: Waypost as a forwarder beside Unbound, dnsmasq and CoreDNS, each over the same upstream on
 * loopback, on the same core, in the same minutes. What is measured is the forwarder's own processor time for each query
 * that was answered: of names that are asked again and again, and of names that nobody has asked before. Ours is also
 * asked for names of a zone of its own, for comparison.
 *
 * node bench/system/forward.ts [--rounds N] [--seconds S] [--only NAME,NAME] [--rate QPS]
 *
 * CoreDNS takes part when COREDNS_BIN names its program. The upstream is NSD or Knot DNS, whichever is installed.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type ForwardFigure, type ForwardWorkload, saveForward } from './forward/report.ts'
import { memoryOfTree, needNative, runLoad, withCpu, wrongOf } from './measure.ts'
import {
  authorities,
  type Forwarder,
  forwarders,
  HOT_NAMES,
  OWN_ZONE,
  startForwarder,
  writeQueries,
} from './servers/forwarders.ts'

const UPSTREAM_PORT = 5361
const PORT = 5362
const SERVER_CPU = 0
const CLIENT_CPU = 1

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '4' },
    rate: { type: 'string', default: '5000' },
    only: { type: 'string' },
  },
})

await main()

async function main(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'waypost-forward-'))
  const undo: (() => unknown)[] = [() => rmSync(directory, { recursive: true, force: true })]
  try {
    const load = needNative('load', directory)
    undo.push(await startAuthority(directory))
    const figures: ForwardFigure[] = []
    for (let round = 0; round < Number(flags.rounds); round++) {
      for (const forwarder of forwarders()) {
        if (flags.only !== undefined && !flags.only.split(',').includes(forwarder.name)) continue
        if (forwarder.program === null) {
          if (round === 0) console.error(`skipped ${forwarder.name}: it is not installed`)
          continue
        }
        figures.push(...(await measureForwarder(forwarder, load, directory)))
      }
      console.error(`round ${round + 1} of ${flags.rounds} is done`)
    }
    saveForward(figures, flags)
  } finally {
    for (const step of undo.reverse()) await step()
  }
}

async function startAuthority(directory: string): Promise<() => Promise<void>> {
  const authority = authorities().find(({ program }) => program !== null)
  if (authority === undefined) throw new Error('bench:forward needs NSD or Knot DNS as its upstream')
  const place = { parent: directory, port: UPSTREAM_PORT, upstream: UPSTREAM_PORT, cpu: CLIENT_CPU }
  return (await startForwarder(authority, place)).stop
}

async function measureForwarder(forwarder: Forwarder, load: string, parent: string): Promise<ForwardFigure[]> {
  const place = { parent, port: PORT, upstream: UPSTREAM_PORT, cpu: SERVER_CPU }
  const { pid, directory, stop } = await startForwarder(forwarder, place)
  try {
    const workloads: ForwardWorkload[] = forwarder.hasOwnZone ? ['own', 'hit', 'miss'] : ['hit', 'miss']
    const figures: ForwardFigure[] = []
    for (const workload of workloads) figures.push(await measure(forwarder, workload, pid, load, directory))
    return figures
  } finally {
    await stop()
  }
}

/** Names of a miss are new in each part: what was asked while warming up is not asked again. */
async function measure(
  forwarder: Forwarder,
  workload: ForwardWorkload,
  pid: number,
  load: string,
  place: string,
): Promise<ForwardFigure> {
  const seconds = Number(flags.seconds)
  const rate = Number(flags.rate)
  const queries = (part: string, count: number): string =>
    workload === 'miss'
      ? writeQueries(place, `${part}${Math.floor(Math.random() * 1e9)}`, count)
      : writeQueries(place, 'hot', HOT_NAMES, workload === 'own' ? OWN_ZONE : undefined)
  const base = { port: PORT, cpu: CLIENT_CPU }
  const shape = { window: 64, sockets: 4 }
  await runLoad(load, { ...base, ...shape, queries: queries('warm', 600_000), seconds: 2 })
  const [saturated, cpu] = await withCpu(pid, () =>
    runLoad(load, { ...base, ...shape, queries: queries('full', 300_000 * seconds), seconds }),
  )
  const [paced, cpuAtRate] = await withCpu(pid, () =>
    runLoad(load, { ...base, queries: queries('rate', rate * (seconds + 1)), seconds, rate }),
  )
  const { qps, lost, sent } = saturated
  const wrong = wrongOf(saturated)
  if (wrong > 0) console.error(`${forwarder.name}: ${wrong} of ${sent} answers (${workload}) are wrong`)
  return {
    server: forwarder.name,
    workload,
    qps,
    lost: lost / Math.max(sent, 1),
    cpu: cpu / Math.max(saturated.received, 1),
    cpuAtRate: cpuAtRate / Math.max(paced.received, 1),
    p50: paced.p50,
    p99: paced.p99,
    memory: memoryOfTree(pid),
  }
}
