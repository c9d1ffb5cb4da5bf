import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Address, addressFromBigInt, addressToBigInt, formatAddress } from '#src/ip/address.ts'
import { containsAddress, type Prefix, prefixOf } from '#src/ip/prefix.ts'
import { layoutOf, ownerHash, startIn } from '#src/pool/placement.ts'
import { PoolSet } from '#src/pool/pool-set.ts'
import { prefix } from '#support/ip.ts'
import { service } from './support.ts'

const LENGTHS = Array.from({ length: 61 }, (_, i) => 64 + i)

function offset(pool: Prefix, address: Address): bigint {
  return addressToBigInt(address) - addressToBigInt(pool.address)
}

/** A unique local prefix with arbitrary bits up to its length. */
function poolOf(length: number, bits: bigint): Prefix {
  return prefixOf(addressFromBigInt((0xfdn << 120n) | (bits & ((1n << 120n) - 1n))), length)
}

describe('the layout of a pool', () => {
  it.each([
    ['fdaa::/124', 0n],
    ['fdaa::/123', 16n],
    ['fdaa::/120', 16n],
    ['fdaa::/118', 64n],
    ['fdaa::/116', 256n],
    ['fdaa::/112', 256n],
    ['fdaa::/64', 256n],
  ])('has the static band of Kubernetes: %s ends it at %i', (text, last) => {
    expect(layoutOf(prefix(text)).staticLast).toBe(last)
  })

  it.each(['fdaa::/63', 'fdaa::/125', 'fdaa::/128', 'fdaa::/32', '10.0.0.0/24'])('refuses %s', text => {
    expect(() => layoutOf(prefix(text))).toThrow(
      expect.objectContaining({ code: 'WAY_POOL_PREFIX', message: expect.stringContaining(`"${text}"`) }),
    )
  })
})

describe('placement', () => {
  it.each(LENGTHS)('puts every owner into the dynamic band of its prefix: /%i', length => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: (1n << 120n) - 1n }),
        fc.array(fc.string(), { maxLength: 12 }),
        (b, names) => {
          const pool = poolOf(length, b)
          const { size, staticLast } = layoutOf(pool)
          const one = new PoolSet('personal', [pool])
          for (const name of names) {
            const address = one.place({ kind: 'Service', name })
            if (address === null) throw new Error('a pool of 16 is not full with 12')
            one.take(address)
            expect(containsAddress(pool, address)).toBe(true)
            expect(offset(pool, address)).toBeGreaterThan(staticLast === 0n ? 1n : staticLast)
            expect(offset(pool, address)).toBeLessThan(size)
          }
        },
      ),
      { numRuns: 8 },
    )
  })

  it.each([124, 123, 122, 120, 118, 116])('fills /%i to the last address, the static band last of all', length => {
    const pool = poolOf(length, 0xabcdef0123456789abcdef012345n << 8n)
    const { size, staticLast } = layoutOf(pool)
    const one = new PoolSet('personal', [pool])
    const offsets: bigint[] = []
    for (let i = 0; ; i++) {
      const address = one.place(service(`s${i}`))
      if (address === null) break
      one.take(address)
      offsets.push(offset(pool, address))
    }
    const all = Array.from({ length: Number(size) - 2 }, (_, i) => BigInt(i + 2))
    expect(offsets.toSorted((a, b) => (a < b ? -1 : 1))).toEqual(all)
    const firstStatic = offsets.findIndex(value => value <= staticLast)
    if (staticLast > 0n) expect(firstStatic).toBe(Number(size - 1n - staticLast))
    expect(one.free).toBe(0n)
  })

  it('reaches the whole width of a /64, the sign bit of a 64-bit offset included', () => {
    const pool = poolOf(64, 0x42n << 112n)
    const one = new PoolSet('personal', [pool])
    const highest = new Set<bigint>()
    for (let i = 0; i < 64; i++) {
      const address = one.place(service(`s${i}`)) as Address
      highest.add(offset(pool, address) >> 62n)
    }
    expect([...highest].sort()).toEqual([0n, 1n, 2n, 3n])
    expect(startIn({ first: 257n, last: (1n << 64n) - 1n }, (1n << 64n) - 1n)).toBe((1n << 64n) - 1n)
    expect(startIn({ first: 257n, last: (1n << 64n) - 1n }, 0n)).toBe(257n)
  })

  it('takes the next free address, over the end of the band to its beginning', () => {
    const pool = prefix('fdaa::/124')
    const one = new PoolSet('personal', [pool])
    const first = one.place(service('kuard')) as Address
    let expected = offset(pool, first)
    for (let i = 0; i < 14; i++) {
      const address = one.place(service('kuard')) as Address
      expect(offset(pool, address)).toBe(expected)
      one.take(address)
      expected = expected === 15n ? 2n : expected + 1n
    }
    expect(one.place(service('kuard'))).toBe(null)
  })

  it('never changes: addresses after a loss of all state depend on it', () => {
    const one = new PoolSet('personal', [prefix('fdaa:0:48c8:0:1::/112')])
    const big = new PoolSet('personal', [prefix('fdaa:0:48c8:1::/64')])
    const text = (pool: PoolSet, name: string): string => formatAddress(pool.place(service(name)) as Address)
    expect(ownerHash('personal', service('kuard')).toString(16)).toBe('6528f6bff7d9f2b1')
    expect(text(one, 'kuard')).toBe('fdaa:0:48c8:0:1::65c4')
    expect(text(big, 'kuard')).toBe('fdaa:0:48c8:1:6528:f6bf:f7d9:f34c')
  })

  it('depends on the network, the kind and each character of the name', () => {
    const hashes = [
      ownerHash('personal', { kind: 'Service', name: 'a' }),
      ownerHash('persona', { kind: 'Service', name: 'la' }),
      ownerHash('personal', { kind: 'App', name: 'a' }),
      ownerHash('personal', { kind: 'Service', name: 'b' }),
      ownerHash('personal', { kind: 'Service', name: 'aa' }),
      ownerHash('personal', { kind: 'Service', name: '' }),
    ]
    expect(new Set(hashes).size).toBe(hashes.length)
  })

  it('spreads names that differ in their last characters over the pool', () => {
    const band = { first: 0n, last: 255n }
    const counts = new Array<number>(256).fill(0)
    for (let i = 0; i < 25_600; i++) {
      const slot = Number(startIn(band, ownerHash('personal', service(`svc-${i}`))))
      counts[slot] = (counts[slot] ?? 0) + 1
    }
    const chiSquare = counts.reduce((sum, count) => sum + (count - 100) ** 2 / 100, 0)
    // 255 degrees of freedom: the mean is 255, five standard deviations more are 368
    expect(chiSquare).toBeLessThan(368)
  })
})
