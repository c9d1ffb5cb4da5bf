import { describe, expect, it } from 'vitest'
import type { ClusterAddressSink, IpAddress, ServiceCidr } from '#src/cluster/kubernetes/addresses.ts'
import type { Change } from '#src/cluster/kubernetes/collection.ts'
import { formatPrefix } from '#src/ip/prefix.ts'
import { resource } from '#support/kubernetes/resources.ts'
import { until } from '../watched.ts'
import { Followed, QUICK, service, slice } from './followed.ts'

function namespace(name: string, app?: string): object {
  const labels = app === undefined ? {} : { 'fly.io/app': app }
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } }
}

function pod(name: string, phase: string, ip: string): object {
  const spec = { containers: [{ name: 'c', ports: [{ name: 'http', containerPort: 80 }] }] }
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { app: 'x' } },
    spec,
    status: { phase, podIPs: [{ ip }] },
  }
}

describe('a source that follows a cluster', () => {
  it('is synced once, when every resource is complete', async () => {
    await using followed = await Followed.make()
    followed.api.add(namespace('default', 'app-1'))
    followed.api.add(service('a'))
    const heal = followed.api.fail({ when: ({ plural }) => plural === 'endpointslices', status: 500 })
    const start = followed.start()
    await until(() => followed.services(), 'a:80')
    expect(followed.syncs).toBe(0)
    heal()
    await start
    expect(followed.syncs).toBe(1)
    expect(followed.store.namespace('default')?.app).toBe('app-1')
  })

  it('makes no endpoints of Pods, for the cluster has a controller that does', async () => {
    await using followed = await Followed.make({ pods: true })
    followed.api.add(pod('x-1', 'Running', 'fd00::5'))
    followed.api.add({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'x' },
      spec: { clusterIP: 'fd00::1', selector: { app: 'x' }, ports: [{ port: 80 }] },
    })
    await followed.start()
    expect(followed.store.pod('default/x-1')).toMatchObject({ phase: 'Running', labels: {}, ports: [] })
    expect(followed.store.slicesOf('default/x')).toEqual([])
    followed.api.add(slice('x-abc', 'x', 2))
    await until(() => followed.store.slicesOf('default/x').map(({ name, meta }) => [name, meta.length]), [['x-abc', 2]])
  })

  it('follows Pods only when it is told to, and forgets those that have ended', async () => {
    await using without = await Followed.make()
    await without.start()
    expect(without.requests('pods')).toEqual([])
    await using followed = await Followed.make({ pods: true })
    followed.api.add(pod('done', 'Succeeded', 'fd00::5'))
    followed.api.add(pod('runs', 'Running', 'fd00::6'))
    await followed.start()
    expect([...followed.store.pods('default')].map(({ name }) => name)).toEqual(['runs'])
    followed.api.add(pod('runs', 'Failed', 'fd00::6'))
    await until(() => [...followed.store.pods('default')].length, 0)
  })

  it('leaves an invalid object out, names it, and takes it when it is mended', async () => {
    await using followed = await Followed.make()
    followed.api.add(service('good', 80))
    followed.api.add(service('bad', 99999))
    followed.api.add({
      ...slice('part', 'good', 1),
      endpoints: [{ addresses: ['nonsense'] }, { addresses: ['fd00::7'] }],
    })
    await followed.start()
    expect(followed.services()).toBe('good:80')
    const told = followed.problemList.map(({ code, file, field, message }) => [
      code,
      file,
      field,
      message.split(':')[0],
    ])
    expect(told).toEqual([
      ['WAY_KUBERNETES_OBJECT', null, 'spec.ports[0].port', 'All of Service default/bad is left out'],
      ['WAY_KUBERNETES_OBJECT', null, 'endpoints[0].addresses[0]', 'A part of EndpointSlice default/part is left out'],
    ])
    followed.api.add(service('bad', 81))
    await until(() => followed.services(), 'bad:81 good:80')
    await until(() => followed.problemList.length, 1)
    followed.api.add(service('good', 0))
    await until(() => followed.services(), 'bad:81')
    followed.api.remove(resource('endpointslices'), 'default', 'part')
    followed.api.remove(resource('services'), 'default', 'good')
    await until(() => followed.problemList, [])
  })

  it('says what triggered a change of a slice, unless that was before its start', async () => {
    const now = Date.parse('2026-01-01T00:00:10Z')
    await using followed = await Followed.make({ clock: () => now })
    const at = (time: string): object => ({ 'endpoints.kubernetes.io/last-change-trigger-time': time })
    followed.api.add(slice('listed', 'x', 1, at('2026-01-01T00:00:20Z')))
    await followed.start()
    followed.api.add(slice('old', 'x', 1, at('2026-01-01T00:00:09Z')))
    followed.api.add(slice('fresh', 'x', 1, at('2026-01-01T00:00:20Z')))
    await until(() => followed.store.stats().slices, 3)
    const triggers = followed.batches.flat().filter(change => change.triggeredAt !== undefined)
    expect(triggers.map(({ key, triggeredAt }) => [key, triggeredAt])).toEqual([['default/fresh', now + 10_000]])
  })

  it('was seen last when the quietest of its resources was, and is stale while one is not followed', async () => {
    let now = 1_000
    await using followed = await Followed.make({ clock: () => now })
    expect(followed.source.lastSeen()).toBe(0)
    await followed.start()
    expect(followed.source.lastSeen()).toBe(1_000)
    now = 5_000
    for (const watch of followed.watches('services')) watch.bookmark()
    await until(() => followed.source.resources().find(({ name }) => name === 'services')?.lastSeen, 5_000)
    expect(followed.source.lastSeen()).toBe(1_000)
    expect(followed.source.staleSince()).toBeNull()
    const heal = followed.api.fail({ when: ({ plural }) => plural === 'services', status: 503 })
    for (const watch of followed.watches('services')) watch.destroy()
    await until(() => followed.source.staleSince(), 5_000)
    heal()
    await until(() => followed.source.staleSince(), null)
  })

  it('shows what a person must mend at once: a role that is missing', async () => {
    await using followed = await Followed.make()
    followed.api.allows = ({ plural }) => plural !== 'services'
    void followed.start()
    await until(() => followed.problemList.map(({ code }) => code), ['WAY_KUBERNETES_REFUSED'])
    expect(followed.problemList[0]?.message).toMatch(/^Cannot follow services, .*: 403 Forbidden/)
    followed.api.allows = () => true
    await until(() => followed.syncs, 1)
    await until(() => followed.problemList, [])
  })
})

