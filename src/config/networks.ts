/** Rules that hold between the networks of a configuration, and between its listeners. */
import { containsPrefix, formatPrefix, type Prefix } from '../ip/prefix.ts'
import type { FileDns } from './dns.ts'
import type { BrokenRule } from './document.ts'
import type { FileConfig, FileNetwork } from './file.ts'
import { formatListen, type ListenAddress } from './values.ts'

/** Zones that Waypost makes itself, so no cluster domain may be inside them. */
const OWN_ZONES = ['flycast', 'arpa']

/** Every rule that the networks break. */
export function networkFaults(networks: readonly FileNetwork[]): BrokenRule[] {
  return [...nameFaults(networks), ...sourceFaults(networks), ...networks.flatMap(clusterFaults)]
}

/** Listeners that would take each other's port, and PROXY headers for a listener that does not exist. */
export function listenFaults(
  dns: Pick<FileDns, 'listen' | 'tls' | 'https' | 'proxyProtocol'>,
  http: FileConfig['http'],
  admission: ListenAddress | null,
): BrokenRule[] {
  const faults: BrokenRule[] = []
  const taken = new Map<string, string>()
  const take = (path: string, listen: ListenAddress): void => {
    const key = formatListen(listen)
    const holder = taken.get(key)
    if (holder === undefined || listen.port === 0) taken.set(key, path)
    else faults.push({ path, reason: `"${key}" is taken by ${holder} already` })
  }
  const takeAll = (path: string, list: readonly ListenAddress[] = []): void => {
    list.forEach((listen, i) => {
      take(`${path}[${i}]`, listen)
    })
  }
  takeAll('dns.listen', dns.listen)
  takeAll('dns.tls.listen', dns.tls?.listen)
  takeAll('dns.https.listen', dns.https?.listen)
  take('http.listen', http.listen)
  takeAll('http.probes', http.probes)
  const served = [...dns.listen, ...(dns.tls?.listen ?? []), ...(dns.https?.listen ?? [])].map(formatListen)
  dns.proxyProtocol?.listen.map(formatListen).forEach((key, i) => {
    if (served.includes(key)) return
    const reason = `"${key}" is no listener of dns: ${served.join(', ')}`
    faults.push({ path: `dns.proxyProtocol.listen[${i}]`, reason })
  })
  if (admission !== null) take('admission.listen', admission)
  return faults
}

function nameFaults(networks: readonly FileNetwork[]): BrokenRule[] {
  const faults: BrokenRule[] = []
  networks.forEach(({ name }, i) => {
    const first = networks.findIndex(other => other.name === name)
    if (first < i)
      faults.push({ path: `networks[${i}].name`, reason: `"${name}" is the name of networks[${first}] already` })
  })
  return faults
}

/**
 * Blocks may nest, because the longest one that holds a source wins; but the same block cannot lead to two networks,
 * and "every source" only works for a network that is alone.
 */
function sourceFaults(networks: readonly FileNetwork[]): BrokenRule[] {
  const faults: BrokenRule[] = []
  const seen = new Map<string, string>()
  const take = (path: string, prefix: Prefix): void => {
    const key = formatPrefix(prefix)
    const holder = seen.get(key)
    if (holder === undefined) seen.set(key, path)
    else faults.push({ path, reason: `"${key}" is ${holder} already; a source sees one network only` })
  }
  networks.forEach(({ prefix, sources }, i) => {
    if (prefix !== null) take(`networks[${i}].prefix`, prefix)
    else if (networks.length > 1) {
      faults.push({ path: `networks[${i}].prefix`, reason: 'is missing; with several networks each needs its prefix' })
    } else if (sources.length > 0) {
      const reason = 'has no effect without a prefix, because then every source sees the network'
      faults.push({ path: `networks[${i}].sources`, reason })
    }
    sources.forEach((source, j) => {
      take(`networks[${i}].sources[${j}]`, source)
    })
  })
  return faults
}

function clusterFaults({ prefix, cluster }: FileNetwork, i: number): BrokenRule[] {
  const faults: BrokenRule[] = []
  const { serviceCidr, domain, source } = cluster
  const sources = [source.manifests, source.kubernetes].filter(given => given !== null).length
  if (sources !== 1) {
    const reason =
      sources === 0 ? 'names no source: it needs manifests or kubernetes' : 'names two sources: a cluster has one'
    faults.push({ path: `networks[${i}].cluster.source`, reason })
  }
  if (cluster.status !== null && source.kubernetes === null) {
    const reason = 'has no effect without source.kubernetes: a folder of manifests has nobody to be told'
    faults.push({ path: `networks[${i}].cluster.status`, reason })
  }
  if (prefix?.family === 'IPv6' && !containsPrefix(prefix, serviceCidr)) {
    const reason = `"${formatPrefix(serviceCidr)}" must lie inside the network's prefix ${formatPrefix(prefix)}`
    faults.push({ path: `networks[${i}].cluster.serviceCidr`, reason })
  }
  const own = OWN_ZONES.find(zone => domain === zone || domain.endsWith(`.${zone}`))
  if (own !== undefined) {
    const reason = `"${domain}" cannot be a cluster's zone: Waypost makes ${own} itself`
    faults.push({ path: `networks[${i}].cluster.domain`, reason })
  }
  return faults
}
