/** What the parts are told of the configuration, in their own terms. */
import { networkInterfaces } from 'node:os'
import type { Config, NetworkConfig } from '../config.ts'
import type { NamingSettings } from '../control/control.ts'
import { isWildcard, type ListenAddress, listenBytes } from '../dns/listen.ts'
import type { ViewPrefix } from '../dns/views.ts'
import { type Address, parseAddress } from '../ip/address.ts'
import { isPrefix, parsePrefix } from '../ip/prefix.ts'

/** Every source prefix with the number of its network. */
export function viewsOf(networks: readonly NetworkConfig[]): ViewPrefix[] {
  return networks.flatMap((network, view) => {
    const prefixes = network.prefix === null ? EVERY_SOURCE : [network.prefix, ...network.sources]
    return prefixes.map(prefix => ({ prefix, view }))
  })
}

const EVERY_SOURCE = ['::/0', '0.0.0.0/0'].map(text => parsePrefix(text)).filter(isPrefix)

/** The settings of names that a reload may change. */
export function namingOf({ dns }: Config): NamingSettings {
  return { ttl: dns.ttl, pods: dns.pods, serverAddresses: serverAddresses(dns.listen) }
}

/** What `ns.dns.<zone>` answers: the listeners' addresses; for a wildcard, those of the machine that others can reach. */
function serverAddresses(listen: readonly ListenAddress[]): readonly Address[] {
  const texts = new Set<string>()
  for (const entry of listen) {
    if (!isWildcard(listenBytes(entry))) texts.add(entry.address)
    else for (const address of machineAddresses(entry.address === '::' ? 'IPv6' : 'IPv4')) texts.add(address)
  }
  return Array.from(texts, text => parseAddress(text)).filter(address => address !== null)
}

function machineAddresses(family: 'IPv4' | 'IPv6'): string[] {
  const all = Object.values(networkInterfaces()).flatMap(addresses => addresses ?? [])
  const usable = all.filter(entry => entry.family === family && !entry.internal && !entry.address.startsWith('fe80:'))
  return usable.map(entry => entry.address)
}
