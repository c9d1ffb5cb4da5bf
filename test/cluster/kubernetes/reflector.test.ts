import { describe, expect, it } from 'vitest'
import { TURN_BYTES } from '#src/cluster/kubernetes/json/turns.ts'
import { resource } from '#support/kubernetes/resources.ts'
import { gone, Refusal, tooLarge } from '#support/kubernetes/status.ts'
import { until } from '../watched.ts'
import { Followed, QUICK, service, slice } from './followed.ts'

const SERVICES = resource('services')

async function started(prepare: (followed: Followed) => void = () => undefined): Promise<Followed> {
  const followed = await Followed.make()
  prepare(followed)
  await followed.start()
  await until(() => followed.watches('services').length, 1)
  return followed
}

function withoutWatchList(followed: Followed): void {
  followed.api.watchList = 'refused'
}

describe('the first state', () => {
  it('comes with the watch where the server offers that, and is complete before anything is said', async () => {
    await using followed = await started(({ api }) => {
      api.add(service('a', 1))
      api.add(service('b', 2))
    })
    expect(followed.requests('services')).toEqual(['watch resourceVersion= sendInitialEvents=true'])
    expect(followed.services()).toBe('a:1 b:2')
    expect(followed.syncs).toBe(1)
    followed.api.add(service('c', 3))
    await until(() => followed.services(), 'a:1 b:2 c:3')
  })

  it('is listed from the cache of a server that has no such watch, and watched from the version of the list', async () => {
    await using followed = await started(followed => {
      withoutWatchList(followed)
      followed.api.add(service('a', 1))
    })
    const version = followed.api.store.version
    expect(followed.requests('services')).toEqual([
      'watch resourceVersion= sendInitialEvents=true',
      'list resourceVersion=0 limit=500',
      `watch resourceVersion=${version}`,
    ])
    expect(followed.services()).toBe('a:1')
    expect(followed.figures('services').errors).toEqual({})
  })

  it('is listed when a server takes no notice of the wish for initial events and never says that they end', async () => {
    await using followed = await Followed.make({ times: { ...QUICK, idleMs: 50 } })
    followed.api.add(service('a', 1))
    followed.api.watchList = 'ignored'
    await followed.start()
    expect(followed.services()).toBe('a:1')
  })

  it('is listed in pages of 500 that belong to one moment', async () => {
    await using followed = await started(followed => {
      withoutWatchList(followed)
      followed.api.lists.pagesAtZero = true
      for (let i = 0; i < 1100; i++) followed.api.add(service(`s${i}`, 80))
    })
    expect(followed.requests('services').slice(1, 4)).toEqual([
      'list resourceVersion=0 limit=500',
      'list limit=500 continue=token-0',
      'list limit=500 continue=token-1',
    ])
    expect(followed.figures('services').objects).toBe(1100)
    expect(followed.store.stats().services).toBe(1100)
  })

  it('is listed again as one answer when the pages grow old while they are read', async () => {
    await using followed = await started(followed => {
      withoutWatchList(followed)
      followed.api.lists.pagesAtZero = true
      for (let i = 0; i < 600; i++) followed.api.add(service(`s${i}`, 80))
      followed.api.fail({ when: ({ query }) => query.has('continue'), status: 410, reason: 'Expired', times: 1 })
    })
    expect(
      followed.requests('services').filter(request => request.startsWith('list') || request.startsWith('get')),
    ).toEqual(['list resourceVersion=0 limit=500', 'list limit=500 continue=token-0', 'get /api/v1/services'])
    expect(followed.store.stats().services).toBe(600)
  })

  it('is not believed when its connection breaks in the middle', async () => {
    await using followed = await started(followed => {
      withoutWatchList(followed)
      for (let i = 0; i < 50; i++) followed.api.add(service(`s${i}`, 80))
      followed.api.fail({
        when: ({ isList, plural }) => isList && plural === 'services',
        connection: { breakAfterBytes: 3000 },
        times: 2,
      })
    })
    expect(followed.store.stats().services).toBe(50)
    expect(followed.syncs).toBe(1)
    expect(followed.batches.filter(batch => batch.some(({ kind }) => kind === 'Service')).length).toBe(1)
  })

  it('is asked for with back-off while the server does not answer, and is there when it does', async () => {
    await using followed = await Followed.make()
    followed.api.add(service('a', 1))
    await followed.api.stop()
    const start = followed.start()
    await until(() => followed.problemList.some(({ code }) => code === 'WAY_KUBERNETES_UNREACHABLE'), true)
    expect(followed.syncs).toBe(0)
    expect(followed.source.staleSince()).not.toBeNull()
    await followed.api.start()
    await start
    expect(followed.services()).toBe('a:1')
    await until(() => followed.problemList, [])
    expect(followed.source.staleSince()).toBeNull()
  })
})

