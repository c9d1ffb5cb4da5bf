/** Who may say for whom a connection or a packet is. */
import type { ListenAddress } from '../listen.ts'

/** See `dns.proxyProtocol` of the configuration. */
export interface ProxySetting {
  /** Listeners whose connections and packets begin with a PROXY header. */
  readonly listen: readonly ListenAddress[]
  /** Peers that may send one, made by `packViews`; all others are turned away there. */
  readonly trusted: SharedArrayBuffer
}

/** Whether a listener takes PROXY headers. */
export function isProxied(setting: ProxySetting | null, listen: ListenAddress): boolean {
  return setting?.listen.some(({ address, port }) => address === listen.address && port === listen.port) ?? false
}
