/** Keys of `dns` for encrypted transports and for load balancers in front. */
import type { Prefix } from '../ip/prefix.ts'
import { list, object, optional, orNull, required, type Schema, value } from './schema.ts'
import { type ListenAddress, listenAddress, prefix, type Scalar } from './values.ts'

/** `dns.tls`. */
export interface FileTls {
  readonly listen: readonly ListenAddress[]
  readonly cert: string
  readonly key: string
}

/** `dns.https`. */
export interface FileHttps extends FileTls {
  readonly path: string
}

/** `dns.proxyProtocol`. */
export interface FileProxyProtocol {
  readonly listen: readonly ListenAddress[]
  readonly trusted: readonly Prefix[]
}

/** The path of a URL, without query and fragment. */
const urlPath: Scalar<string> = {
  allowed: 'path of a URL',
  parse: text =>
    typeof text === 'string' && /^\/[A-Za-z0-9._~!$&'()*+,;=:@/-]*$/.test(text) && text.length <= 255
      ? { value: text }
      : { reason: 'must be the path of a URL such as /dns-query' },
}

/** The schema of `dns.tls`; `location` reads a path. */
export function tlsSchema(location: Scalar<string>): Schema<FileTls | null> {
  return orNull(
    object<FileTls>({
      listen: required(list(value(listenAddress), 1), 'Where DNS over TLS is answered; its port is 853.'),
      cert: required(value(location), 'PEM file with the certificate and its chain. Read again when it changes.'),
      key: required(value(location), 'PEM file with the private key.'),
    }),
  )
}

/** The schema of `dns.https`. */
export function httpsSchema(location: Scalar<string>): Schema<FileHttps | null> {
  return orNull(
    object<FileHttps>({
      listen: required(list(value(listenAddress), 1), 'Where DNS over HTTPS is answered; its port is 443.'),
      cert: required(value(location), 'PEM file with the certificate and its chain. Read again when it changes.'),
      key: required(value(location), 'PEM file with the private key.'),
      path: optional(value(urlPath), '/dns-query', '`/dns-query`', 'The path of the service.'),
    }),
  )
}

/** The schema of `dns.proxyProtocol`. */
export function proxySchema(): Schema<FileProxyProtocol | null> {
  return orNull(
    object<FileProxyProtocol>({
      listen: required(
        list(value(listenAddress), 1),
        'Listeners of `dns` whose connections and packets begin with a PROXY header, version 2.',
      ),
      trusted: required(
        list(value(prefix), 1),
        'Load balancers that may send it; everybody else is turned away there. The source in the header decides the network.',
      ),
    }),
  )
}