describe('a watch', () => {
  it('asks for bookmarks and for an end after 5 to 10 minutes', async () => {
    await using followed = await started()
    const [watch] = followed.watches('services')
    expect(watch?.query.get('allowWatchBookmarks')).toBe('true')
    expect(Number(watch?.query.get('timeoutSeconds'))).toBe(450)
  })

  it('that the server ends as planned goes on from the last version, without a list', async () => {
    await using followed = await started(({ api }) => api.add(service('a', 1)))
    followed.api.add(service('a', 2))
    await until(() => followed.services(), 'a:2')
    const since = followed.since('services')
    const version = followed.api.store.version
    for (const watch of followed.watches('services')) watch.end()
    await until(since, [`watch resourceVersion=${version}`])
    followed.api.add(service('a', 3))
    await until(() => followed.services(), 'a:3')
    expect(followed.figures('services')).toMatchObject({ relists: 0, errors: {} })
  })

  it('goes on from a bookmark, so that events of others do not make it old', async () => {
    await using followed = await started()
    for (let i = 0; i < 3; i++) followed.api.add(slice(`x-${i}`, 'x', 1))
    const version = followed.api.store.version
    for (const watch of followed.watches('services')) watch.bookmark()
    await until(() => followed.source.resources().every(({ lastSeen }) => lastSeen !== 0), true)
    const since = followed.since('services')
    followed.api.store.compact()
    for (const watch of followed.watches('services')) watch.bookmark()
    await until(() => followed.source.staleSince(), null)
    for (const watch of followed.watches('services')) watch.end()
    await until(() => since().length, 1)
    expect(since()).not.toEqual([`watch resourceVersion=${version}`])
    expect(followed.figures('services').relists).toBe(0)
  })

  it('whose connection breaks goes on from the last version after a wait', async () => {
    await using followed = await started(({ api }) => api.add(service('a', 1)))
    const since = followed.since('services')
    const version = followed.api.store.version
    for (const watch of followed.watches('services')) watch.destroy()
    await until(since, [`watch resourceVersion=${version}`])
    expect(followed.figures('services')).toMatchObject({ relists: 0, errors: { connection: 1 } })
  })

  it('on a connection that is half open is ended by the watchdog, and what happened meanwhile is seen', async () => {
    await using followed = await Followed.make({ times: { ...QUICK, idleMs: 80 } })
    followed.api.add(service('a', 1))
    await followed.start()
    await until(() => followed.watches('services').length, 1)
    const frozen = followed.watches('services')
    for (const watch of frozen) watch.freeze()
    followed.api.add(service('a', 2))
    await until(() => followed.services(), 'a:2')
    expect(followed.figures('services').errors['idle']).toBeGreaterThan(0)
    expect(followed.figures('services').relists).toBe(0)
  })

  it('that is quiet for long goes on over another connection, is not stale and is no warning', async () => {
    await using followed = await Followed.make({ times: { ...QUICK, idleMs: 30 } })
    followed.api.add(service('a', 1))
    await followed.start()
    const seen = followed.source.lastSeen()
    await until(() => (followed.figures('services').errors['idle'] ?? 0) > 1, true)
    expect(followed.source.staleSince()).toBeNull()
    expect(followed.source.lastSeen()).toBeGreaterThan(seen)
    expect(followed.log.lines.filter(({ level }) => level === 'warn')).toEqual([])
    followed.api.add(service('a', 2))
    await until(() => followed.services(), 'a:2')
    expect(followed.figures('services').relists).toBe(0)
  })

  it('that is too old (HTTP 410) is listed again, and deletions that nobody told are seen', async () => {
    await using followed = await started(({ api }) => {
      api.add(service('a', 1))
      api.add(service('b', 2))
    })
    const since = followed.since('services')
    await followed.api.stop()
    followed.api.remove(SERVICES, 'default', 'b')
    followed.api.add(service('c', 3))
    followed.api.store.compact()
    await followed.api.start()
    await until(() => followed.services(), 'a:1 c:3')
    expect(since().at(-1)).toBe('watch resourceVersion= sendInitialEvents=true')
    expect(followed.figures('services')).toMatchObject({ relists: 1, errors: { gone: 1 } })
    expect(followed.relists).toBe(followed.source.resources().reduce((sum, { relists }) => sum + relists, 0))
  })

  it('that is too old (an ERROR event) is listed again in one step, with what changed alone', async () => {
    await using followed = await started(followed => {
      withoutWatchList(followed)
      for (const name of ['a', 'b', 'c', 'd']) followed.api.add(service(name, 1))
    })
    const since = followed.since('services')
    const [watch] = followed.watches('services')
    watch?.freeze()
    followed.api.remove(SERVICES, 'default', 'a')
    followed.api.add(service('b', 2))
    followed.api.add(service('e', 1))
    const before = followed.batches.length
    watch?.thaw()
    watch?.error(gone())
    await until(() => followed.services(), 'b:2 c:1 d:1 e:1')
    const batches = followed.batches.slice(before)
    expect(batches.map(batch => batch.map(({ key, object }) => `${key} ${object !== null}`).sort())).toEqual([
      ['default/a false', 'default/b true', 'default/e true'],
    ])
    await until(() => since().length, 2)
    expect(since()[0]).toBe('list limit=500')
  })

  it('from a version that the server does not have yet lists the newest state', async () => {
    await using followed = await started(followed => withoutWatchList(followed))
    const since = followed.since('services')
    for (const watch of followed.watches('services')) watch.error(tooLarge(1e9, 1))
    await until(() => since().length, 2)
    expect(since()[0]).toBe('list limit=500')
    expect(followed.figures('services').errors).toEqual({ version_too_large: 1 })
  })

  it('waits as long as a busy server asks (429, Retry-After), and lists nothing again', async () => {
    await using followed = await started()
    const since = followed.since('services')
    const busy = { status: 429, reason: 'TooManyRequests', headers: { 'retry-after': '1' }, times: 1 }
    followed.api.fail({ when: ({ plural }) => plural === 'services', ...busy })
    const version = followed.api.store.version
    const ended = performance.now()
    for (const watch of followed.watches('services')) watch.end()
    await until(() => since().length, 2)
    expect(performance.now() - ended).toBeGreaterThan(990)
    expect(since()).toEqual([`watch resourceVersion=${version}`, `watch resourceVersion=${version}`])
    expect(followed.figures('services')).toMatchObject({ relists: 0, errors: { throttled: 1 } })
  })

  it('that says something else than JSON, or an unknown error, is listed again', async () => {
    await using followed = await started(({ api }) => api.add(service('a', 1)))
    for (const watch of followed.watches('services')) watch.write('{"type":"ADDED","object":\n')
    await until(() => followed.figures('services').relists, 1)
    await until(() => followed.watches('services').length, 1)
    for (const watch of followed.watches('services')) watch.error(new Refusal(418, 'Teapot', 'no'))
    await until(() => followed.figures('services').relists, 2)
    expect(followed.figures('services').errors).toEqual({ malformed: 1, refused: 1 })
    expect(followed.services()).toBe('a:1')
  })

  it('ends at once again and again: it is not asked for in a loop', async () => {
    await using followed = await Followed.make({ times: { ...QUICK, shortMs: 1_000 } })
    await followed.start()
    followed.api.fail({ when: ({ isWatch }) => isWatch, status: 200, body: '' })
    for (const watch of followed.watches('services')) watch.end()
    await until(() => (followed.figures('services').errors['short'] ?? 0) > 3, true)
    const waits = followed.log.lines
      .filter(line => line.fields['reason'] === 'short')
      .map(line => line.fields['waitMs'])
    expect(waits).toEqual(expect.arrayContaining([3, 5, 10, 20]))
  })

  it('whose server was restored from a backup takes every object, also those of a version that is known', async () => {
    await using followed = await started(({ api }) => {
      api.add(service('a', 1))
    })
    const known = followed.api.store.get(SERVICES, 'default', 'a')?.metadata.resourceVersion
    followed.api.add(service('b', 2))
    await until(() => followed.services(), 'a:1 b:2')
    await followed.api.stop()
    followed.api.store.restore(Number(known) - 1)
    followed.api.add(service('a', 9))
    expect(followed.api.store.get(SERVICES, 'default', 'a')?.metadata.resourceVersion).toBe(known)
    await followed.api.start()
    await until(() => followed.services(), 'a:9')
  })
})

