import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import type { ClusterObject, EndpointSlice, Namespace, ObjectChange, Service } from '#src/cluster/objects.ts'
import { serviceNodes } from '#src/naming/service.ts'
import { namespaceNodes } from '#src/naming/zone.ts'
import { formatName } from '#src/wire/name.ts'
import { address } from '#support/ip.ts'
import { service, servicePort, slice, slicePort, UP } from '../naming/builders.ts'
import { makeNetwork, type TestNetwork } from './cluster.ts'

const open: TestNetwork[] = []
afterEach(() => {
  for (const test of open.splice(0)) test.dispose()
})

function make(options: Parameters<typeof makeNetwork>[0] = {}): TestNetwork {
  const test = makeNetwork(options)
  open.push(test)
  return test
}

function put(object: ClusterObject): ObjectChange {
  const key = object.kind === 'Namespace' ? object.name : `${object.namespace}/${object.name}`
  return { kind: object.kind, key, object }
}

function gone(kind: ObjectChange['kind'], key: string): ObjectChange {
  return { kind, key, object: null }
}

function namespace(name: string, app: string | null): Namespace {
  return { kind: 'Namespace', name, app, origin: 'test.yaml:1' }
}

function web(fields: Partial<Service> = {}): Service {
  return service({ ports: [servicePort('http', 80)], ...fields })
}

function endpoints(of: string, ...addresses: string[]): EndpointSlice {
  const list = addresses.map(text => ({ address: text, conditions: UP, hostname: null }))
  return { ...slice(`${of}-1`, list, [slicePort('http', 8080)]), service: `default/${of}` }
}

const WEB = 'web.default.svc.cluster.local.'

