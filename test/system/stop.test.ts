/** SIGTERM to a busy process: not ready, last syncs, answers in flight, and the end within two seconds. */
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { makeQuery } from '../support/dns-client.ts'
import { type RunningWaypost, startWaypost, temporaryFolder, until } from '../support/waypost.ts'

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
