import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ClusterObject, EndpointSlice, ObjectChange } from '#src/cluster/objects.ts'
import { Store } from '#src/cluster/store.ts'
import { anyHistory } from './arbitrary.ts'
import {
  addressesOf,
  gone,
  keyOf,
  namespaceValue,
  objectOf,
  type PodFields,
  pod,
  put,
  service,
  slice,
} from './values.ts'

const SELECTING = { selector: { app: 'kuard' } }

function storeOf(...objects: readonly ClusterObject[]): Store {
  const store = new Store()
  store.apply(objects.map(put))
  return store
}

function touchedBy(store: Store, ...changes: readonly ObjectChange[]): string[] {
  return [...store.apply(changes).services].sort()
}

describe('what a change touches', () => {
  it('a Service that appears, changes and goes', () => {
    const store = new Store()
    expect(touchedBy(store, put(service()))).toEqual(['default/kuard'])
    expect(touchedBy(store, put(service({ ports: [{ port: 81 }] })))).toEqual(['default/kuard'])
    expect(touchedBy(store, gone(service()))).toEqual(['default/kuard'])
    expect(store.service('default/kuard')).toBeNull()
    expect(touchedBy(store, gone(service()))).toEqual([])
  })

  it('an object that says nothing new touches nothing, also when it was read elsewhere', () => {
    const objects = [service(SELECTING), slice({ endpoints: [{ addresses: ['fd00::1'] }] }), pod()]
    const store = storeOf(...objects, objectOf(namespaceValue('default', 'app')))
    const moved = objects.map(object => put({ ...object, origin: 'other.yaml:9' }))
    const touched = store.apply(moved)
    expect([touched.services.size, touched.pods.size, touched.namespaces.size]).toEqual([0, 0, 0])
    expect(store.service('default/kuard')?.origin).toBe('other.yaml:9')
    expect(store.slicesOf('default/kuard')[0]?.origin).toBe('other.yaml:9')
  })

  it('a Service that only the API server wrote to touches nothing, and its record is the new one', () => {
    const first = service({}, { uid: 'u-1', annotations: { 'service.fly.io/sync-version': '1' } })
    const store = storeOf(first)
    expect(store.record('default/kuard')).toEqual({ uid: 'u-1', syncVersion: '1' })
    const written = service({}, { uid: 'u-1', annotations: { 'service.fly.io/sync-version': '2' } })
    expect(touchedBy(store, put(written))).toEqual([])
    expect(store.record('default/kuard')).toEqual({ uid: 'u-1', syncVersion: '2' })
    // What is published holds this object too, so there is one and not two.
    expect(store.service('default/kuard')).toBe(first)
    store.apply([gone(first)])
    expect(store.record('default/kuard')).toBeNull()
  })

  it('the first Pod of a namespace and the end of its last touch the namespace', () => {
    const store = new Store()
    const namespacesTouchedBy = (change: ObjectChange) => [...store.apply([change]).namespaces]
    expect(namespacesTouchedBy(put(pod()))).toEqual(['default'])
    expect(store.hasPods('default')).toBe(true)
    expect(namespacesTouchedBy(put(pod({ metadata: { name: 'kuard-2' } })))).toEqual([])
    expect(namespacesTouchedBy(gone(pod({ metadata: { name: 'kuard-2' } })))).toEqual([])
    expect(namespacesTouchedBy(gone(pod()))).toEqual(['default'])
    expect(store.hasPods('default')).toBe(false)
  })

  it('an object that says the same from the same place stays the one that is held', () => {
    const make = (): ClusterObject[] => [
      service(SELECTING),
      slice({ endpoints: [{ addresses: ['fd00::1'] }] }),
      pod(),
      objectOf(namespaceValue('default', 'app')),
    ]
    const store = storeOf(...make())
    const held = [...store.objects()]
    store.apply(make().map(put))
    expect([...store.objects()].every((object, i) => object === held[i])).toBe(true)
    expect(store.slicesOf('default/kuard')[0]).toBe(held.find(({ kind }) => kind === 'EndpointSlice'))
  })

  it('a slice touches its Service, and both when it moves', () => {
    const store = storeOf(service(), service({}, { name: 'other' }))
    expect(touchedBy(store, put(slice()))).toEqual(['default/kuard'])
    expect(touchedBy(store, put(slice({ endpoints: [{ addresses: ['fd00::1'] }] })))).toEqual(['default/kuard'])
    const moved = slice({}, { labels: { 'kubernetes.io/service-name': 'other' } })
    expect(touchedBy(store, put(moved))).toEqual(['default/kuard', 'default/other'])
    expect(touchedBy(store, gone(moved))).toEqual(['default/other'])
  })

  it('a slice of no Service touches nothing, and its Service has it when it comes', () => {
    const store = storeOf()
    expect(touchedBy(store, put(slice()))).toEqual([])
    expect(touchedBy(store, put(service()))).toEqual(['default/kuard'])
    expect(store.slicesOf('default/kuard')).toHaveLength(1)
  })

  it.each<[string, PodFields, boolean]>([
    ['readiness', { status: { conditions: [] } }, true],
    ['an address', { status: { podIPs: [{ ip: 'fd00::2' }] } }, true],
    ['the node', { spec: { nodeName: 'n9' } }, true],
    ['the end', { metadata: { deletionTimestamp: '2026-11-20T08:00:00Z' } }, true],
    ['completion', { status: { phase: 'Succeeded' } }, true],
    ['a phase that is as good', { status: { phase: 'Pending' } }, false],
    ['a label that no selector asks for', { metadata: { labels: { app: 'kuard', more: 'x' } } }, false],
    ['a label that the selector asks for', { metadata: { labels: { app: 'x' } } }, true],
  ])('a Pod’s change of %s', (_, fields, isTouching) => {
    const store = storeOf(service(SELECTING), service({ selector: { app: 'db' } }, { name: 'db' }), pod())
    const touched = store.apply([put(pod(fields))])
    expect([...touched.services]).toEqual(isTouching ? ['default/kuard'] : [])
    expect([...touched.pods]).toEqual(['default/kuard-1'])
  })

  it('a Pod that changes labels touches the Services of the old and of the new ones', () => {
    const store = storeOf(service(SELECTING), service({ selector: { app: 'db' } }, { name: 'db' }), pod())
    expect(touchedBy(store, put(pod({ metadata: { labels: { app: 'db' } } })))).toEqual(['default/db', 'default/kuard'])
  })

  it('a Pod does not touch a Service that has slices of its own, nor one of another namespace', () => {
    const store = storeOf(service(SELECTING), slice(), service(SELECTING, { namespace: 'other' }))
    expect(touchedBy(store, put(pod()))).toEqual([])
  })

  it('a Pod that matches only a part of the selector touches nothing', () => {
    const store = storeOf(service({ selector: { app: 'kuard', tier: 'web' } }))
    expect(touchedBy(store, put(pod()))).toEqual([])
    expect(touchedBy(store, put(pod({ metadata: { labels: { tier: 'web' } } })))).toEqual([])
    expect(touchedBy(store, put(pod({ metadata: { labels: { tier: 'web', app: 'kuard' } } })))).toEqual([
      'default/kuard',
    ])
  })

  it('a Pod that never is an endpoint touches nothing', () => {
    const store = storeOf(service(SELECTING))
    expect(touchedBy(store, put(pod({ status: { podIPs: [] } })))).toEqual([])
    expect(touchedBy(store, put(pod({ status: { podIPs: [] }, spec: { nodeName: 'n1' } })))).toEqual([])
  })

  it('a namespace’s app touches its Services, its other changes do not', () => {
    const store = storeOf(service(), service({}, { name: 'b' }), service({}, { namespace: 'other' }))
    const touched = store.apply([put(objectOf(namespaceValue('default', 'app')))])
    expect([...touched.services].sort()).toEqual(['default/b', 'default/kuard'])
    expect([...touched.namespaces]).toEqual(['default'])
    expect(touchedBy(store, put(objectOf(namespaceValue('other'))))).toEqual([])
    expect(touchedBy(store, gone(objectOf(namespaceValue('default'))))).toEqual(['default/b', 'default/kuard'])
  })

  it('the later of two changes of one object counts', () => {
    const store = storeOf()
    store.apply([put(service()), gone(service()), put(service({ ports: [{ port: 9 }] }))])
    expect(store.service('default/kuard')?.ports[0]?.port).toBe(9)
  })
})

