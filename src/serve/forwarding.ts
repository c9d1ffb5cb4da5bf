/** From the configuration of `dns.forward` to what the threads of the data plane need. */

import { formatUpstream } from '../config/forward/upstream.ts'
import type { Config } from '../config.ts'
import type { CacheOptions } from '../dns/cache/setup.ts'
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

/** null: what upstreams say is not kept. */
export function cacheOf({ dns }: Config): CacheOptions | null {
  if (dns.cache === null) return null
  const { maxBytes, maxEntries, minTtl, maxTtl, maxNegativeTtl, stale, prefetch, except, file } = dns.cache
  const rules = {
    minTtl: seconds(minTtl),
    maxTtl: seconds(maxTtl),
    maxNegativeTtl: seconds(maxNegativeTtl),
    stale: seconds(stale),
    prefetch,
  }
  return { maxBytes, maxEntries, rules, except: except.map(zone => nameOfKey(foldName(parseName(zone)))), file }
}

function seconds(milliseconds: number): number {
  return Math.ceil(milliseconds / 1000)
}
