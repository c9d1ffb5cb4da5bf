import { isIP } from 'node:net'
import fc from 'fast-check'
import ip6addr from 'ip6addr'
import { describe, expect, it } from 'vitest'
import {
  addressAt,
  addressFromBigInt,
  addressToBigInt,
  compareAddresses,
  equalAddresses,
  familyOf,
  formatAddress,
  parseAddress,
} from '#src/ip/address.ts'
import { anyAddress, anyIPv6 } from '#support/arbitrary-ip.ts'
import { address as ip } from '#support/ip.ts'

/** Texts that are often addresses and otherwise nearly so. */
const piece = fc.constantFrom(
  '0',
  '1',
  'f',
  'F',
  'fdaa',
  '2001',
  '12345',
  'g',
  ':',
  ':',
  '::',
  '.',
  '1.2.3.4',
  '255',
  '256',
  '01',
  ' ',
)
const nearlyAddress = fc.oneof(
  fc.array(piece, { maxLength: 12 }).map(pieces => pieces.join('')),
  fc.array(fc.constantFrom('0', 'db8', 'ffff', '', '1.2.3.4'), { maxLength: 9 }).map(groups => groups.join(':')),
  fc
    .array(fc.constantFrom('0', '1', '10', '255', '256', '00', '', '-1', '1e1', '0x1'), { maxLength: 5 })
    .map(octets => octets.join('.')),
)

