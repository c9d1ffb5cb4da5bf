/** Whether a client that asks as much as one worker can answer takes anything from the others. */
import type { BenchRow } from '../../report.ts'
import { type LoadResult, runFlood, runLoad } from '../measure.ts'
import { during, type LimitsBench, PORT, startServer } from './server.ts'

const RATE = 20_000
/** Source ports of the ordinary clients. */
const OTHERS = 16
/** Of what one worker can answer: more than it has to spare beside the others. */
const HOT_SHARE = 1.1

/** Latency and losses of ordinary clients, alone and beside one source port that fills a worker. */
export async function measureHotClient(bench: LimitsBench): Promise<BenchRow[]> {
  const capacity = await capacityOfOne(bench)
  const server = await startServer(bench, 2)
  const ordinary = (): Promise<LoadResult> =>
    runLoad(bench.load, { port: PORT, queries: bench.queries, seconds: bench.seconds, rate: RATE, sockets: OTHERS })
  await ordinary()
  const alone = await ordinary()
  const hot = { port: PORT, queries: bench.queries, sockets: 1, burst: 16, rate: HOT_SHARE * capacity }
  const { result: beside, rate } = await during(server, async () => {
    const [result] = await Promise.all([ordinary(), runFlood(bench.flood, { ...hot, seconds: bench.seconds })])
    return result
  })
  await server.stop()
  const name = `${RATE} queries/s of ${OTHERS} ports`
  const besides = `one more port asks ${Math.round(hot.rate / 1000)},000/s, ${HOT_SHARE} × what one worker can answer`
  return [
    { name: `${name}, alone: p99`, value: alone.p99, unit: 'µs', note: lossOf(alone) },
    { name: `${name}, beside a hot client: p99`, value: beside.p99, unit: 'µs', note: `${lossOf(beside)}; ${besides}` },
    { name: 'answers meanwhile, all clients', value: rate, unit: '/s', note: '2 workers' },
  ]
}

async function capacityOfOne(bench: LimitsBench): Promise<number> {
  const server = await startServer(bench, 1)
  const flood = { port: PORT, queries: bench.queries, sockets: 32, burst: 16, rate: 600_000 }
  await runFlood(bench.flood, { ...flood, seconds: 2 })
  const { rate } = await during(server, () => runFlood(bench.flood, { ...flood, seconds: 3 }))
  await server.stop()
  return rate
}

function lossOf({ lost, sent, p50 }: LoadResult): string {
  return `p50 ${p50.toFixed(0)}, lost ${((100 * lost) / Math.max(sent, 1)).toFixed(2)} %`
}
