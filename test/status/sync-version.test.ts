import { describe, expect, it } from 'vitest'
import type { KubernetesResponse } from '#src/cluster/kubernetes/client.ts'
import type { Answer } from '#src/status/answer.ts'
import { SyncVersionWriter } from '#src/status/sync-version.ts'
import { FakeApi, status } from './fake-api.ts'
import { FakeTime } from './fake-time.ts'

/** A writer, the API server, and a watch that shows what was written after a while. */
class World {
  readonly time = new FakeTime()
  readonly api = new FakeApi()
  /** What the watch has shown. */
  readonly seen = new Map<string, { uid: string; syncVersion: string | null }>()
  readonly desired = new Map<string, string | null>()
  readonly troubles: (Answer | null)[] = []
  remainingMs = 10_000
  watchDelayMs = 50
  readonly term = new AbortController()
  readonly writer: SyncVersionWriter

  constructor(perSecond = 20) {
    const clock = this.time.clock()
    this.api.onWrite = (key, { uid }) => {
      const syncVersion = this.api.syncVersion(key)
      this.time.add(this.watchDelayMs, () => void this.seen.set(key, { uid, syncVersion }))
    }
    this.writer = new SyncVersionWriter({
      client: this.api.client(),
      view: {
        observed: key => this.seen.get(key) ?? null,
        desired: key => this.desired.get(key),
        services: () => this.seen.keys(),
      },
      clock,
      random: () => 0.5,
      perSecond,
      remainingMs: () => this.remainingMs,
      onTrouble: (_key, answer) => this.troubles.push(answer),
    })
  }

  add(name: string, version: string | null, annotation: string | null = null): string {
    const key = `default/${name}`
    const uid = `uid-${name}`
    this.api.services.set(key, {
      uid,
      annotations: annotation === null ? {} : { 'service.fly.io/sync-version': annotation },
    })
    this.seen.set(key, { uid, syncVersion: annotation })
    this.desired.set(key, version)
    return key
  }

  lead(): void {
    this.writer.lead(this.term.signal)
  }

  change(key: string, version: string | null): void {
    this.desired.set(key, version)
    this.writer.changed([key])
  }

  /** Every write so far, as `name=version`. */
  get written(): string[] {
    return this.api.writes.map(({ path, body }) => {
      const { annotations } = (body as { metadata: { annotations: Record<string, unknown> } }).metadata
      return `${path.split('/').at(-1)}=${annotations['service.fly.io/sync-version']}`
    })
  }
}

