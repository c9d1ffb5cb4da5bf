/** What the DNS threads are told about replies. */
import { randomBytes } from 'node:crypto'
import type { Config } from '../config.ts'
import { allocateRateTable, packExempt, type RateLimit } from '../dns/limits/rate-limiter.ts'
import type { ResponderOptions } from '../dns/responder.ts'
import type { CookieSecrets } from './cookie-secrets.ts'
import { forwardingOf } from './forwarding.ts'

/**
 * The options of a configuration. With a rate limit, its table is new.
 *
 * @param started the configuration of the start: what is forwarded stays as it was.
 */
export function responderOf(config: Config, started: Config, secrets: CookieSecrets): ResponderOptions {
  const { cookies, rateLimit, tcp } = config.dns
  return {
    ...contentOf(config),
    forward: forwardingOf(started)?.zones.map(zone => zone.apex) ?? null,
    cookies: cookies === null ? null : { secrets: secrets.of(cookies.secrets), isRequired: cookies.required },
    rateLimit: rateLimit === null ? null : rateLimitOf(rateLimit),
    idleMs: tcp.idleMs,
  }
}

/** What decides the content of a reply, without what depends on the client. */
export function contentOf({ dns }: Config): ResponderOptions {
  return { udpLimit: dns.udpSize, nsid: dns.nsid === null ? null : Buffer.from(dns.nsid), chaos: dns.chaos }
}

function rateLimitOf(limit: NonNullable<Config['dns']['rateLimit']>): RateLimit {
  const seed = randomBytes(8)
  return {
    responsesPerSecond: limit.responsesPerSecond,
    slip: limit.slip,
    ipv4Bits: limit.ipv4Prefix,
    ipv6Bits: limit.ipv6Prefix,
    exempt: packExempt(limit.exempt),
    table: allocateRateTable([seed.readInt32LE(0), seed.readInt32LE(4)]),
  }
}