describe('selectors', () => {
  it('reduce the watches themselves: labels of Services and of the slices that carry them', async () => {
    await using followed = await Followed.make({ labelSelector: 'tier=front' })
    const front = { labels: { tier: 'front' } }
    followed.api.add(service('a', 80, front))
    followed.api.add(service('b', 80))
    await followed.start()
    expect(followed.services()).toBe('a:80')
    const asked = followed.api.requests.filter(({ query }) => query.get('labelSelector') === 'tier=front')
    expect(new Set(asked.map(({ plural }) => plural))).toEqual(new Set(['services', 'endpointslices']))
    followed.api.add(service('b', 80, front))
    await until(() => followed.services(), 'a:80 b:80')
    followed.api.add(service('a', 80))
    await until(() => followed.services(), 'b:80')
  })

  it('need no more than a Role in each of the namespaces: nothing is asked of the cluster as a whole', async () => {
    await using followed = await Followed.make({ namespaces: ['one', 'two'] })
    followed.api.allows = ({ path }) => /\/namespaces\/(one|two)(\/|$)/.test(path)
    followed.api.add(namespace('one', 'app-1'))
    followed.api.add(namespace('two'))
    for (const name of ['one', 'two', 'three']) followed.api.add(service(`in-${name}`, 80, { namespace: name }))
    await followed.start()
    expect(followed.services()).toBe('in-one:80 in-two:80')
    expect(followed.store.namespace('one')?.app).toBe('app-1')
    expect(followed.problemList).toEqual([])
    followed.api.add(service('late', 80, { namespace: 'two' }))
    await until(() => followed.services(), 'in-one:80 in-two:80 late:80')
    followed.api.add(namespace('one', 'app-2'))
    await until(() => followed.store.namespace('one')?.app, 'app-2')
  })

  it('take a namespace that may not be read for one without an app, and one that is gone for none', async () => {
    await using followed = await Followed.make({ namespaces: ['one', 'two'] })
    followed.api.allows = ({ path }) => path !== '/api/v1/namespaces/one'
    followed.api.add(namespace('one', 'app-1'))
    followed.api.add(service('a', 80, { namespace: 'one' }))
    await followed.start()
    expect(followed.store.namespace('one')).toMatchObject({ app: null })
    expect(followed.store.namespace('two')).toBeNull()
    expect(followed.services()).toBe('a:80')
  })
})