describe('the slices of a Service', () => {
  it('are its own when it has any, of whatever type, and derived ones when the last is gone', () => {
    const fqdn = slice({ addressType: 'FQDN' })
    const store = storeOf(service(SELECTING), pod())
    expect(store.slicesOf('default/kuard').map(addressesOf)).toEqual([['fd00::1']])
    expect(touchedBy(store, put(fqdn))).toEqual(['default/kuard'])
    expect(store.slicesOf('default/kuard').map(own => own.name)).toEqual(['kuard-abcde'])
    expect(touchedBy(store, gone(fqdn))).toEqual(['default/kuard'])
    expect(store.slicesOf('default/kuard').map(own => own.name)).toEqual(['kuard-derived-ipv6-0'])
  })

  it('are sorted by name, and a list that was handed out does not change', () => {
    const store = storeOf(service(), slice({}, { name: 'c' }), slice({}, { name: 'a' }))
    const before = store.slicesOf('default/kuard')
    store.apply([put(slice({}, { name: 'b' })), gone(slice({}, { name: 'c' }))])
    expect(before.map(own => own.name)).toEqual(['a', 'c'])
    expect(store.slicesOf('default/kuard').map(own => own.name)).toEqual(['a', 'b'])
  })

  it('derived ones are the same list until something changes', () => {
    const store = storeOf(service(SELECTING), pod())
    const before = store.slicesOf('default/kuard')
    store.apply([put(pod({ metadata: { name: 'stranger', labels: { app: 'x' } } }))])
    expect(store.slicesOf('default/kuard')).toBe(before)
    store.apply([put(pod({ metadata: { name: 'kuard-2' }, status: { podIPs: [{ ip: 'fd00::2' }] } }))])
    expect(store.slicesOf('default/kuard').map(addressesOf)).toEqual([['fd00::1', 'fd00::2']])
  })

  it('derived ones follow the Service', () => {
    const store = storeOf(service(SELECTING), pod())
    expect(store.slicesOf('default/kuard')[0]?.ports[0]?.port).toBe(80)
    store.apply([put(service({ ...SELECTING, ports: [{ port: 81 }] }))])
    expect(store.slicesOf('default/kuard')[0]?.ports[0]?.port).toBe(81)
  })

  it('a new selector finds the Pods that are there', () => {
    const store = storeOf(pod(), service())
    expect(store.slicesOf('default/kuard')).toEqual([])
    store.apply([put(service(SELECTING))])
    expect(store.slicesOf('default/kuard').map(addressesOf)).toEqual([['fd00::1']])
    store.apply([put(service({ selector: { app: 'x' } }))])
    expect(store.slicesOf('default/kuard')).toEqual([])
  })
})

