import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Access } from '#src/cluster/kubernetes/client/access.ts'
import { Credentials } from '#src/cluster/kubernetes/client/credentials.ts'
import { HttpClient } from '#src/cluster/kubernetes/client/http-client.ts'
import type { KubernetesClient } from '#src/cluster/kubernetes/client.ts'
import { openKubernetesClient } from '#src/cluster/kubernetes/open-client.ts'
import { type FakeKubernetes, startFakeKubernetes } from '#support/kubernetes/server.ts'

let api: FakeKubernetes
let folder: string
const clients: KubernetesClient[] = []

beforeEach(async () => {
  api = await startFakeKubernetes()
  folder = mkdtempSync(join(tmpdir(), 'waypost-'))
})

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close()
  await api.stop()
  rmSync(folder, { recursive: true, force: true })
})

function accessTo(server: string, rest: Partial<Access> = {}): Access {
  return { server, headers: {}, tls: {}, tokenFile: null, proxy: null, namespace: 'default', ...rest }
}

async function clientOf(load: () => Promise<Access>): Promise<KubernetesClient> {
  const client = new HttpClient(await Credentials.open(load), 'waypost/test')
  clients.push(client)
  return client
}

async function plainClient(): Promise<KubernetesClient> {
  return await clientOf(() => Promise.resolve(accessTo(api.url)))
}

const PATH = '/api/v1/namespaces/default/services'
const KUARD = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'kuard' }, spec: { ports: [{ port: 80 }] } }

describe('the client of an API server', () => {
  it('gives every HTTP answer, refusals included, with its body', async () => {
    const client = await plainClient()
    const created = await client.request({ method: 'POST', path: PATH, body: KUARD })
    expect(created).toMatchObject({ status: 201, body: { kind: 'Service', metadata: { name: 'kuard' } } })
    const again = await client.request({ method: 'POST', path: PATH, body: KUARD })
    expect(again).toMatchObject({ status: 409, body: { kind: 'Status', reason: 'AlreadyExists' } })
    expect(await client.request({ method: 'GET', path: `${PATH}/none` })).toMatchObject({ status: 404 })
    expect(api.requests[0]?.headers['user-agent']).toBe('waypost/test')
  })

  it('sends query, content type and accept as asked', async () => {
    const client = await plainClient()
    const apply = { ...KUARD, metadata: { name: 'kuard', annotations: { a: 'b' } } }
    const answer = await client.request({
      method: 'PATCH',
      path: `${PATH}/kuard`,
      query: { fieldManager: 'me & you', force: 'true' },
      body: apply,
      contentType: 'application/apply-patch+yaml',
      accept: 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1',
    })
    expect(answer.status).toBe(201)
    expect(api.requests[0]?.query.get('fieldManager')).toBe('me & you')
    expect(api.requests[0]?.headers.accept).toContain('PartialObjectMetadata')
  })

  it('gives the time to wait that a server asks for', async () => {
    const client = await plainClient()
    api.fail({ when: () => true, status: 429, headers: { 'retry-after': '7' }, times: 1 })
    expect(await client.request({ method: 'GET', path: PATH })).toMatchObject({ status: 429, retryAfterMs: 7000 })
    expect(await client.request({ method: 'GET', path: PATH })).toMatchObject({ status: 200, retryAfterMs: null })
  })

  it('throws WAY_KUBERNETES_UNREACHABLE when nobody listens, the connection breaks, or no answer comes in time', async () => {
    const client = await plainClient()
    api.fail({ when: () => true, connection: 'drop', times: 1 })
    const unreachable = expect.objectContaining({ code: 'WAY_KUBERNETES_UNREACHABLE' })
    await expect(client.request({ method: 'POST', path: PATH, body: KUARD })).rejects.toEqual(unreachable)
    api.fail({ when: () => true, connection: 'hang', times: 2 })
    await expect(client.request({ method: 'GET', path: PATH, timeoutMs: 30 })).rejects.toEqual(unreachable)
    await expect(client.stream({ method: 'GET', path: PATH, timeoutMs: 30 })).rejects.toEqual(unreachable)
    await api.stop()
    await expect(client.request({ method: 'GET', path: PATH })).rejects.toEqual(unreachable)
  })

  it('streams a body that goes on after the time for its head, and ends it with the signal', async () => {
    const client = await plainClient()
    const end = new AbortController()
    const query = { watch: 'true', resourceVersion: String(api.store.version) }
    const stream = await client.stream({ method: 'GET', path: PATH, query, timeoutMs: 1000, signal: end.signal })
    const chunks = stream.chunks[Symbol.asyncIterator]()
    api.add(KUARD)
    expect(Buffer.from((await chunks.next()).value ?? []).toString()).toMatch(/^\{"type":"ADDED",.*\}\n$/)
    const next = chunks.next()
    end.abort()
    await expect(next).rejects.toThrow()
  })

  it('uses one connection for requests that follow each other, and survives its end by the server', async () => {
    const client = await plainClient()
    for (let i = 0; i < 3; i++) await client.request({ method: 'GET', path: PATH })
    expect(await api.connections()).toBe(1)
    await api.stop()
    await api.start()
    expect(await client.request({ method: 'GET', path: PATH })).toMatchObject({ status: 200 })
  })

  it('reads a token that was rotated in its file when the old one is refused', async () => {
    const tokenFile = join(folder, 'token')
    writeFileSync(tokenFile, 'first\n')
    api.tokens = new Set(['first'])
    const client = await clientOf(() => Promise.resolve(accessTo(api.url, { tokenFile })))
    expect(await client.request({ method: 'GET', path: PATH })).toMatchObject({ status: 200 })
    api.tokens = new Set(['second'])
    expect(await client.request({ method: 'GET', path: PATH })).toMatchObject({ status: 401 })
    writeFileSync(tokenFile, 'second\n')
    expect(await client.request({ method: 'GET', path: PATH })).toMatchObject({ status: 200 })
  })

  it('asks for other credentials when its own are refused, and not again at once when they are the same', async () => {
    let token = 'first'
    let loads = 0
    api.tokens = new Set(['first'])
    const client = await clientOf(() => {
      loads++
      return Promise.resolve(accessTo(api.url, { headers: { Authorization: `Bearer ${token}` } }))
    })
    api.tokens = new Set(['second'])
    token = 'second'
    expect(await client.request({ method: 'GET', path: PATH })).toMatchObject({ status: 200 })
    expect(loads).toBe(2)
    api.tokens = new Set()
    for (let i = 0; i < 3; i++) {
      expect(await client.request({ method: 'GET', path: PATH })).toMatchObject({ status: 401 })
    }
    expect(loads).toBe(2)
  })
})

