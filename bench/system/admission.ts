/**
 * `npm run bench:admission`: what the webhook costs a create, measured end to end through a real kube-apiserver: creates
 * at a steady rate without the webhook and with it (two replicas), the time of every review as the API server's end of
 * the connection sees it, and the API server's own histogram of it.
 *
 * node bench/system/admission.ts [--rate N] [--seconds S] [--fsync]
 */
import { parseArgs } from 'node:util'
import { Balancer } from '../../test/support/apiserver/balancer.ts'
import { buildApiServer } from '../../test/support/apiserver/build.ts'
import { TestCluster } from '../../test/support/apiserver/cluster.ts'
import { freePort, grantRights, Replica } from '../../test/support/apiserver/waypost.ts'
import { installWebhook, webhookWorks } from '../../test/support/apiserver/webhook.ts'
import type { RunningWaypost } from '../../test/support/waypost.ts'
import { type BenchRow, saveRows } from '../report.ts'
import { machine } from './measure.ts'

const { values: flags } = parseArgs({
  options: {
    rate: { type: 'string', default: '200' },
    seconds: { type: 'string', default: '20' },
    fsync: { type: 'boolean', default: false },
  },
})
const RATE = Number(flags.rate)
const SECONDS = Number(flags.seconds)
/** A loaded namespace would make the API server's own work grow during the run. */
const NAMESPACE = 'bench'

await main()

async function main(): Promise<void> {
  const built = await buildApiServer(sentence => process.stdout.write(`${sentence}\n`))
  if ('missing' in built) throw new Error(`bench:admission: ${built.missing}`)
  const cluster = await TestCluster.start(built.program, { fsync: flags.fsync })
  const servers: RunningWaypost[] = []
  const ports: number[] = []
  const balancer = await Balancer.start(() => ports)
  try {
    await grantRights(cluster)
    await cluster.kubectl(['create', 'namespace', NAMESPACE])
    const without = await createMany(cluster, 'before')
    for (const name of ['a', 'b']) {
      const port = await freePort()
      const admission = { listen: `[::1]:${port}`, tls: 'auto', names: ['::1'] }
      servers.push(await (await Replica.create(cluster, { name, config: { admission } })).start())
      ports.push(port)
    }
    await installWebhook(cluster, balancer.port)
    await webhookWorks(cluster)
    balancer.times.length = 0
    const withIt = await createMany(cluster, 'after')
    const rows = [
      ...rowsOf('create without the webhook', without),
      ...rowsOf('create with the webhook', withIt),
      ...rowsOf('review, at the API server’s connection', balancer.times),
      ...(await histogramRows(cluster)),
    ]
    saveRows(
      'admission',
      `${machine()}; ${RATE} creates/s for ${SECONDS} s${flags.fsync ? ', etcd with fsync' : ''}`,
      rows,
    )
  } finally {
    await balancer.close()
    await Promise.all(servers.map(server => server.end()))
    await cluster.stop()
  }
}

/** Creates at the rate, whatever the answers take; deletes them afterwards. Milliseconds of each create. */
async function createMany(cluster: TestCluster, prefix: string): Promise<readonly number[]> {
  const path = `/api/v1/namespaces/${NAMESPACE}/services`
  const times: number[] = []
  let retries = 0
  const pending: Promise<void>[] = []
  const create = async (i: number): Promise<void> => {
    const begin = performance.now()
    const service = { metadata: { name: `${prefix}-${i}` }, spec: { ports: [{ port: 80 }] } }
    for (;;) {
      const { status } = await cluster.api.send('POST', path, service)
      if (status === 201) break
      // Two replicas promised one address in the same moment: the API server is the judge, and the retry succeeds.
      if (status !== 422 || ++retries > RATE) throw new Error(`A create was answered ${status}`)
    }
    times.push(performance.now() - begin)
  }
  const begin = performance.now()
  for (let i = 0; i < RATE * SECONDS; i++) {
    const due = begin + (i * 1000) / RATE
    while (performance.now() < due)
      await new Promise(resolve => setTimeout(resolve, Math.max(0, due - performance.now())))
    pending.push(create(i))
  }
  await Promise.all(pending)
  process.stdout.write(`${prefix}: ${times.length} creates, ${retries} of them after a retry\n`)
  await cluster.kubectl(['delete', 'services', '--namespace', NAMESPACE, '--all', '--wait=false'])
  return times
}

/** The share of reviews in the API server's buckets up to 5 and 25 ms, the only ones near the figure. */
async function histogramRows(cluster: TestCluster): Promise<BenchRow[]> {
  const page = await cluster.kubectl(['get', '--raw', '/metrics'])
  const name = 'apiserver_admission_webhook_admission_duration_seconds'
  const buckets = new Map<string, number>()
  for (const match of page.matchAll(
    new RegExp(`^${name}_bucket\\{.*operation="CREATE".*le="([^"]+)"\\} (\\d+)$`, 'gm'),
  )) {
    buckets.set(match[1] ?? '', (buckets.get(match[1] ?? '') ?? 0) + Number(match[2]))
  }
  const all = buckets.get('+Inf') ?? 0
  return ['0.005', '0.025'].map(bound => ({
    name: `reviews within ${Number(bound) * 1000} ms, by the API server`,
    value: (100 * (buckets.get(bound) ?? 0)) / all,
    unit: '%',
    note: `${all} reviews`,
  }))
}

function rowsOf(name: string, times: readonly number[]): BenchRow[] {
  const sorted = times.toSorted((a, b) => a - b)
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN
  const note = `${sorted.length} of them`
  return [
    { name: `${name}, p50`, value: at(0.5), unit: 'ms', note },
    { name: `${name}, p99`, value: at(0.99), unit: 'ms', note },
    { name: `${name}, p99.9`, value: at(0.999), unit: 'ms', note },
  ]
}