describe('the store as a whole', () => {
  it('counts what it holds', () => {
    const endpoints = [{ addresses: ['fd00::1'] }, { addresses: ['fd00::2'] }]
    const store = storeOf(service(), slice({ endpoints }), pod(), objectOf(namespaceValue('default')))
    expect(store.stats()).toEqual({ namespaces: 1, services: 1, slices: 1, endpoints: 2, pods: 1 })
    store.apply([gone(slice()), gone(pod())])
    expect(store.stats()).toEqual({ namespaces: 1, services: 1, slices: 0, endpoints: 0, pods: 0 })
  })

  it('finds objects by key', () => {
    const store = storeOf(pod(), objectOf(namespaceValue('default', 'app')))
    expect(store.pod('default/kuard-1')?.name).toBe('kuard-1')
    expect(store.pod('other/kuard-1')).toBeNull()
    expect([...store.pods('default')]).toHaveLength(1)
    expect([...store.pods('other')]).toEqual([])
    expect(store.namespace('default')?.app).toBe('app')
    expect(store.namespace('other')).toBeNull()
  })

  it('after any history it is the store that is built from what is left', () => {
    fc.assert(
      fc.property(anyHistory, history => {
        const store = new Store()
        for (const changes of history) {
          store.apply(changes)
          for (const key of SERVICE_KEYS) store.slicesOf(key)
        }
        expect(viewOf(store)).toEqual(viewOf(storeOf(...present(history))))
      }),
      { numRuns: 300 },
    )
  })

  it('touches every Service whose view differs, and none that is not there', () => {
    fc.assert(
      fc.property(anyHistory, history => {
        const store = new Store()
        for (const changes of history) {
          const before = new Map(SERVICE_KEYS.map(key => [key, serviceView(store, key)]))
          const { services } = store.apply(changes)
          for (const [key, view] of before) {
            if (serviceView(store, key) !== view) expect(services).toContain(key)
            if (view === 'absent' && serviceView(store, key) === 'absent')
              expect(touchesNothing(changes, key)).toBe(!services.has(key))
          }
        }
      }),
      { numRuns: 300 },
    )
  })
})

const SERVICE_KEYS = ['a', 'b'].flatMap(namespace => ['x', 'y', 'z'].map(name => `${namespace}/${name}`))

/** Whether no change of the list is of the Service itself (one may come and go in one step). */
function touchesNothing(changes: readonly ObjectChange[], key: string): boolean {
  return !changes.some(change => change.kind === 'Service' && change.key === key && change.object !== null)
}

/** What is left at the end of a history, in no special order. */
function present(history: readonly (readonly ObjectChange[])[]): ClusterObject[] {
  const left = new Map<string, ClusterObject>()
  for (const change of history.flat()) {
    if (change.object === null) left.delete(`${change.kind} ${change.key}`)
    else left.set(`${change.kind} ${change.key}`, change.object)
  }
  return [...left.values()].reverse()
}

function viewOf(store: Store): unknown {
  const objects = [...store.objects()].map(object => `${object.kind} ${keyOf(object)} ${JSON.stringify(object)}`).sort()
  const services = SERVICE_KEYS.map(key => serviceView(store, key))
  return { objects, services, stats: store.stats() }
}

function serviceView(store: Store, key: string): string {
  const found = store.service(key)
  if (found === null) return 'absent'
  const app = store.namespace(found.namespace)?.app
  return JSON.stringify([found, app, store.slicesOf(key).map(sliceView)])
}

function sliceView(own: EndpointSlice): unknown {
  return [own.name, own.ports, addressesOf(own), [...own.conditions], own.meta]
}
