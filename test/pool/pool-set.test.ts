import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatAddress } from '#src/ip/address.ts'
import { containsAddress, formatPrefix } from '#src/ip/prefix.ts'
import { PoolSet } from '#src/pool/pool-set.ts'
import { address, prefix } from '#support/ip.ts'
import { fixture, NETWORK, only, request, service } from './support.ts'

const A = 'fdaa:0:1::/124'
const B = 'fdaa:0:2::/124'

function place(set: PoolSet, name: string): string {
  const placed = set.place(service(name))
  if (placed === null) return 'full'
  set.take(placed)
  return formatAddress(placed)
}

describe('a set of pools', () => {
  it('places where the first pool alone would, until that is full', () => {
    const length = fc.constantFrom(64, 80, 96, 108, 112, 120, 124)
    fc.assert(
      fc.property(length, fc.uniqueArray(fc.string({ minLength: 1 }), { maxLength: 12 }), (bits, names) => {
        const first = prefix(`fdaa:0:1::/${bits}`)
        const [alone, several] = [new PoolSet('n', [first]), new PoolSet('n', [first, prefix(B)])]
        for (const name of names) expect(place(several, name)).toBe(place(alone, name))
      }),
      { numRuns: 60 },
    )
  })

  it('gives every address of every pool once, each in a prefix, and counts what is left', () => {
    const set = new PoolSet('n', [prefix(A), prefix(B), prefix('fdaa:0:3::/120')])
    expect(set.size).toBe(16n + 16n + 256n)
    const given = new Set<string>()
    for (let i = 0; set.free > 0n; i++) {
      const free = set.free
      const placed = place(set, `s${i}`)
      expect(set.prefixes.filter(one => containsAddress(one, address(placed)))).toHaveLength(1)
      expect(set.free).toBe(free - 1n)
      given.add(placed)
    }
    expect(given.size).toBe(14 + 14 + 254)
    expect(place(set, 'last')).toBe('full')
  })

  it('fills every dynamic band before any static one', () => {
    const set = new PoolSet('n', [prefix('fdaa:0:1::/122'), prefix('fdaa:0:2::/122')])
    const low = (text: string): boolean => (address(text)[15] ?? 0) % 64 <= 16
    const placed = Array.from({ length: 124 }, (_, i) => place(set, `s${i}`))
    expect(placed.slice(0, 94).filter(low)).toEqual([])
    expect(placed.slice(94).filter(low)).toHaveLength(30)
  })

  it('leaves out a prefix that overlaps an earlier one', () => {
    const set = new PoolSet('n', [prefix('fdaa::/112'), prefix('fdaa::/64'), prefix('fdaa::/120'), prefix('fdab::/64')])
    expect(set.prefixes.map(formatPrefix)).toEqual(['fdaa::/112', 'fdab::/64'])
    expect(set.text).toBe('fdaa::/112 and fdab::/64')
  })
})

describe('an allocator whose pools change', () => {
  it('moves nobody when one is added, and places in it what does not fit', () => {
    const fix = fixture(A)
    const before = Array.from({ length: 14 }, (_, i) => only(fix.claim(request(`s${i}`))[0]))
    expect(fix.claim(request('late'))[0]).toMatchObject({ ok: false, code: 'WAY_POOL_EXHAUSTED' })
    const { version } = fix.allocator
    fix.allocator.setPools(NETWORK, [prefix(A), prefix(B)])
    expect(fix.allocator.version).toBeGreaterThan(version)
    expect(containsAddress(prefix(B), address(only(fix.claim(request('late'))[0])))).toBe(true)
    expect(before.map((_, i) => only(fix.claim(request(`s${i}`))[0]))).toEqual(before)
    fix.allocator.setPools(NETWORK, [prefix(A), prefix(B)])
    expect(fix.allocator.version).toBe(version + 1)
  })

  it('knows what is taken in a pool that comes back', () => {
    const fix = fixture(A)
    for (let i = 0; i < 14; i++) fix.claim(request(`s${i}`))
    fix.allocator.setPools(NETWORK, [])
    fix.allocator.mark(NETWORK, address('fdaa:0:2::5'), { owner: null })
    expect(fix.claim(request('late'))[0]).toMatchObject({ code: 'WAY_POOL_FAMILY' })
    fix.allocator.setPools(NETWORK, [prefix(B), prefix(A)])
    expect(fix.allocator.stats(NETWORK)).toMatchObject({ free: 13n, size: 32n })
  })
})
