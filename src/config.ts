/** What Waypost is told to do: a YAML file and command-line flags, validated once and frozen. */
import { dirname, resolve } from 'node:path'
import { admissionFaults, tlsOf } from './config/admission.ts'
import { type BrokenRule, type DocumentNode, EMPTY_MAP, type Fault, lineOfPath, parseTree } from './config/document.ts'
import { DEFAULT_POOL, type FileConfig, type FileNetwork, fileSchema } from './config/file.ts'
import { type Flags, type FlagValues, overrideFile, readFlags } from './config/flags.ts'
import { cacheFaults } from './config/forward/cache.ts'
import { resolveForward } from './config/forward/resolve.ts'
import type { ForwardConfig } from './config/forward/section.ts'
import type { Config, NetworkConfig, Surroundings } from './config/model.ts'
import { listenFaults, networkFaults } from './config/networks.ts'
import { type FileSource, KUBERNETES_DEFAULTS } from './config/source.ts'
import { resolveStatus } from './config/status.ts'
import { poolPrefix } from './config/values.ts'
import { WaypostError } from './errors.ts'

/** Secrets that are taken at one time: a rotation has two. */
const MAX_SECRETS = 4

export { type ConfigChange, loadChange } from './config/change.ts'
export type { Fault } from './config/document.ts'
export type { Flags } from './config/flags.ts'
export type { Config, NetworkConfig, Surroundings } from './config/model.ts'
export type { ListenAddress } from './config/values.ts'

/** WAY_CONFIG_INVALID with every fault of the file, in order of lines. */
export class ConfigError extends WaypostError {
  readonly file: string
  readonly faults: readonly Fault[]

  constructor(file: string, faults: readonly Fault[]) {
    super('WAY_CONFIG_INVALID', `Cannot use configuration "${file}": ${faults.map(formatFault).join('; ')}`)
    this.file = file
    this.faults = faults
  }
}

/** `networks[0].prefix (line 3) "fdaa::/200" is no prefix: …` */
export function formatFault({ path, line, reason }: Fault): string {
  const place = line === null ? '' : path === '' ? `line ${line}` : ` (line ${line})`
  return `${path}${place} ${reason}`.trim()
}

/**
 * Reads the file, when there is one, puts the flags over it and checks everything.
 *
 * @throws WaypostError WAY_USAGE for flags, WAY_CONFIG_UNREADABLE for the file, WAY_CONFIG_INVALID for its content
 *   (a {@link ConfigError} with all faults).
 */
export function loadConfig(options: {
  readonly file: string | null
  readonly flags: Flags
  readonly surroundings: Surroundings
}): Config {
  const { surroundings } = options
  const flags = readFlags(options.flags, text => completePath(text, surroundings.cwd, surroundings.home))
  const file = options.file === null ? null : completePath(options.file, surroundings.cwd, surroundings.home)
  const base = file === null ? surroundings.cwd : dirname(file)
  const faults: Fault[] = []
  const tree = file === null ? EMPTY_MAP : parseTree(readConfigFile(file, surroundings), faults)
  // What is no YAML means nothing: keys that are made of its pieces would only hide the fault.
  if (faults.length > 0) throw new ConfigError(file ?? '', inOrder(faults))
  const read = fileSchema(text => completePath(text, base, surroundings.home)).read(tree, '', faults)
  if (read === null || faults.length > 0) throw new ConfigError(file ?? '', inOrder(faults))
  const content = overrideFile(read.value, flags)
  const networks = networksOf(content, flags, file, surroundings)
  const forward = resolveForward(content.dns.forward, surroundings.readFile)
  checkRules(content, networks, forward.broken, file, tree)
  return deepFreeze(resolveDefaults(content, networks, forward.value, base, surroundings))
}

function readConfigFile(file: string, surroundings: Surroundings): string {
  try {
    return surroundings.readFile(file)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new WaypostError('WAY_CONFIG_UNREADABLE', `Cannot read configuration "${file}": ${reason}`, { cause: error })
  }
}

