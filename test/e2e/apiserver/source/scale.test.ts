/** 10,000 Services and 250,000 endpoints from a real API server: listed, followed, and what memory that takes. */
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { TestCluster } from '#support/apiserver/cluster.ts'
import { service, slice, stored, storedAddress, storedService } from '#support/apiserver/objects.ts'
import { aaaaOf, backendsOf } from '#support/apiserver/served.ts'
import { grantRights, Replica } from '#support/apiserver/waypost.ts'
import { type RunningWaypost, until } from '#support/waypost.ts'

const SERVICES = 10_000
const SLICES = 2500
const ENDPOINTS = 100
/** The limit of the containers in deploy/; docs/performance.md has the figure, which a quiet machine measures. */
const LIMIT_MB = 512

const addressOf = (i: number, j: number): string => `fdaa:0:48c8:a7b:${(i + 1).toString(16)}::${(j + 1).toString(16)}`

/** Everything by its key in etcd, as the API server would have stored it. */
function* objects(): Iterable<readonly [string, object]> {
  for (let i = 0; i < SERVICES; i++) {
    const ip = `fdaa:0:48c8:0:1::${(i + 0x1000).toString(16)}`
    yield [`/registry/services/specs/default/svc-${i}`, storedService(`svc-${i}`, ip)]
    yield [`/registry/ipaddresses/${ip}`, storedAddress(`svc-${i}`, ip)]
  }
  for (let i = 0; i < SLICES; i++) {
    const addresses = Array.from({ length: ENDPOINTS }, (_, j) => addressOf(i, j))
    const object = slice(`slice-${i}`, `svc-${i * 4}`, addresses, {}, stored())
    yield [`/registry/endpointslices/default/slice-${i}`, object]
  }
}

describe.skipIf(inject('apiServer') === null)('a large cluster', () => {
  let cluster: TestCluster
  let server: RunningWaypost
  beforeAll(async () => {
    cluster = await TestCluster.start(inject('apiServer'), { serviceCidr: 'fdaa:0:48c8:0:1::/108' })
    await grantRights(cluster)
    await cluster.load(objects())
    server = await (await Replica.create(cluster, { serviceCidr: 'fdaa:0:48c8:0:1::/108' })).start()
  }, 600_000)
  afterAll(async () => {
    await server?.end()
    await cluster?.stop()
  })

  it('is listed whole', async () => {
    const last = SERVICES - 1
    expect(await aaaaOf(server, `svc-${last}`)).toHaveLength(1)
    expect(await backendsOf(server, 'default/svc-9996')).toHaveLength(ENDPOINTS)
    expect(await backendsOf(server, 'default/svc-0')).toContain(addressOf(0, 99))
  })

  it('is followed: an endpoint that changes, a Service that comes, one that goes', async () => {
    const addresses = Array.from({ length: ENDPOINTS }, (_, j) => addressOf(9999, j))
    await cluster.apply(slice('slice-7', 'svc-28', addresses))
    await until(async () => (await backendsOf(server, 'default/svc-28')).includes(addressOf(9999, 0)), 20_000)
    await cluster.apply(service('new'))
    await until(async () => (await aaaaOf(server, 'new')).length === 1, 20_000)
    await cluster.kubectl(['delete', 'service', 'svc-3'])
    await until(async () => (await aaaaOf(server, 'svc-3')).length === 0, 20_000)
  })

  it('fits into the memory that deploy/ gives a replica, at its highest', () => {
    const status = readFileSync(`/proc/${server.child.pid}/status`, 'utf8')
    const mb = (key: string): number => Number(new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024
    process.stdout.write(`e2e: RSS ${Math.round(mb('VmRSS'))} MB, at its highest ${Math.round(mb('VmHWM'))} MB\n`)
    expect(mb('VmHWM')).toBeLessThan(LIMIT_MB)
  })
})
