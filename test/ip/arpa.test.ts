import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatAddress } from '#src/ip/address.ts'
import { addressOfReverseLabels, reverseLabels, reverseZoneLabels } from '#src/ip/arpa.ts'
import { containsAddress, isPrefix, parsePrefix } from '#src/ip/prefix.ts'
import { anyAddress, anyPrefix } from '#support/arbitrary-ip.ts'
import { address as ip } from '#support/ip.ts'

const zoneOf = (text: string) => {
  const prefix = parsePrefix(text)
  return isPrefix(prefix) ? reverseZoneLabels(prefix).join('.') : null
}

describe('the reverse name', () => {
  it('of an IPv4 address has four labels below in-addr.arpa (RFC 1035 section 3.5)', () => {
    expect(reverseLabels(ip('10.2.0.52')).join('.')).toBe('52.0.2.10.in-addr.arpa')
  })

  it('of an IPv6 address has 32 nibbles below ip6.arpa (RFC 3596 section 2.5)', () => {
    expect(reverseLabels(ip('4321:0:1:2:3:4:567:89ab')).join('.')).toBe(
      'b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.0.0.0.0.1.2.3.4.ip6.arpa',
    )
  })

  it('gives the address back', () => {
    fc.assert(
      fc.property(anyAddress, address => {
        expect(addressOfReverseLabels(reverseLabels(address))).toEqual(address)
      }),
    )
  })

  it('is taken from an offset', () => {
    const packed = new Uint8Array(18)
    packed.set(ip('192.0.2.1'), 2)
    expect(reverseLabels(packed, 2)[0]).toBe('1')
  })

  const nibbles = Array.from({ length: 32 }, () => '0')
  it.each([
    [['1', '2', '3', 'in-addr', 'arpa']],
    [['1', '2', '3', '4', '5', 'in-addr', 'arpa']],
    [['01', '2', '3', '4', 'in-addr', 'arpa']],
    [['256', '2', '3', '4', 'in-addr', 'arpa']],
    [['1', '2', '3', 'x', 'in-addr', 'arpa']],
    [['1', '2', '3', '4', 'ip6', 'arpa']],
    [['1', '2', '3', '4', 'in-addr', 'example']],
    [[...nibbles.slice(1), 'ip6', 'arpa']],
    [['0', ...nibbles, 'ip6', 'arpa']],
    [[...nibbles.slice(1), 'g', 'ip6', 'arpa']],
    [[...nibbles.slice(1), 'A', 'ip6', 'arpa']],
    [[...nibbles.slice(1), '00', 'ip6', 'arpa']],
    [[...nibbles.slice(1), '', 'ip6', 'arpa']],
    [[]],
  ])('%j is no reverse name of one address', labels => {
    expect(addressOfReverseLabels(labels)).toBeNull()
  })

  it('an IPv4-mapped address has its name below in-addr.arpa, so the nibble form gives the IPv4 address', () => {
    const labels = [...Array.from('1020000cffff'), ...nibbles.slice(12), 'ip6', 'arpa']
    const address = addressOfReverseLabels(labels)
    expect(address === null ? null : formatAddress(address)).toBe('192.0.2.1')
  })
})

describe('the reverse zone', () => {
  it.each([
    ['fdaa:0:48c8::/48', '8.c.8.4.0.0.0.0.a.a.d.f.ip6.arpa'],
    ['fdaa:0:48c8:0:1::/112', '0.0.0.0.0.0.0.0.1.0.0.0.0.0.0.0.8.c.8.4.0.0.0.0.a.a.d.f.ip6.arpa'],
    ['10.0.0.0/8', '10.in-addr.arpa'],
    ['192.168.0.0/16', '168.192.in-addr.arpa'],
    ['0.0.0.0/0', 'in-addr.arpa'],
    ['::/0', 'ip6.arpa'],
    ['fc00::/7', 'f.ip6.arpa'],
    ['172.16.0.0/12', '172.in-addr.arpa'],
    ['10.96.0.0/12', '10.in-addr.arpa'],
  ])('of %s is %s', (text, zone) => {
    expect(zoneOf(text)).toBe(zone)
  })

  it('holds the reverse names of all addresses of its block', () => {
    fc.assert(
      fc.property(anyPrefix, anyAddress, (prefix, address) => {
        const zone = reverseZoneLabels(prefix).join('.')
        for (const inside of [prefix.address, address]) {
          if (containsAddress(prefix, inside)) expect(reverseLabels(inside).join('.').endsWith(zone)).toBe(true)
        }
      }),
    )
  })
})
