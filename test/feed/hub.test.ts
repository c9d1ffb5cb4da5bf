import { describe, expect, it } from 'vitest'
import { WaypostError } from '#src/errors.ts'
import { backend, route } from '../route/fixtures.ts'
import { EVERYTHING, World } from './world.ts'

const ONLY_A = { network: null, services: new Set(['ns/a']) }

function names(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `s${i}`)
}

describe('a watch without since', () => {
  it('is a reset, every Service, a sync, and then every publish as a batch of its own', () => {
    const world = new World()
    world.publish('a', 'b')
    const reader = world.watch()
    world.clock.settle()
    world.publish('a')
    world.publish('-b', 'c')
    expect(reader.story).toEqual([
      'reset',
      'put ns/a',
      'put ns/b',
      'sync e1-1',
      'put ns/a',
      'sync e1-2',
      'delete ns/b',
      'put ns/c',
      'sync e1-3',
    ])
  })

  it('of an empty table is a reset and a sync', () => {
    const world = new World()
    const reader = world.watch()
    world.clock.settle()
    expect(reader.story).toEqual(['reset', 'sync e1-0'])
  })

  it('leaves out Services that have gone', () => {
    const world = new World()
    world.publish('a', 'b')
    world.publish('-a')
    const reader = world.watch()
    world.clock.settle()
    expect(reader.story).toEqual(['reset', 'put ns/b', 'sync e1-2'])
  })
})

describe('a watch with since', () => {
  function worldWithHistory(): World {
    const world = new World()
    world.publish('a', 'b')
    world.publish('c')
    world.publish('-a')
    world.publish('c', 'd')
    return world
  }

  const known: readonly [since: string, story: string[]][] = [
    ['e1-4', ['sync e1-4']],
    ['e1-3', ['put ns/c', 'put ns/d', 'sync e1-4']],
    ['e1-2', ['delete ns/a', 'put ns/c', 'put ns/d', 'sync e1-4']],
    ['e1-0', ['delete ns/a', 'put ns/b', 'put ns/c', 'put ns/d', 'sync e1-4']],
  ]
  it.each(known)('%s gets what changed since, each Service once, and a sync', (since, story) => {
    const reader = worldWithHistory().watch({ since })
    // The reader's world is at rest: everything comes in the first turns.
    expect(settled(reader)).toEqual(story)
  })

  const unknown = [
    '',
    'e1',
    'e1-',
    '-4',
    'e1-5',
    'e1-x',
    'e1-04',
    'e1-4 ',
    'e1--4',
    'e1-1e0',
    'e2-4',
    'E1-4',
    '4',
    'e1-99999999999999999999',
  ]
  it.each(unknown)('"%s", which is malformed, unknown or of the future, gets a reset and a snapshot', since => {
    const reader = worldWithHistory().watch({ since })
    expect(settled(reader)).toEqual(['reset', 'put ns/b', 'put ns/c', 'put ns/d', 'sync e1-4'])
  })

  function settled(reader: ReturnType<World['watch']>): string[] {
    reader.world.clock.settle()
    return reader.story
  }

  it('of before the oldest deletion that is remembered gets a reset; of that deletion itself it does not', () => {
    const world = new World({ maxTombstones: 2 })
    world.publish('a', 'b', 'c', 'd')
    world.publish('-a')
    world.publish('-b')
    world.publish('-c')
    const before = world.watch({ since: 'e1-1' })
    const at = world.watch({ since: 'e1-2' })
    world.clock.settle()
    expect(before.story).toEqual(['reset', 'put ns/d', 'sync e1-4'])
    expect(at.story).toEqual(['delete ns/b', 'delete ns/c', 'sync e1-4'])
  })

  it('gets a reset when the deletion was more than ten minutes ago, and not before', () => {
    const world = new World()
    world.publish('a', 'b')
    world.publish('-a')
    world.clock.advance(599_000)
    const early = world.watch({ since: 'e1-1' })
    world.clock.advance(1500)
    const late = world.watch({ since: 'e1-1' })
    world.clock.settle()
    expect(early.story.slice(0, 2)).toEqual(['delete ns/a', 'sync e1-2'])
    expect(late.story.slice(0, 2)).toEqual(['reset', 'put ns/b'])
  })

  it('is told of a deletion that is forgotten while it reads', () => {
    const world = new World({ maxTombstones: 1 })
    world.publishAll([
      { network: 'default', name: 'x', backends: 5000 },
      ...names(3).map(name => ({ network: 'default', name })),
    ])
    const since = world.publish('y')
    world.publishAll([{ network: 'default', name: 'x', backends: 5000 }])
    world.publish('-s1')
    const reader = world.watch({ since, room: 1 }, since)
    world.clock.turn()
    world.publish('-s2')
    for (let i = 0; i < 100; i++) {
      reader.take(1e6)
      world.clock.settle()
    }
    expect(reader.story).toContain('delete ns/s1')
    expect(reader.syncs.at(-1)?.text).toBe(world.tableAt(world.hub.version, EVERYTHING))
  })
})

