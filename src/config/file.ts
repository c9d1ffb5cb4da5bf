/** The keys of the configuration file. The table in docs/configuration.md is printed from this schema. */
import type { Prefix } from '../ip/prefix.ts'
import { admissionSchema, type FileAdmission } from './admission.ts'
import { dnsSchema, type FileDns, type LogLevel, VALUES } from './dns.ts'
import { list, object, optional, type Row, required, type Schema, section, value } from './schema.ts'
import { type FileSource, sourceSchema } from './source.ts'
import { type FileStatus, statusSchema } from './status.ts'
import {
  domain,
  duration,
  integer,
  type ListenAddress,
  label,
  listenAddress,
  nullable,
  path,
  poolPrefix,
  prefix,
  type Scalar,
} from './values.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND
const DAY = 24 * 60 * MINUTE

export interface FileNetwork {
  readonly name: string
  readonly prefix: Prefix | null
  readonly sources: readonly Prefix[]
  readonly cluster: {
    readonly name: string | null
    readonly domain: string
    readonly serviceCidr: Prefix
    readonly source: FileSource
    /** null: the file says nothing of it. */
    readonly status: FileStatus | null
  }
}

/** The file's content. `undefined` stands for a default that depends on the machine. */
export interface FileConfig {
  readonly networks: readonly FileNetwork[] | null
  readonly pool: { readonly rest: number; readonly lease: number }
  readonly dns: FileDns
  readonly admission: FileAdmission
  readonly http: {
    readonly listen: ListenAddress
    readonly probes: readonly ListenAddress[]
    readonly tokenFile: string | null
    readonly maxWatchers: number
  }
  readonly routes: { readonly proxyName: string | null }
  readonly data: string
  readonly log: { readonly level: LogLevel }
}

/** The pool of a network that names none. */
export const DEFAULT_POOL = 'fdaa:0:48c8:0:1::/112'

/** The schema of the whole file; `resolve` completes a path that the file or a default names. */
export function fileSchema(resolve: (path: string) => string): Schema<FileConfig> {
  const location: Scalar<string> = { allowed: path.allowed, parse: input => resolved(path.parse(input), resolve) }
  return object<FileConfig>({
    networks: optional(
      list(networkSchema(location), 1),
      null,
      'one network',
      'The networks. Sources see the network whose prefix is the longest that holds them; all others are refused.',
    ),
    pool: section(
      object<FileConfig['pool']>({
        rest: optional(
          value(VALUES.rest),
          10 * MINUTE,
          '`10m`',
          'How long a released address waits before placement gives it to another owner.',
        ),
        lease: optional(
          value(duration(SECOND, DAY)),
          90 * SECOND,
          '`90s`',
          'How long an address that was promised to a create request waits for its Service to appear.',
        ),
      }),
    ),
    dns: section(dnsSchema(location)),
    admission: section(admissionSchema(location)),
    http: section(
      object<FileConfig['http']>({
        listen: optional(
          value(listenAddress),
          { address: '::1', port: 8053 },
          '`"[::1]:8053"`',
          'Where the HTTP API listens.',
        ),
        probes: optional(
          list(value(listenAddress), 0),
          [],
          'none',
          'Further addresses that answer `/health`, `/ready` and `/metrics` and nothing else.',
        ),
        tokenFile: optional(
          value(nullable(location)),
          null,
          'none',
          'File with the bearer token that writes need when the API does not listen on loopback. `WAYPOST_TOKEN` in the environment goes first.',
        ),
        maxWatchers: optional(
          value(integer(1, 100_000)),
          4096,
          '`4096`',
          'Watch streams at one time; more are answered 503.',
        ),
      }),
    ),
    routes: section(
      object<FileConfig['routes']>({
        proxyName: optional(
          value(nullable(VALUES.proxyName)),
          null,
          'none',
          'Services with the label `service.kubernetes.io/service-proxy-name` have routes only when it says this.',
        ),
      }),
    ),
    data: optional(value(location), resolve('./data'), '`./data`', 'Folder of the ledger and the last state.'),
    log: section(
      object<FileConfig['log']>({
        level: optional(value(VALUES.level), 'info', '`info`', 'The least level that is logged.'),
      }),
    ),
  })
}

/** Every key, for the documentation. */
export function fileRows(): readonly Row[] {
  return fileSchema(text => text).rows('')
}

function networkSchema(location: Scalar<string>): Schema<FileNetwork> {
  const fallback = poolPrefix.parse(DEFAULT_POOL)
  if (!('value' in fallback)) throw new TypeError(fallback.reason)
  return object<FileNetwork>({
    name: required(value(label), "The network's name in the API."),
    prefix: optional(
      value(nullable(prefix)),
      null,
      'every source',
      'The wall: sources inside it see this network. Needed as soon as there are two networks.',
    ),
    sources: optional(
      list(value(prefix), 0),
      [],
      'none',
      'Further sources that see this network, for example `::1/128`.',
    ),
    cluster: required(
      object<FileNetwork['cluster']>({
        name: optional(value(nullable(label)), null, "the network's name", "The cluster's name in logs and metrics."),
        domain: optional(value(domain), 'cluster.local', '`cluster.local`', 'The zone of the cluster.'),
        serviceCidr: optional(
          value(poolPrefix),
          fallback.value,
          `\`${DEFAULT_POOL}\``,
          'The pool of Service addresses, inside the prefix of the network.',
        ),
        source: required(sourceSchema(location), ''),
        status: optional(statusSchema, null, 'as below', ''),
      }),
      '',
    ),
  })
}

function resolved(
  parsed: ReturnType<Scalar<string>['parse']>,
  resolve: (path: string) => string,
): ReturnType<Scalar<string>['parse']> {
  return 'value' in parsed ? { value: resolve(parsed.value) } : parsed
}
