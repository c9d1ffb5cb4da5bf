/**
 * A cluster as its users know it: kubectl, and the controllers that make endpoints. The Services get our addresses, names
 * and routes follow their Pods, and the annotation says which routes are published.
 */
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { TestCluster } from '../../support/apiserver/cluster.ts'
import type { ServiceObject } from '../../support/apiserver/objects.ts'
import { aaaaOf, backendsOf, routesOf, servicesOf } from '../../support/apiserver/served.ts'
import { freePort, grantRights, Replica } from '../../support/apiserver/waypost.ts'
import { ALLOCATOR, installWebhook, webhookWorks } from '../../support/apiserver/webhook.ts'
import { resolve } from '../../support/dns-client.ts'
import { ROOT } from '../../support/source-tree.ts'
import { type RunningWaypost, until } from '../../support/waypost.ts'

const SYNC_VERSION = 'service.fly.io/sync-version'
/** For what passes through controllers, a leader and two caches. */
const SOON = 30_000
const EXAMPLE = join(ROOT, 'examples/kuard')

describe.skipIf(inject('apiServer') === null)('in a cluster with controllers', () => {
  let cluster: TestCluster
  let server: RunningWaypost
  beforeAll(async () => {
    cluster = await TestCluster.start(inject('apiServer'), { controllers: true })
    await grantRights(cluster)
    const port = await freePort()
    await installWebhook(cluster, port)
    const admission = { listen: `[::1]:${port}`, tls: 'auto', names: ['::1'] }
    server = await (await Replica.create(cluster, { config: { admission } })).start()
    await webhookWorks(cluster)
    // The controllers make the account that Pods need.
    await until(
      async () => (await cluster.api.send('GET', '/api/v1/namespaces/default/serviceaccounts/default')).status === 200,
      SOON,
    )
  })
  afterAll(async () => {
    await server?.end()
    await cluster?.stop()
  })

  const serviceOf = async (name: string): Promise<ServiceObject> => await cluster.get<ServiceObject>('service', name)
  const versionOf = async (name: string) => (await serviceOf(name)).metadata.annotations?.[SYNC_VERSION]
  /** What a scheduler would do: the controllers leave out a Pod that has no node. */
  async function bindPods(...names: readonly string[]): Promise<void> {
    await cluster.apply({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-1' } })
    for (const name of names) {
      const binding = { metadata: { name }, target: { apiVersion: 'v1', kind: 'Node', name: 'node-1' } }
      const { status } = await cluster.api.send('POST', `/api/v1/namespaces/default/pods/${name}/binding`, binding)
      expect(status).toBe(201)
    }
  }
  /** What a kubelet would say about a Pod. */
  async function setPod(name: string, address: string, isReady: boolean): Promise<void> {
    const conditions = [{ type: 'Ready', status: isReady ? 'True' : 'False' }]
    const status = { phase: 'Running', podIP: address, podIPs: [{ ip: address }], conditions }
    const patch = JSON.stringify({ status })
    await cluster.kubectl(['patch', 'pod', name, '--subresource', 'status', '--type', 'merge', '--patch', patch])
  }

  it('kubectl apply of the example shows our address and annotation', async () => {
    const args = ['apply', '--output', 'json', '--filename', join(EXAMPLE, 'kuard.yaml')]
    const { items } = JSON.parse(await cluster.kubectl(args)) as { items: (ServiceObject & { kind: string })[] }
    const reply = items.find(({ kind }) => kind === 'Service')
    expect(reply?.metadata.annotations?.[ALLOCATOR]).toBe('configured')
    expect(reply?.spec.clusterIP).toMatch(/^fdaa:0:48c8:0:1::/)
    await until(async () => String(await aaaaOf(server, 'kuard')) === reply?.spec.clusterIP, SOON)
    // Applied again it is unchanged: nothing that we wrote is in the way of what the user wrote.
    const again = await cluster.kubectl(['apply', '--filename', join(EXAMPLE, 'kuard.yaml')])
    expect(again).toMatch(/service\/kuard unchanged/)
    for (const file of ['namespace.yaml', 'headless.yaml', 'external-name.yaml']) {
      await cluster.kubectl(['apply', '--filename', join(EXAMPLE, file)])
    }
  })

  it('names and routes follow the Pods', async () => {
    const pod = 'fdaa:0:48c8:a7b:228:4b6d:6e20:2'
    await bindPods('kuard', 'db-0', 'db-1')
    await setPod('kuard', pod, true)
    await until(async () => String(await backendsOf(server, 'default/kuard')) === pod, SOON)
    await setPod('db-0', 'fdaa:0:48c8:a7b:1f4:9c2e:71d0:2', true)
    await setPod('db-1', 'fdaa:0:48c8:a7b:1f5:6a18:3be4:2', false)
    await until(async () => (await aaaaOf(server, 'db')).length === 2, SOON)
    expect(await aaaaOf(server, 'db-0.db')).toEqual(['fdaa:0:48c8:a7b:1f4:9c2e:71d0:2'])
    const cname = await resolve({ port: server.dnsPort, name: 'docs.default.svc.cluster.local', type: 'CNAME' })
    expect(cname).toEqual(['CNAME kubernetes.io'])
    const app = 'kuard.svc.fks-default-7zyjm3ovpdxmd0ep.flycast'
    const flycast = await resolve({ port: server.dnsPort, name: app, type: 'AAAA' })
    expect(flycast).toEqual([`AAAA ${(await serviceOf('kuard')).spec.clusterIP}`])
  })

  it('the annotation sync-version appears and changes with the endpoints', async () => {
    const published = async () =>
      (await servicesOf(server)).find(({ service }) => service === 'default/kuard')?.syncVersion
    const first = await until(async () => {
      const version = await versionOf('kuard')
      return version !== undefined && version === (await published()) && version
    }, SOON)
    await setPod('kuard', 'fdaa:0:48c8:a7b:228:4b6d:6e20:2', false)
    await until(async () => (await backendsOf(server, 'default/kuard')).length === 0, SOON)
    const second = await until(async () => {
      const version = await versionOf('kuard')
      return version !== first && version === (await published()) && version
    }, SOON)
    await setPod('kuard', 'fdaa:0:48c8:a7b:228:4b6d:6e20:2', true)
    // The version is a hash of the content: what was before comes back.
    await until(async () => (await versionOf('kuard')) === first, SOON)
    expect(second).not.toBe(first)
  })

  it('the annotation has a manager of its own and nobody else’s field', async () => {
    const { metadata } = await cluster.get<{
      metadata: { managedFields: { manager: string; operation: string; fieldsV1: object }[] }
    }>('service', 'kuard', '--show-managed-fields')
    const own = metadata.managedFields.filter(({ fieldsV1 }) => JSON.stringify(fieldsV1).includes(SYNC_VERSION))
    expect(own.map(({ operation }) => operation)).toEqual(['Apply'])
    expect(own[0]?.fieldsV1).toEqual({ 'f:metadata': { 'f:annotations': { [`f:${SYNC_VERSION}`]: {} } } })
  })

  it('a Service keeps its address over kubectl replace, edit and a change of its type', async () => {
    const { clusterIP } = (await serviceOf('kuard')).spec
    const replaced = { metadata: { name: 'kuard' }, spec: { selector: { app: 'kuard' }, ports: [{ port: 8081 }] } }
    const object = { apiVersion: 'v1', kind: 'Service', ...replaced }
    await cluster.kubectl(['replace', '--filename', '-'], JSON.stringify(object))
    expect((await serviceOf('kuard')).spec.clusterIP).toBe(clusterIP)
    await until(async () => (await routesOf(server)).some(route => route.address === clusterIP), SOON)
    const patch = async (spec: object) =>
      await cluster.kubectl(['patch', 'service', 'kuard', '--type', 'merge', '--patch', JSON.stringify({ spec })])
    await patch({ type: 'NodePort' })
    expect((await serviceOf('kuard')).spec.clusterIP).toBe(clusterIP)
    await patch({ type: 'ExternalName', externalName: 'kubernetes.io', clusterIP: null, clusterIPs: null })
    expect((await serviceOf('kuard')).spec.clusterIP).toBeUndefined()
    await until(async () => (await aaaaOf(server, 'kuard')).length === 0, SOON)
    await patch({ type: 'ClusterIP', externalName: null })
    const back = (await serviceOf('kuard')).spec.clusterIP
    expect(back).toBe(clusterIP)
    await until(async () => String(await aaaaOf(server, 'kuard')) === back, SOON)
  })

  it('a deleted Service leaves its name and its route', async () => {
    await cluster.kubectl(['delete', '--filename', join(EXAMPLE, 'kuard.yaml'), '--wait=false'])
    await until(async () => (await aaaaOf(server, 'kuard')).length === 0, SOON)
    expect((await routesOf(server)).filter(({ service }) => service === 'default/kuard')).toEqual([])
  })
})