describe('a slow reader', () => {
  it('coalesces: many publishes while it stands still are one put', () => {
    const world = new World()
    world.publish('a')
    const reader = world.watch({ room: 10 })
    world.clock.settle()
    reader.take(1e6)
    world.clock.settle()
    reader.take(1e6)
    for (let i = 0; i < 1000; i++) world.publish('a', i % 2 === 0 ? 'b' : '-b')
    const before = reader.lines.length
    for (let i = 0; i < 20; i++) {
      reader.take(1e6)
      world.clock.settle()
    }
    const tail = reader.story.slice(before)
    expect(tail.length).toBeLessThan(10)
    expect(tail.at(-1)).toBe('sync e1-1001')
    expect(reader.syncs.at(-1)?.text).toBe(world.tableAt('e1-1001', EVERYTHING))
  })

  it('holds back nobody else', () => {
    const world = new World()
    const slow = world.watch({ room: 1 })
    const quick = world.watch()
    world.clock.settle()
    for (let i = 0; i < 5; i++) world.publish('a')
    expect(quick.syncs.map(sync => sync.version)).toEqual(['e1-0', 'e1-1', 'e1-2', 'e1-3', 'e1-4', 'e1-5'])
    expect(slow.syncs).toEqual([])
    expect(world.hub.figures()).toMatchObject({ watchers: 2, lag: 5 })
  })

  it('gets its syncs although the Services change faster than it reads, as long as a batch is small', () => {
    const world = new World()
    world.publish(...names(50))
    const reader = world.watch({ room: 2000 })
    for (let i = 0; i < 2000; i++) {
      world.clock.turn()
      world.publish(`s${i % 50}`)
      reader.take(100)
    }
    expect(reader.syncs.length).toBeGreaterThan(3)
    for (const { version, text } of reader.syncs) expect(text).toBe(world.tableAt(version, EVERYTHING))
  })

  it('that takes nothing for 60 s is closed, one that takes a little is not', () => {
    const world = new World()
    world.publish(...names(100))
    const dead = world.watch({ room: 1 })
    const slow = world.watch({ room: 1 })
    world.clock.settle()
    for (let i = 0; i < 59; i++) {
      world.clock.advance(1000)
      slow.take(1)
    }
    expect([dead.isDestroyed, slow.isDestroyed]).toEqual([false, false])
    for (let i = 0; i < 10; i++) {
      world.clock.advance(1000)
      slow.take(1)
    }
    expect([dead.isDestroyed, slow.isDestroyed]).toEqual([true, false])
    expect(world.hub.figures().closed).toContainEqual({ labels: ['slow'], value: 1 })
    expect(world.hub.figures().watchers).toBe(1)
  })

  it('is never given more than it can take: what is made ready for it is bounded', () => {
    let asked = 0
    const backends = Array.from({ length: 100 }, () => backend())
    const world = new World({
      routesOf: (_, service) => {
        asked++
        return [route({ service, backends })]
      },
    })
    world.publish(...names(300))
    const reader = world.watch({ room: 1 })
    world.clock.settle()
    // 11 KB a Service.
    expect(asked).toBeLessThan(40)
    expect(reader.unsent()).toBeLessThanOrEqual(65_536)
  })
})

