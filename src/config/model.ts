/** What Waypost knows after its configuration was read. */
import type { Prefix } from '../ip/prefix.ts'
import type { FileRateLimit } from './abuse.ts'
import type { AdmissionTls } from './admission.ts'
import type { LogLevel, PodRecords, Transport } from './dns.ts'
import type { CacheConfig } from './forward/cache.ts'
import type { ForwardConfig } from './forward/section.ts'
import type { FileHttps, FileProxyProtocol, FileTls } from './secure.ts'
import type { FileSource } from './source.ts'
import type { StatusConfig } from './status.ts'
import type { ListenAddress } from './values.ts'

/** One network: who sees it, and the cluster whose Services it holds. Its number (view) is its index in the list. */
export interface NetworkConfig {
  readonly name: string
  /** Sources inside it see this network; null: every source does (the only network, then). */
  readonly prefix: Prefix | null
  /** Further source prefixes that see this network. */
  readonly sources: readonly Prefix[]
  readonly cluster: {
    readonly name: string
    /** Lower-case, without the final dot. */
    readonly domain: string
    /** IPv6, /64 to /124, inside `prefix` when that is IPv6. */
    readonly serviceCidr: Prefix
    /** Exactly one is there. `manifests` is an absolute path; the folder need not exist. */
    readonly source: FileSource
    /** An API server gives the addresses of its Services itself. */
    readonly addressGiver: 'pool' | 'api-server'
    /** null: nothing is written to the API server, or there is none. */
    readonly status: StatusConfig | null
  }
}

/** Everything, validated and frozen to the leaves. Paths are absolute, times in milliseconds unless said otherwise. */
export interface Config {
  readonly networks: readonly NetworkConfig[]
  readonly pool: { readonly restMs: number; readonly leaseMs: number }
  readonly dns: {
    readonly listen: readonly ListenAddress[]
    /** Seconds, 0 to 3600. */
    readonly ttl: number
    /** UDP worker threads; `auto` is already resolved. */
    readonly workers: number
    /** `auto`: batched where it works. */
    readonly transport: Transport | 'auto'
    /** Folder of master files, or null when there is none. */
    readonly zones: string | null
    readonly pods: PodRecords
    /** The largest UDP response in octets, 512 to 4096. */
    readonly udpSize: number
    /** RFC 5001 server identifier, null to answer none. */
    readonly nsid: string | null
    /** Texts of `version.bind` and `id.server` in class CH, null to refuse them. */
    readonly chaos: { readonly version: string; readonly id: string } | null
    /** null: the option is ignored. */
    readonly cookies: {
      /** 16 octets each, from the file; null: the process makes its own. */
      readonly secrets: readonly Uint8Array[] | null
      readonly required: boolean
    } | null
    /** null: no limit. */
    readonly rateLimit: FileRateLimit | null
    /** Of connections of every kind. */
    readonly tcp: {
      readonly idleMs: number
      readonly maxConnections: number
      readonly maxConnectionsPerSource: number
      readonly maxBytesPerConnection: number
    }
    /** Paths are absolute. null: no DNS over TLS. */
    readonly tls: FileTls | null
    /** null: no DNS over HTTPS. */
    readonly https: FileHttps | null
    /** null: nobody may speak for others. */
    readonly proxyProtocol: FileProxyProtocol | null
    /** Where names outside of our zones go; null: they are refused. */
    readonly forward: ForwardConfig | null
    /** How their answers are kept; null: they are not. */
    readonly cache: CacheConfig | null
  }
  readonly admission: {
    /** null: there is no listener of its own. */
    readonly listen: ListenAddress | null
    readonly tls: AdmissionTls
    readonly service: string
    readonly names: readonly string[]
    readonly webhook: string
    readonly secret: string
  }
  readonly http: {
    readonly listen: ListenAddress
    /** Further listeners for supervisors and scrapers: health, readiness and metrics only. */
    readonly probes: readonly ListenAddress[]
    /** The bearer token that writes need; null: there is none. From WAYPOST_TOKEN or `http.tokenFile`. */
    readonly token: string | null
    /** Absolute path, or null. */
    readonly tokenFile: string | null
    readonly maxWatchers: number
  }
  readonly routes: {
    /** The `service.kubernetes.io/service-proxy-name` that names us, or null. */
    readonly proxyName: string | null
  }
  /** Folder of the ledger and the last state. */
  readonly data: string
  readonly log: { readonly level: LogLevel }
}

/** What a configuration takes from the machine; the command line reads it, tests make it up. */
export interface Surroundings {
  readonly cwd: string
  readonly home: string
  readonly hostname: string
  readonly cpus: number
  readonly env: Readonly<Record<string, string | undefined>>
  /** Folder of the package, which holds `examples/`. */
  readonly packageFolder: string
  /** The text of a file; throws when it cannot be read. */
  readFile(path: string): string
  isFolder(path: string): boolean
}
