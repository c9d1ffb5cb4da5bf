/** Packets that a load balancer sends for clients: each begins with a header of its own. Nothing is allocated. */
import { NO_VIEW, ViewTable } from '../views.ts'
import { PROTOCOL, ProxyHeader } from './header.ts'
import type { ProxySetting } from './setting.ts'

/** One reader for each thread. The reply goes to the balancer, without a header: the balancer knows whose it is. */
export class ProxiedPackets {
  /** After {@link open}: the client's address, 16 octets at {@link sourceAt}. */
  source: Uint8Array
  sourceAt = 0
  readonly #header: ProxyHeader = new ProxyHeader()
  readonly #trusted: ViewTable

  constructor({ trusted }: ProxySetting) {
    this.#trusted = new ViewTable(trusted)
    this.source = this.#header.source
  }

  /**
   * Reads the header of the packet of `length` octets at `start`.
   *
   * @param peer who sent it, 16 octets at `peerAt`.
   * @returns octets of the header; 0: the peer may not send one, or there is no good one.
   */
  open(bytes: Uint8Array, start: number, length: number, peer: Uint8Array, peerAt: number): number {
    if (this.#trusted.find(peer, peerAt) === NO_VIEW) return 0
    const octets = this.#header.read(bytes, start, length, PROTOCOL.datagram)
    if (octets <= 0) return 0
    const { isLocal, source } = this.#header
    this.source = isLocal ? peer : source
    this.sourceAt = isLocal ? peerAt : 0
    return octets
  }
}