/** The networks of the file with the flags over them, or the one that flags alone describe. */
function networksOf(
  content: FileConfig,
  flags: FlagValues,
  file: string | null,
  surroundings: Surroundings,
): readonly FileNetwork[] {
  const { serviceCidr } = flags
  const source = sourceOf(flags, null)
  if (content.networks === null) {
    if (file !== null && source === null) {
      const reason =
        'is missing: name a network with the source of its cluster, or start with --manifests or --kubeconfig'
      throw new ConfigError(file, [{ path: 'networks', line: null, reason }])
    }
    const example = { manifests: resolve(surroundings.packageFolder, 'examples/kuard'), kubernetes: null }
    return [defaultNetwork(source ?? example, flags)]
  }
  if (content.networks.length > 1 && (source !== null || serviceCidr !== null)) {
    const flag = source === null ? '--service-cidr' : flags.manifests !== null ? '--manifests' : '--kubeconfig'
    const count = content.networks.length
    throw new WaypostError(
      'WAY_USAGE',
      `Cannot use ${flag}: the configuration has ${count} networks and the flag names none`,
    )
  }
  return content.networks.map(network => {
    const { cluster } = network
    const given = sourceOf(flags, cluster.source.kubernetes) ?? cluster.source
    return { ...network, cluster: { ...cluster, serviceCidr: serviceCidr ?? cluster.serviceCidr, source: given } }
  })
}

/** The source that the flags name, over what the file says of the same; null when they name none. */
function sourceOf({ manifests, kubeconfig, context }: FlagValues, file: FileSource['kubernetes']): FileSource | null {
  if (manifests !== null) return { manifests, kubernetes: null }
  if (kubeconfig === null && context === null) return null
  const base = file ?? KUBERNETES_DEFAULTS
  const kubernetes = { ...base, kubeconfig: kubeconfig ?? base.kubeconfig, context: context ?? base.context }
  return { manifests: null, kubernetes }
}

function defaultNetwork(source: FileSource, flags: FlagValues): FileNetwork {
  const pool = poolPrefix.parse(DEFAULT_POOL)
  if (!('value' in pool)) throw new TypeError(pool.reason)
  const serviceCidr = flags.serviceCidr ?? pool.value
  const cluster = { name: null, domain: 'cluster.local', serviceCidr, source, status: null }
  return { name: 'default', prefix: null, sources: [], cluster }
}

function checkRules(
  content: FileConfig,
  networks: readonly FileNetwork[],
  others: readonly BrokenRule[],
  file: string | null,
  tree: DocumentNode,
): void {
  const broken = [
    ...networkFaults(networks),
    ...listenFaults(content.dns, content.http, content.admission.listen),
    ...admissionFaults(
      content.admission,
      networks.some(({ cluster }) => cluster.source.kubernetes !== null),
    ),
    ...cacheFaults(tree, content.dns.forward !== null),
    ...others,
  ]
  if (broken.length === 0) return
  if (file === null) throw new WaypostError('WAY_USAGE', `Cannot use the flags: ${broken.map(sentenceOf).join('; ')}`)
  throw new ConfigError(file, inOrder(broken.map(rule => ({ ...rule, line: lineOfPath(tree, rule.path) }))))
}