describe('parseAddress', () => {
  it.each([
    ['2001:db8:0:0:8:800:200C:417A', '2001:db8::8:800:200c:417a'],
    ['FF01:0:0:0:0:0:0:101', 'ff01::101'],
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['::13.1.68.3', '::d01:4403'],
    ['0:0:0:0:0:FFFF:129.144.52.38', '129.144.52.38'],
    ['::FFFF:129.144.52.38', '129.144.52.38'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
    ['::2:3:4:5:6:7:8', '0:2:3:4:5:6:7:8'],
    ['192.0.2.1', '192.0.2.1'],
  ])('reads %s (the forms of RFC 4291 section 2.2)', (text, canonical) => {
    expect(formatAddress(ip(text))).toBe(canonical)
  })

  it.each([
    '',
    ':',
    ':::',
    '1',
    '1.2.3',
    '1.2.3.4.5',
    '1.2.3.256',
    '01.2.3.4',
    '1.2.3.4 ',
    ' ::1',
    '::1%eth0',
    '[::1]',
    '::1/64',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7:8::',
    '::1:2:3:4:5:6:7:8',
    '12345::',
    '::g',
    '::1.2.3',
    '::1.2.3.4:5',
    '1:2:3:4:5:6:7:1.2.3.4',
    ':1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:',
    '\u0661.1.1.1',
    '::\u0131',
  ])('refuses %j', text => {
    expect(parseAddress(text)).toBeNull()
  })

  it('takes exactly what node:net takes, zones aside', () => {
    fc.assert(
      fc.property(nearlyAddress, text => {
        expect(parseAddress(text) !== null).toBe(isIP(text) !== 0)
      }),
      { numRuns: 3000 },
    )
  })

  it('reads the octets that ip6addr reads, which knows dotted ends of IPv4-mapped addresses only', () => {
    const text = nearlyAddress.filter(input => isIP(input) !== 0 && (isIP(input) === 4 || !input.includes('.')))
    fc.assert(
      fc.property(text, input => {
        expect([...ip(input)]).toEqual([...ip6addr.parse(input).toBuffer()])
      }),
      { numRuns: 300 },
    )
  })
})

describe('formatAddress', () => {
  it.each([
    ['RFC 5952 section 4.1, no leading zeros', '2001:0db8::0001', '2001:db8::1'],
    ['RFC 5952 section 4.2.1, "::" as short as possible', '2001:db8:0:0:0:0:2:1', '2001:db8::2:1'],
    ['RFC 5952 section 4.2.2, one group is not shortened', '2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['RFC 5952 section 4.2.3, the longest run', '2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['RFC 5952 section 4.2.3, the first of equal runs', '2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['RFC 5952 section 4.3, lower case', '2001:DB8::ABCD:EF', '2001:db8::abcd:ef'],
    ['RFC 5952 section 5, IPv4-mapped is IPv4 here', '::ffff:c000:201', '192.0.2.1'],
  ])('%s', (_, text, canonical) => {
    expect(formatAddress(ip(text))).toBe(canonical)
  })

  it('is what a URL makes of every text of the address (WHATWG URL serialises as RFC 5952 says)', () => {
    const text = nearlyAddress.filter(input => isIP(input) === 6 && !formatAddress(ip(input)).includes('.'))
    fc.assert(
      fc.property(
        fc.oneof(
          text,
          anyIPv6.map(address => formatAddress(address)),
        ),
        input => {
          expect(`[${formatAddress(ip(input))}]`).toBe(new URL(`http://[${input}]`).hostname)
        },
      ),
      { numRuns: 500 },
    )
  })

  it('is what ip6addr writes, which shortens a single zero group against RFC 5952 section 4.2.2', () => {
    fc.assert(
      fc.property(anyAddress, address => {
        const text = formatAddress(address)
        const hasSingleZeros = !text.includes('::') && /(^|:)0(:|$)/.test(text)
        if (!hasSingleZeros) expect(ip6addr.parse(text).toString()).toBe(text)
      }),
      { numRuns: 300 },
    )
  })

  it('reads back as the same address, from wherever in an array it is', () => {
    fc.assert(
      fc.property(anyAddress, fc.nat(5), (address, offset) => {
        const packed = new Uint8Array(offset + 20).fill(0xee)
        packed.set(address, offset)
        expect(ip(formatAddress(packed, offset))).toEqual(address)
        expect(addressAt(packed, offset)).toEqual(address)
      }),
    )
  })
})

describe('familyOf', () => {
  it('is IPv4 for ::ffff:0:0/96 only', () => {
    const families = ['1.2.3.4', '::1.2.3.4', '::fffe:1.2.3.4', '::1:ffff:1.2.3.4', '8000::ffff:1.2.3.4', '::'].map(
      text => familyOf(ip(text)),
    )
    expect(families).toEqual(['IPv4', 'IPv6', 'IPv6', 'IPv6', 'IPv6', 'IPv6'])
  })
})

describe('order and arithmetic', () => {
  it('order is that of ip6addr, and equality is order zero', () => {
    fc.assert(
      fc.property(anyAddress, anyAddress, (a, b) => {
        expect(Math.sign(compareAddresses(a, b))).toBe(Math.sign(ip6addr.compare(formatAddress(a), formatAddress(b))))
        expect(equalAddresses(a, b)).toBe(compareAddresses(a, b) === 0)
        expect(equalAddresses(a, a.slice())).toBe(true)
      }),
    )
  })

  it('order is that of the 128-bit numbers, also with the highest bit set', () => {
    fc.assert(
      fc.property(anyIPv6, anyIPv6, (a, b) => {
        const [x, y] = [addressToBigInt(a), addressToBigInt(b)]
        expect(Math.sign(compareAddresses(a, b))).toBe(x < y ? -1 : x > y ? 1 : 0)
      }),
    )
    expect(addressToBigInt(ip('ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'))).toBe((1n << 128n) - 1n)
  })

  it('numbers turn back into the address', () => {
    fc.assert(
      fc.property(anyAddress, address => {
        expect(addressFromBigInt(addressToBigInt(address))).toEqual(address)
      }),
    )
  })

  it('an address inside a larger buffer is read from its own place', () => {
    const packed = new Uint8Array(40)
    packed.set(ip('2001:db8::5'), 7)
    expect(addressToBigInt(packed.subarray(7, 23))).toBe(addressToBigInt(ip('2001:db8::5')))
  })
})