describe('openKubernetesClient', { timeout: 60_000 }, () => {
  async function open(content: string, context: string | null = null): Promise<KubernetesClient> {
    const kubeconfig = join(folder, 'config')
    writeFileSync(kubeconfig, content)
    const client = await openKubernetesClient({ kubeconfig, context, userAgent: 'waypost/test' })
    clients.push(client)
    return client
  }

  it('takes server, token and namespace from a kubeconfig', async () => {
    api.tokens = new Set(['s3cret'])
    const config = JSON.parse(api.kubeConfig({ token: 's3cret' }))
    config.contexts.push({ name: 'other', context: { cluster: 'fake', user: 'fake', namespace: 'team' } })
    const client = await open(JSON.stringify(config), 'other')
    expect(client.namespace).toBe('team')
    expect(await client.request({ method: 'GET', path: PATH })).toMatchObject({ status: 200 })
  })

  it('follows a tokenFile, whose path begins at the folder of the kubeconfig', async () => {
    api.tokens = new Set(['rotated'])
    writeFileSync(join(folder, 'token'), 'first')
    const client = await open(api.kubeConfig({ tokenFile: 'token' }))
    expect(client.namespace).toBe('default')
    writeFileSync(join(folder, 'token'), 'rotated')
    expect(await client.request({ method: 'GET', path: PATH })).toMatchObject({ status: 200 })
  })

  it('runs an exec plugin', async () => {
    api.tokens = new Set(['from-plugin'])
    const credential = {
      apiVersion: 'client.authentication.k8s.io/v1',
      kind: 'ExecCredential',
      status: { token: 'from-plugin' },
    }
    const exec = { apiVersion: credential.apiVersion, command: 'echo', args: [JSON.stringify(credential)] }
    const client = await open(api.kubeConfig({ exec }))
    expect(await client.request({ method: 'GET', path: PATH })).toMatchObject({ status: 200 })
  })

  it('says what is wrong with a kubeconfig', async () => {
    const fault = (message: RegExp) =>
      expect.objectContaining({ code: 'WAY_KUBERNETES_CONFIG', message: expect.stringMatching(message) })
    const missing = { kubeconfig: join(folder, 'none'), context: null, userAgent: 'waypost/test' }
    await expect(openKubernetesClient(missing)).rejects.toEqual(fault(/none": ENOENT/))
    await expect(open(api.kubeConfig(), 'nowhere')).rejects.toEqual(
      fault(/no context "nowhere"; the contexts are fake$/),
    )
    await expect(open('{')).rejects.toEqual(fault(/Cannot use the Kubernetes credentials in/))
  })
})
