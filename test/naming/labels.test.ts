import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Address, familyOf, formatAddress, parseAddress } from '#src/ip/address.ts'
import { dashedLabel, isLabel } from '#src/naming/labels.ts'
import { address } from '#support/ip.ts'

const anyAddress = fc
  .oneof(
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
    fc
      .array(fc.constantFrom(0, 0, 0, 1, 0x20, 0xff), { minLength: 16, maxLength: 16 })
      .map(octets => Uint8Array.from(octets)),
    fc.uint8Array({ minLength: 4, maxLength: 4 }).map(v4 => Uint8Array.of(...new Uint8Array(10), 0xff, 0xff, ...v4)),
  )
  .map(octets => octets as Address)

describe('labels', () => {
  it.each([
    ['10.0.0.1', '10-0-0-1'],
    ['255.20.3.100', '255-20-3-100'],
    ['2001:db8::1', '2001-db8--1'],
    ['2001:db8:1111:2222:3333:4444:5555:6666', '2001-db8-1111-2222-3333-4444-5555-6666'],
    ['2001:db8:1:2:3:4:5::', '2001-db8-1-2-3-4-5-0'],
    ['1234:abcd:1::', '1234-abcd-1--0'],
    ['::1', '0--1'],
    ['::', '0--0'],
    ['1:0:0:2:0:0:0:3', '1-0-0-2--3'],
  ])('the dashed form of %s is %s', (text, label) => {
    expect(dashedLabel(address(text))).toBe(label)
  })

  it('a dashed address is a host label that reads back as the address', () => {
    fc.assert(
      fc.property(anyAddress, bytes => {
        const label = dashedLabel(bytes)
        const text = label.replaceAll('-', familyOf(bytes) === 'IPv4' ? '.' : ':')
        expect(isLabel(label)).toBe(true)
        expect(parseAddress(text)).toEqual(bytes)
      }),
    )
  })

  it('a dashed address is CoreDNS’s wherever CoreDNS gives a host label', () => {
    fc.assert(
      fc.property(anyAddress, bytes => {
        const coredns = formatAddress(bytes).replaceAll(/[.:]/g, '-').replace(/-$/, '-0')
        expect(dashedLabel(bytes)).toBe(coredns.startsWith('-') ? `0${coredns}` : coredns)
      }),
    )
  })

  it.each(['', '-a', 'a-', 'a.b', '_tcp', 'ä', 'a'.repeat(64), 'a b', 'a\n'])('%j is no label', text => {
    expect(isLabel(text)).toBe(false)
  })

  it('a label is what RFC 1123 section 2.1 allows, for any text', () => {
    const near = fc.string({ unit: fc.constantFrom(...'aZ09-_.@[`{/:é\u0141'), minLength: 0, maxLength: 66 })
    fc.assert(
      fc.property(fc.oneof(near, fc.string()), text => {
        expect(isLabel(text)).toBe(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i.test(text))
      }),
    )
  })

  it.each(['a', '0', 'A-b', 'a--b', 'a'.repeat(63)])('%j is a label', text => {
    expect(isLabel(text)).toBe(true)
  })
})
