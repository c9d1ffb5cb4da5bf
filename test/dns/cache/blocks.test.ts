import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Blocks } from '#src/dns/cache/memory/blocks.ts'

const WORDS = 4096

/** Fills the words of a block that are its owner's. */
function paint(words: Int32Array, place: number, count: number, color: number): void {
  words.fill(color, place + 1, place + count)
}

describe('blocks of the arena', () => {
  it('never overlap, keep what is in them, and are all one again when everything is free', () => {
    const step = fc.record({ isFree: fc.boolean(), count: fc.integer({ min: 1, max: 400 }), pick: fc.nat() })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), steps => {
        const words = new Int32Array(WORDS)
        const blocks = new Blocks(words)
        const held: { place: number; count: number; color: number }[] = []
        steps.forEach(({ isFree, count, pick }, i) => {
          if (isFree && held.length > 0) {
            const [gone] = held.splice(pick % held.length, 1)
            if (gone !== undefined) blocks.free(gone.place)
          } else {
            const place = blocks.allocate(count)
            if (place === 0) return
            held.push({ place, count, color: -1000 - i })
            paint(words, place, count, -1000 - i)
          }
          for (const { place, count: size, color } of held) {
            expect(words.subarray(place + 1, place + size).every(word => word === color)).toBe(true)
          }
        })
        for (const { place } of held) blocks.free(place)
        expect(blocks.used).toBe(0)
        // Classes are searched from the next larger size on, so ask for a size that is one itself.
        const largest = 2 ** Math.floor(Math.log2(blocks.units))
        expect(blocks.allocate(4 * largest)).not.toBe(0)
      }),
    )
  })

  it('are refused when there is no room, and given again when there is', () => {
    const blocks = new Blocks(new Int32Array(WORDS))
    const places: number[] = []
    for (let place = blocks.allocate(64); place !== 0; place = blocks.allocate(64)) places.push(place)
    expect(new Set(places).size).toBe(places.length)
    expect(blocks.used).toBe(16 * places.length)
    expect(blocks.units - blocks.used).toBeLessThan(32)
    const [first = 0, second = 0] = places
    blocks.free(first)
    blocks.free(second)
    expect(blocks.allocate(128)).toBe(first)
  })
})
