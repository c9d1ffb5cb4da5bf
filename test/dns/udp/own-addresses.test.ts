import { describe, expect, it } from 'vitest'
import { OwnAddresses } from '#src/dns/udp/own-addresses.ts'
import type { Address } from '#src/ip/address.ts'
import { address as parse } from '#support/ip.ts'

describe('own addresses', () => {
  it('are the listed ones with their own port', () => {
    const own = new OwnAddresses([
      { address: parse('::1'), port: 53 },
      { address: parse('127.0.0.1'), port: 1053 },
    ])
    expect(own.isOwn(parse('::1'), 0, 53)).toBe(true)
    expect(own.isOwn(parse('::1'), 0, 1053)).toBe(false)
    expect(own.isOwn(parse('127.0.0.1'), 0, 1053)).toBe(true)
    expect(own.isOwn(parse('::2'), 0, 53)).toBe(false)
  })

  it('are all addresses of the interfaces behind a wildcard', () => {
    const own = new OwnAddresses([{ address: parse('::'), port: 53 }], () => [parse('fdaa::1')])
    expect(own.isOwn(parse('fdaa::1'), 0, 53)).toBe(true)
    expect(own.isOwn(parse('fdaa::2'), 0, 53)).toBe(false)
  })

  it('look at the interfaces once in five seconds, and only for a packet from our port', () => {
    let now = 0
    let looks = 0
    const look = (): Address[] => {
      looks++
      return []
    }
    const own = new OwnAddresses([{ address: parse('0.0.0.0'), port: 53 }], look, () => now)
    for (const [time, port, expected] of [
      [0, 4000, 0],
      [0, 53, 1],
      [5000, 53, 1],
      [5001, 53, 2],
    ] as const) {
      now = time
      own.isOwn(parse('10.0.0.1'), 0, port)
      expect(looks).toBe(expected)
    }
  })

  it('are read at an offset', () => {
    const bytes = new Uint8Array(30)
    bytes.set(parse('fdaa::1'), 8)
    expect(new OwnAddresses([{ address: parse('fdaa::1'), port: 53 }]).isOwn(bytes, 8, 53)).toBe(true)
  })
})
