/** Writes headers of the PROXY protocol, version 2. */
import { familyOf, parseAddress } from '#src/ip/address.ts'

/** What may differ from a header of a TCP connection. */
export interface ProxyHeaderParts {
  /** 0 LOCAL, 1 PROXY. */
  readonly command?: number
  /** 1 stream, 2 datagram. */
  readonly protocol?: number
  /** Octets behind the addresses. */
  readonly more?: Uint8Array
}

/** A header that names the source; null: of an unknown family, without addresses. */
export function proxyHeader(source: string | null, parts: ProxyHeaderParts = {}): Uint8Array {
  const { command = 1, protocol = 1, more = new Uint8Array(0) } = parts
  const address = source === null ? null : parseAddress(source)
  const isIPv4 = address !== null && familyOf(address) === 'IPv4'
  const octets = address === null ? [] : isIPv4 ? [...address.subarray(12)] : [...address]
  const body = address === null ? [] : [...octets, ...octets.map(() => 1), 0x30, 0x39, 0, 53]
  const kind = address === null ? 0 : ((isIPv4 ? 1 : 2) << 4) | protocol
  const length = body.length + more.length
  return Uint8Array.of(
    ...[13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10],
    0x20 | command,
    kind,
    length >> 8,
    length & 255,
    ...body,
    ...more,
  )
}