describe('more changes than are noted one by one', () => {
  it('are told all the same, each Service once or twice, and the last one as a sync', () => {
    const world = new World({ maxDirty: 3 })
    world.publish(...names(40))
    const reader = world.watch({ room: 1 })
    readAll(world, reader)
    const before = reader.lines.length
    for (let i = 0; i < 200; i++) world.publish(`s${i % 40}`)
    readAll(world, reader)
    expect(reader.lines.length - before).toBeLessThan(100)
    expect(reader.syncs.at(-1)?.text).toBe(world.tableAt('e1-201', EVERYTHING))
  })

  it('and more deletions in one publish than are remembered', () => {
    const world = new World({ maxDirty: 3, maxTombstones: 2 })
    world.publish(...names(20))
    const reader = world.watch({ room: 1 })
    readAll(world, reader)
    world.publish('s0')
    world.publish(...names(15).map(name => `-${name}`))
    readAll(world, reader)
    expect(reader.syncs.at(-1)?.text).toBe(world.tableAt('e1-3', EVERYTHING))
  })

  function readAll(world: World, reader: ReturnType<World['watch']>): void {
    for (let i = 0; i < 1000; i++) {
      world.clock.settle()
      reader.take(1e6)
    }
  }
})

describe('filters', () => {
  it('let through the named Services, also those that come later, and publishes that touch none are no sync', () => {
    const world = new World()
    world.publish('b')
    const reader = world.watch({ filter: ONLY_A })
    world.clock.settle()
    world.publish('b')
    world.publish('a', 'b')
    world.publish('c')
    world.publish('-a')
    expect(reader.story).toEqual(['reset', 'sync e1-1', 'put ns/a', 'sync e1-3', 'delete ns/a', 'sync e1-5'])
  })

  it('hold for a resumption', () => {
    const world = new World()
    world.publish('a', 'b')
    world.publish('a', 'b')
    const reader = world.watch({ filter: ONLY_A, since: 'e1-1' })
    const nothing = world.watch({ filter: { network: null, services: new Set(['ns/z']) }, since: 'e1-1' })
    world.clock.settle()
    expect(reader.story).toEqual(['put ns/a', 'sync e1-2'])
    expect(nothing.story).toEqual(['sync e1-2'])
  })

  it('by network, where every line and route names its network', () => {
    const world = new World({ networks: ['default', 'other'] })
    world.publishIn('default', 'a')
    world.publishIn('other', 'a', 'b')
    const all = world.watch()
    const other = world.watch({ filter: { network: 'other', services: null } })
    world.clock.settle()
    world.publishIn('default', 'c')
    world.publishIn('other', '-b')
    expect(other.lines.map(line => [line['type'], line['network'], line['service']])).toEqual([
      ['reset', undefined, undefined],
      ['put', 'other', 'ns/a'],
      ['put', 'other', 'ns/b'],
      ['sync', undefined, undefined],
      ['delete', 'other', 'ns/b'],
      ['sync', undefined, undefined],
    ])
    expect(all.lines.filter(line => line['type'] === 'put').map(line => line['network'])).toEqual([
      'default',
      'other',
      'other',
      'default',
    ])
    const routes = (all.lines[1]?.['routes'] ?? []) as readonly object[]
    expect(Object.keys(routes[0] ?? {})[0]).toBe('network')
  })

  it('of a single network: nothing names it', () => {
    const world = new World()
    world.publish('a')
    const reader = world.watch()
    world.clock.settle()
    expect(JSON.stringify(reader.lines)).not.toContain('network')
  })
})

describe('a heartbeat', () => {
  it('comes after 10 s without a line, with the present version, also to a reader whose filter let nothing through', () => {
    const world = new World()
    const reader = world.watch({ filter: ONLY_A })
    world.clock.settle()
    world.clock.advance(9000)
    world.publish('b')
    expect(reader.story).toEqual(['reset', 'sync e1-0'])
    world.clock.advance(2000)
    expect(reader.story).toEqual(['reset', 'sync e1-0', 'heartbeat e1-1'])
    world.clock.advance(5000)
    world.publish('a')
    world.clock.advance(9000)
    expect(reader.story.slice(3)).toEqual(['put ns/a', 'sync e1-2'])
    world.clock.advance(2000)
    expect(reader.story.slice(5)).toEqual(['heartbeat e1-2'])
  })

  it('is not piled up for a reader that stands still', () => {
    const world = new World()
    const reader = world.watch({ room: 1 })
    world.clock.advance(50_000)
    expect(reader.unsent()).toBeLessThan(100)
  })
})