describe('Network', () => {
  it('publishes address, names and routes of a Service in one step', async () => {
    const test = make()
    await test.apply(put(namespace('default', 'app')), put(web()), put(endpoints('web', 'fdaa::a')))
    const records = test.recordsAt(WEB)
    expect(records?.[0]).toMatch(/^AAAA fdaa:0:48c8:0:1::/)
    expect(test.recordsAt('web.svc.app.flycast.')?.[0]).toBe(records?.[0])
    expect(test.routeChanges).toEqual([{ network: 'test', service: 'default/web', present: true }])
    expect(test.network.routesOf('default/web')[0]?.backends.map(backend => backend.address)).toEqual(['fdaa::a'])
    expect(test.errors).toEqual([])
  })

  it('publishes nothing when an object comes again unchanged', async () => {
    const test = make()
    await test.apply(put(web()), put(endpoints('web', 'fdaa::a')))
    const before = test.writer.stats()
    await test.apply(put(web()), put(endpoints('web', 'fdaa::a')))
    expect(test.writer.stats()).toEqual(before)
    expect(test.routeChanges).toHaveLength(1)
  })

  it('takes everything away with the Service and rests its address', async () => {
    const test = make()
    await test.apply(put(web()), put(endpoints('web', 'fdaa::a')))
    await test.apply(gone('Service', 'default/web'))
    expect(test.recordsAt(WEB)).toBeNull()
    expect(test.routeChanges.at(-1)).toEqual({ network: 'test', service: 'default/web', present: false })
    expect([...test.allocator.claims()].map(claim => claim.state)).toEqual(['resting'])
  })

  it('gives the same Service the same address when it comes back', async () => {
    const test = make()
    await test.apply(put(web()))
    const before = test.recordsAt(WEB)
    await test.apply(gone('Service', 'default/web'))
    await test.apply(put(web()))
    expect(test.recordsAt(WEB)).toEqual(before)
  })

  it('releases on a change to ExternalName and on a change to headless, and allocates on the way back', async () => {
    const test = make()
    await test.apply(put(web()))
    const before = test.recordsAt(WEB)
    await test.apply(put(web({ type: 'ExternalName', externalName: 'www.example.com' })))
    expect(test.recordsAt(WEB)).toEqual(['CNAME www.example.com.'])
    expect([...test.allocator.claims()].map(claim => claim.state)).toEqual(['resting'])
    await test.apply(put(web()))
    expect(test.recordsAt(WEB)).toEqual(before)
    await test.apply(put(web({ headless: true })), put(endpoints('web', 'fdaa::a')))
    expect(test.recordsAt(WEB)?.[0]).toBe('AAAA fdaa::a')
    expect(test.network.routesOf('default/web')).toEqual([])
  })

  it('leaves the holder of a disputed address alone and reports the other until the address is free', async () => {
    const test = make()
    const taken = address('fdaa:0:48c8:0:1::77')
    await test.apply(put(web({ clusterIPs: [taken] })))
    await test.apply(put(web({ name: 'late', clusterIPs: [taken] })))
    const late = test.network.published.get('default/late')
    expect(late?.problem?.code).toBe('WAY_ADDRESS_TAKEN')
    expect(late?.problem?.message).toContain('default/web')
    expect(test.recordsAt('late.default.svc.cluster.local.')).toBeNull()
    expect(test.recordsAt(WEB)?.[0]).toBe('AAAA fdaa:0:48c8:0:1::77')
    await test.apply(gone('Service', 'default/web'))
    test.network.retryWaiting()
    await test.network.idle()
    expect(test.recordsAt('late.default.svc.cluster.local.')?.[0]).toBe('AAAA fdaa:0:48c8:0:1::77')
    expect(test.network.published.get('default/late')?.problem).toBeNull()
  })

  it('gives a disputed address to the older Service of a batch, whatever the order', async () => {
    const taken = address('fdaa:0:48c8:0:1::77')
    const old = put(web({ name: 'z-old', created: 1, clusterIPs: [taken] }))
    const young = put(web({ name: 'a-young', created: 2, clusterIPs: [taken] }))
    for (const batch of [
      [old, young],
      [young, old],
    ]) {
      const test = make()
      await test.apply(...batch)
      expect(test.network.published.get('default/z-old')?.problem).toBeNull()
      expect(test.network.published.get('default/a-young')?.problem?.code).toBe('WAY_ADDRESS_TAKEN')
    }
  })

  it('reports a Service for which the pool has no address and serves it when a rest has ended', async () => {
    const test = make({ serviceCidr: 'fdaa:0:48c8:0:1::/124', restMs: 1000 })
    const services = Array.from({ length: 15 }, (_, i) => web({ name: `svc-${i}` }))
    await test.apply(...services.map(put))
    const waiting = [...test.network.published].filter(([, entry]) => entry.problem !== null)
    expect(waiting).toHaveLength(1)
    expect(waiting[0]?.[1].problem?.code).toBe('WAY_POOL_EXHAUSTED')
    const served = services.find(candidate => candidate.key !== waiting[0]?.[0]) as Service
    await test.apply(gone('Service', served.key))
    test.network.retryWaiting()
    await test.network.idle()
    expect(test.network.waiting).toBe(1)
    expect(test.retries.at(-1)).toBe(test.clock + 1000)
    test.clock += 1000
    test.network.retryWaiting()
    await test.network.idle()
    expect(test.network.waiting).toBe(0)
    expect(test.logged.filter(line => line.event === 'service_problem')).toHaveLength(1)
  })

  it('publishes nothing when only our own annotation came back', async () => {
    const test = make()
    await test.apply(put(web({ record: { uid: 'u', syncVersion: null } })))
    const syncVersion = test.network.published.get('default/web')?.syncVersion ?? ''
    await test.apply(put(web({ record: { uid: 'u', syncVersion } })))
    expect(test.network.store.record('default/web')).toEqual({ uid: 'u', syncVersion })
    expect(test.network.published.get('default/web')?.syncVersion).toBe(syncVersion)
    expect(test.routeChanges).toHaveLength(1)
  })

  it('says when what is wrong with a Service changes, and only then', async () => {
    const test = make()
    const taken = address('fdaa:0:48c8:0:1::77')
    await test.apply(put(web({ clusterIPs: [taken] })), put(web({ name: 'late', clusterIPs: [taken], created: 1 })))
    expect(test.troubled).toEqual(['default/web'])
    await test.apply(put(web({ clusterIPs: [taken], ports: [servicePort('http', 81)] })))
    expect(test.troubled).toEqual(['default/web'])
    await test.apply(put(web({ clusterIPs: [address('fd00::1')] })))
    expect(test.troubled).toEqual(['default/web', 'default/web'])
    expect(test.network.published.get('default/web')?.outside).toEqual([address('fd00::1')])
    await test.apply(put(web({ clusterIPs: [address('fdaa:0:48c8:0:1::78')] })))
    expect(test.troubled).toHaveLength(3)
    expect(test.network.published.get('default/web')).toMatchObject({ problem: null, outside: [] })
  })

  it('reports an ExternalName that is an address, until it is a name', async () => {
    const test = make()
    await test.apply(put(web({ type: 'ExternalName', externalName: '10.0.0.1' })))
    const { problem, facts } = test.network.published.get('default/web') ?? {}
    expect(problem?.code).toBe('WAY_NAME_INVALID')
    expect(problem?.message).toContain('"10.0.0.1" must be a host name and no address')
    expect([facts?.addresses, test.recordsAt(WEB), test.network.waiting]).toEqual([[], null, 0])
    await test.apply(put(web({ type: 'ExternalName', externalName: 'db.example' })))
    expect(test.network.published.get('default/web')?.problem).toBeNull()
    expect(test.recordsAt(WEB)).toEqual(['CNAME db.example.'])
    expect(test.troubled).toHaveLength(2)
    expect(test.logged.map(({ event }) => event)).toEqual(['service_problem', 'service_recovered'])
  })

  it('says once which part of the names a Service lacks, and serves the rest', async () => {
    const test = make()
    const named = web({ ports: [servicePort('p'.repeat(63), 80)] })
    await test.apply(put(named))
    await test.apply(put({ ...named, ports: [servicePort('p'.repeat(63), 81)] }))
    expect(test.recordsAt(WEB)?.[0]).toMatch(/^AAAA /)
    expect(test.network.published.get('default/web')?.problem).toBeNull()
    expect(test.logged.filter(line => line.event === 'name_left_out')).toHaveLength(1)
  })

  it('warns once of an address outside the pool, and serves it', async () => {
    const test = make()
    const outside = web({ clusterIPs: [address('10.43.0.10')] })
    await test.apply(put(outside))
    await test.apply(put({ ...outside, ports: [servicePort('http', 81)] }))
    expect(test.recordsAt(WEB)).toContain('A 10.43.0.10')
    expect(test.recordsAt('10.0.43.10.in-addr.arpa.')).toEqual([`PTR ${WEB}`])
    expect(test.logged.filter(line => line.event === 'address_outside_pool')).toHaveLength(1)
  })

  it('keeps a namespace name for as long as there is a Service or an object', async () => {
    const test = make()
    const name = 'default.svc.cluster.local.'
    expect(test.recordsAt(name)).toBeNull()
    await test.apply(put(web()))
    expect(test.recordsAt(name)).toEqual([])
    await test.apply(put(namespace('default', null)))
    await test.apply(gone('Service', 'default/web'))
    expect(test.recordsAt(name)).toEqual([])
    await test.apply(gone('Namespace', 'default'))
    expect(test.recordsAt(name)).toBeNull()
  })

  it('unites the PTRs of an address behind two Services, and takes one away with its Service', async () => {
    const test = make()
    const ptr = 'a.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.a.a.d.f.ip6.arpa.'
    await test.apply(put(web()), put(endpoints('web', 'fdaa::a')))
    await test.apply(put(web({ name: 'two' })), put(endpoints('two', 'fdaa::a')))
    expect(test.recordsAt(ptr)).toEqual(['PTR fdaa--a.two.default.svc.cluster.local.', `PTR fdaa--a.${WEB}`])
    await test.apply(gone('Service', 'default/web'))
    expect(test.recordsAt(ptr)).toEqual(['PTR fdaa--a.two.default.svc.cluster.local.'])
    await test.apply(gone('Service', 'default/two'))
    expect(test.recordsAt(ptr)).toBeNull()
    expect(test.writer.stats().zones).toBe(3)
  })

  it('ends in the same names whether the state grew change by change or came at once', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 25 }), async steps => {
        const grown = makeNetwork()
        const rebuilt = makeNetwork()
        try {
          const state = new Map<string, ObjectChange>()
          const seen = new Set<string>()
          for (const step of steps) {
            await grown.apply(...step)
            for (const one of step) state.set(`${one.kind} ${one.key}`, one)
            for (const name of namesOf(grown)) seen.add(name)
          }
          await rebuilt.apply(...[...state.values()].filter(one => one.object !== null))
          for (const name of namesOf(rebuilt)) seen.add(name)
          for (const name of seen) expect([name, grown.recordsAt(name)]).toEqual([name, rebuilt.recordsAt(name)])
          expect(syncVersions(grown)).toEqual(syncVersions(rebuilt))
          expect(grown.writer.stats().names).toBe(rebuilt.writer.stats().names)
          expect(grown.errors).toEqual([])
        } finally {
          grown.dispose()
          rebuilt.dispose()
        }
      }),
      { numRuns: 20 },
    )
  })
})