function resolveDefaults(
  content: FileConfig,
  networks: readonly FileNetwork[],
  forward: ForwardConfig | null,
  base: string,
  surroundings: Surroundings,
): Config {
  const { admission, dns, http, pool } = content
  const { workers, transport, zones, nsid, tcp } = dns
  const usual = resolve(base, 'zones')
  return {
    networks: networks.map(nameCluster),
    pool: { restMs: pool.rest, leaseMs: pool.lease },
    dns: {
      ...dns,
      workers: workers === 'auto' ? Math.max(1, surroundings.cpus - 1) : workers,
      transport,
      zones: zones !== undefined ? zones : surroundings.isFolder(usual) ? usual : null,
      nsid: nsid === undefined ? surroundings.hostname || null : nsid,
      cookies:
        dns.cookies === null
          ? null
          : { secrets: readSecrets(dns.cookies.secretFile, surroundings), required: dns.cookies.required },
      tcp: limitsOf(tcp),
      forward,
    },
    admission: { ...admission, tls: tlsOf(admission.tls, admission.listen) },
    http: { ...http, token: readToken(http.tokenFile, surroundings) },
    routes: content.routes,
    data: content.data,
    log: content.log,
  }
}

function limitsOf({
  idle,
  maxConnections,
  maxConnectionsPerSource,
  ...others
}: FileConfig['dns']['tcp']): Config['dns']['tcp'] {
  const share = maxConnectionsPerSource ?? Math.max(16, Math.floor(maxConnections / 4))
  return { ...others, idleMs: idle, maxConnections, maxConnectionsPerSource: share }
}

function nameCluster(network: FileNetwork): NetworkConfig {
  const { cluster, name } = network
  const addressGiver = cluster.source.kubernetes === null ? 'pool' : 'api-server'
  const status = cluster.source.kubernetes === null ? null : resolveStatus(cluster.status, name)
  return { ...network, cluster: { ...cluster, name: cluster.name ?? name, addressGiver, status } }
}

/** RFC 6750 section 2.1 says which characters a bearer token has. */
function readToken(tokenFile: string | null, surroundings: Surroundings): string | null {
  const fromEnvironment = surroundings.env['WAYPOST_TOKEN'] ?? ''
  const place = fromEnvironment !== '' || tokenFile === null ? 'WAYPOST_TOKEN' : `http.tokenFile "${tokenFile}"`
  const token = place === 'WAYPOST_TOKEN' ? fromEnvironment : readConfigFile(tokenFile ?? '', surroundings).trim()
  if (place === 'WAYPOST_TOKEN' && token === '') return null
  if (/^[A-Za-z0-9._~+/-]+=*$/.test(token)) return token
  const allowed = 'one line of letters, digits and -._~+/ with = at the end only'
  throw new WaypostError('WAY_CONFIG_INVALID', `Cannot use the token of ${place}: it must be ${allowed}`)
}

/** The secrets of DNS cookies: lines of 32 hexadecimal digits; what begins with `#` is for people. */
function readSecrets(file: string | null, surroundings: Surroundings): readonly Uint8Array[] | null {
  if (file === null) return null
  const lines = readConfigFile(file, surroundings)
    .split('\n')
    .map(line => line.trim())
  const secrets = lines.filter(line => line !== '' && !line.startsWith('#'))
  if (secrets.length > 0 && secrets.length <= MAX_SECRETS && secrets.every(line => /^[0-9a-fA-F]{32}$/.test(line))) {
    return secrets.map(line => Uint8Array.from(line.match(/../g) ?? [], pair => Number.parseInt(pair, 16)))
  }
  const need = `it must have 1 to ${MAX_SECRETS} lines of 32 hexadecimal digits`
  throw new WaypostError('WAY_CONFIG_INVALID', `Cannot use the secrets of dns.cookies.secretFile "${file}": ${need}`)
}

/** An absolute path: `~` is the home folder, anything relative begins at `base`. */
function completePath(text: string, base: string, home: string): string {
  if (text === '~') return home
  return text.startsWith('~/') ? resolve(home, text.slice(2)) : resolve(base, text)
}

function sentenceOf({ path, reason }: BrokenRule): string {
  return `${path} ${reason}`
}

function inOrder(faults: readonly Fault[]): readonly Fault[] {
  return faults.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0))
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value
  for (const part of Object.values(value)) deepFreeze(part)
  return Object.freeze(value)
}
