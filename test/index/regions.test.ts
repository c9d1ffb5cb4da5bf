import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Regions } from '#src/index/regions.ts'

const WORDS = 1 << 13
const SLACK = 16

type Step =
  | { readonly kind: 'keep'; readonly words: number }
  | { readonly kind: 'discard'; readonly pick: number }
  | { readonly kind: 'publish' }
  | { readonly kind: 'reclaim'; readonly behind: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('keep'), words: fc.integer({ min: 8, max: 200 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('keep'), words: fc.integer({ min: 200, max: 1500 }) }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('discard'), pick: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('publish') }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('reclaim'), behind: fc.nat(2) }) },
)

interface Block {
  readonly place: number
  readonly words: number
}

describe('Regions', () => {
  it('never give a place that a block has, or that a reader may be with', () => {
    let reused = 0
    fc.assert(
      fc.property(fc.array(step, { minLength: 50, maxLength: 400 }), steps => {
        const regions = new Regions(WORDS, SLACK)
        const live: Block[] = []
        let gone: (Block & { readonly until: number })[] = []
        let generation = 1
        let highest = 0
        for (const one of steps) {
          if (one.kind === 'publish') {
            generation++
          } else if (one.kind === 'reclaim') {
            regions.reclaim(generation - one.behind)
            gone = gone.filter(block => block.until > generation - one.behind)
          } else if (one.kind === 'discard') {
            const [block] = live.splice(one.pick % Math.max(live.length, 1), 1)
            if (block === undefined) continue
            regions.discard(block.place, block.words, generation)
            gone.push({ ...block, until: generation + 1 })
          } else {
            if (!regions.hasRoom(one.words) && !regions.open(one.words, generation)) continue
            const block = { place: regions.end, words: one.words }
            for (const other of [...live, ...gone]) expect(overlap(block, other)).toBe(false)
            expect(block.place).toBeGreaterThan(0)
            expect(block.place + block.words + SLACK).toBeLessThanOrEqual(WORDS)
            if (block.place < highest) reused++
            highest = Math.max(highest, block.place)
            regions.keep(one.words)
            live.push(block)
          }
          expect(regions.live).toBe(live.reduce((sum, block) => sum + block.words, 0))
          expect(regions.garbage).toBeGreaterThanOrEqual(0)
          expect(regions.used).toBeLessThanOrEqual(WORDS)
        }
      }),
      { numRuns: 200 },
    )
    expect(reused).toBeGreaterThan(100)
  })

  it('are all used again after everything has gone', () => {
    const regions = new Regions(WORDS, SLACK)
    for (let round = 0; round < 50; round++) {
      const places: number[] = []
      while (regions.hasRoom(300) || regions.open(300, round)) {
        places.push(regions.end)
        regions.keep(300)
      }
      expect(places.length).toBeGreaterThan(WORDS / 600 - 2)
      for (const place of places) regions.discard(place, 300, round)
      regions.reclaim(round + 1)
      expect(regions.live).toBe(0)
    }
  })

  it('a block that is larger than a region has a run of them', () => {
    const regions = new Regions(WORDS, SLACK)
    expect(regions.open(3 * regions.size, 1)).toBe(true)
    const place = regions.end
    regions.keep(3 * regions.size)
    expect(regions.hasRoom(10)).toBe(true)
    expect(regions.open(10, 1)).toBe(true)
    expect(regions.end).toBe(4 * regions.size)
    regions.discard(place, 3 * regions.size, 1)
    regions.reclaim(1)
    expect(regions.open(3 * regions.size, 1) && regions.end).toBe(5 * regions.size)
    regions.reclaim(2)
    expect(regions.open(2 * regions.size, 1) && regions.end).toBe(1)
  })

  it('calls back for the blocks of a region in their order', () => {
    const regions = new Regions(WORDS, SLACK)
    regions.open(10, 1)
    const sizes = new Map<number, number>()
    for (const words of [10, 20, 30]) {
      sizes.set(regions.end, words)
      regions.keep(words)
    }
    regions.open(10, 1)
    const seen: number[] = []
    const wordsOf = (place: number): number => sizes.get(place) ?? 0
    regions.forEachBlock(0, wordsOf, place => seen.push(place) > 0)
    expect(seen).toEqual([1, 11, 31])
    regions.forEachBlock(0, wordsOf, place => seen.push(place) < 0)
    expect(seen).toEqual([1, 11, 31, 1])
  })
})

function overlap(a: Block, b: Block): boolean {
  return a.place < b.place + b.words && b.place < a.place + a.words
}
