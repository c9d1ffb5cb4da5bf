/** Two real processes beside one API server: certificates they make, addresses they promise, apps they share. */
import { writeFileSync } from 'node:fs'
import { request as httpsRequest } from 'node:https'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { review, service } from '../admission/support.ts'
import { resolve } from '../support/dns-client.ts'
import { resource } from '../support/kubernetes/resources.ts'
import { type FakeKubernetes, startFakeKubernetes } from '../support/kubernetes/server.ts'
import { type RunningWaypost, startWaypost, temporaryFolder, until } from '../support/waypost.ts'

type Json = Record<string, unknown>

const POOL = 'fdaa:0:48c8:0:1::/112'
const MANAGED_BY = 'ipaddress.kubernetes.io/managed-by'
/** Milliseconds for what a watch and a look at leases take, on a busy machine. */
const DEADLINE = 30_000
const folder = temporaryFolder()
let api: FakeKubernetes
let replicas: readonly RunningWaypost[] = []

beforeAll(async () => {
  api = await startFakeKubernetes()
  api.add({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } })
  serviceCidr('kubernetes', POOL)
  give('kubernetes', 'fdaa:0:48c8:0:1::1')
  const webhooks = [{ name: 'services.waypost.fly.io', clientConfig: { url: 'https://[::1]:9443/' } }]
  const configuration = { apiVersion: 'admissionregistration.k8s.io/v1', kind: 'MutatingWebhookConfiguration' }
  api.add({ ...configuration, metadata: { name: 'waypost' }, webhooks })
  // one after the other: a busy machine takes its time for each
  replicas = [await start('a'), await start('b')]
}, 150_000)

afterAll(async () => {
  await Promise.all(replicas.map(replica => replica.end('SIGKILL')))
  await api.stop()
  folder.dispose()
})

async function start(name: string): Promise<RunningWaypost> {
  const kubeconfig = join(folder.path, 'kubeconfig')
  writeFileSync(kubeconfig, api.kubeConfig({ token: 'secret' }))
  const config = join(folder.path, `${name}.yaml`)
  writeFileSync(
    config,
    `networks: [{ name: default, cluster: { source: { kubernetes: { kubeconfig: ./kubeconfig } } } }]
pool: { lease: 1s, rest: 0s }
dns: { listen: ["[::1]:0"], workers: 1 }
http: { listen: "[::1]:0" }
admission: { listen: "[::1]:0", tls: auto, names: ["::1"] }
data: ./data-${name}
`,
  )
  const replica = await startWaypost({ args: ['--config', config], untilListening: true })
  // a busy machine takes its time to read a kubeconfig and to make certificates
  await until(() => replica.logs.some(line => line['event'] === 'ready'), 60_000)
  return replica
}

function serviceCidr(name: string, cidr: string): void {
  const metadata = { name }
  api.add({ apiVersion: 'networking.k8s.io/v1', kind: 'ServiceCIDR', metadata, spec: { cidrs: [cidr] } })
}

/** What the API server does at the end of a create: the IPAddress, then the Service. */
function give(name: string, address: string): void {
  const parentRef = { group: '', resource: 'services', namespace: 'default', name }
  const labels = { [MANAGED_BY]: 'ipallocator.k8s.io' }
  const kind = { apiVersion: 'networking.k8s.io/v1', kind: 'IPAddress' }
  api.add({ ...kind, metadata: { name: address, labels }, spec: { parentRef } })
  const object = service(name, { clusterIP: address, clusterIPs: [address], type: 'ClusterIP' })
  api.add({ ...object, metadata: { ...(object['metadata'] as Json), uid: `uid-${name}` } })
}

function bundle(): string {
  const configuration = api.store.get(resource('mutatingwebhookconfigurations'), null, 'waypost') as unknown as {
    webhooks: { clientConfig: { caBundle?: string } }[]
  } | null
  return Buffer.from(configuration?.webhooks[0]?.clientConfig.caBundle ?? '', 'base64').toString()
}

/** Asks a replica as the API server would, believing only the bundle of the configuration. */
async function promised(replica: RunningWaypost, name: string): Promise<string> {
  const url = String(replica.logs.find(line => line['event'] === 'listening')?.['admission'])
  const answer = await new Promise<Json>((done, failed) => {
    const options = { method: 'POST', ca: bundle(), headers: { 'content-type': 'application/json' } }
    const request = httpsRequest(`${url}/admission/v1/services`, options, response => {
      let text = ''
      response.on('data', chunk => {
        text += String(chunk)
      })
      response.on('end', () => done(JSON.parse(text) as Json))
    })
    request.on('error', failed)
    request.end(JSON.stringify(review(service(name))))
  })
  const { patch, allowed } = answer['response'] as { patch: string; allowed: boolean }
  expect(allowed).toBe(true)
  const steps = JSON.parse(Buffer.from(patch, 'base64').toString()) as { path: string; value: string }[]
  return String(steps.find(step => step.path === '/spec/clusterIP')?.value)
}

