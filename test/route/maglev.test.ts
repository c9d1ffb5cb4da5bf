import { describe, expect, it } from 'vitest'
import { buildMaglev } from '#src/route/maglev.ts'
import { backend } from './fixtures.ts'

function backends(count: number) {
  return Array.from({ length: count }, (_, i) => backend({ address: `fdaa::${(i + 1).toString(16)}` }))
}

function shares(table: Uint16Array | Uint32Array, count: number): number[] {
  const result = new Array<number>(count).fill(0)
  for (const index of table) result[index] = (result[index] ?? 0) + 1
  return result.map(share => share / table.length)
}

describe('a Maglev table', () => {
  it.each([1, 2, 3, 10, 100, 700])('gives each of %i backends a nearly equal share', count => {
    const all = backends(count)
    const found = shares(buildMaglev(all, [...all.keys()]), count)
    expect(Math.min(...found) * count).toBeGreaterThan(0.95)
    expect(Math.max(...found) * count).toBeLessThan(1.05)
  })

  it('moves few clients when a backend leaves: those it had, and a few more', () => {
    const all = backends(50)
    const keys = [...all.keys()]
    const before = buildMaglev(all, keys)
    const after = buildMaglev(
      all,
      keys.filter(key => key !== 7),
    )
    expect(after.length).toBe(before.length)
    let moved = 0
    for (let i = 0; i < before.length; i++) if (before[i] !== 7 && before[i] !== after[i]) moved++
    expect(after.includes(7)).toBe(false)
    expect(moved / before.length).toBeLessThan(0.05)
  })

  it('depends on the backends, not on the order in which they are named', () => {
    const all = backends(10)
    expect(buildMaglev(all, [3, 1, 2])).toEqual(buildMaglev(all, [1, 2, 3]))
  })
})