describe('server-sent events', () => {
  it('carry the same lines, with the type as event and the version as id', () => {
    const world = new World()
    world.publish('a', 'b')
    const lines = world.watch()
    const events = world.watch({ format: 'sse' })
    world.clock.settle()
    world.publish('-b')
    world.clock.advance(11_000)
    expect(events.story.at(-1)).toBe('heartbeat e1-2')
    expect(events.lines).toEqual(lines.lines)
  })
})

describe('a table that is not whole yet', () => {
  it('is refused, and watchers get a reset and heartbeats but no line of it until it is', async () => {
    const world = new World({ isHeld: true })
    world.publish('a')
    const early = world.watch()
    const named = world.watch({ filter: ONLY_A })
    world.clock.settle()
    world.publish('b')
    world.clock.advance(11_000)
    expect(early.story).toEqual(['reset', 'heartbeat e1-2'])
    await expect(world.hub.table(EVERYTHING)).rejects.toThrow(WaypostError)
    world.hub.open()
    world.clock.settle()
    expect(early.story.slice(2)).toEqual(['put ns/a', 'put ns/b', 'sync e1-3'])
    expect(named.story.slice(2)).toEqual(['put ns/a', 'sync e1-3'])
    await expect(world.hub.table(EVERYTHING)).resolves.toMatchObject({ version: 3 })
  })

  it('leaves no version behind that a reader could go on from', () => {
    const world = new World({ isHeld: true })
    world.publish('a')
    const before = world.watch({ since: 'e1-1' })
    world.hub.open()
    const after = world.watch({ since: 'e1-1' })
    world.clock.settle()
    for (const reader of [before, after]) expect(reader.story).toEqual(['reset', 'put ns/a', 'sync e1-2'])
  })
})

describe('publishing', () => {
  it('is one version per publish; nothing to tell is no version', () => {
    const world = new World()
    expect(world.publish('a', 'b', 'c')).toBe('e1-1')
    expect(world.publish()).toBe('e1-1')
    expect(world.publish('-never')).toBe('e1-1')
    expect(world.publish('-a')).toBe('e1-2')
    expect(world.publish('-a')).toBe('e1-2')
  })

  it('encodes a Service once for all its readers', () => {
    let asked = 0
    const world = new World({
      routesOf: () => {
        asked++
        return []
      },
    })
    for (let i = 0; i < 50; i++)
      world.watch({ format: i % 2 === 0 ? 'ndjson' : 'sse', filter: i % 3 === 0 ? ONLY_A : EVERYTHING })
    world.clock.settle()
    world.publish('a')
    expect(asked).toBe(1)
  })

  it('of more than fits into one batch is still one sync, after all of it', () => {
    const world = new World()
    const reader = world.watch()
    world.clock.settle()
    world.publishAll(names(200).map(name => ({ network: 'default', name, backends: 30 })))
    world.clock.settle()
    expect(reader.syncs.map(sync => sync.version)).toEqual(['e1-0', 'e1-1'])
    expect(reader.syncs.at(-1)?.text).toBe(world.tableAt('e1-1', EVERYTHING))
  })
})

