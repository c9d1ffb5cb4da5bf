/** What is written to the status of a cluster, as a real API server takes it and kubectl shows it. */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import type { KubernetesClient } from '#src/cluster/kubernetes/client.ts'
import { openKubernetesClient } from '#src/cluster/kubernetes/open-client.ts'
import { systemClock } from '#src/status/clock.ts'
import type { Complaint } from '#src/status/complaints.ts'
import { TIMING } from '#src/status/leader/election.ts'
import { Status } from '#src/status/status.ts'
import { TestCluster } from '../../support/apiserver/cluster.ts'
import { until } from '../../support/waypost.ts'

const SYNC_VERSION = 'service.fly.io/sync-version'
const OUTSIDE: Complaint = {
  reason: 'ClusterIPOutOfRange',
  action: 'ClusterIPAllocation',
  note: 'Cluster IP [IPv6]:fd00::1 is not within any configured Service CIDR; please recreate service',
}
/** A candidate looks at the Lease every 2 to 4.4 seconds. */
const HAND_OVER = 20_000

interface Service {
  readonly metadata: {
    readonly uid: string
    readonly annotations?: Record<string, string>
    readonly managedFields?: readonly { manager: string; operation: string; fieldsV1: unknown }[]
  }
  readonly spec: unknown
}

function service(name: string, annotations: Record<string, string> = {}): object {
  const spec = { ports: [{ name: 'http', port: 80 }], selector: { app: name } }
  return { apiVersion: 'v1', kind: 'Service', metadata: { name, annotations }, spec }
}

describe.skipIf(inject('apiServer') === null)('the status of a cluster on a real API server', () => {
  let cluster: TestCluster
  let client: KubernetesClient
  const running: Status[] = []

  beforeAll(async () => {
    cluster = await TestCluster.start(inject('apiServer'))
    client = await openKubernetesClient({ kubeconfig: cluster.kubeconfig, context: null, userAgent: 'waypost/test' })
  })

  afterAll(async () => {
    for (const status of running) await status.stop()
    await client?.close()
    await cluster?.stop()
  })

  async function read(name: string): Promise<Service> {
    const path = `/api/v1/namespaces/default/services/${name}`
    return (await cluster.api.send<Service>('GET', path)).body
  }

  /** A replica that knows of these Services what a watch has seen. */
  function start(identity: string, world: Map<string, World>): Status {
    const status = new Status({
      network: 'default',
      client,
      lease: { name: 'waypost-default', namespace: null },
      identity,
      timing: TIMING,
      perSecond: 50,
      syncVersions: {
        observed: key => world.get(key)?.observed ?? null,
        desired: key => world.get(key)?.desired,
        services: () => world.keys(),
      },
      events: {
        subject: key => ({ kind: 'Service', namespace: 'default', name: key.slice('default/'.length), uid: null }),
        complaints: key => world.get(key)?.complaints ?? [],
        troubled: () => world.keys(),
      },
      clock: systemClock,
      random: Math.random,
      log: { info: () => undefined, warn: () => undefined },
    })
    running.push(status)
    status.start()
    return status
  }

  it('is applied under a manager of its own, told by Events, and taken away again', { timeout: 120_000 }, async () => {
    await cluster.apply(service('kuard'), service('copied', { [SYNC_VERSION]: 'copied' }), service('again'))
    const { uid } = (await read('kuard')).metadata
    const before = (await read('kuard')).spec
    const world = new Map<string, World>()
    world.set('default/kuard', { observed: { uid, syncVersion: null }, desired: '17', complaints: [OUTSIDE] })
    const status = start('first', world)
    await until(async () => (await read('kuard')).metadata.annotations?.[SYNC_VERSION] === '17', HAND_OVER)
    const written = await read('kuard')
    expect(written.spec).toEqual(before)
    expect(written.metadata.managedFields?.filter(({ manager }) => manager === 'waypost')).toEqual([
      expect.objectContaining({
        operation: 'Apply',
        fieldsV1: { 'f:metadata': { 'f:annotations': { [`f:${SYNC_VERSION}`]: {} } } },
      }),
    ])

    const describeIt = () => cluster.kubectl(['describe', 'service', 'kuard'])
    await until(async () => (await describeIt()).includes('ClusterIPOutOfRange'), HAND_OVER)
    expect(await describeIt()).toMatch(/Warning +ClusterIPOutOfRange .* waypost\.fly\.io\/status +Cluster IP \[IPv6\]/)
    // It goes on: the same Event, counted after ten seconds at the earliest.
    const isCounted = async (): Promise<boolean> => {
      status.troubleChanged('default/kuard')
      return /\(x\d+ over /.test(await describeIt())
    }
    await until(isCounted, 60_000)

    // A copied manifest's annotation belongs to another manager, too.
    const copied = (await read('copied')).metadata.uid
    world.set('default/copied', { observed: { uid: copied, syncVersion: 'copied' }, desired: null, complaints: [] })
    status.routesChanged(['default/copied'])
    await until(async () => (await read('copied')).metadata.annotations?.[SYNC_VERSION] === undefined, HAND_OVER)
  })

  it('makes no Service that is gone, and marks none that only has its name', { timeout: 120_000 }, async () => {
    const old = (await read('again')).metadata.uid
    await cluster.kubectl(['delete', 'service', 'again'])
    const world = new Map<string, World>()
    world.set('default/again', { observed: { uid: old, syncVersion: null }, desired: '1', complaints: [] })
    for (const status of running.splice(0)) await status.stop()
    const status = start('second', world)
    await until(() => (status.figures().writes.get('conflict') ?? 0) > 0, HAND_OVER)
    expect((await cluster.tryKubectl(['get', 'service', 'again'])).code).not.toBe(0)
    await cluster.apply(service('again'))
    const conflicts = status.figures().writes.get('conflict') ?? 0
    status.routesChanged(['default/again'])
    await until(() => (status.figures().writes.get('conflict') ?? 0) > conflicts, HAND_OVER)
    expect((await read('again')).metadata.annotations?.[SYNC_VERSION]).toBeUndefined()
    expect(status.figures().writes.get('done')).toBe(0)
  })

  it('is handed over at once by a Lease that Kubernetes takes', { timeout: 120_000 }, async () => {
    const [first] = running
    const holder = async () => {
      const lease = await cluster.get<{ spec: { holderIdentity: string; leaseTransitions: number } }>(
        'lease',
        'waypost-default',
      )
      return lease.spec
    }
    expect((await holder()).holderIdentity).toBe('second')
    const status = start('third', new Map())
    await first?.stop()
    await until(() => status.figures().isLeader, HAND_OVER)
    expect(await holder()).toMatchObject({ holderIdentity: 'third', leaseTransitions: 2 })
  })
})

interface World {
  readonly observed: { readonly uid: string; readonly syncVersion: string | null }
  readonly desired: string | null
  readonly complaints: readonly Complaint[]
}
