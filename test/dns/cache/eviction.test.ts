import { describe, expect, it } from 'vitest'
import { CacheWorld } from '#support/cache.ts'
import type { AnswerText } from '#support/foreign-answer.ts'

const ENTRIES = 250

function answer(name: string): AnswerText {
  return { name, type: 'A', answers: [`${name} 86400 A 192.0.2.1`] }
}

/** Asks for a name as a client does. @returns whether it was there. */
function ask(world: CacheWorld, name: string): boolean {
  const place = world.find({ name, type: 'A' })
  if (place !== 0) world.reader.mark(place)
  else world.put(answer(name))
  return place !== 0
}

describe('eviction', () => {
  it('keeps names that are asked again and again, however long a scan of random names lasts', () => {
    const world = new CacheWorld({ maxEntries: ENTRIES })
    const popular = Array.from({ length: 150 }, (_, i) => `popular-${i}.example`)
    for (let round = 0; round < 4; round++) for (const name of popular) ask(world, name)
    // Nobody asks for them while the scan goes on, which is forty times as long as the cache.
    for (let i = 0; i < 40 * ENTRIES; i++) ask(world, `${i}.random.example`)
    expect(popular.filter(name => world.find({ name, type: 'A' }) !== 0).length).toBe(150)
  })

  it('lets names of yesterday go when others have proved themselves', () => {
    const world = new CacheWorld({ maxEntries: ENTRIES })
    const batch = (day: string): string[] => Array.from({ length: 200 }, (_, i) => `${day}-${i}.example`)
    for (let round = 0; round < 8; round++) for (const name of batch('yesterday')) ask(world, name)
    let hits = 0
    for (let round = 0; round < 8; round++) hits = batch('today').filter(name => ask(world, name)).length
    expect(hits).toBeGreaterThan(170)
  })

  it('gives a name that comes back soon after it went a place among those that stay', () => {
    const world = new CacheWorld({ maxEntries: ENTRIES })
    for (let i = 0; i < ENTRIES; i++) ask(world, `first-${i}.example`)
    for (let i = 0; i < 100; i++) ask(world, `second-${i}.example`)
    const gone = Array.from({ length: 60 }, (_, i) => `first-${i}.example`)
    expect(gone.some(name => world.find({ name, type: 'A' }) !== 0)).toBe(false)
    for (const name of gone) ask(world, name)
    for (let i = 0; i < 20 * ENTRIES; i++) ask(world, `${i}.random.example`)
    // What has gone is remembered in sets of four, so a few are not.
    expect(gone.filter(name => world.find({ name, type: 'A' }) !== 0).length).toBeGreaterThan(45)
  })

  it('lets expired answers go that cannot be given stale, however popular they were', () => {
    const world = new CacheWorld({ maxEntries: 10, rules: { stale: 0, maxTtl: 60 } })
    for (let round = 0; round < 5; round++) for (let i = 0; i < 10; i++) ask(world, `old-${i}.example`)
    world.clock.seconds += 61
    for (let i = 0; i < 10; i++) world.put(answer(`new-${i}.example`))
    for (let i = 0; i < 10; i++) expect(world.find({ name: `new-${i}.example`, type: 'A' })).not.toBe(0)
  })
})
