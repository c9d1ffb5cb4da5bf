/**
 * `npm run bench:variants`: ways to receive and answer UDP packets on Linux beside each other, as C programs that echo
 * (`native/variants.c`): what each costs for a packet when it is saturated. It is what
 * docs/decisions/0010-system-interfaces-of-the-udp-worker.md rests on.
 *
 * node bench/system/variants.ts [--rounds N] [--seconds S]
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { type BenchRow, saveRows } from '../report.ts'
import { machine, median, needNative, runLoad, withCpu } from './measure.ts'
import { makeDataSet } from './servers/data-set.ts'
import { stopChild } from './servers/program.ts'

const PORT = 5655
const SERVER_CPU = '0'
const CLIENT_CPU = 1
/** The first is what the others are compared with. */
const WAYS: readonly (readonly [name: string, ...args: string[]])[] = [
  ['recvmmsg and sendmmsg, batch 64', 'mmsg', '64'],
  ['the same, batch 16', 'mmsg', '16'],
  ['the same, batch 256', 'mmsg', '256'],
  ['the same, headers shared by both', 'shared', '64'],
  ['poll before each recvmmsg', 'poll', '64'],
  ['SO_BUSY_POLL 50 µs', 'busy', '64'],
  ['UDP_GRO and UDP_SEGMENT', 'gso', '64'],
  ['io_uring, multishot', 'uring', '64'],
  ['a call for each packet', 'single'],
]

const { values: flags } = parseArgs({
  options: { rounds: { type: 'string', default: '7' }, seconds: { type: 'string', default: '1' } },
})

interface Cost {
  readonly cpu: number
  readonly qps: number
}

const directory = mkdtempSync(join(tmpdir(), 'waypost-variants-'))
try {
  const variants = needNative('variants', directory)
  const load = needNative('load', directory)
  const data = makeDataSet({ directory, services: 10_000, namespaces: 100, endpoints: 5, seed: 7 })
  const costs = new Map<string, Cost[]>()
  for (let round = 0; round < Number(flags.rounds); round++) {
    for (const [name, ...args] of WAYS) {
      const cost = await measure(variants, args, load, data.queries('hit'))
      costs.set(name, [...(costs.get(name) ?? []), cost])
    }
  }
  saveRows('variants', `${machine()}; medians of ${flags.rounds} rounds`, rowsOf(costs))
} finally {
  rmSync(directory, { recursive: true, force: true })
}

async function measure(variants: string, args: readonly string[], load: string, queries: string): Promise<Cost> {
  const child = spawn('taskset', ['-c', SERVER_CPU, variants, '::1', String(PORT), ...args], { stdio: 'ignore' })
  try {
    const base = { port: PORT, queries, cpu: CLIENT_CPU, window: 64, sockets: 4 }
    await delay(200)
    await runLoad(load, { ...base, seconds: 0.3 })
    const [{ received, qps }, cpu] = await withCpu(child.pid as number, () =>
      runLoad(load, { ...base, seconds: Number(flags.seconds) }),
    )
    if (received === 0) throw new Error(`${args.join(' ')} does not answer`)
    return { cpu: cpu / received, qps }
  } finally {
    await stopChild(child)
  }
}

function rowsOf(costs: ReadonlyMap<string, readonly Cost[]>): BenchRow[] {
  const middle = (name: string, of: (cost: Cost) => number): number => median((costs.get(name) ?? []).map(of))
  const first = middle(WAYS[0]?.[0] ?? '', cost => cost.cpu)
  return WAYS.map(([name]) => {
    const value = middle(name, cost => cost.cpu)
    const note = `${(value / first).toFixed(2)} ×; ${Math.round(middle(name, cost => cost.qps) / 1000)},000 packets/s`
    return { name, value, unit: 'µs of CPU/packet', note }
  })
}