/** Services name their addresses here, since placement may differ when a set grew one by one. */
const NAMES = ['a', 'b', 'c']
const ADDRESSES = ['fdaa::1', 'fdaa::2', 'fdaa:5::3']
const oneService = fc
  .tuple(fc.constantFrom(...NAMES.keys()), fc.constantFrom('cluster', 'headless', 'external', 'gone'))
  .map(([i, shape]): ObjectChange => {
    const name = NAMES[i] as string
    const own = address(`fdaa:0:48c8:0:1::10${i}`)
    if (shape === 'gone') return gone('Service', `default/${name}`)
    if (shape === 'headless') return put(web({ name, headless: true }))
    if (shape === 'external') return put(web({ name, type: 'ExternalName', externalName: 'example.com' }))
    return put(web({ name, clusterIPs: [own] }))
  })
const oneSlice = fc
  .tuple(fc.constantFrom(...NAMES), fc.subarray(ADDRESSES), fc.boolean())
  .map(([name, addresses, present]) =>
    present ? put(endpoints(name, ...addresses)) : gone('EndpointSlice', endpoints(name).key),
  )
const oneNamespace = fc
  .constantFrom('app', 'other', null, 'gone')
  .map(app => (app === 'gone' ? gone('Namespace', 'default') : put(namespace('default', app))))
