/**
 * `npm run bench:kubernetes`: what a large cluster costs that is followed through its API server. The server is
 * a fake one in this process; Waypost is started as the launcher starts it.
 *
 * node bench/system/kubernetes.ts [--services N] [--slices N] [--endpoints N] [--lists]
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type FakeKubernetes, startFakeKubernetes } from '#support/kubernetes/server.ts'
import { type BenchRow, saveRows } from '../report.ts'
import { machine } from './measure.ts'

const ENTRY = fileURLToPath(new URL('../../bin/waypost.js', import.meta.url))
const HTTP = '[::1]:5460'
const DEADLINE = 120_000

const { values: flags } = parseArgs({
  options: {
    services: { type: 'string', default: '10000' },
    slices: { type: 'string', default: '2500' },
    endpoints: { type: 'string', default: '100' },
    lists: { type: 'boolean', default: false },
  },
})

/** Seconds. */
let longestStall = 0

await main()

async function main(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'waypost-kubernetes-'))
  const api = await startFakeKubernetes()
  api.watchList = flags.lists ? 'refused' : 'served'
  fill(api)
  const kubeconfig = join(directory, 'kubeconfig')
  writeFileSync(kubeconfig, api.kubeConfig({ token: 'bench' }))
  const args = ['--kubeconfig', kubeconfig, '--data', join(directory, 'data'), '--dns', '[::1]:5461', '--http', HTTP]
  const started = performance.now()
  const child = spawn(process.execPath, [ENTRY, 'serve', ...args, '--workers', '1', '--log-level', 'warn'], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  try {
    const rows: BenchRow[] = []
    const note = (name: string, value: number, unit: string): void => {
      rows.push({ name, value, unit })
      console.log(`${name.padEnd(60)} ${value.toFixed(1)} ${unit}`)
    }
    await until(async () => (await figure('waypost_source_synced{network="default"}')) === 1)
    note('start to synced', (performance.now() - started) / 1000, 's')
    note('longest stall of the control thread until then', longestStall * 1000, 'ms')
    await delay(15_000)
    note('resident when quiet', memory(child.pid, 'VmRSS'), 'MB')
    note('most resident so far', memory(child.pid, 'VmHWM'), 'MB')
    longestStall = 0
    for (const watch of api.watches) watch.freeze()
    api.store.compact()
    for (const watch of api.watches) watch.destroy()
    const relists = 'waypost_source_relists_total{network="default",resource="endpointslices"}'
    await until(async () => (await figure(relists)) === 1)
    note('longest stall of the control thread in a relist', longestStall * 1000, 'ms')
    await delay(15_000)
    note('resident after a relist of everything', memory(child.pid, 'VmRSS'), 'MB')
    note('most resident so far', memory(child.pid, 'VmHWM'), 'MB')
    saveRows('kubernetes', machine(), rows)
  } finally {
    child.kill('SIGTERM')
    await api.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

function fill(api: FakeKubernetes): void {
  const services = Number(flags.services)
  for (let i = 0; i < services; i++) {
    const address = `fdaa:0:48c8:0:1::${(i + 0x100).toString(16)}`
    const spec = {
      type: 'ClusterIP',
      clusterIP: address,
      clusterIPs: [address],
      ipFamilies: ['IPv6'],
      selector: { app: `s-${i}` },
      ports: [{ name: 'http', port: 80, protocol: 'TCP', targetPort: 8080 }],
    }
    api.add({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: `service-${i}`, namespace: `ns-${i % 50}`, labels: { app: `s-${i}` } },
      spec,
    })
  }
  for (let i = 0; i < Number(flags.slices); i++) {
    const namespace = `ns-${i % 50}`
    const endpoints = Array.from({ length: Number(flags.endpoints) }, (_, j) => ({
      addresses: [`fdaa:0:48c8:a7b:${(i + 1).toString(16)}:${(j + 1).toString(16)}:0:2`],
      conditions: { ready: true, serving: true, terminating: false },
      nodeName: `node-${j % 100}`,
      zone: `zone-${j % 3}`,
      targetRef: { kind: 'Pod', namespace, name: `service-${i}-7c9f8d6b5-${j}`, uid: crypto.randomUUID() },
    }))
    const labels = { 'kubernetes.io/service-name': `service-${i}` }
    const ports = [{ name: 'http', port: 8080, protocol: 'TCP' }]
    const kind = { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', addressType: 'IPv6' }
    api.add({ ...kind, metadata: { name: `service-${i}-x7k2p`, namespace, labels }, ports, endpoints })
  }
}

/** Reads a metric; each reading begins the measurement of stalls anew, so the longest one is kept. */
async function figure(name: string): Promise<number> {
  const text = await fetch(`http://${HTTP}/metrics`).then(
    response => response.text(),
    () => '',
  )
  const stall = /^nodejs_eventloop_lag_max_seconds (\S+)$/m.exec(text)?.[1]
  longestStall = Math.max(longestStall, Number(stall ?? 0))
  const line = text.split('\n').find(candidate => candidate.startsWith(`${name} `))
  return Number(line?.slice(name.length + 1))
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + DEADLINE
  while (!(await condition())) {
    if (performance.now() > end) throw new Error('The condition did not come true in time')
    await delay(50)
  }
}

/** Megabytes. */
function memory(pid: number | undefined, field: 'VmRSS' | 'VmHWM'): number {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(new RegExp(`${field}:\\s+(\\d+)`).exec(text)?.[1]) / 1024
}
