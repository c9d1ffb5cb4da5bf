/**
 * Reads headers of the PROXY protocol, version 2 (HAProxy's proxy-protocol.txt, section 2.2), by which a load balancer
 * says who its client is:
 *
 * ```
 *   octets  0            12              13                14        16
 *          ┌────────────┬───────────────┬─────────────────┬─────────┬───────────────────────────────────┐
 *          │ signature  │ version, what │ family, protocol│ length  │ source, destination, ports; more  │
 *          └────────────┴───────────────┴─────────────────┴─────────┴───────────────────────────────────┘
 * ```
 */

/** {@link ProxyHeader.read}: the header is not whole yet. */
export const INCOMPLETE = 0
/** {@link ProxyHeader.read}: this is no header that we take. */
export const MALFORMED = -1
/** Protocols of the connection or datagram that a header may speak of. */
export const PROTOCOL: { readonly stream: 1; readonly datagram: 2 } = { stream: 1, datagram: 2 }

/** "\r\n\r\n\0\r\nQUIT\n" */
const SIGNATURE: Uint8Array = Uint8Array.of(13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10)
const FIXED = 16
const VERSION = 0x20
const LOCAL = 0
const PROXY = 1
const INET = 0x10
const INET6 = 0x20
const INET_OCTETS = 12
const INET6_OCTETS = 36
/** What balancers add (TLS details, identifiers of endpoints) is a few hundred octets. */
const MAX_BODY = 2048

/** Longest header that is taken. */
export const MAX_HEADER: number = FIXED + MAX_BODY

/** One reader, used again for each header. Nothing is allocated. */
export class ProxyHeader {
  /** The client's address, 16 octets (IPv4 as IPv4-mapped), unless {@link isLocal}. */
  readonly source: Uint8Array = new Uint8Array(16)
  /** The balancer speaks for itself, most of the time to see whether we are there. */
  isLocal = false

  /**
   * Reads the header at `start` of what has come, `length` octets.
   *
   * @param protocol one of {@link PROTOCOL}: a header that speaks of another one is malformed here.
   * @returns octets of the header, {@link INCOMPLETE} or {@link MALFORMED}.
   */
  read(bytes: Uint8Array, start: number, length: number, protocol: number): number {
    for (let i = 0; i < Math.min(length, SIGNATURE.length); i++) {
      if (bytes[start + i] !== SIGNATURE[i]) return MALFORMED
    }
    if (length < FIXED) return INCOMPLETE
    const what = (bytes[start + 12] as number) - VERSION
    const body = ((bytes[start + 14] as number) << 8) | (bytes[start + 15] as number)
    if ((what !== LOCAL && what !== PROXY) || body > MAX_BODY) return MALFORMED
    this.isLocal = what === LOCAL
    const octets = FIXED + body
    if (what === LOCAL) return length < octets ? INCOMPLETE : octets
    const kind = bytes[start + 13] as number
    const isIPv4 = kind === (INET | protocol)
    if (!isIPv4 && kind !== (INET6 | protocol)) return MALFORMED
    if (body < (isIPv4 ? INET_OCTETS : INET6_OCTETS)) return MALFORMED
    if (length < octets) return INCOMPLETE
    this.#setSource(bytes, start + FIXED, isIPv4)
    return octets
  }

  #setSource(bytes: Uint8Array, at: number, isIPv4: boolean): void {
    const { source } = this
    if (!isIPv4) {
      for (let i = 0; i < 16; i++) source[i] = bytes[at + i] as number
      return
    }
    source.fill(0, 0, 10)
    source[10] = 0xff
    source[11] = 0xff
    for (let i = 0; i < 4; i++) source[12 + i] = bytes[at + i] as number
  }
}
