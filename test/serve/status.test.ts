/** Whole servers behind a fake API server: what they write to it, and that nothing else depends on that. */
import { join } from 'node:path'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Credentials } from '#src/cluster/kubernetes/client/credentials.ts'
import { HttpClient } from '#src/cluster/kubernetes/client/http-client.ts'
import { loadConfig } from '#src/config.ts'
import { type RunningServer, startServer } from '#src/serve/server.ts'
import { resolve } from '#support/dns-client.ts'
import { resource } from '#support/kubernetes/resources.ts'
import { type FakeKubernetes, type SeenRequest, startFakeKubernetes } from '#support/kubernetes/server.ts'
import { fakeSurroundings } from '#support/surroundings.ts'
import { temporaryFolder, until } from '#support/waypost.ts'

const SYNC_VERSION = 'service.fly.io/sync-version'
/** For what takes a request or two, on a busy machine. */
const SOON = 20_000

let api: FakeKubernetes
let folder: ReturnType<typeof temporaryFolder>
const running: Replica[] = []

function service(name: string, port = 80): object {
  const spec = { clusterIP: 'fd00::1', ports: [{ name: 'http', port }] }
  return { apiVersion: 'v1', kind: 'Service', metadata: { name }, spec }
}

/** The slice of `kuard` with `count` endpoints. */
function slice(count: number): object {
  const labels = { 'kubernetes.io/service-name': 'kuard' }
  const endpoints = Array.from({ length: count }, (_, i) => ({ addresses: [`fd00::1:${i + 1}`] }))
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'kuard-1', labels },
    addressType: 'IPv6',
    ports: [{ name: 'http', port: 8080 }],
    endpoints,
  }
}

interface Replica {
  readonly server: RunningServer
  readonly events: string[]
}

beforeEach(async () => {
  api = await startFakeKubernetes()
  folder = temporaryFolder()
})

afterEach(async () => {
  for (const { server } of running.splice(0)) await server.stop()
  await api.stop()
  folder.dispose()
})

async function start(name: string): Promise<Replica> {
  const flags = { kubeconfig: '/kubeconfig', data: join(folder.path, name), dns: ['[::1]:0'], http: '[::1]:0' }
  const config = loadConfig({ file: null, flags, surroundings: fakeSurroundings({}, { cpus: 1 }) })
  const access = { server: api.url, headers: {}, tls: {}, tokenFile: null, proxy: null, namespace: 'default' }
  const events: string[] = []
  const log = pino({ base: null }, { write: line => void events.push((JSON.parse(line) as { event: string }).event) })
  const openClient = async () => new HttpClient(await Credentials.open(() => Promise.resolve(access)), 'waypost/test')
  const server = await startServer(config, log, { openClient })
  const replica = { server, events }
  running.push(replica)
  return replica
}

async function page(replica: Replica, path: string): Promise<string> {
  return await (await fetch(`${replica.server.bound.http}${path}`)).text()
}

async function isLeader(replica: Replica): Promise<boolean> {
  return (await page(replica, '/metrics')).includes('waypost_status_leader{network="default"} 1\n')
}

/** The sync version as the HTTP API has it. */
async function published(replica: Replica): Promise<unknown> {
  return (JSON.parse(await page(replica, '/v1/services/default/kuard')) as Record<string, unknown>)['syncVersion']
}

function annotation(name: string): string | undefined {
  return api.store.get(resource('services'), 'default', name)?.metadata.annotations?.[SYNC_VERSION]
}

function holder(): unknown {
  const lease = api.store.get(resource('leases'), 'default', 'waypost-default')
  return (lease?.['spec'] as { holderIdentity?: string } | undefined)?.holderIdentity
}

function seen(method: string, plural: string): SeenRequest[] {
  return api.requests.filter(request => request.method === method && request.plural === plural)
}

describe('the status of a cluster', () => {
  it('waits for a leader, and names and routes do not', { timeout: 90_000 }, async () => {
    api.add(service('kuard'))
    api.add(slice(2))
    api.allows = request => request.plural !== 'leases'
    const replica = await start('a')
    await until(() => replica.events.includes('election_failed'), SOON)
    api.add(slice(3))
    await until(async () => (await page(replica, '/v1/routes')).includes('"fd00::1:3"'), SOON)
    const port = replica.server.bound.dns[0]?.port ?? 0
    const name = 'kuard.default.svc.cluster.local'
    expect(await resolve({ port, name, type: 'AAAA' })).toEqual(['AAAA fd00::1'])
    expect((await fetch(`${replica.server.bound.http}/ready`)).status).toBe(200)
    expect(await isLeader(replica)).toBe(false)
    expect(seen('PATCH', 'services')).toEqual([])

    api.allows = () => true
    await until(() => annotation('kuard') !== undefined, SOON)
    expect(annotation('kuard')).toBe(await published(replica))
    expect(await isLeader(replica)).toBe(true)
  })

  it('is a sync version that changes once with the routes, and Events about what is wrong', {
    timeout: 90_000,
  }, async () => {
    api.add(service('kuard'))
    api.add(slice(2))
    api.add(service('wrong', 0))
    const replica = await start('a')
    await until(() => annotation('kuard') !== undefined, SOON)
    const first = annotation('kuard')
    api.add(slice(3))
    await until(() => annotation('kuard') !== first, SOON)
    expect(annotation('kuard')).toBe(await published(replica))
    expect(seen('PATCH', 'services')).toHaveLength(2)
    await until(() => seen('POST', 'events').length === 2, SOON)
    const bodies = seen('POST', 'events').map(({ body }) => body as { reason: string })
    expect(bodies.toSorted((a, b) => a.reason.localeCompare(b.reason))).toMatchObject([
      {
        reason: 'ClusterIPOutOfRange',
        note: 'Cluster IP [IPv6]:fd00::1 is not within any configured Service CIDR; please recreate service',
        regarding: { kind: 'Service', name: 'kuard' },
      },
      {
        reason: 'ObjectRefused',
        regarding: { kind: 'Service', name: 'wrong', uid: expect.stringMatching(/^[0-9a-f-]{36}$/) },
      },
    ])
  })

  it('is written by one replica, and soon by the other when that one stops', { timeout: 90_000 }, async () => {
    api.add(service('kuard'))
    const first = await start('a')
    await until(() => annotation('kuard') !== undefined, SOON)
    const second = await start('b')
    await until(() => second.events.includes('leader_seen'), SOON)
    expect([await isLeader(first), await isLeader(second)]).toEqual([true, false])
    const before = holder()
    await first.server.stop()
    running.shift()
    expect(holder()).not.toBe(before)
    await until(() => isLeader(second), SOON)
    api.add(slice(2))
    await until(async () => annotation('kuard') === (await published(second)), SOON)
  })
})
