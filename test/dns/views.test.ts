import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { NO_VIEW, packViews, ViewTable } from '#src/dns/views.ts'
import { type Address, addressFromBigInt, addressToBigInt } from '#src/ip/address.ts'
import { containsAddress, isPrefix, type Prefix, parsePrefix, prefixOf } from '#src/ip/prefix.ts'
import { address as parse } from '#support/ip.ts'

describe('view table', () => {
  it('gives the longest matching prefix', () => {
    const table = tableOf(['fdaa::/16', 0], ['fdaa:0:48c8::/48', 1], ['fdaa:0:48c8:1::/64', 2], ['10.0.0.0/8', 3])
    expect(find(table, 'fdaa:1::1')).toBe(0)
    expect(find(table, 'fdaa:0:48c8::1')).toBe(1)
    expect(find(table, 'fdaa:0:48c8:1:ffff:ffff:ffff:ffff')).toBe(2)
    expect(find(table, 'fdaa:0:48c8:2::')).toBe(1)
    expect(find(table, 'fdaa:0:48c9::')).toBe(0)
    expect(find(table, '10.255.255.255')).toBe(3)
    expect(find(table, '11.0.0.0')).toBe(NO_VIEW)
    expect(find(table, '::')).toBe(NO_VIEW)
    expect(find(table, 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff')).toBe(NO_VIEW)
  })

  it('does not let ::/0 reach IPv4 sources', () => {
    const table = tableOf(['::/0', 0])
    expect(find(table, '::1')).toBe(0)
    expect(find(table, '::fffe:ffff:ffff')).toBe(0)
    expect(find(table, '0.0.0.0')).toBe(NO_VIEW)
    expect(find(table, '255.255.255.255')).toBe(NO_VIEW)
    expect(find(table, '::1:0:0:0')).toBe(0)
  })

  it('needs one segment for a network of every source', () => {
    const table = packViews([viewPrefix('::/0', 4), viewPrefix('0.0.0.0/0', 4)])
    expect(new Int32Array(table)[0]).toBe(1)
    expect(find(new ViewTable(table), '192.0.2.1')).toBe(4)
    expect(find(new ViewTable(table), '2001:db8::1')).toBe(4)
  })

  it('has no network when there are no prefixes', () => {
    expect(find(tableOf(), '::1')).toBe(NO_VIEW)
    expect(find(tableOf(), '127.0.0.1')).toBe(NO_VIEW)
  })

  it('reads the address at an offset', () => {
    const bytes = new Uint8Array(40)
    bytes.set(parse('fdaa::1'), 8)
    expect(tableOf(['fdaa::/16', 7]).find(bytes, 8)).toBe(7)
  })

  it('answers from an adopted table', () => {
    const table = tableOf(['::/0', 0])
    table.adopt(packViews([viewPrefix('::/0', 1), viewPrefix('fdaa::/16', 2)]))
    expect(find(table, '::1')).toBe(1)
    expect(find(table, 'fdaa::1')).toBe(2)
  })

  it('equals a scan over all prefixes', () => {
    fc.assert(
      fc.property(
        fc.array(prefixes, { maxLength: 30 }),
        fc.array(nearby, { minLength: 1, maxLength: 30 }),
        (list, extra) => {
          const views = list.map((prefix, view) => ({ prefix, view }))
          const table = new ViewTable(packViews(views))
          for (const address of [...list.flatMap(edges), ...extra]) {
            expect(table.find(address, 0)).toBe(scan(views, address))
          }
        },
      ),
      { numRuns: 300 },
    )
  })
})

/** Few distinct high bits, so that prefixes nest and touch. */
const nearby: fc.Arbitrary<Address> = fc
  .tuple(
    fc.constantFrom(0n, 0xffffn << 32n, 0xfdaan << 112n, 0xffffn << 112n),
    fc.integer({ min: 0, max: 0xffff }),
    fc.integer({ min: 0, max: 4 }),
  )
  .map(([base, low, shift]) => addressFromBigInt(base | (BigInt(low) << BigInt(16 * shift))))

const prefixes: fc.Arbitrary<Prefix> = fc
  .tuple(nearby, fc.integer({ min: 0, max: 128 }))
  .map(([address, bits]) => prefixOf(address, isIPv4(address) ? bits % 33 : bits))
  .filter(prefix => prefix.family === 'IPv4' || !isIPv4(prefix.address))

function isIPv4(address: Address): boolean {
  return addressToBigInt(address) >> 32n === 0xffffn
}

function edges(prefix: Prefix): Address[] {
  const start = addressToBigInt(prefix.address)
  const size = 1n << BigInt((prefix.family === 'IPv6' ? 128 : 32) - prefix.length)
  const mask = (1n << 128n) - 1n
  return [start - 1n, start, start + size - 1n, start + size].map(value => addressFromBigInt(value & mask))
}

function scan(views: readonly { prefix: Prefix; view: number }[], address: Address): number {
  let best = NO_VIEW
  let length = -1
  for (const { prefix, view } of views) {
    if (containsAddress(prefix, address) && prefix.length >= length) {
      best = view
      length = prefix.length
    }
  }
  return best
}

function tableOf(...list: [string, number][]): ViewTable {
  return new ViewTable(packViews(list.map(([text, view]) => viewPrefix(text, view))))
}

function viewPrefix(text: string, view: number): { prefix: Prefix; view: number } {
  const prefix = parsePrefix(text)
  if (!isPrefix(prefix)) throw new Error(prefix.reason)
  return { prefix, view }
}

function find(table: ViewTable, text: string): number {
  return table.find(parse(text), 0)
}
