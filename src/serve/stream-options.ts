/** What the DNS threads are told about connections. */
import type { Config } from '../config.ts'
import type { StreamListeners } from '../dns/messages.ts'
import { packViews } from '../dns/views.ts'

/** What is served on connections beside DNS over TCP. */
export function streamsOf({ tls, https, proxyProtocol }: Config['dns']): StreamListeners {
  return {
    tls: tls?.listen ?? [],
    https: { listen: https?.listen ?? [], path: https?.path ?? '' },
    proxy:
      proxyProtocol === null
        ? null
        : {
            listen: proxyProtocol.listen,
            trusted: packViews(proxyProtocol.trusted.map(prefix => ({ prefix, view: 0 }))),
          },
  }
}
