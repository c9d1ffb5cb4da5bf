/** The cost of an admission answer: the decision alone, with its reservation in memory, and durable one by one and in bursts. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { prefix } from '#support/ip.ts'
import { decide } from '../../src/admission/decision.ts'
import { RequestFigures } from '../../src/admission/figures.ts'
import { readReview } from '../../src/admission/review.ts'
import { Webhook } from '../../src/admission/webhook.ts'
import { Allocator } from '../../src/pool/allocator.ts'
import type { ClaimStore } from '../../src/pool/ledger.ts'
import { type BenchRow, formatRows } from '../report.ts'

const MEMORY: ClaimStore = { load: () => [], write: () => undefined, close: () => undefined }
const NETWORK = 'personal'

/** All rows. */
export async function run(): Promise<BenchRow[]> {
  return [decision(), await inMemory(), ...(await durable())]
}

/** A parsed body to a plan. */
function decision(): BenchRow {
  const body = reviewOf(1)
  const count = 200_000
  let best = Number.POSITIVE_INFINITY
  for (let pass = 0; pass < 5; pass++) {
    const start = cpuMicroseconds()
    for (let i = 0; i < count; i++) decide(readReview(body))
    best = Math.min(best, (1000 * (cpuMicroseconds() - start)) / count)
  }
  return { name: 'admission: review to plan', value: best, unit: 'ns/op' }
}

/** JSON text to JSON text, with 10,000 Services that hold addresses, and no disk. */
async function inMemory(): Promise<BenchRow> {
  const allocator = new Allocator(MEMORY, { clock: () => 0, restMs: 600_000, leaseMs: 90_000 })
  const webhook = webhookOf(allocator)
  allocator.claim(Array.from({ length: 10_000 }, (_, i) => ownerRequest(i)))
  const count = 10_000
  const bodies = Array.from({ length: count }, (_, i) => JSON.stringify(reviewOf(20_000 + i)))
  const start = cpuMicroseconds()
  for (const body of bodies) JSON.stringify(await webhook.review(null, JSON.parse(body)))
  return { name: 'admission: JSON to JSON, no disk', value: (cpuMicroseconds() - start) / count, unit: 'µs/op' }
}

async function durable(): Promise<BenchRow[]> {
  const directory = mkdtempSync(join(tmpdir(), 'waypost-bench-'))
  try {
    const allocator = Allocator.open({ directory, clock: Date.now, restMs: 600_000, leaseMs: 90_000 })
    const webhook = webhookOf(allocator)
    const single = await perSecond(1000, async () => {
      for (let i = 0; i < 1000; i++) await webhook.review(null, reviewOf(i))
    })
    const burst = await perSecond(10_000, async () => {
      for (let b = 0; b < 100; b++) {
        await Promise.all(Array.from({ length: 100 }, (_, i) => webhook.review(null, reviewOf(1000 + 100 * b + i))))
      }
    })
    allocator.close()
    return [
      { name: 'admission: durable answers, one at a time', value: single, unit: 'ops/s', note: 'one fsync each' },
      { name: 'admission: durable answers, 100 in flight', value: burst, unit: 'ops/s', note: 'one fsync a burst' },
    ]
  } finally {
    rmSync(directory, { recursive: true })
  }
}

function webhookOf(allocator: Allocator): Webhook {
  allocator.setPools(NETWORK, [prefix('fdaa:0:48c8:1::/64')])
  const networks = [{ name: NETWORK, isKnown: () => true, secondLook: null }]
  return new Webhook({
    networks,
    allocator,
    figures: new RequestFigures(),
    onFinding: () => undefined,
    now: () => performance.now() / 1000,
  })
}

async function perSecond(count: number, work: () => Promise<void>): Promise<number> {
  const start = performance.now()
  await work()
  return (1000 * count) / (performance.now() - start)
}

function cpuMicroseconds(): number {
  const { user, system } = process.threadCpuUsage()
  return user + system
}

function ownerRequest(i: number): Parameters<Allocator['claim']>[0][number] {
  const owner = { kind: 'Service', name: `default/service-${i}` } as const
  return { network: NETWORK, owner, explicit: [], place: true, created: null }
}

/** A Service as kubectl sends it, in the review that an API server makes of it. */
function reviewOf(i: number): object {
  const name = `service-${i}`
  return {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: `705ab4f5-6393-11e8-b7cc-${String(i).padStart(12, '0')}`,
      kind: { group: '', version: 'v1', kind: 'Service' },
      resource: { group: '', version: 'v1', resource: 'services' },
      name,
      namespace: 'default',
      operation: 'CREATE',
      userInfo: { username: 'admin', groups: ['system:masters', 'system:authenticated'] },
      object: {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name, namespace: 'default', labels: { app: name }, annotations: { note: 'x'.repeat(300) } },
        spec: {
          ports: [{ name: 'http', protocol: 'TCP', port: 80, targetPort: 8080 }],
          selector: { app: name },
          sessionAffinity: 'None',
          type: 'ClusterIP',
        },
        status: { loadBalancer: {} },
      },
      oldObject: null,
      dryRun: false,
      options: { apiVersion: 'meta.k8s.io/v1', kind: 'CreateOptions' },
    },
  }
}

if (import.meta.main) console.log(formatRows(await run()))
