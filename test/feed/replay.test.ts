import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { WatchFilter } from '#src/feed/watcher.ts'
import { EVERYTHING, type SimulatedReader, World } from './world.ts'

/** `WAYPOST_FUZZ=1000000 npx vitest run test/feed/replay` runs 10,000. */
const RUNS = Math.max(250, Number(process.env['WAYPOST_FUZZ'] ?? 0) / 100)

const NAMES = ['a', 'b', 'c', 'd', 'e', 'f']
const FILTERS: readonly WatchFilter[] = [
  EVERYTHING,
  { network: null, services: new Set(['ns/a', 'ns/b', 'ns/nobody']) },
  { network: 'default', services: null },
  { network: 'other', services: new Set(['ns/c']) },
]

type Step =
  | { readonly kind: 'publish'; readonly names: readonly string[]; readonly network: string; readonly backends: number }
  | { readonly kind: 'watch'; readonly filter: number; readonly format: 'ndjson' | 'sse'; readonly room: number }
  | { readonly kind: 'take'; readonly reader: number; readonly bytes: number }
  | { readonly kind: 'come back'; readonly reader: number }
  | { readonly kind: 'turn' }
  | { readonly kind: 'get'; readonly filter: number }
  | { readonly kind: 'wait'; readonly ms: number }

const name = fc.tuple(fc.constantFrom(...NAMES), fc.boolean()).map(([text, gone]) => (gone ? `-${text}` : text))
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('publish' as const),
      names: fc.array(name, { maxLength: 4 }),
      network: fc.constantFrom('default', 'default', 'other'),
      backends: fc.constantFrom(0, 1, 1, 3, 900),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('watch' as const),
      filter: fc.nat({ max: FILTERS.length - 1 }),
      format: fc.constantFrom('ndjson' as const, 'sse' as const),
      room: fc.constantFrom(1, 300, 2000, 100_000, 1e9),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('take' as const),
      reader: fc.nat(),
      bytes: fc.constantFrom(1, 7, 100, 1000, 70_000, 1e9),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('come back' as const), reader: fc.nat() }) },
  { weight: 6, arbitrary: fc.constant({ kind: 'turn' as const }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('get' as const), filter: fc.nat({ max: FILTERS.length - 1 }) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(1, 300, 9000) }) },
)

describe('replaying the lines up to a sync', () => {
  it(
    'gives the table of that version, for any publishes, slow readers, filters and reconnections',
    async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(step, { maxLength: 120, size: 'max' }),
          fc.constantFrom(0, 3),
          fc.constantFrom(1, 2, 1024),
          async (steps, costMs, maxDirty) => {
            // Few tombstones for a short time, so that returning readers meet the floor; a small cache, so that it evicts.
            const world = new World({
              networks: ['default', 'other'],
              maxTombstones: 2,
              tombstoneMs: 8000,
              cacheBytes: 4000,
              maxDirty,
            })
            world.clock.costMs = costMs
            for (const each of steps) await run(world, each)
            world.clock.costMs = 0
            const last = world.readers.filter(reader => !reader.isGone)
            for (let i = 0; i < 10_000 && last.some(reader => !isDone(world, reader)); i++) {
              world.clock.settle()
              for (const reader of last) reader.take(1e9)
            }
            for (const reader of world.readers) expectConsistent(world, reader)
            for (const reader of last) expect(isDone(world, reader)).toBe(true)
          },
        ),
        { numRuns: RUNS },
      )
    },
    20_000 + 20 * RUNS,
  )

  async function run(world: World, each: Step): Promise<void> {
    const reader =
      world.readers.length === 0 || !('reader' in each) ? undefined : world.readers[each.reader % world.readers.length]
    if (each.kind === 'publish') {
      const { network, backends } = each
      world.publishAll(
        [...new Map(each.names.map(text => [text.replace('-', ''), text])).values()].map(text => ({
          network,
          name: text,
          backends,
        })),
      )
    } else if (each.kind === 'watch') world.watch({ ...each, filter: FILTERS[each.filter] ?? EVERYTHING })
    else if (each.kind === 'take') reader?.take(each.bytes)
    else if (each.kind === 'come back') reader?.comeBack()
    else if (each.kind === 'turn') world.clock.turn()
    else if (each.kind === 'wait') world.clock.advance(each.ms)
    else {
      const filter = FILTERS[each.filter] ?? EVERYTHING
      const { version, text } = await world.get(filter)
      expect(text).toBe(world.tableAt(version, filter))
    }
  }

  function expectConsistent(world: World, reader: SimulatedReader): void {
    for (const { version, text } of reader.syncs) expect(text).toBe(world.tableAt(version, reader.options.filter))
  }

  /** The reader has the table of now, at its last sync. */
  function isDone(world: World, reader: SimulatedReader): boolean {
    const last = reader.syncs.at(-1)
    return last !== undefined && last.text === world.tableAt(world.hub.version, reader.options.filter)
  }
})