describe('SyncVersionWriter', () => {
  it('applies the annotation under its own field manager, with the uid and nothing else', async () => {
    const world = new World()
    world.add('kuard', '17')
    world.lead()
    await world.time.advance(1000)
    expect(world.api.writes).toHaveLength(1)
    expect(world.api.writes[0]).toMatchObject({
      method: 'PATCH',
      path: '/api/v1/namespaces/default/services/kuard',
      query: { fieldManager: 'waypost', force: 'true' },
      contentType: 'application/apply-patch+yaml',
      body: {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: {
          name: 'kuard',
          namespace: 'default',
          uid: 'uid-kuard',
          annotations: { 'service.fly.io/sync-version': '17' },
        },
      },
    })
    expect(world.api.syncVersion('default/kuard')).toBe('17')
    expect(world.writer.results.get('done')).toBe(1)
  })

  it('writes once for each change, and nothing when nothing changed', async () => {
    const world = new World()
    const key = world.add('kuard', '1', '1')
    world.lead()
    await world.time.advance(20 * 60_000)
    expect(world.written).toEqual([])
    world.change(key, '2')
    await world.time.advance(60_000)
    world.writer.changed([key])
    world.writer.compare()
    await world.time.advance(60_000)
    expect(world.written).toEqual(['kuard=2'])
  })

  it('does not write again before the watch has shown its own write', async () => {
    const world = new World()
    world.watchDelayMs = 30_000
    const key = world.add('kuard', '1')
    world.lead()
    for (let i = 0; i < 20; i++) {
      await world.time.advance(1000)
      world.writer.changed([key])
      world.writer.compare()
    }
    expect(world.written).toEqual(['kuard=1'])
  })

  it('writes the changes of one Service within a second as one, the last one', async () => {
    const world = new World(1000)
    const key = world.add('kuard', '0', '0')
    world.lead()
    for (let i = 1; i <= 100; i++) {
      world.change(key, String(i))
      await world.time.advance(20)
    }
    await world.time.advance(5000)
    expect(world.written.length).toBeLessThanOrEqual(4)
    expect(world.written.at(-1)).toBe('kuard=100')
  })

  it('writes nothing when a Service changed and changed back', async () => {
    const world = new World(1)
    const keys = ['a', 'b', 'c'].map(name => world.add(name, '1', '1'))
    world.lead()
    for (const key of keys) world.change(key, '2')
    const [, , last] = keys
    world.change(last ?? '', '1')
    await world.time.advance(10_000)
    expect(world.written).toEqual(['a=2', 'b=2'])
  })

  it('holds 10,000 changes as a set of keys and writes them at its pace', async () => {
    const world = new World(20)
    const keys = Array.from({ length: 10_000 }, (_, i) => world.add(`s${i}`, '1', '1'))
    world.lead()
    for (let round = 2; round < 12; round++) {
      for (const key of keys) world.desired.set(key, String(round))
      world.writer.changed(keys)
      expect(world.writer.dirty).toBeLessThanOrEqual(10_000)
    }
    await world.time.advance(10_000)
    expect(world.written.length).toBeGreaterThanOrEqual(200)
    expect(world.written.length).toBeLessThanOrEqual(224)
    await world.time.advance(500_000)
    expect(world.writer.dirty).toBe(0)
    // The few that were under way when the burst came were written twice.
    expect(world.written.length).toBeLessThanOrEqual(10_004)
    expect(new Set(keys.map(key => world.api.syncVersion(key)))).toEqual(new Set(['11']))
  })

  it('compares everything when it becomes the leader, and keeps nothing before', async () => {
    const world = new World()
    const stale = world.add('stale', '2', '1')
    world.add('right', '1', '1')
    world.writer.changed([stale])
    expect(world.writer.dirty).toBe(0)
    await world.time.advance(5000)
    expect(world.written).toEqual([])
    world.lead()
    await world.time.advance(5000)
    expect(world.written).toEqual(['stale=2'])
  })

  it('mends what somebody else wrote at the next comparison, and not before', async () => {
    const world = new World()
    const key = world.add('kuard', '1', '1')
    world.lead()
    world.seen.set(key, { uid: 'uid-kuard', syncVersion: 'mine' })
    await world.time.advance(60_000)
    expect(world.written).toEqual([])
    world.writer.compare()
    await world.time.advance(1000)
    expect(world.written).toEqual(['kuard=1'])
  })

  it('takes the annotation from a Service without routes, by a merge patch', async () => {
    const world = new World()
    world.add('headless', null, '1')
    world.add('other', null)
    world.lead()
    await world.time.advance(1000)
    expect(world.written).toEqual(['headless=null'])
    expect(world.api.writes[0]).toMatchObject({
      contentType: 'application/merge-patch+json',
      query: { fieldManager: 'waypost' },
    })
    expect(world.api.syncVersion('default/headless')).toBeNull()
  })

  it('leaves a Service alone for which nothing is published yet', async () => {
    const world = new World()
    const key = world.add('new', '1', 'copied')
    world.desired.delete(key)
    world.lead()
    await world.time.advance(1000)
    expect(world.written).toEqual([])
  })

  it('forgets a Service that is gone and does not make it again', async () => {
    const world = new World()
    const key = world.add('kuard', '1')
    world.api.services.delete(key)
    world.lead()
    await world.time.advance(2000)
    world.seen.delete(key)
    await world.time.advance(60_000)
    expect(world.api.services.size).toBe(0)
    expect(world.writer.dirty).toBe(0)
    expect(world.writer.results.get('conflict')).toBeGreaterThan(0)
    expect(world.troubles).toEqual([])
  })

  it('writes to a Service that was made again, with the new uid', async () => {
    const world = new World()
    const key = world.add('kuard', '1')
    world.lead()
    await world.time.advance(1000)
    world.api.services.set(key, { uid: 'second', annotations: {} })
    world.seen.set(key, { uid: 'second', syncVersion: null })
    world.writer.changed([key])
    await world.time.advance(2000)
    expect(world.api.syncVersion(key)).toBe('1')
    expect(world.writer.dirty).toBe(0)
  })

  it('tries a conflict again with what is known then, a few times', async () => {
    const world = new World()
    const key = world.add('kuard', '1')
    let conflicts = 2
    world.api.fault = () => (conflicts-- > 0 ? status(409, 'the object has been modified') : null)
    world.lead()
    await world.time.advance(10_000)
    expect(world.api.syncVersion(key)).toBe('1')
    conflicts = Number.POSITIVE_INFINITY
    world.change(key, '2')
    await world.time.advance(600_000)
    expect(world.written).toHaveLength(3 + 5)
    expect(world.writer.dirty).toBe(0)
  })

  it('does not hammer an API server that is away, and catches up when it is back', async () => {
    const world = new World()
    const keys = Array.from({ length: 100 }, (_, i) => world.add(`s${i}`, '1'))
    world.api.fault = () => status(503, 'etcdserver: no leader')
    world.lead()
    await world.time.advance(300_000)
    // Four writes at once, then one after each pause; pauses grow to 30 s.
    expect(world.written.length).toBeLessThan(4 + 20)
    expect(world.writer.dirty).toBe(100)
    expect(world.troubles).toHaveLength(1)
    world.api.fault = () => null
    await world.time.advance(60_000)
    expect(keys.map(key => world.api.syncVersion(key))).toEqual(keys.map(() => '1'))
    expect(world.writer.dirty).toBe(0)
    expect(world.troubles).toEqual([expect.objectContaining({ result: 'failed' }), null])
  })

  it('waits as long as the API server asks it to', async () => {
    const world = new World()
    const key = world.add('kuard', '1')
    let answer: KubernetesResponse | null = status(429, 'too many requests', 45_000)
    world.api.fault = () => answer
    world.lead()
    await world.time.advance(100)
    answer = null
    await world.time.advance(44_000)
    expect(world.written).toHaveLength(1)
    await world.time.advance(2000)
    expect(world.api.syncVersion(key)).toBe('1')
  })

  it('says once that it is not allowed to write, and tries what it may at the next comparison', async () => {
    const world = new World()
    const [a, b] = [world.add('a', '1'), world.add('b', '1')]
    world.api.fault = ({ path }) => (path.endsWith('/a') ? status(403, 'services "a" is forbidden') : null)
    world.lead()
    await world.time.advance(120_000)
    expect(world.api.syncVersion(b)).toBe('1')
    expect(world.writer.dirty).toBe(0)
    expect(world.written.filter(text => text.startsWith('a'))).toHaveLength(1)
    world.api.fault = () => null
    world.writer.compare()
    await world.time.advance(60_000)
    expect(world.api.syncVersion(a)).toBe('1')
  })

  it('drops what the API server will never take until it changes', async () => {
    const world = new World()
    world.add('a', '1')
    world.api.fault = () => status(422, 'admission webhook denied the request')
    world.lead()
    await world.time.advance(120_000)
    expect(world.written).toHaveLength(1)
    expect(world.writer.dirty).toBe(0)
    expect(world.writer.results.get('invalid')).toBe(1)
  })

  it('sends nothing past the fence and forgets everything when the term ends', async () => {
    const world = new World(1)
    for (let i = 0; i < 10; i++) world.add(`s${i}`, '1')
    world.lead()
    await world.time.advance(2500)
    const before = world.written.length
    world.remainingMs = 0
    await world.time.advance(60_000)
    expect(world.written).toHaveLength(before)
    world.remainingMs = 10_000
    world.term.abort()
    world.writer.changed(['default/s1'])
    await world.time.advance(60_000)
    expect(world.written).toHaveLength(before)
    expect(world.writer.dirty).toBe(0)
  })

  it('limits a request to the time for which it leads', async () => {
    const world = new World()
    world.remainingMs = 1234
    world.add('kuard', '1')
    world.lead()
    await world.time.advance(10)
    expect(world.api.writes[0]?.timeoutMs).toBe(1234)
    expect(world.api.writes[0]?.signal).toBe(world.term.signal)
  })
})