describe('the table', () => {
  it('is sorted by Service, then network, and reads as the contract says', async () => {
    const world = new World({ networks: ['default', 'other'] })
    world.publishIn('other', 'b', 'a-x', 'a')
    world.publishIn('default', 'b', 'c')
    const { routes, version } = await world.get()
    expect(version).toBe('e1-2')
    expect(routes.map(route => `${route['service']} ${route['network']}`)).toEqual([
      'ns/a other',
      'ns/a-x other',
      'ns/b default',
      'ns/b other',
      'ns/c default',
    ])
  })

  it('is of one version although Services change while it is made', async () => {
    const world = new World()
    world.publish(...names(200))
    world.clock.costMs = 1
    const pending = world.hub.table(EVERYTHING)
    for (let i = 0; i < 20; i++) {
      world.clock.turn()
      await Promise.resolve()
      world.publish('s0', `-s${i + 1}`, `new${i}`)
    }
    const { version, text } = await world.get()
    expect(text).toBe(world.tableAt(version, EVERYTHING))
    expect((await pending).version).toBe(21)
  })

  it('is made once for readers that ask at the same time', async () => {
    const world = new World()
    world.publish('a')
    world.clock.costMs = 5
    const [one, two] = [world.hub.table(EVERYTHING), world.hub.table(EVERYTHING)]
    world.clock.costMs = 0
    await world.get()
    expect(await one).toBe(await two)
  })

  it('is made in slices: no turn of the event loop does it all', async () => {
    const world = new World()
    world.publish(...names(500))
    world.clock.costMs = 1
    let turns = 0
    const pending = world.hub.table(EVERYTHING).then(() => {
      turns = -turns
    })
    while (turns >= 0) {
      turns++
      world.clock.turn()
      await Promise.resolve()
    }
    await pending
    expect(-turns).toBeGreaterThan(30)
  })
})

describe('the limit', () => {
  it('refuses one watcher more, and counts those that left no longer', () => {
    const world = new World({ maxWatchers: 2 })
    const first = world.watch()
    world.watch()
    expect(() => world.watch()).toThrow(expect.objectContaining({ code: 'WAY_HTTP_BUSY' }))
    first.leave()
    expect(() => world.watch()).not.toThrow()
  })
})

describe('closing', () => {
  it('sends a last sync to everyone and ends; a reader that still has to be told the rest gets it first', async () => {
    const world = new World()
    world.publish('a')
    const idle = world.watch()
    world.clock.settle()
    const behind = world.watch({ room: 1 })
    world.clock.settle()
    const closed = world.hub.close(1000)
    expect(idle.story.slice(-2)).toEqual(['sync e1-1', 'sync e1-1'])
    expect([idle.isEnded, behind.isEnded]).toEqual([true, false])
    expect(() => world.watch()).toThrow(expect.objectContaining({ code: 'WAY_HTTP_BUSY' }))
    for (let i = 0; i < 20; i++) {
      behind.take(1e6)
      world.clock.settle()
    }
    expect(behind.story.slice(0, 3)).toEqual(['reset', 'put ns/a', 'sync e1-1'])
    expect(behind.isEnded).toBe(true)
    await closed
  })

  it('cuts off who does not read on', async () => {
    const world = new World()
    const stuck = world.watch({ room: 1 })
    world.clock.settle()
    const closed = world.hub.close(1000)
    world.clock.advance(1001)
    await closed
    expect(stuck.isDestroyed).toBe(true)
  })

  it('is done at once without watchers, and twice is once', async () => {
    const world = new World()
    await Promise.all([world.hub.close(), world.hub.close()])
  })

  it('ends watchers that still wait for a whole table', async () => {
    const world = new World({ isHeld: true })
    const reader = world.watch()
    world.clock.settle()
    await world.hub.close()
    expect(reader.isEnded).toBe(true)
  })
})

describe('a Service that goes, is forgotten and comes back while it is read', () => {
  it.each([
    ['here', ['a']],
    ['gone', ['a', '-a']],
  ])('is told as what it is in the end: %s', (_, last) => {
    const world = new World({ tombstoneMs: 8000 })
    const reader = world.watch({ room: 1 })
    world.publishAll(['a', 'b', 'f'].map(name => ({ network: 'default', name, backends: 900 })))
    world.clock.turn()
    world.publish('-a')
    world.clock.advance(9000)
    for (const name of last) world.publish(name)
    for (let i = 0; i < 1000; i++) {
      reader.take(1e6)
      world.clock.settle()
    }
    expect(reader.syncs.at(-1)?.text).toBe(world.tableAt(world.hub.version, EVERYTHING))
  })
})
