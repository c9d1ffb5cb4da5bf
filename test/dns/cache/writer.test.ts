import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ENTRY, KIND, USE } from '#src/dns/cache/memory/layout.ts'
import type { ForeignAnswer } from '#src/dns/forward/answer.ts'
import { CacheWorld } from '#support/cache.ts'
import { type AnswerText, makeForeign, soaLine } from '#support/foreign-answer.ts'

const TYPES = ['A', 'AAAA', 'TXT', 'MX'] as const

function answer(name: string, count: number, ttl = 300): AnswerText {
  return { name, type: 'A', answers: Array.from({ length: count }, (_, i) => `${name} ${ttl} A 192.0.2.${i}`) }
}

describe('the cache', () => {
  it('finds what was stored last for each question, and nothing that was forgotten', () => {
    const step = fc.record({
      name: fc.integer({ min: 0, max: 30 }),
      type: fc.constantFrom(...TYPES),
      count: fc.integer({ min: 1, max: 30 }),
      isForgotten: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), steps => {
        const world = new CacheWorld()
        const model = new Map<string, number>()
        for (const { name, type, count, isForgotten } of steps) {
          const question = { name: `name-${name}.example`, type }
          const key = `${question.name} ${type}`
          const place = world.find(question)
          expect(place === 0).toBe(!model.has(key))
          if (isForgotten && place !== 0) {
            world.writer.forget(place)
            model.delete(key)
          } else {
            world.put({
              ...answer(question.name, count),
              ...question,
              rcode: 3,
              authority: [soaLine('example', 60, 60)],
            })
            model.set(key, count)
          }
        }
        for (const [key, count] of model) {
          const [name = '', type = ''] = key.split(' ')
          expect(world.ask(name, type, { udpSize: 4096 })?.answers.length).toBe(count)
        }
        expect(world.writer.figures.entries).toBe(model.size)
      }),
      { numRuns: 50 },
    )
  })

  it('holds no more entries than it may', () => {
    const world = new CacheWorld({ maxEntries: 100 })
    for (let i = 0; i < 1000; i++) {
      world.put(answer(`name-${i}.example`, 1))
      expect(world.writer.figures.entries).toBe(Math.min(i + 1, 100))
    }
    expect(world.writer.figures).toMatchObject({ evictions: 900, refused: 0 })
    expect(world.find({ name: 'name-999.example', type: 'A' })).not.toBe(0)
  })

  it('holds no more octets than it may, whatever the sizes', () => {
    const world = new CacheWorld({ maxBytes: 1 << 20, maxEntries: 100_000 })
    const answers = Array.from({ length: 100 }, (_, i) => makeForeign(answer('x', i + 1)))
    for (let i = 0; i < 6000; i++) {
      world.putForeign(answers[(i * 7919) % 100] as ForeignAnswer, { name: `name-${i}.example`, type: 'A' })
      expect(world.writer.figures.bytes).toBeLessThanOrEqual(1 << 20)
    }
    const { entries, bytes, refused } = world.writer.figures
    // Most of it is used, hardly anything is refused.
    expect(bytes).toBeGreaterThan(0.85 * 2 ** 20)
    expect(entries).toBeGreaterThan(500)
    expect(refused).toBeLessThan(20)
  })

  it('lets a run of one name with very many types lose entries, and still finds others', () => {
    const world = new CacheWorld({ maxEntries: 1000 })
    world.put(answer('other.example', 1))
    for (let type = 1000; type < 1500; type++) {
      world.put({ name: 'many.example', type: `TYPE${type}`, rcode: 3, authority: [soaLine('example', 60, 60)] })
    }
    expect(world.find({ name: 'other.example', type: 'A' })).not.toBe(0)
    expect(world.find({ name: 'many.example', type: 'TYPE1499' })).not.toBe(0)
    expect(world.writer.figures.entries).toBeLessThan(140)
  })

  it('replaces an entry of a full cache without pushing out another one', () => {
    const world = new CacheWorld({ maxEntries: 10 })
    for (let i = 0; i < 10; i++) world.put(answer(`name-${i}.example`, 1))
    for (let i = 0; i < 50; i++) world.put(answer('name-3.example', 1 + (i % 5)))
    expect(world.writer.figures).toMatchObject({ entries: 10, evictions: 0 })
  })

  it('forgets what another writer has left', () => {
    const world = new CacheWorld()
    world.put(answer('www.example', 1))
    const next = new CacheWorld({}, world.buffers)
    expect(next.find({ name: 'www.example', type: 'A' })).toBe(0)
    next.put(answer('www.example', 2))
    expect(next.ask('www.example', 'A')?.answers.length).toBe(2)
  })
})

