import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Occupancy } from '#src/pool/pool.ts'

/** The same by trying one offset after the other. */
function scan(taken: ReadonlySet<bigint>, first: bigint, last: bigint): bigint | null {
  for (let offset = first; offset <= last; offset++) if (!taken.has(offset)) return offset
  return null
}

describe('Occupancy', () => {
  it('finds the same free offset as a scan, after any adds and deletes', () => {
    const runs = fc.array(fc.record({ first: fc.nat(2100), length: fc.nat(1200), add: fc.boolean() }), {
      maxLength: 12,
    })
    const queries = fc.array(fc.tuple(fc.nat(2100), fc.nat(2100)), { minLength: 1, maxLength: 20 })
    fc.assert(
      fc.property(fc.integer({ min: 16, max: 2101 }), runs, queries, (size, changes, asked) => {
        const occupancy = new Occupancy(BigInt(size))
        const taken = new Set<bigint>()
        for (const { first, length, add } of changes) {
          for (let i = first; i < Math.min(first + length, size); i++) {
            const offset = BigInt(i)
            if (add === taken.has(offset)) continue
            if (add) taken.add(offset)
            else taken.delete(offset)
            if (add) occupancy.add(offset)
            else occupancy.delete(offset)
          }
        }
        for (const [a, b] of asked) {
          const [first, last] = [BigInt(Math.min(a, size - 1)), BigInt(Math.min(b, size - 1))]
          expect(occupancy.nextFree(first, last)).toBe(scan(taken, first, last))
        }
      }),
      { numRuns: 150 },
    )
  })

  it('works at the far end of 2^64 offsets', () => {
    const end = (1n << 64n) - 1n
    const occupancy = new Occupancy(end + 1n)
    for (let i = 0n; i < 5000n; i++) occupancy.add(end - i)
    expect(occupancy.nextFree(end - 6000n, end)).toBe(end - 6000n)
    expect(occupancy.nextFree(end - 4999n, end)).toBe(null)
    occupancy.delete(end)
    expect(occupancy.nextFree(end - 4999n, end)).toBe(end)
    expect(occupancy.nextFree(0n, 0n)).toBe(0n)
  })

  it('says null when everything is taken', () => {
    const occupancy = new Occupancy(65_536n)
    for (let i = 0n; i < 65_536n; i++) occupancy.add(i)
    expect(occupancy.nextFree(0n, 65_535n)).toBe(null)
    occupancy.delete(40_000n)
    expect(occupancy.nextFree(0n, 65_535n)).toBe(40_000n)
    expect(occupancy.nextFree(40_001n, 65_535n)).toBe(null)
  })
})
