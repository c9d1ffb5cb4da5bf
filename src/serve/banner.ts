/** What a person who starts Waypost on a terminal is told. */
import type { Config } from '../config.ts'
import { formatListenAddress, type ListenAddress } from '../dns/listen.ts'
import { formatPrefix } from '../ip/prefix.ts'

/** Where the server really listens. */
export interface BoundAddresses {
  readonly dns: readonly ListenAddress[]
  readonly tls: readonly ListenAddress[]
  readonly https: readonly ListenAddress[]
  readonly http: string
  /** null: there is no listener for admission reviews. */
  readonly admission: string | null
}

/** The text: what is served, where, and what to try. */
export function banner(config: Config, bound: BoundAddresses): string {
  const lines = ['', '  Waypost serves']
  for (const { name, cluster, prefix } of config.networks) {
    const who = prefix === null ? 'every source' : `sources in ${formatPrefix(prefix)}`
    lines.push(
      `    ${name}: ${cluster.domain} and flycast, addresses of ${formatPrefix(cluster.serviceCidr)}, for ${who}`,
    )
    lines.push(`      from ${cluster.source.manifests ?? 'its Kubernetes API'}`)
  }
  const list = (addresses: readonly ListenAddress[]): string => addresses.map(formatListenAddress).join('  ')
  lines.push(`  DNS   ${list(bound.dns)}`)
  if (bound.tls.length > 0) lines.push(`  DoT   ${list(bound.tls)}`)
  if (bound.https.length > 0) lines.push(`  DoH   ${list(bound.https)}`)
  lines.push(`  HTTP  ${bound.http}`)
  if (bound.admission !== null) lines.push(`  Admission  ${bound.admission}`)
  lines.push('', '  Try')
  const [first] = bound.dns
  if (first !== undefined) lines.push(`    dig @${first.address} -p ${first.port} ${question(config)}`)
  lines.push(`    curl -g '${bound.http}/v1/services'`, `    curl -gN '${bound.http}/v1/routes/watch'`, '')
  return `${lines.join('\n')}\n`
}

/** A question that has an answer: the example's Service, or what every cluster zone has. */
function question({ networks }: Config): string {
  const cluster = networks[0]?.cluster
  const domain = cluster?.domain ?? 'cluster.local'
  return cluster?.source.manifests?.endsWith('/examples/kuard') === true
    ? `AAAA kuard.default.svc.${domain}`
    : `TXT dns-version.${domain}`
}
