/** The ClusterIP of new Services, decided in the create requests of a real API server. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { TestCluster } from '../../support/apiserver/cluster.ts'
import { type RunningWaypost, startWaypost, until } from '../../support/waypost.ts'

const SLOW = 120_000

interface Service {
  readonly metadata: { readonly name: string; readonly annotations?: Readonly<Record<string, string>> }
  readonly spec: {
    readonly type: string
    readonly clusterIP?: string
    readonly clusterIPs?: readonly string[]
    readonly ipFamilies?: readonly string[]
    readonly ipFamilyPolicy?: string
  }
}

interface AddressView {
  readonly address: string
  readonly owner: { readonly name: string }
  readonly state: string
}

describe.skipIf(inject('apiServer') === null)('admission in a real API server', { timeout: SLOW }, () => {
  let cluster: TestCluster
  const replicas: RunningWaypost[] = []

  async function start(name: string): Promise<RunningWaypost> {
    const config = join(cluster.folder, `${name}.yaml`)
    writeFileSync(
      config,
      `networks: [{ name: default, cluster: { source: { kubernetes: { kubeconfig: ${cluster.kubeconfig} } } } }]
pool: { lease: 2s, rest: 0s }
dns: { listen: ["[::1]:0"], workers: 1 }
http: { listen: "[::1]:0" }
admission: { listen: "[::1]:0", tls: auto, names: ["::1"] }
data: ./data-${name}
`,
    )
    const replica = await startWaypost({ args: ['--config', config], untilListening: true })
    await until(() => replica.logs.some(line => line['event'] === 'ready'), 60_000)
    replicas.push(replica)
    return replica
  }

  async function configure(url: string): Promise<void> {
    const webhook = {
      name: 'services.waypost.fly.io',
      admissionReviewVersions: ['v1'],
      sideEffects: 'NoneOnDryRun',
      failurePolicy: 'Fail',
      timeoutSeconds: 10,
      rules: [{ apiGroups: [''], apiVersions: ['v1'], resources: ['services'], operations: ['CREATE', 'UPDATE'] }],
      clientConfig: { url: `${url}/admission/v1/services` },
    }
    const kind = { apiVersion: 'admissionregistration.k8s.io/v1', kind: 'MutatingWebhookConfiguration' }
    await cluster.apply({ ...kind, metadata: { name: 'waypost' }, webhooks: [webhook] })
  }

  function admissionUrl(replica: RunningWaypost): string {
    return String(replica.logs.find(line => line['event'] === 'listening')?.['admission'])
  }

  async function create(name: string, spec: object = {}, query = ''): Promise<{ status: number; body: Service }> {
    const body = { metadata: { name }, spec: { ports: [{ port: 80 }], ...spec } }
    return await cluster.api.send<Service>('POST', `/api/v1/namespaces/default/services${query}`, body)
  }

  async function claims(replica: RunningWaypost): Promise<readonly AddressView[]> {
    return ((await (await fetch(`${replica.api}/v1/addresses`)).json()) as { addresses: AddressView[] }).addresses
  }

  beforeAll(async () => {
    cluster = await TestCluster.start(inject('apiServer'))
    const replica = await start('a')
    await configure(admissionUrl(replica))
    // the next pass writes the bundle; the API server then needs a moment to see it
    await until(async () => (await create('probe', {}, '?dryRun=All')).status === 201, 90_000)
  }, 180_000)

  afterAll(async () => {
    for (const replica of replicas) await replica.end('SIGKILL')
    await cluster?.stop()
  })

  it('shows our address in the reply of kubectl, with the annotation', async () => {
    await cluster.kubectl(['create', 'service', 'clusterip', 'kuard', '--tcp=80:8080'])
    const { metadata, spec } = await cluster.get<Service>('service', 'kuard')
    expect(spec).toMatchObject({ ipFamilies: ['IPv6'], ipFamilyPolicy: 'SingleStack' })
    expect(spec.clusterIPs).toEqual([spec.clusterIP])
    expect(metadata.annotations?.['fly.io/clusterip-allocator']).toBe('configured')
    const [replica] = replicas
    if (replica === undefined) throw new Error('no replica')
    await until(
      async () =>
        (await claims(replica)).some(
          one => one.address === spec.clusterIP && one.owner.name === 'default/kuard' && one.state === 'bound',
        ),
      20_000,
    )
  })

  it('respects addresses, None, ExternalName and dry runs, and leaves a taken address to the API server', async () => {
    const named = await create('named', { clusterIP: 'fdaa:0:48c8:0:1::77' })
    expect(named.body.spec.clusterIP).toBe('fdaa:0:48c8:0:1::77')
    expect(named.body.metadata.annotations?.['fly.io/clusterip-allocator']).toBe('configured')
    const taken = await create('thief', { clusterIP: 'fdaa:0:48c8:0:1::77' })
    expect(taken.status).toBe(422)
    expect(JSON.stringify(taken.body)).toContain('provided IP is already allocated')
    expect((await create('headless', { clusterIP: 'None' })).body.spec.clusterIP).toBe('None')
    const external = await create('external', { type: 'ExternalName', externalName: 'example.org' })
    expect(external.body.spec.clusterIP).toBeUndefined()
    const dry = await create('dry', {}, '?dryRun=All')
    expect(dry.status).toBe(201)
    expect((await create('dry')).body.spec.clusterIP).toBe(dry.body.spec.clusterIP)
    const bad = await create('bad', { clusterIP: 'nonsense' })
    expect(JSON.stringify(bad.body)).toContain('must be a valid IP address')
  })

  it('keeps the address of a Service that is put without it, and gives one to what was an ExternalName', async () => {
    const before = (await create('put')).body.spec.clusterIP
    const path = '/api/v1/namespaces/default/services'
    const put = await cluster.api.send<Service>('PUT', `${path}/put`, {
      metadata: { name: 'put' },
      spec: { ports: [{ port: 81 }] },
    })
    expect(put.body).toMatchObject({
      metadata: { annotations: { 'fly.io/clusterip-allocator': 'configured' } },
      spec: { clusterIP: before },
    })
    await create('turns', { type: 'ExternalName', externalName: 'example.org' })
    const turned = await cluster.api.send<Service>('PUT', `${path}/turns`, {
      metadata: { name: 'turns' },
      spec: { ports: [{ port: 80 }] },
    })
    expect(turned.body.spec.clusterIP).toMatch(/^fdaa:0:48c8:0:1::/)
  })
})
