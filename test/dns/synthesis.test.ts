import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readDashedAddress } from '#src/dns/synthesis.ts'
import { type Address, formatAddress, parseAddress } from '#src/ip/address.ts'

/** The address of a label as text; null: it is none. */
function read(label: string): string | null {
  const octets = new TextEncoder().encode(label)
  const out = new Uint8Array(16).fill(0xee)
  const length = readDashedAddress(new DataView(octets.buffer), 0, octets.length, out)
  if (length === 0) return null
  if (length === 4) return [...out.subarray(0, 4)].join('.')
  return [...out].map(octet => octet.toString(16).padStart(2, '0')).join('')
}

function asHex(address: Address): string {
  return [...address].map(octet => octet.toString(16).padStart(2, '0')).join('')
}

const sixteen = fc
  .array(fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, { weight: 3, arbitrary: fc.nat(255) }), {
    minLength: 16,
    maxLength: 16,
  })
  .map(octets => Uint8Array.from([0xfd, ...octets.slice(1)]) as Address)

describe('readDashedAddress', () => {
  it('reads every IPv4 address with dashes for dots', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(255), { minLength: 4, maxLength: 4 }), octets => {
        expect(read(octets.join('-'))).toBe(octets.join('.'))
      }),
    )
  })

  it('reads every IPv6 address with dashes for colons, canonical or written out', () => {
    fc.assert(
      fc.property(sixteen, address => {
        const full = asHex(address).replace(/(....)(?!$)/g, '$1-')
        for (const text of [formatAddress(address).replaceAll(':', '-'), full, full.toUpperCase()]) {
          // Three dashes and no pair of them are IPv4 by definition; eight groups have seven dashes.
          expect(read(text)).toBe(asHex(address))
        }
      }),
    )
  })

  it('agrees with the parser of addresses about every text of its alphabet', () => {
    const character = fc.constantFrom('-', '-', '0', '1', '9', 'a', 'F', 'g')
    fc.assert(
      fc.property(fc.string({ unit: character, minLength: 1, maxLength: 20 }), label => {
        const dashes = label.split('-').length - 1
        const isIPv4 = dashes === 3 && !label.includes('--')
        const address = parseAddress(label.replaceAll('-', isIPv4 ? '.' : ':'))
        const expected = address === null ? null : isIPv4 ? [...address.subarray(12)].join('.') : asHex(address)
        expect(read(label)).toBe(expected)
      }),
      { numRuns: 5000 },
    )
  })

  it.each([
    ['--', '0'.repeat(32)],
    ['--1', `${'0'.repeat(31)}1`],
    ['1--', `0001${'0'.repeat(28)}`],
    ['--ffff-a00-1', `${'0'.repeat(20)}ffff0a000001`],
    ['1-2-3-4-5-6-7-8', '00010002000300040005000600070008'],
  ])('%s is an address', (label, hex) => {
    expect(read(label)).toBe(hex)
  })

  it.each(['', '-', '---', '1-2-3-4-5-6-7', '1-2-3-4-5-6-7-8-9', '1--2--3', '12345--', '1-2-3-4-5-6-7--8', 'x--1'])(
    '%s is none',
    label => {
      expect(read(label)).toBeNull()
    },
  )
})
