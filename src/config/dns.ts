/** The `dns` section of the configuration file, and the values that flags have, too. */
import { cookiesSchema, type FileCookies, type FileRateLimit, rateLimitSchema, USUAL_COOKIES } from './abuse.ts'
import { type CacheConfig, cacheSection } from './forward/cache.ts'
import { type FileForward, forwardSchema } from './forward/section.ts'
import { list, object, optional, orNull, required, type Schema, section, value } from './schema.ts'
import { type FileHttps, type FileProxyProtocol, type FileTls, httpsSchema, proxySchema, tlsSchema } from './secure.ts'
import {
  choice,
  duration,
  either,
  integer,
  type ListenAddress,
  listenAddress,
  nullable,
  type Scalar,
  text,
} from './values.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND
const DAY = 24 * 60 * MINUTE

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent'
export type PodRecords = 'disabled' | 'insecure' | 'verified'
export type Transport = 'batched' | 'portable'

/** The content of `dns`. `undefined` stands for a default that depends on the machine. */
export interface FileDns {
  readonly listen: readonly ListenAddress[]
  readonly ttl: number
  readonly workers: number | 'auto'
  readonly transport: Transport | 'auto'
  readonly zones: string | null | undefined
  readonly pods: PodRecords
  readonly udpSize: number
  readonly nsid: string | null | undefined
  readonly chaos: { readonly version: string; readonly id: string } | null
  readonly cookies: FileCookies | null
  readonly rateLimit: FileRateLimit | null
  readonly tcp: {
    readonly idle: number
    readonly maxConnections: number
    /** `undefined`: a quarter of `maxConnections`, at least 16. */
    readonly maxConnectionsPerSource: number | undefined
    readonly maxBytesPerConnection: number
  }
  readonly tls: FileTls | null
  readonly https: FileHttps | null
  readonly proxyProtocol: FileProxyProtocol | null
  readonly forward: FileForward | null
  readonly cache: CacheConfig | null
}

/** The values that flags have, too. */
export const VALUES: {
  readonly rest: Scalar<number>
  readonly workers: Scalar<number | 'auto'>
  readonly transport: Scalar<Transport | 'auto'>
  readonly pods: Scalar<PodRecords>
  readonly level: Scalar<LogLevel>
  readonly proxyName: Scalar<string>
  readonly context: Scalar<string>
} = {
  rest: duration(0, 365 * DAY),
  workers: either(choice(['auto']), integer(1, 128)),
  transport: choice(['auto', 'batched', 'portable']),
  pods: choice(['disabled', 'insecure', 'verified']),
  level: choice(['trace', 'debug', 'info', 'warn', 'error', 'silent']),
  proxyName: text('text', 1, 63),
  context: text('text', 1, 253),
}

/** The schema of `dns`; `location` reads a path. */
export function dnsSchema(location: Scalar<string>): Schema<FileDns> {
  const word = value(text('text of at most 255 octets', 1, 255))
  return object<FileDns>({
    listen: optional(
      list(value(listenAddress), 1),
      [{ address: '::1', port: 1053 }],
      '`["[::1]:1053"]`',
      'Where DNS is answered, UDP and TCP.',
    ),
    ttl: optional(value(integer(0, 3600)), 5, '`5`', 'TTL of cluster and flycast records, in seconds.'),
    workers: optional(
      value(VALUES.workers),
      'auto',
      '`auto`',
      'UDP worker threads; `auto` leaves one core to the control thread.',
    ),
    transport: optional(
      value(VALUES.transport),
      'auto',
      '`auto`',
      '`batched` takes many packets a system call (Linux); `portable` runs everywhere.',
    ),
    zones: optional(
      value(nullable(location)),
      undefined,
      '`./zones` if it is there',
      'Folder of master files, `*.zone`.',
    ),
    pods: optional(
      value(VALUES.pods),
      'insecure',
      '`insecure`',
      "Pod records: none, any address-shaped name of a namespace, or only real Pods' addresses.",
    ),
    udpSize: optional(
      value(integer(512, 4096)),
      1232,
      '`1232`',
      'The largest UDP response in octets, whatever the client offers.',
    ),
    nsid: optional(
      value(nullable(text('text of at most 255 octets', 1, 255))),
      undefined,
      "the machine's name",
      'Server identifier for clients that ask for it (RFC 5001); null: none.',
    ),
    chaos: optional(
      orNull(
        object<{ version: string; id: string }>({
          version: required(word, 'Text of `version.bind` in class CH. Without `dns.chaos` the class is refused.'),
          id: required(word, 'Text of `id.server` in class CH.'),
        }),
      ),
      null,
      'refused',
      '',
    ),
    cookies: optional(cookiesSchema(location), USUAL_COOKIES, '', ''),
    rateLimit: optional(rateLimitSchema(), null, 'no limit', ''),
    tcp: section(
      object<FileDns['tcp']>({
        idle: optional(
          value(duration(100, 10 * MINUTE)),
          10 * SECOND,
          '`10s`',
          'A connection without a query is closed after this time: TCP, TLS and HTTPS alike.',
        ),
        maxConnections: optional(
          value(integer(1, 100_000)),
          1024,
          '`1024`',
          'Connections at one time: TCP, TLS and HTTPS together.',
        ),
        maxConnectionsPerSource: optional(
          value(integer(1, 100_000)),
          undefined,
          'a quarter of them, at least 16',
          'Connections of one client at one time: an IPv4 address, or an IPv6 /64.',
        ),
        maxBytesPerConnection: optional(
          value(integer(65_537, 16_777_216)),
          262_144,
          '`262144`',
          'Octets of queries and answers that one connection may hold.',
        ),
      }),
    ),
    tls: optional(tlsSchema(location), null, 'none', ''),
    https: optional(httpsSchema(location), null, 'none', ''),
    proxyProtocol: optional(proxySchema(), null, 'none', ''),
    forward: optional(orNull(forwardSchema(location)), null, 'none', ''),
    cache: cacheSection(location),
  })
}