describe('a failure (RFC 9520)', () => {
  const question = { name: 'www.example', type: 'A' }
  const fail = (world: CacheWorld): number => {
    world.setKey(question)
    return world.writer.fail(2, 23)
  }
  const seconds = (world: CacheWorld, place: number): number =>
    (world.reader.word(place, ENTRY.expires) - world.reader.word(place, ENTRY.stored)) / 10

  it('is remembered, with its extended error, for a second at first and longer each time, up to five minutes', () => {
    const world = new CacheWorld()
    const lasted: number[] = []
    for (let i = 0; i < 11; i++) {
      const place = fail(world)
      lasted.push(seconds(world, place))
      expect(world.reader.isUsable(place)).toBe(true)
      expect(world.reader.word(place, ENTRY.note) >>> 16).toBe(24)
      world.clock.seconds += lasted.at(-1) ?? 0
      expect(world.reader.isUsable(place)).toBe(false)
    }
    expect(lasted).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300])
    expect(world.ask('www.example', 'A')).toMatchObject({ rcode: 2, answers: [] })
  })

  it('begins anew after a time without failures, and after an answer', () => {
    const world = new CacheWorld()
    for (let i = 0; i < 3; i++) world.clock.seconds += seconds(world, fail(world))
    world.clock.seconds += 5
    expect(seconds(world, fail(world))).toBe(1)
    world.clock.seconds += 1
    expect(seconds(world, fail(world))).toBe(2)
    world.put(answer('www.example', 1, 1))
    world.clock.seconds += 3601
    expect(seconds(world, fail(world))).toBe(1)
  })

  it('does not replace an answer that can be given stale, which is given at once for half a minute (RFC 8767 section 5)', () => {
    const world = new CacheWorld()
    const place = world.put(answer('www.example', 1, 60))
    world.clock.seconds += 61
    expect(world.reader.isUsable(place)).toBe(false)
    expect(fail(world)).toBe(place)
    expect([world.reader.isUsable(place), world.reader.isStale(place)]).toEqual([true, true])
    world.clock.seconds += 29.9
    expect(world.reader.isUsable(place)).toBe(true)
    world.clock.seconds += 0.2
    expect(world.reader.isUsable(place)).toBe(false)
  })

  it('replaces an answer that is too old for that', () => {
    const world = new CacheWorld({ rules: { stale: 100 } })
    const place = world.put(answer('www.example', 1, 60))
    world.clock.seconds += 159
    expect([world.writer.isOfUse(place), fail(world)]).toEqual([true, place])
    world.clock.seconds += 2
    expect(world.reader.isUsable(place)).toBe(false)
    expect(world.reader.kind(fail(world))).toBe(KIND.failure)
  })

  it('replaces any stale answer when stale answers are off', () => {
    const world = new CacheWorld({ rules: { stale: 0 } })
    world.put(answer('www.example', 1, 60))
    world.clock.seconds += 60
    expect(world.reader.kind(fail(world))).toBe(KIND.failure)
  })
})

describe('a popular answer', () => {
  it('asks once to be fetched again in the last tenth of its TTL', () => {
    const world = new CacheWorld()
    const place = world.put(answer('www.example', 1, 100))
    for (let i = 0; i < 3; i++) world.reader.mark(place)
    world.clock.seconds += 89.9
    expect(world.reader.wish(place, 3)).toBe(false)
    world.clock.seconds += 0.2
    expect(world.reader.wish(place, 4)).toBe(false)
    expect(world.reader.wish(place, 3)).toBe(true)
    expect(world.reader.wish(place, 3)).toBe(false)
    const wishes: number[] = []
    for (let i = 0; i < 2; i++) world.writer.takeWishes(wish => wishes.push(wish))
    expect(wishes).toEqual([place])
    expect(world.reader.use(world.put(answer('www.example', 1, 100)), USE.asked)).toBe(0)
  })

  it('does not when its TTL is short, when it says no, or when that is off', () => {
    const isAsked = (one: AnswerText, prefetch: number): boolean => {
      const world = new CacheWorld({ rules: { prefetch } })
      const place = world.put(one)
      for (let i = 0; i < 100; i++) world.reader.mark(place)
      world.clock.seconds += 9.5
      return world.reader.wish(place, 3)
    }
    expect(isAsked(answer('www.example', 1, 10), 3)).toBe(true)
    expect(isAsked(answer('www.example', 1, 4), 3)).toBe(false)
    expect(isAsked(answer('www.example', 1, 10), 0)).toBe(false)
    expect(isAsked({ name: 'x.example', type: 'A', rcode: 3, authority: [soaLine('example', 10, 10)] }, 3)).toBe(false)
  })
})
