import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { INCOMPLETE, MALFORMED, MAX_HEADER, PROTOCOL, ProxyHeader } from '#src/dns/proxy/header.ts'
import { formatAddress } from '#src/ip/address.ts'
import { proxyHeader } from '#support/proxy.ts'

const [STREAM, DATAGRAM] = [PROTOCOL.stream, PROTOCOL.datagram]

function read(bytes: Uint8Array, protocol: number = STREAM): number | string {
  const header = new ProxyHeader()
  const octets = header.read(bytes, 0, bytes.length, protocol)
  if (octets <= 0) return octets
  return header.isLocal ? `${octets} local` : `${octets} ${formatAddress(header.source as never)}`
}

describe('a PROXY header', () => {
  it('says who the client is', () => {
    expect(read(proxyHeader('192.0.2.7'))).toBe('28 192.0.2.7')
    expect(read(proxyHeader('fdaa::7'))).toBe('52 fdaa::7')
    expect(read(proxyHeader('fdaa::7', { protocol: DATAGRAM }), DATAGRAM)).toBe('52 fdaa::7')
  })

  it('may have more behind the addresses, and is followed by anything', () => {
    expect(read(proxyHeader('192.0.2.7', { more: new Uint8Array(500) }))).toBe('528 192.0.2.7')
    expect(read(Uint8Array.of(...proxyHeader('192.0.2.7'), 1, 2, 3))).toBe('28 192.0.2.7')
  })

  it('may say that the balancer speaks for itself', () => {
    expect(read(proxyHeader('192.0.2.7', { command: 0 }))).toBe('28 local')
    expect(read(proxyHeader(null, { command: 0 }))).toBe('16 local')
  })

  it('is waited for while it is not whole, however it is cut', () => {
    for (const whole of [proxyHeader('fdaa::7'), proxyHeader('192.0.2.7', { more: new Uint8Array(9) })]) {
      for (let length = 0; length < whole.length; length++) expect(read(whole.subarray(0, length))).toBe(INCOMPLETE)
    }
  })

  it('is refused at the first octet that no header has', () => {
    const whole = proxyHeader('fdaa::7')
    for (let at = 0; at < 13; at++)
      expect(read(whole.with(at, 0x99).subarray(0, at < 12 ? at + 1 : 16))).toBe(MALFORMED)
  })

  it.each([
    ['version 1', new TextEncoder().encode('PROXY TCP4 192.0.2.7 192.0.2.8 1 2\r\n')],
    ['an unknown family', proxyHeader(null)],
    ['a UNIX socket', proxyHeader('fdaa::7').with(13, 0x31)],
    ['another protocol', proxyHeader('fdaa::7', { protocol: DATAGRAM })],
    ['addresses cut off', proxyHeader('fdaa::7').with(15, 35)],
    ['another command', proxyHeader('fdaa::7', { command: 2 })],
    ['more than is taken', proxyHeader('fdaa::7', { more: new Uint8Array(MAX_HEADER) })],
    ['a DNS query', Uint8Array.of(0, 28, 18, 52, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0)],
  ])('of %s is refused', (_, bytes) => {
    expect(read(bytes)).toBe(MALFORMED)
  })

  it('reads nothing outside of what has come, whatever that is', () => {
    const arbitrary = fc.oneof(
      fc.uint8Array({ maxLength: 80 }),
      fc.uint8Array({ maxLength: 80 }).map(tail => Uint8Array.of(...proxyHeader('fdaa::7').subarray(0, 12), ...tail)),
    )
    fc.assert(
      fc.property(arbitrary, bytes => {
        const strict = new Proxy(bytes, {
          get: (target, key) => {
            if (typeof key === 'string' && /^\d+$/.test(key) && Number(key) >= target.length) throw new Error('outside')
            return Reflect.get(target, key, target)
          },
        })
        const octets = new ProxyHeader().read(strict, 0, bytes.length, STREAM)
        expect(octets).toBeLessThanOrEqual(bytes.length)
      }),
    )
  })
})