describe('the wait after a failure', () => {
  const waits = (followed: Followed): unknown[] =>
    followed.log.lines.filter(({ fields }) => fields['resource'] === 'services').map(({ fields }) => fields['waitMs'])

  it('doubles while the server is away, and begins small again with its first answer', async () => {
    await using followed = await started(({ api }) => api.add(service('a', 1)))
    await followed.api.stop()
    await until(() => waits(followed).length >= 5, true)
    expect(waits(followed).slice(0, 5)).toEqual([3, 5, 10, 20, 20])
    followed.api.store.compact()
    await followed.api.start()
    await until(() => followed.figures('services').relists, 1)
    const reasons = followed.log.lines.filter(({ fields }) => fields['resource'] === 'services')
    expect(reasons.at(-1)?.fields).toMatchObject({ reason: 'gone', waitMs: 3 })
  })

  it('is said once as a warning while the reason is the same', async () => {
    await using followed = await started()
    await followed.api.stop()
    await until(() => waits(followed).length >= 4, true)
    const levels = followed.log.lines
      .filter(({ fields }) => fields['resource'] === 'services')
      .map(({ level }) => level)
    expect(levels.slice(0, 4)).toEqual(['warn', 'debug', 'debug', 'debug'])
  })
})

describe('a large cluster', () => {
  it('is listed in turns of 64 KiB: 2,500 slices of 100 endpoints hold the thread for no more than that', {
    timeout: 120_000,
  }, async () => {
    await using followed = await Followed.make()
    let bytes = 0
    for (let i = 0; i < 2500; i++)
      bytes += JSON.stringify(followed.api.add(slice(`s-${i}`, `s-${i % 500}`, 100))).length
    withoutWatchList(followed)
    let turns = 0
    const count = (): void => {
      turns++
      next = setImmediate(count)
    }
    let next = setImmediate(count)
    await followed.start()
    clearImmediate(next)
    expect(followed.store.stats().endpoints).toBe(250_000)
    expect(turns).toBeGreaterThan(bytes / TURN_BYTES)
  })
})
