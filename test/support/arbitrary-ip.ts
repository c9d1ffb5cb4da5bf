/** Random addresses and prefixes, with many zeros in them. */
import fc from 'fast-check'
import { type Address, formatAddress } from '#src/ip/address.ts'
import { type Prefix, prefixOf } from '#src/ip/prefix.ts'
import { address as ip } from '#support/ip.ts'

const group = fc.oneof(fc.constant(0), fc.nat(0xffff), fc.nat(15))

/** Any IPv6 address that is not IPv4-mapped. */
export const anyIPv6: fc.Arbitrary<Address> = fc
  .array(group, { minLength: 8, maxLength: 8 })
  .map(groups => Uint8Array.from(groups.flatMap(value => [value >> 8, value & 0xff])) as Address)
  .filter(address => !formatAddress(address).includes('.'))

/** Any IPv4 address. */
export const anyIPv4: fc.Arbitrary<Address> = fc
  .array(fc.oneof(fc.constant(0), fc.nat(255)), { minLength: 4, maxLength: 4 })
  .map(octets => ip(octets.join('.')))

/** Any address of either family. */
export const anyAddress: fc.Arbitrary<Address> = fc.oneof(anyIPv6, anyIPv4)

/** Any block; an IPv6 block that would begin at an IPv4-mapped address is left out. */
export const anyPrefix: fc.Arbitrary<Prefix> = fc
  .oneof(
    fc.tuple(anyIPv6, fc.nat(128)).map(([address, length]) => prefixOf(address, length)),
    fc.tuple(anyIPv4, fc.nat(32)).map(([address, length]) => prefixOf(address, length)),
  )
  .filter(prefix => prefix.family === 'IPv4' || !formatAddress(prefix.address).includes('.'))
