/** SIGTERM to a busy process: not ready, last syncs, answers in flight, and the end within two seconds. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { makeQuery } from '../support/dns-client.ts'
import { type RunningWaypost, startWaypost, temporaryFolder, until } from '../support/waypost.ts'

const ENTRY = fileURLToPath(new URL('../../bin/waypost.js', import.meta.url))

const folder = temporaryFolder()
let server: RunningWaypost | null = null
afterAll(async () => {
  await server?.end('SIGKILL')
  folder.dispose()
})

/** A headless Service whose answer is far larger than a query. */
async function start(): Promise<RunningWaypost> {
  const manifests = join(folder.path, 'manifests')
  mkdirSync(manifests)
  const service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'big' },
    spec: { clusterIP: 'None', ports: [{ port: 80 }] },
  }
  const slice = {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'big-1', labels: { 'kubernetes.io/service-name': 'big' } },
    addressType: 'IPv6',
    ports: [{ name: '', port: 80 }],
    endpoints: Array.from({ length: 300 }, (_, i) => ({ addresses: [`fdaa::${(i + 1).toString(16)}`] })),
  }
  const list = { apiVersion: 'v1', kind: 'List', items: [service, slice] }
  writeFileSync(join(manifests, 'all.json'), JSON.stringify(list))
  return await startWaypost({ args: ['--manifests', manifests, '--data', join(folder.path, 'data')] })
}

function framed(query: Buffer): Buffer {
  return Buffer.concat([Buffer.of(query.length >> 8, query.length & 255), query])
}

describe('SIGTERM', () => {
  it('to a server that is still starting ends it with status 0 too', async () => {
    const zones = join(folder.path, 'zones')
    mkdirSync(zones)
    const args = ['serve', '--dns', '[::1]:0', '--http', '[::1]:0', '--zones', zones, '--data', join(folder.path, 'd')]
    const child = spawn(process.execPath, [ENTRY, ...args], { stdio: ['ignore', 'pipe', 'ignore'] })
    // The first line of the log comes before the sockets are open.
    child.stdout.once('data', () => child.kill('SIGTERM'))
    expect(await once(child, 'exit')).toEqual([0, null])
  })

  it('ends a server with a stuck TCP reader, watchers and half a request within two seconds', async () => {
    server = await start()
    const { api, dnsPort } = server
    const query = framed(makeQuery({ name: 'big.default.svc.cluster.local', type: 'AAAA' }))
    // It asks and never reads, so that its answers stay in flight.
    const stuck = connect({ host: '::1', port: dnsPort }).on('error', () => undefined)
    stuck.pause()
    stuck.write(Buffer.concat(new Array<Buffer>(5000).fill(query)))
    const half = connect({ host: '::1', port: Number(new URL(api).port) })
    half.on('error', () => undefined).resume()
    half.write('POST /v1/addresses HTTP/1.1\r\nHost: [::1]\r\ncontent-length: 100\r\n\r\n{')
    const watch = await fetch(`${api}/v1/routes/watch`)
    const lines = watch.text()
    await until(async () => {
      const metrics = await (await fetch(`${api}/metrics`)).text()
      return Number(/queries_total\{transport="tcp",type="AAAA"\} (\d+)/.exec(metrics)?.[1]) > 100
    })

    const started = performance.now()
    const exit = server.end('SIGTERM')
    const ready = await until(async () => {
      const response = await fetch(`${api}/ready`)
      return response.status === 503 ? ((await response.json()) as { reasons: string[] }) : null
    })
    expect(ready.reasons).toEqual(['The server is stopping'])
    expect(await exit).toBe(0)
    expect(performance.now() - started).toBeLessThan(2000)
    expect((await lines).trim().split('\n').at(-1)).toContain('"type":"sync"')
    if (!half.closed) await once(half, 'close')
    stuck.destroy()
    expect(server.stderr()).toBe('')
  })
})
