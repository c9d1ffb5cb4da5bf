/** The fake API server behaves as a real one where Waypost and its tests rely on it. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Obj } from '#support/kubernetes/objects.ts'
import { resource } from '#support/kubernetes/resources.ts'
import { type FakeKubernetes, startFakeKubernetes } from '#support/kubernetes/server.ts'
import { serviceAddresses } from '#support/kubernetes/service-addresses.ts'

let api: FakeKubernetes

beforeEach(async () => {
  api = await startFakeKubernetes()
})
afterEach(async () => {
  await api.stop()
})

interface Answer {
  readonly status: number
  readonly body: Obj & { items: Obj[]; reason: string; message: string }
}

async function ask(method: string, path: string, body?: unknown, type = 'application/json'): Promise<Answer> {
  const init =
    body === undefined ? { method } : { method, body: JSON.stringify(body), headers: { 'content-type': type } }
  const response = await fetch(api.url + path, init)
  return { status: response.status, body: (await response.json()) as Answer['body'] }
}

const SERVICES = '/api/v1/namespaces/default/services'
const LEASES = '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases'

function service(name: string, labels: Record<string, string> = {}): { metadata: object; spec: object } {
  return { metadata: { name, labels }, spec: { ports: [{ port: 80 }] } }
}

describe('the fake API server', () => {
  it('creates, replaces with optimistic locking, patches and deletes', async () => {
    const { body: lease } = await ask('POST', LEASES, { metadata: { name: 'leader' }, spec: { holderIdentity: 'a' } })
    const next = { ...lease, spec: { holderIdentity: 'b' } }
    expect(await ask('PUT', `${LEASES}/leader`, next)).toMatchObject({ status: 200 })
    expect(await ask('PUT', `${LEASES}/leader`, next)).toMatchObject({ status: 409, body: { reason: 'Conflict' } })
    const merge = { spec: { holderIdentity: null, leaseDurationSeconds: 15 } }
    const patched = await ask('PATCH', `${LEASES}/leader`, merge, 'application/merge-patch+json')
    expect(patched.body['spec']).toEqual({ leaseDurationSeconds: 15 })
    const other = { preconditions: { uid: 'another' } }
    expect(await ask('DELETE', `${LEASES}/leader`, other)).toMatchObject({ status: 409 })
    expect(await ask('DELETE', `${LEASES}/leader`)).toMatchObject({ status: 200 })
    expect(await ask('DELETE', `${LEASES}/leader`)).toMatchObject({ status: 404 })
  })

  it('applies per field manager: what a manager no longer names goes away, what another one owns conflicts', async () => {
    const apply = (manager: string, annotations: object, force = false): Promise<Answer> =>
      ask(
        'PATCH',
        `${SERVICES}/kuard?fieldManager=${manager}&force=${force}`,
        { apiVersion: 'v1', kind: 'Service', metadata: { name: 'kuard', annotations } },
        'application/apply-patch+yaml',
      )
    await ask('POST', SERVICES, service('kuard'))
    await apply('one', { a: '1', b: '1' })
    expect((await apply('one', { a: '2' })).body.metadata.annotations).toEqual({ a: '2' })
    expect(await apply('two', { a: '3' })).toMatchObject({
      status: 409,
      body: { message: expect.stringMatching(/1 conflict/) },
    })
    expect((await apply('two', { a: '3' }, true)).body.metadata.annotations).toEqual({ a: '3' })
    const before = api.store.version
    await apply('two', { a: '3' })
    expect(api.store.version).toBe(before)
  })

  it('lists by selectors and in pages of one moment', async () => {
    for (const name of ['a', 'b', 'c']) await ask('POST', SERVICES, service(name, { tier: name === 'b' ? 'x' : 'y' }))
    const names = (answer: Answer): string[] => answer.body.items.map(item => item.metadata.name)
    expect(names(await ask('GET', '/api/v1/services?labelSelector=tier=y'))).toEqual(['a', 'c'])
    expect(names(await ask('GET', '/api/v1/services?labelSelector=tier%20in%20(x,z),tier'))).toEqual(['b'])
    expect(names(await ask('GET', `${SERVICES}?fieldSelector=metadata.name%3Dc`))).toEqual(['c'])
    const first = await ask('GET', `${SERVICES}?limit=2`)
    await ask('DELETE', `${SERVICES}/c`)
    const token = String(first.body.metadata['continue'])
    expect(names(first)).toEqual(['a', 'b'])
    expect(names(await ask('GET', `${SERVICES}?limit=2&continue=${token}`))).toEqual(['c'])
    api.lists.expireTokens()
    expect(await ask('GET', `${SERVICES}?limit=2&continue=${token}`)).toMatchObject({ status: 410 })
  })

  it('keeps an object with finalizers until they are gone', async () => {
    const cidr = { metadata: { name: 'extra', finalizers: ['keep'] }, spec: { cidrs: ['fd00::/112'] } }
    const path = '/apis/networking.k8s.io/v1/servicecidrs'
    await ask('POST', path, cidr)
    await ask('DELETE', `${path}/extra`)
    const { body } = await ask('GET', `${path}/extra`)
    expect(body.metadata.deletionTimestamp).toBeDefined()
    await ask('PUT', `${path}/extra`, { ...body, metadata: { ...body.metadata, finalizers: [] } })
    expect(await ask('GET', `${path}/extra`)).toMatchObject({ status: 404 })
  })

  it('gives Services addresses that are IPAddress objects, and one address only once', async () => {
    api.store.rules.push(serviceAddresses(api.store, 'fdaa:0:48c8:0:1::'))
    const { body: first } = await ask('POST', SERVICES, service('first'))
    expect(first['spec']).toMatchObject({ clusterIP: 'fdaa:0:48c8:0:1::100', clusterIPs: ['fdaa:0:48c8:0:1::100'] })
    const same = { ...service('second'), spec: { clusterIP: 'fdaa:0:48c8:0:1::100' } }
    expect(await ask('POST', SERVICES, same)).toMatchObject({ status: 422, body: { reason: 'Invalid' } })
    await ask('DELETE', `${SERVICES}/first`)
    expect(api.store.list(resource('ipaddresses'))).toEqual([])
    expect(await ask('POST', SERVICES, same)).toMatchObject({ status: 201 })
  })

  it('does nothing in a dry run', async () => {
    api.store.rules.push(serviceAddresses(api.store, 'fdaa:0:48c8:0:1::'))
    expect(await ask('POST', `${SERVICES}?dryRun=All`, service('kuard'))).toMatchObject({ status: 201 })
    expect(api.store.list(resource('services'))).toEqual([])
    expect(api.store.list(resource('ipaddresses'))).toEqual([])
  })
})