const change = fc.array(fc.oneof(oneService, oneSlice, oneNamespace), { minLength: 1, maxLength: 3 })

function namesOf(test: TestNetwork): string[] {
  const { context } = test.names
  const published = [...test.network.published.values()].flatMap(entry =>
    entry.facts === null ? [] : serviceNodes(context, entry.facts),
  )
  const namespaces = ['app', 'other', null].flatMap(app => namespaceNodes(context, namespace('default', app)))
  return [...published, ...namespaces].map(({ node }) => formatName(node.name))
}

function syncVersions(test: TestNetwork): [string, string | null][] {
  return Array.from(test.network.published, ([key, entry]): [string, string | null] => [key, entry.syncVersion]).sort()
}

describe('a Network whose addresses an API server gives', () => {
  it('takes them as they are, and places none beside them', async () => {
    const test = make({ addressGiver: 'api-server' })
    const given = [address('fdaa:0:48c8:0:1::7')]
    await test.apply(put(web({ clusterIPs: given, ipFamilyPolicy: 'PreferDualStack' })))
    expect(test.recordsAt(WEB)?.filter(record => record.startsWith('A'))).toEqual(['AAAA fdaa:0:48c8:0:1::7'])
    expect([...test.allocator.claims()]).toHaveLength(1)
  })

  it('gives a Service neither name nor address before the API server has given it one', async () => {
    const test = make({ addressGiver: 'api-server' })
    await test.apply(put(web()), put(endpoints('web', 'fdaa::a')))
    expect(test.recordsAt(WEB)).toBeNull()
    expect([...test.allocator.claims()]).toEqual([])
    expect(test.network.published.get('default/web')?.problem).toMatchObject({ code: 'WAY_ADDRESS_PENDING' })
    await test.apply(put(web({ clusterIPs: [address('fdaa:0:48c8:0:1::7')] })))
    expect(test.recordsAt(WEB)?.[0]).toBe('AAAA fdaa:0:48c8:0:1::7')
    expect(test.network.published.get('default/web')?.problem).toBeNull()
    await test.apply(put(web()))
    expect(test.recordsAt(WEB)).toBeNull()
  })
})

describe('the time from a trigger to the publish', () => {
  const triggered = (object: EndpointSlice, triggeredAt: number): ObjectChange => ({ ...put(object), triggeredAt })

  it('is told for a headless Service whose names changed, from the earliest trigger', async () => {
    const test = make()
    await test.apply(put(web({ headless: true })))
    test.clock = 2_000_000
    const second = { ...endpoints('web', 'fdaa::b'), name: 'web-2', key: 'default/web-2' }
    await test.apply(triggered(endpoints('web', 'fdaa::a'), 1_999_000), triggered(second, 1_997_500))
    expect(test.programmed).toEqual([2.5])
  })

  it('is told for nothing else: no Service with an address, no slice that says the same', async () => {
    const test = make()
    await test.apply(put(web({ headless: true })), put(endpoints('web', 'fdaa::a')))
    await test.apply(put(web({ name: 'vip', key: 'default/vip' })))
    await test.apply(triggered(endpoints('web', 'fdaa::a'), 1), triggered(endpoints('vip', 'fdaa::a'), 1))
    expect(test.programmed).toEqual([])
  })
})
