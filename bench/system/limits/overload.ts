/** Five times as many queries as can be answered: what is answered still, and whether the rest of the server lives. */
import { type ChildProcess, spawn } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import type { BenchRow } from '../../report.ts'
import { type FloodResult, median, memoryOfTree, runFlood } from '../measure.ts'
import type { ForkedServer } from '../synthetic/fork.ts'
import { CLIENT_CPU, during, type LimitsBench, PORT, SERVER_CPU, startServer } from './server.ts'

const SOCKETS = 32
/** Offered, as multiples of the capacity. */
const STEPS = [0.5, 1, 1.5, 2, 3, 5]
const TIMES = 5
/** Endpoint changes in each batch that is waited for. */
const CHANGES = 20

/** A neighbour that takes what it gets of the server's core; it ends by itself. */
const BUSY = ['-c', SERVER_CPU, 'timeout', '180', 'sh', '-c', 'while :; do :; done']

/** What the server did beside DNS while it was flooded. */
interface Beside {
  /** Milliseconds that `/health` took, each time. */
  readonly health: number[]
  /** Milliseconds from a change to its publish, mean of a batch, each time. */
  readonly publish: number[]
  /** Megabytes, each time. */
  readonly memory: number[]
}

/**
 * The whole server is on one core and the sender on the other. Where the sender alone cannot offer five times the
 * capacity, busy neighbours are put on the server's core: they leave it a part, and the ratio is reached on that.
 */
export async function measureOverload(bench: LimitsBench): Promise<BenchRow[]> {
  const server = await startServer(bench, 1, SERVER_CPU)
  const neighbours: ChildProcess[] = []
  try {
    await flood(bench, 0, 2)
    let capacity = await capacityOf(server, bench)
    const offered = (await flood(bench, 0, 2)).rate
    while (offered < 1.05 * TIMES * capacity && neighbours.length < 8) {
      neighbours.push(spawn('taskset', BUSY, { stdio: 'ignore' }))
      await delay(200)
      capacity = await capacityOf(server, bench)
    }
    const note = `the sender can offer ${thousands(offered)}/s; busy neighbours on the server's core: ${neighbours.length}`
    const rows: BenchRow[] = [{ name: 'overload: capacity of one worker', value: capacity, unit: 'answers/s', note }]
    return [...rows, ...(await measureSteps(server, bench, capacity))]
  } finally {
    for (const neighbour of neighbours) neighbour.kill()
    await server.stop()
  }
}

async function measureSteps(server: ForkedServer, bench: LimitsBench, capacity: number): Promise<BenchRow[]> {
  const quiet = await besides(server, delay(1000 * bench.seconds))
  const rows: BenchRow[] = [...besideRows('no load', quiet)]
  let peak = 0
  for (const step of STEPS) {
    const offering = step * capacity
    const beside: { value: Beside | null } = { value: null }
    const { result, rate, cpu } = await during(server, async () => {
      const flooding = flood(bench, offering, bench.seconds)
      beside.value = await besides(server, flooding)
      return await flooding
    })
    peak = Math.max(peak, rate)
    const times = `${(result.rate / capacity).toFixed(1)} × capacity, ${thousands(result.rate)}/s`
    const note = `${((100 * rate) / peak).toFixed(0)} % of the peak; ${cpu.toFixed(2)} µs of CPU each; ${result.wrong} of ${result.sampled} sampled answers wrong`
    rows.push({ name: `offered ${times}: answered`, value: rate, unit: '/s', note })
    if (step < TIMES) continue
    rows.push({ name: `answered at ${step} × capacity, of the peak`, value: rate / peak, unit: 'ratio' })
    if (beside.value !== null) rows.push(...besideRows(`${step} × capacity`, beside.value))
  }
  return rows
}

/** Closed-loop peaks depend on the client; this is what is answered of twice as much as that can be. */
async function capacityOf(server: ForkedServer, bench: LimitsBench): Promise<number> {
  const { rate } = await during(server, () => flood(bench, 600_000, 3))
  return rate
}

function flood({ flood, queries }: LimitsBench, rate: number, seconds: number): Promise<FloodResult> {
  return runFlood(flood, { port: PORT, queries, sockets: SOCKETS, burst: 64, rate, seconds, cpu: CLIENT_CPU })
}

/** Asks for the health and makes changes, in turn, until the work is done. */
async function besides(server: ForkedServer, work: Promise<unknown>): Promise<Beside> {
  const seen: Beside = { health: [], publish: [], memory: [] }
  let isDone = false
  const ended = work.finally(() => {
    isDone = true
  })
  while (!isDone) {
    const before = performance.now()
    const { status } = await fetch(`http://[::1]:${PORT + 1}/health`)
    if (status !== 200) throw new Error(`/health answered ${status}`)
    seen.health.push(performance.now() - before)
    seen.publish.push((await server.order({ do: 'change', times: CHANGES })).ms / CHANGES)
    seen.memory.push(memoryOfTree(server.pid))
    await delay(20)
  }
  await ended
  return seen
}

function besideRows(name: string, { health, publish, memory }: Beside): BenchRow[] {
  const changes = publish.length * CHANGES
  return [
    {
      name: `${name}: /health`,
      value: Math.max(...health),
      unit: 'ms',
      note: `the longest of ${health.length}; median ${median(health).toFixed(1)}`,
    },
    {
      name: `${name}: a change published`,
      value: median(publish),
      unit: 'ms',
      note: `longest ${Math.max(...publish).toFixed(1)}; ${changes} changes`,
    },
    { name: `${name}: RSS`, value: Math.max(...memory), unit: 'MB', note: `from ${Math.min(...memory).toFixed(0)}` },
  ]
}

function thousands(value: number): string {
  return `${Math.round(value / 1000)},000`
}
