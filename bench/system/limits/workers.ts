/** What a second worker adds. */
import type { BenchRow } from '../../report.ts'
import { runFlood } from '../measure.ts'
import { during, type LimitsBench, PORT, startServer } from './server.ts'

/** Source ports of the flood. */
const SOCKETS = 32

/**
 * Floods a server of one worker and one of two on the same cores. The sender takes a part of a core, so two workers
 * cannot have two; what scales is the number of answers for the processor time that they get.
 */
export async function measureWorkers(bench: LimitsBench): Promise<BenchRow[]> {
  const rows: BenchRow[] = []
  let one: { rate: number; perCore: number } | null = null
  for (const workers of [1, 2]) {
    const server = await startServer(bench, workers)
    const flood = { port: PORT, queries: bench.queries, sockets: SOCKETS, burst: 16 }
    await runFlood(bench.flood, { ...flood, seconds: 2 })
    // Twice what one worker can answer: enough for both, and cheap enough to leave them most of two cores.
    const rate: number = one === null ? 600_000 : 2.2 * one.rate
    const {
      rate: answered,
      cpu,
      cores,
    } = await during(server, () => runFlood(bench.flood, { ...flood, rate, seconds: bench.seconds }))
    await server.stop()
    const perCore = answered / cores
    const scale = one === null ? '' : `; ${(answered / one.rate).toFixed(2)} × one worker`
    const each = one === null ? '' : `, ${(perCore / one.perCore).toFixed(2)} × as many for each core`
    rows.push({
      name: `${workers} worker${workers > 1 ? 's' : ''}, flooded: answers`,
      value: answered,
      unit: '/s',
      note: `${cpu.toFixed(2)} µs of CPU each, ${cores.toFixed(2)} cores${scale}${each}`,
    })
    one ??= { rate: answered, perCore }
  }
  return rows
}
