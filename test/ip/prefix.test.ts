import fc from 'fast-check'
import ip6addr from 'ip6addr'
import { describe, expect, it } from 'vitest'
import { addressFromBigInt, addressToBigInt, equalAddresses, formatAddress } from '#src/ip/address.ts'
import {
  containsAddress,
  containsPrefix,
  formatPrefix,
  type Prefix,
  parsePrefix,
  prefixOf,
  prefixSize,
} from '#src/ip/prefix.ts'
import { anyAddress, anyPrefix } from '#support/arbitrary-ip.ts'
import { address as ip, prefix } from '#support/ip.ts'

describe('parsePrefix', () => {
  it('reads the text of every block', () => {
    fc.assert(
      fc.property(anyPrefix, block => {
        expect(parsePrefix(formatPrefix(block))).toEqual(block)
      }),
    )
  })

  it.each([
    ['fdaa::', 'it must be an address, a slash and a length'],
    ['/64', 'it must be an address, a slash and a length'],
    ['fdaa::g/64', 'it must be an address, a slash and a length'],
    ['fdaa::/', 'the length must be 0 to 128'],
    ['fdaa::/129', 'the length must be 0 to 128'],
    ['fdaa::/064', 'the length must be 0 to 128'],
    ['fdaa::/6 4', 'the length must be 0 to 128'],
    ['fdaa::/64/64', 'the length must be 0 to 128'],
    ['10.0.0.0/33', 'the length must be 0 to 32'],
    ['10.0.0.0/-1', 'the length must be 0 to 32'],
    ['fdaa::1/64', 'it has bits set behind its length; the block is fdaa::/64'],
    ['10.1.2.3/8', 'it has bits set behind its length; the block is 10.0.0.0/8'],
    ['ffff::/1', 'it has bits set behind its length; the block is 8000::/1'],
  ])('refuses %j', (text, reason) => {
    expect(parsePrefix(text)).toEqual({ reason })
  })

  it('takes both ends of the length', () => {
    expect([prefixSize(prefix('::/0')), prefixSize(prefix('::1/128'))]).toEqual([1n << 128n, 1n])
    expect([prefixSize(prefix('0.0.0.0/0')), prefixSize(prefix('1.2.3.4/32'))]).toEqual([1n << 32n, 1n])
  })
})

describe('a block', () => {
  it('holds an address exactly when the masked address is its first one', () => {
    fc.assert(
      fc.property(anyPrefix, anyAddress, (block, address) => {
        const sameFamily = address
          .slice(0, 12)
          .every((octet, i) => octet === [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255][i])
        const isOwn = sameFamily === (block.family === 'IPv4')
        const expected = isOwn && equalAddresses(prefixOf(address, block.length).address, block.address)
        expect(containsAddress(block, address)).toBe(expected)
      }),
    )
  })

  it('holds its first and last address and not those beside it', () => {
    fc.assert(
      fc.property(anyPrefix, block => {
        const first = addressToBigInt(block.address)
        const size = prefixSize(block)
        expect(containsAddress(block, addressFromBigInt(first))).toBe(true)
        const last = addressFromBigInt(first + size - 1n)
        // The block ::/0 of IPv6 ends at ffff…, and one that spans the IPv4-mapped range holds both ends all the same.
        expect(containsAddress(block, last)).toBe(true)
        if (first > 0n) expect(containsAddress(block, addressFromBigInt(first - 1n))).toBe(false)
        if (first + size < 1n << 128n) expect(containsAddress(block, addressFromBigInt(first + size))).toBe(false)
      }),
    )
  })

  it('holds what ip6addr says it holds', () => {
    fc.assert(
      fc.property(
        anyPrefix.filter(({ length }) => length > 0),
        anyAddress,
        fc.boolean(),
        (block, other, isNear) => {
          const address = isNear
            ? addressFromBigInt(addressToBigInt(block.address) + (addressToBigInt(other) & 0xffn))
            : other
          const cidr = ip6addr.createCIDR(formatAddress(block.address), block.length)
          if (formatAddress(address).includes('.') !== (block.family === 'IPv4')) return
          expect(containsAddress(block, address)).toBe(cidr.contains(formatAddress(address)))
        },
      ),
    )
  })

  it('reads the address at an offset', () => {
    const packed = new Uint8Array(20)
    packed.set(ip('fdaa::1'), 4)
    expect(containsAddress(prefix('fdaa::/16'), packed, 4)).toBe(true)
    expect(containsAddress(prefix('fdaa::/16'), packed, 3)).toBe(false)
  })
})

describe('blocks inside blocks', () => {
  it('are those whose every end lies inside; the relation is a partial order', () => {
    fc.assert(
      fc.property(anyPrefix, fc.nat(128), fc.nat(128), (block, a, b) => {
        const limit = block.family === 'IPv6' ? 128 : 32
        const [outer, inner] = [Math.min(a, b) % (limit + 1), limit].map(length => prefixOf(block.address, length)) as [
          Prefix,
          Prefix,
        ]
        if (outer.family !== inner.family) return
        expect(containsPrefix(outer, inner)).toBe(true)
        expect(containsPrefix(inner, outer)).toBe(outer.length === inner.length)
        expect(containsPrefix(outer, outer)).toBe(true)
      }),
    )
  })

  it('are of one family', () => {
    expect(containsPrefix(prefix('::/0'), prefix('10.0.0.0/8'))).toBe(false)
    expect(containsPrefix(prefix('0.0.0.0/0'), prefix('10.0.0.0/8'))).toBe(true)
    expect(containsPrefix(prefix('10.0.0.0/8'), prefix('11.0.0.0/8'))).toBe(false)
  })
})
