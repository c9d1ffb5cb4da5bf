/** What an API server does to its clients: it crashes, forgets, refuses, and is away. Names and routes stay. */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { TestCluster } from '#support/apiserver/cluster.ts'
import { service, slice } from '#support/apiserver/objects.ts'
import { aaaaOf, backendsOf, routesOf } from '#support/apiserver/served.ts'
import { grantRights, Replica } from '#support/apiserver/waypost.ts'
import type { RunningWaypost } from '#support/waypost.ts'
import { until } from '#support/waypost.ts'

const POD = (i: number): string => `fdaa:0:48c8:a7b::${i.toString(16)}`
/** A client of client-go's manners waits up to 30 s between two attempts. */
const BACK = 60_000

describe.skipIf(inject('apiServer') === null)('an API server that', () => {
  let cluster: TestCluster
  let replica: Replica
  let server: RunningWaypost
  beforeAll(async () => {
    cluster = await TestCluster.start(inject('apiServer'))
    await grantRights(cluster)
    await cluster.apply(service('kuard'), slice('kuard-1', 'kuard', [POD(1)]))
    await cluster.apply(service('headless', { clusterIP: 'None' }), slice('headless-1', 'headless', [POD(2)]))
    replica = await Replica.create(cluster)
    server = await replica.start()
  })
  afterAll(async () => {
    await server?.end()
    await cluster?.stop()
  })

  /** A change in the cluster is seen by Waypost: it follows again, or still. */
  async function followsChanges(pod: string): Promise<void> {
    await cluster.apply(slice('headless-1', 'headless', [pod]))
    await until(async () => String(await aaaaOf(server, 'headless')) === pod, BACK)
  }
  const state = async (): Promise<unknown> => [
    await routesOf(server),
    await aaaaOf(server, 'kuard'),
    await aaaaOf(server, 'headless'),
  ]

  async function staleSeconds(): Promise<number> {
    const page = await (await fetch(`${server.api}/metrics`)).text()
    return Number(/^waypost_source_stale_seconds\{network="default"\} (\S+)$/m.exec(page)?.[1])
  }

  it('runs is listed and followed', async () => {
    expect(await aaaaOf(server, 'headless')).toEqual([POD(2)])
    expect(await backendsOf(server, 'default/kuard')).toEqual([POD(1)])
    await followsChanges(POD(3))
    await cluster.apply(slice('kuard-1', 'kuard', [POD(1), POD(4)]))
    await until(async () => (await backendsOf(server, 'default/kuard')).length === 2)
    await cluster.apply(service('late'))
    const [address] = await until(async () => {
      const found = await aaaaOf(server, 'late')
      return found.length === 1 && found
    })
    const { spec } = await cluster.get<{ spec: { clusterIP: string } }>('service', 'late')
    expect(address).toBe(spec.clusterIP)
    await cluster.kubectl(['delete', 'service', 'late'])
    await until(async () => (await aaaaOf(server, 'late')).length === 0)
  })

  it('is killed and restarted is followed again', async () => {
    const before = await state()
    await cluster.killApiServer()
    expect(await state()).toEqual(before)
    await cluster.startApiServer()
    await followsChanges(POD(5))
  })

  it('has forgotten where we were (410) is listed again, deletions included', async () => {
    await cluster.apply(service('doomed'))
    await until(async () => (await aaaaOf(server, 'doomed')).length === 1)
    // While Waypost stands still one Service goes, one comes, an endpoint changes, and etcd forgets the way there.
    server.child.kill('SIGSTOP')
    await cluster.kubectl(['delete', 'service', 'doomed'])
    await cluster.apply(service('fresh'), slice('headless-1', 'headless', [POD(7)]))
    await cluster.compact()
    await cluster.killApiServer()
    await cluster.startApiServer()
    server.child.kill('SIGCONT')
    await until(async () => String(await aaaaOf(server, 'headless')) === POD(7), BACK)
    await until(async () => (await aaaaOf(server, 'fresh')).length === 1, BACK)
    await until(async () => (await aaaaOf(server, 'doomed')).length === 0, BACK)
    expect(server.logs.map(line => line['reason'])).toContain('gone')
    await followsChanges(POD(8))
  })

  it('is gone for a while leaves every answer and route as it was, also after a restart of Waypost', async () => {
    const before = await state()
    await cluster.killApiServer()
    const end = performance.now() + 12_000
    while (performance.now() < end) expect(await state()).toEqual(before)
    expect(await staleSeconds()).toBeGreaterThan(1)
    expect(await server.end()).toBe(0)
    server = await replica.start()
    expect(await state()).toEqual(before)
    await cluster.startApiServer()
    await followsChanges(POD(6))
    await until(async () => (await staleSeconds()) === 0, BACK)
    expect(await backendsOf(server, 'default/kuard')).toEqual([POD(1), POD(4)])
  })
})
