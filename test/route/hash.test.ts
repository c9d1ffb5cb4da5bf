import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Hash64, hash32 } from '#src/route/hash.ts'

function digestOf(...texts: (string | null)[]): string {
  const hash = new Hash64()
  for (const text of texts) hash.text(text)
  return hash.digest()
}

describe('the 64-bit hash', () => {
  it('tells apart texts that run together the same way', () => {
    const variants = [
      [],
      [''],
      ['', ''],
      [null],
      [null, ''],
      ['ab'],
      ['a', 'b'],
      ['b', 'a'],
      ['a', '', 'b'],
      ['\0'],
      ['a\0'],
    ]
    expect(new Set(variants.map(texts => digestOf(...texts))).size).toBe(variants.length)
  })

  it('has no collision among 100,000 neighbouring inputs, and both halves of it vary', () => {
    const seen = new Set<bigint>()
    const lows = new Set<bigint>()
    for (let i = 0; i < 100_000; i++) {
      const value = BigInt(digestOf(`ns/service-${i}`))
      seen.add(value)
      lows.add(value & 0xffff_ffffn)
    }
    expect(seen.size).toBe(100_000)
    // The birthday bound of 32 bits at 100,000 values is about one pair.
    expect(lows.size).toBeGreaterThan(99_990)
    expect(new Set([...seen].map(value => value >> 32n)).size).toBeGreaterThan(99_990)
  })

  it('flips about half of its bits when one bit of a word flips', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer(), { minLength: 1, maxLength: 8 }),
        fc.nat(),
        fc.nat({ max: 31 }),
        (words, at, bit) => {
          const changed = words.with(at % words.length, (words[at % words.length] ?? 0) ^ (1 << bit))
          const distance = [...(digest(words) ^ digest(changed)).toString(2)].filter(digit => digit === '1').length
          expect(distance).toBeGreaterThan(8)
          expect(distance).toBeLessThan(56)
        },
      ),
    )
  })

  function digest(words: readonly number[]): bigint {
    const hash = new Hash64()
    for (const word of words) hash.word(word)
    return BigInt(hash.digest())
  }

  it('counts an absorbed hash as one element', () => {
    const inner = new Hash64()
    inner.text('a')
    const one = new Hash64()
    one.absorb(inner)
    const two = new Hash64()
    two.text('a')
    expect(one.digest()).not.toBe(two.digest())
  })
})

describe('hash32', () => {
  it('is unsigned and depends on text and seed', () => {
    expect(hash32('a', 1)).not.toBe(hash32('a', 2))
    expect(hash32('a', 1)).not.toBe(hash32('b', 1))
    for (let i = 0; i < 100; i++) expect(hash32(String(i), 0)).toBeGreaterThanOrEqual(0)
  })
})
