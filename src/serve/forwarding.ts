/** From the configuration of `dns.forward` to what the threads of the data plane need. */

import { formatUpstream } from '../config/forward/upstream.ts'
import type { Config } from '../config.ts'
import type { ForwardOptions, UpstreamOptions } from '../dns/forward/options.ts'
import { foldName, nameOfKey, parseName } from '../wire/name.ts'

/** null: names outside of our zones are refused. */
export function forwardingOf({ dns }: Config): ForwardOptions | null {
  const { forward } = dns
  if (forward === null) return null
  const upstreams: UpstreamOptions[] = []
  const placeOf = (upstream: UpstreamOptions): number => {
    const place = upstreams.findIndex(other => other.label === upstream.label && other.ca === upstream.ca)
    return place >= 0 ? place : upstreams.push(upstream) - 1
  }
  const zones = forward.zones.map(zone => ({
    apex: nameOfKey(foldName(parseName(zone.zone))),
    upstreams: zone.upstreams.map(upstream => placeOf({ ...upstream, label: formatUpstream(upstream) })),
    policy: zone.policy,
  }))
  const { maxInFlight, deadlineMs, randomCase } = forward
  return { zones, upstreams, maxInFlight, deadlineMs, randomCase }
}
