/** Two replicas, real HTTP, a fake API server. */
import { afterEach, describe, expect, it } from 'vitest'
import { Credentials } from '#src/cluster/kubernetes/client/credentials.ts'
import { HttpClient } from '#src/cluster/kubernetes/client/http-client.ts'
import type { KubernetesClient } from '#src/cluster/kubernetes/client.ts'
import { systemClock } from '#src/status/clock.ts'
import type { Complaint } from '#src/status/complaints.ts'
import { Status } from '#src/status/status.ts'
import { resource } from '#support/kubernetes/resources.ts'
import { type FakeKubernetes, startFakeKubernetes } from '#support/kubernetes/server.ts'

const SYNC_VERSION = 'service.fly.io/sync-version'
/** As the defaults relate to each other, but quicker. */
const TIMING = { leaseDurationMs: 2000, renewDeadlineMs: 1200, retryPeriodMs: 100 }
const FULL: Complaint = { reason: 'ServiceCIDRFull', action: 'ClusterIPAllocation', note: 'range is full' }

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

async function cluster(): Promise<{ api: FakeKubernetes; client: KubernetesClient }> {
  const api = await startFakeKubernetes()
  const access = { server: api.url, headers: {}, tls: {}, tokenFile: null, proxy: null, namespace: 'default' }
  const client = new HttpClient(await Credentials.open(() => Promise.resolve(access)), 'waypost/test')
  ends.push(
    () => api.stop(),
    () => client.close(),
  )
  return { api, client }
}

interface Replica {
  readonly status: Status
  readonly events: string[]
}

function replica(
  api: FakeKubernetes,
  client: KubernetesClient,
  identity: string,
  desired: ReadonlyMap<string, string | null>,
  complaints: readonly Complaint[] = [],
): Replica {
  const services = resource('services')
  const objectOf = (key: string) => api.store.get(services, 'default', key.split('/')[1] ?? '')
  const events: string[] = []
  const note = (fields: object): void => void events.push((fields as { event: string }).event)
  const status = new Status({
    network: 'default',
    client,
    lease: { name: 'waypost-default', namespace: null },
    identity,
    timing: TIMING,
    perSecond: 100,
    syncVersions: {
      observed: key => {
        const object = objectOf(key)
        if (object === null) return null
        return { uid: object.metadata.uid ?? '', syncVersion: object.metadata.annotations?.[SYNC_VERSION] ?? null }
      },
      desired: key => desired.get(key),
      services: () => desired.keys(),
    },
    events: {
      subject: key => {
        const [namespace = '', name = ''] = key.split('/')
        const uid = objectOf(key)?.metadata.uid ?? ''
        return { kind: 'Service', namespace, name, uid }
      },
      complaints: () => complaints,
      troubled: () => desired.keys(),
    },
    clock: systemClock,
    random: Math.random,
    log: { info: note, warn: note },
  })
  ends.push(() => status.stop())
  return { status, events }
}

function annotation(api: FakeKubernetes, name: string): string | null {
  return api.store.get(resource('services'), 'default', name)?.metadata.annotations?.[SYNC_VERSION] ?? null
}

async function until(condition: () => boolean, ms = 8000): Promise<void> {
  const deadline = performance.now() + ms
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`not within ${ms} ms: ${condition}`)
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}

describe('Status', () => {
  it('is written by one of two replicas, and by the other when that one stops', async () => {
    const { api, client } = await cluster()
    api.add({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'kuard' }, spec: { ports: [{ port: 80 }] } })
    const desired = new Map<string, string | null>([['default/kuard', '1']])
    const [a, b] = [replica(api, client, 'a', desired, [FULL]), replica(api, client, 'b', desired, [FULL])]
    a.status.start()
    await until(() => annotation(api, 'kuard') === '1')
    b.status.start()
    await until(() => b.events.includes('leader_seen'))
    expect([a.status.figures().isLeader, b.status.figures().isLeader]).toEqual([true, false])
    await until(() => eventsOf(api).length === 1)
    expect(eventsOf(api)[0]).toMatchObject({ reason: 'ServiceCIDRFull', regarding: { name: 'kuard' } })

    desired.set('default/kuard', '2')
    for (const each of [a, b]) each.status.routesChanged(['default/kuard'])
    await until(() => annotation(api, 'kuard') === '2')
    await until(() => a.status.figures().writes.get('done') === 2)
    expect(b.status.figures().writes.get('done')).toBe(0)

    await a.status.stop()
    await until(() => b.status.figures().isLeader, TIMING.leaseDurationMs / 2)
    desired.set('default/kuard', '3')
    b.status.routesChanged(['default/kuard'])
    await until(() => annotation(api, 'kuard') === '3')
    expect(a.events).toContain('leader_ended')
    expect(api.store.get(resource('services'), 'default', 'kuard')?.['spec']).toMatchObject({ ports: [{ port: 80 }] })
  })

  it('comes back after the API server was away, with what changed meanwhile', async () => {
    const { api, client } = await cluster()
    api.add({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'kuard' }, spec: { ports: [{ port: 80 }] } })
    const desired = new Map<string, string | null>([['default/kuard', '1']])
    const { status, events } = replica(api, client, 'a', desired)
    status.start()
    await until(() => annotation(api, 'kuard') === '1')
    await api.stop()
    await until(() => !status.figures().isLeader)
    expect(events).toContain('election_failed')
    desired.set('default/kuard', '2')
    status.routesChanged(['default/kuard'])
    expect(status.figures().dirty).toBe(0)
    await api.start()
    await until(() => annotation(api, 'kuard') === '2')
    expect(status.figures().transitions).toBe(3)
  })
})

function eventsOf(api: FakeKubernetes): ReturnType<FakeKubernetes['store']['list']> {
  const response = api.requests.filter(request => request.method === 'POST' && request.plural === 'events')
  return response.map(request => request.body) as ReturnType<FakeKubernetes['store']['list']>
}