class Addresses implements ClusterAddressSink {
  readonly cidrs = new Map<string, ServiceCidr>()
  readonly taken = new Map<string, IpAddress>()
  syncs = 0

  serviceCidrs(changes: readonly Change<ServiceCidr>[]): void {
    for (const { key, object } of changes) object === null ? this.cidrs.delete(key) : this.cidrs.set(key, object)
  }

  ipAddresses(changes: readonly Change<IpAddress>[]): void {
    for (const { key, object } of changes) object === null ? this.taken.delete(key) : this.taken.set(key, object)
  }

  synced(): void {
    this.syncs++
  }

  shown(): string[] {
    return Array.from(
      this.cidrs.values(),
      ({ name, prefixes, ready }) => `${name} ${prefixes.map(formatPrefix)} ${ready}`,
    )
  }
}

describe("the API server's own addresses", () => {
  const cidr = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'ServiceCIDR',
    metadata: { name: 'kubernetes' },
    spec: { cidrs: ['fdaa:0:48c8:0:1::/112', '10.43.0.0/16'] },
    status: { conditions: [{ type: 'Ready', status: 'True' }] },
  }
  const address = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'IPAddress',
    metadata: { name: 'fdaa:0:48c8:0:1::1a', labels: { 'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io' } },
    spec: { parentRef: { group: '', resource: 'services', namespace: 'default', name: 'a' } },
  }

  it('are told: pools with whether they are ready, and who holds which address', async () => {
    const addresses = new Addresses()
    await using followed = await Followed.make({ addresses })
    followed.api.add(cidr)
    followed.api.add(address)
    await followed.start()
    await until(() => addresses.syncs, 1)
    expect(addresses.shown()).toEqual(['kubernetes fdaa:0:48c8:0:1::/112,10.43.0.0/16 true'])
    expect(addresses.taken.get('fdaa:0:48c8:0:1::1a')).toMatchObject({
      parent: { group: '', resource: 'services', namespace: 'default', name: 'a' },
      managedBy: 'ipallocator.k8s.io',
    })
    followed.api.add({ ...cidr, status: { conditions: [{ type: 'Ready', status: 'False' }] } })
    await until(() => addresses.shown(), ['kubernetes fdaa:0:48c8:0:1::/112,10.43.0.0/16 false'])
    followed.api.remove(resource('ipaddresses'), null, 'fdaa:0:48c8:0:1::1a')
    await until(() => addresses.taken.size, 0)
  })

  it('are nothing on a server that is too old for them, and are found when it has them', async () => {
    const addresses = new Addresses()
    await using followed = await Followed.make({ addresses })
    for (const plural of ['servicecidrs', 'ipaddresses']) followed.api.absent.add(plural)
    await followed.start()
    await until(() => addresses.syncs, 1)
    expect(followed.problemList).toEqual([])
    expect(followed.source.resources().find(({ name }) => name === 'servicecidrs')?.lastSeen).toBeNull()
    followed.api.absent.clear()
    followed.api.add(cidr)
    await until(() => addresses.cidrs.size, 1)
    expect(addresses.syncs).toBe(1)
  })

  it('that were there stay when the server refuses them for a moment', async () => {
    const addresses = new Addresses()
    await using followed = await Followed.make({ addresses })
    followed.api.add(cidr)
    await followed.start()
    await until(() => addresses.syncs, 1)
    followed.api.allows = ({ plural }) => plural !== 'servicecidrs'
    for (const watch of followed.watches('servicecidrs')) watch.end()
    await until(() => (followed.figures('servicecidrs').errors['forbidden'] ?? 0) > 4, true)
    expect(addresses.cidrs.size).toBe(1)
    expect(followed.source.resources().find(({ name }) => name === 'servicecidrs')?.lastSeen).not.toBeNull()
    followed.api.allows = () => true
    followed.api.add({ ...cidr, metadata: { name: 'second' } })
    await until(() => addresses.cidrs.size, 2)
  })

  it('are not asked for when nobody wants to know', async () => {
    await using followed = await Followed.make({ times: QUICK })
    await followed.start()
    expect(followed.requests('ipaddresses')).toEqual([])
  })
})
