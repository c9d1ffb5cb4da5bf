/** What a person who starts Waypost on a terminal is told. */
import type { Config } from '../config.ts'
import { formatListenAddress, type ListenAddress } from '../dns/listen.ts'
import { formatPrefix } from '../ip/prefix.ts'

/** Where the server really listens. */
export interface BoundAddresses {
  readonly dns: readonly ListenAddress[]
  readonly http: string
}

/** The text: what is served, where, and what to try. */
export function banner(config: Config, bound: BoundAddresses): string {
  const lines = ['', '  Waypost serves']
  for (const { name, cluster, prefix } of config.networks) {
    const who = prefix === null ? 'every source' : `sources in ${formatPrefix(prefix)}`
    lines.push(
      `    ${name}: ${cluster.domain} and flycast, addresses of ${formatPrefix(cluster.serviceCidr)}, for ${who}`,
    )
    lines.push(`      from ${cluster.source.manifests}`)
  }
  lines.push(`  DNS   ${bound.dns.map(formatListenAddress).join('  ')}`, `  HTTP  ${bound.http}`, '', '  Try')
  const [first] = bound.dns
  const domain = config.networks[0]?.cluster.domain ?? 'cluster.local'
  if (first !== undefined) {
    lines.push(`    dig @${first.address} -p ${first.port} AAAA kuard.default.svc.${domain}`)
  }
  lines.push(`    curl -g '${bound.http}/v1/services'`, `    curl -gN '${bound.http}/v1/routes/watch'`, '')
  return `${lines.join('\n')}\n`
}