interface AddressView {
  readonly address: string
  readonly owner: { readonly kind: string; readonly name: string }
  readonly state: string
}

async function claims(replica: RunningWaypost): Promise<readonly AddressView[]> {
  return ((await (await fetch(`${replica.api}/v1/addresses`)).json()) as { addresses: AddressView[] }).addresses
}

async function stateOf(replica: RunningWaypost, name: string): Promise<string> {
  const found = (await claims(replica)).find(claim => claim.owner.name === name)
  return found === undefined ? 'none' : `${found.address} ${found.state}`
}

async function everywhere(name: string, expected: string): Promise<void> {
  for (const replica of replicas) await until(async () => (await stateOf(replica, name)) === expected, DEADLINE)
}

function both(): readonly [RunningWaypost, RunningWaypost] {
  const [a, b] = replicas
  if (a === undefined || b === undefined) throw new Error('not two')
  return [a, b]
}

describe('two replicas in a cluster', { timeout: 90_000 }, () => {
  it('are ready with certificates of one authority that the API server believes', async () => {
    await until(() => bundle() !== '', DEADLINE)
    for (const replica of replicas) expect(await promised(replica, 'first')).toMatch(/^fdaa:0:48c8:0:1::/)
    const secrets = api.requests.filter(request => request.method === 'POST' && request.plural === 'secrets')
    expect(secrets.length).toBeGreaterThan(0)
    expect(bundle().match(/BEGIN CERTIFICATE/g)).toHaveLength(1)
  })

  it('promise a Service the same address, and both know it when it has appeared', async () => {
    const [a, b] = both()
    const address = await promised(a, 'kuard')
    expect(await promised(b, 'kuard')).toBe(address)
    expect(await stateOf(a, 'default/kuard')).toBe(`${address} reserved`)
    give('kuard', address)
    await everywhere('default/kuard', `${address} bound`)
    expect(await resolve({ port: a.dnsPort, name: 'kuard.default.svc.cluster.local', type: 'AAAA' })).toEqual([
      `AAAA ${address}`,
    ])
  })

  it('promise another address when the API server has given the first one away', async () => {
    const [a, b] = both()
    const address = await promised(a, 'loser')
    give('winner', address)
    await everywhere('default/winner', `${address} bound`)
    for (const replica of [a, b]) expect(await promised(replica, 'loser')).not.toBe(address)
  })

  it('forget a promise whose Service never appears', async () => {
    const [a] = both()
    const address = await promised(a, 'never')
    expect(await stateOf(a, 'default/never')).toBe(`${address} reserved`)
    await until(async () => (await stateOf(a, 'default/never')) === 'none', DEADLINE)
  })

  it('give an app one address, which the cluster has as an IPAddress, and take it away everywhere', async () => {
    const [a, b] = both()
    const post = async (replica: RunningWaypost): Promise<Response> =>
      await fetch(`${replica.api}/v1/addresses`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{"app":"web"}',
      })
    const first = await post(a)
    expect(first.status).toBe(201)
    const { address } = (await first.json()) as { address: string }
    const object = api.store.get(resource('ipaddresses'), null, address) as unknown as Json
    expect(object).toMatchObject({
      metadata: { labels: { [MANAGED_BY]: 'waypost.fly.io', 'ipaddress.kubernetes.io/ip-family': 'IPv6' } },
      spec: { parentRef: { group: 'fly.io', resource: 'apps', namespace: 'default', name: 'web' } },
    })
    await everywhere('web', `${address} bound`)
    expect(await resolve({ port: b.dnsPort, name: 'web.flycast', type: 'AAAA' })).toEqual([`AAAA ${address}`])
    const again = await post(b)
    expect({ status: again.status, body: await again.json() }).toMatchObject({ status: 200, body: { address } })
    const removed = await fetch(`${b.api}/v1/addresses/${address}`, { method: 'DELETE' })
    expect(removed.status).toBe(204)
    await everywhere('web', 'none')
    expect(api.store.get(resource('ipaddresses'), null, address)).toBeNull()
  })

  it('follow ServiceCIDRs, and say what lies outside', async () => {
    const [a] = both()
    const capacity = async (): Promise<string> => {
      const page = await (await fetch(`${a.api}/metrics`)).text()
      return /waypost_pool_capacity_addresses\{network="default"\} (\d+)/.exec(page)?.[1] ?? ''
    }
    expect(await capacity()).toBe('65536')
    serviceCidr('more', 'fdab::/120')
    await until(async () => (await capacity()) === '65792', DEADLINE)
    api.remove(resource('servicecidrs'), null, 'more')
    await until(async () => (await capacity()) === '65536', DEADLINE)
  })
})
