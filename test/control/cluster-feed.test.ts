import { afterEach, describe, expect, it } from 'vitest'
import type { ClusterObject, ObjectChange } from '#src/cluster/objects.ts'
import type { Source, SourceResource, SourceSink } from '#src/cluster/source.ts'
import { ClusterFeed } from '#src/control/cluster-feed.ts'
import { LastState } from '#src/control/last-state.ts'
import { service } from '../naming/builders.ts'
import { temporaryFolder } from '../support/waypost.ts'
import { makeNetwork, type TestNetwork } from './cluster.ts'

const cleanUps: (() => void)[] = []
afterEach(() => {
  for (const cleanUp of cleanUps.splice(0).reverse()) cleanUp()
})

class FakeSource implements Source {
  sink: SourceSink | null = null

  start(sink: SourceSink): Promise<void> {
    this.sink = sink
    return Promise.resolve()
  }

  stop(): Promise<void> {
    return Promise.resolve()
  }

  lastSeen(): number {
    return 7
  }

  staleSince(): null {
    return null
  }

  resources(): readonly SourceResource[] {
    return []
  }
}

interface Fixture {
  readonly test: TestNetwork
  readonly source: FakeSource
  readonly feed: ClusterFeed
  readonly states: string[]
}

async function make(saved: readonly ClusterObject[] = []): Promise<Fixture> {
  const { path, dispose } = temporaryFolder()
  const test = makeNetwork({ directory: path })
  cleanUps.push(dispose, test.dispose)
  const quiet = (): void => undefined
  const log = { debug: quiet, info: quiet, warn: quiet, error: quiet }
  const options = { directory: path, network: 'test', cluster: 'c', log, now: () => 42, intervalMs: 1 }
  if (saved.length > 0) {
    const before = new LastState({ ...options, objects: () => saved })
    before.touch()
    await before.close()
  }
  const source = new FakeSource()
  const states: string[] = []
  const feed = new ClusterFeed({
    network: test.network,
    source,
    lastState: new LastState({ ...options, objects: () => test.network.store.objects() }),
    log,
    onServing: () => states.push('serving'),
    onSynced: () => states.push('synced'),
    onProblems: () => states.push('problems'),
    onBulk: () => states.push('bulk'),
  })
  return { test, source, feed, states }
}

function put(object: ClusterObject & { key: string }): ObjectChange {
  return { kind: object.kind, key: object.key, object }
}

const headless = (name: string): ReturnType<typeof service> =>
  service({ name, type: 'ExternalName', externalName: 'a.b' })

describe('ClusterFeed', () => {
  it('serves the state on disk until the source has synced, then what the source says', async () => {
    const { test, source, feed, states } = await make([headless('kept'), headless('gone')])
    await feed.restore()
    expect(states).toEqual(['serving'])
    expect(feed.restoredAt).toBe(42)
    await feed.start()
    source.sink?.apply([put(headless('kept')), put(headless('new'))])
    expect([...test.network.published.keys()].sort()).toEqual(['default/gone', 'default/kept'])
    source.sink?.synced()
    await test.network.idle()
    expect([...test.network.published.keys()].sort()).toEqual(['default/kept', 'default/new'])
    await Promise.resolve()
    expect(states).toEqual(['serving', 'synced'])
    expect(feed.restoredAt).toBeNull()
  })

  it('tells of a bulk: many changes at once when they are published, and a list that was read again', async () => {
    const { test, source, feed, states } = await make()
    await feed.start()
    source.sink?.synced()
    await test.network.idle()
    await Promise.resolve()
    states.length = 0
    source.sink?.apply([put(headless('one'))])
    await test.network.idle()
    expect(states).toEqual([])
    source.sink?.apply(Array.from({ length: 1000 }, (_, i) => put(headless(`alias-${i}`))))
    expect(states).toEqual([])
    await test.network.idle()
    await Promise.resolve()
    expect(test.network.published.size).toBe(1001)
    expect(states).toEqual(['bulk'])
    source.sink?.relisted?.()
    expect(states).toEqual(['bulk', 'bulk'])
  })

  it('does not take an address again that was given back after the last save', async () => {
    const kept = service({ name: 'kept', ports: [] })
    const deleted = service({ name: 'deleted', ports: [] })
    const { test, source, feed } = await make([kept, deleted, headless('alias')])
    await test.apply(put(kept), put(deleted))
    await test.apply(
      { kind: 'Service', key: deleted.key, object: null },
      { kind: 'Service', key: kept.key, object: null },
    )
    await test.apply(put(kept))
    const rest = () => [...test.allocator.claims()].find(claim => claim.owner.name === deleted.key)
    const before = rest()
    expect(before?.state).toBe('resting')
    // As after kill -9: the ledger knows of the deletion, the last state does not.
    test.clock += 5000
    await feed.restore()
    expect([...test.network.published.keys()].sort()).toEqual(['default/alias', 'default/kept'])
    await feed.start()
    source.sink?.apply([put(kept)])
    source.sink?.synced()
    await test.network.idle()
    test.allocator.settle('test')
    expect(rest()).toEqual(before)
  })

  it('serves nothing before the source has synced when there is no state on disk', async () => {
    const { test, source, feed, states } = await make()
    await feed.restore()
    await feed.start()
    source.sink?.apply([put(headless('new'))])
    expect(states).toEqual([])
    expect(test.network.published.size).toBe(0)
    source.sink?.synced()
    await test.network.idle()
    await Promise.resolve()
    expect(states).toEqual(['serving', 'synced'])
  })

  it('applies changes at once when it has synced', async () => {
    const { test, source, feed } = await make()
    await feed.start()
    source.sink?.synced()
    source.sink?.apply([put(headless('late'))])
    await test.network.idle()
    expect([...test.network.published.keys()]).toEqual(['default/late'])
  })

  it('keeps what was restored from a file that does not parse, until the file parses again', async () => {
    const from = (name: string, origin: string): ReturnType<typeof service> => ({ ...headless(name), origin })
    const saved = [from('one', '/m/bad.yaml:1'), from('two', '/m/bad.yaml:9'), from('three', '/m/good.yaml:1')]
    const { test, source, feed } = await make(saved)
    await feed.restore()
    await feed.start()
    source.sink?.problems([{ code: 'WAY_MANIFEST_PARSE', file: '/m/bad.yaml', line: 1, field: null, message: 'bad' }])
    source.sink?.synced()
    await test.network.idle()
    expect([...test.network.published.keys()].sort()).toEqual(['default/one', 'default/two'])
    source.sink?.apply([put(from('one', '/m/bad.yaml:1'))])
    source.sink?.problems([])
    await test.network.idle()
    expect([...test.network.published.keys()]).toEqual(['default/one'])
  })

  it('keeps the present list of problems', async () => {
    const { source, feed } = await make()
    await feed.start()
    const problem = { code: 'WAY_MANIFEST_PARSE', file: 'a.yaml', line: 1, field: null, message: 'bad' } as const
    source.sink?.problems([problem])
    expect(feed.problemList).toEqual([problem])
    source.sink?.problems([])
    expect(feed.problemList).toEqual([])
  })
})
