/** Command-line flags: the same values as in the file, written after `--`. */
import { WaypostError } from '../errors.ts'
import type { Prefix } from '../ip/prefix.ts'
import { type LogLevel, type Transport, VALUES } from './dns.ts'
import type { FileConfig } from './file.ts'
import { type ListenAddress, listenAddress, path, poolPrefix, type Scalar } from './values.ts'

/** What was written on the command line; a flag that was not is absent. */
export interface Flags {
  readonly manifests?: string
  readonly kubeconfig?: string
  readonly context?: string
  readonly serviceCidr?: string
  readonly rest?: string
  readonly zones?: string
  readonly data?: string
  /** `--dns`, once for each time it was written. */
  readonly dns?: readonly string[]
  readonly http?: string
  readonly admission?: string
  readonly workers?: string
  readonly transport?: string
  readonly proxyName?: string
  readonly logLevel?: string
}

/** The values of the flags; null where a flag is absent. Paths are complete. */
export interface FlagValues {
  readonly manifests: string | null
  readonly kubeconfig: string | null
  readonly context: string | null
  readonly serviceCidr: Prefix | null
  readonly rest: number | null
  readonly zones: string | null
  readonly data: string | null
  readonly dns: readonly ListenAddress[] | null
  readonly http: ListenAddress | null
  readonly admission: ListenAddress | null
  readonly workers: number | 'auto' | null
  readonly transport: Transport | 'auto' | null
  readonly proxyName: string | null
  readonly logLevel: LogLevel | null
}

/**
 * Reads all flags.
 *
 * @param resolve completes a path (from the working directory).
 * @throws WaypostError WAY_USAGE with every flag that is wrong.
 */
export function readFlags(flags: Flags, resolve: (path: string) => string): FlagValues {
  const faults: string[] = []
  const read = <T>(name: string, scalar: Scalar<T>, text: string | undefined): T | null => {
    if (text === undefined) return null
    const parsed = scalar.parse(text)
    if ('value' in parsed) return parsed.value
    faults.push(`--${name} "${text}" ${parsed.reason}`)
    return null
  }
  const location = (name: string, text: string | undefined): string | null => {
    const value = read(name, path, text)
    return value === null ? null : resolve(value)
  }
  const listen = flags.dns?.map(text => read('dns', listenAddress, text))
  const values: FlagValues = {
    manifests: location('manifests', flags.manifests),
    kubeconfig: location('kubeconfig', flags.kubeconfig),
    context: read('context', VALUES.context, flags.context),
    serviceCidr: read('service-cidr', poolPrefix, flags.serviceCidr),
    rest: read('rest', VALUES.rest, flags.rest),
    zones: location('zones', flags.zones),
    data: location('data', flags.data),
    dns: listen === undefined ? null : listen.filter(address => address !== null),
    http: read('http', listenAddress, flags.http),
    admission: read('admission', listenAddress, flags.admission),
    workers: read('workers', VALUES.workers, flags.workers),
    transport: read('transport', VALUES.transport, flags.transport),
    proxyName: read('proxy-name', VALUES.proxyName, flags.proxyName),
    logLevel: read('log-level', VALUES.level, flags.logLevel),
  }
  if (values.manifests !== null && (values.kubeconfig !== null || values.context !== null)) {
    faults.push('--manifests and --kubeconfig name two sources, and a cluster has one')
  }
  if (faults.length > 0) throw new WaypostError('WAY_USAGE', `Cannot use the flags: ${faults.join('; ')}`)
  return values
}

/** The file's content with the flags in place of what they override; the networks apart. */
export function overrideFile(file: FileConfig, flags: FlagValues): FileConfig {
  return {
    ...file,
    pool: { ...file.pool, rest: flags.rest ?? file.pool.rest },
    dns: {
      ...file.dns,
      listen: flags.dns ?? file.dns.listen,
      workers: flags.workers ?? file.dns.workers,
      transport: flags.transport ?? file.dns.transport,
      zones: flags.zones ?? file.dns.zones,
    },
    admission: { ...file.admission, listen: flags.admission ?? file.admission.listen },
    http: { ...file.http, listen: flags.http ?? file.http.listen },
    routes: { proxyName: flags.proxyName ?? file.routes.proxyName },
    data: flags.data ?? file.data,
    log: { level: flags.logLevel ?? file.log.level },
  }
}
