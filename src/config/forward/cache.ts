/** The `dns.cache` section: how long answers of upstreams are kept, and how many. */
import type { BrokenRule, DocumentNode } from '../document.ts'
import { list, object, optional, orNull, type Property, type Schema, section, value } from '../schema.ts'
import { duration, integer, nullable, type Scalar, zoneName } from '../values.ts'

/** The content of `dns.cache`; times are milliseconds. */
export interface CacheConfig {
  readonly maxBytes: number
  readonly maxEntries: number
  readonly minTtl: number
  readonly maxTtl: number
  readonly maxNegativeTtl: number
  readonly stale: number
  readonly prefetch: number
  /** Lower-case, without the final dot; the root is `.`. */
  readonly except: readonly string[]
  readonly file: string | null
}

const SECOND = 1000
const HOUR = 3600 * SECOND
const DAY = 24 * HOUR
const MIB = 1 << 20

/** The section; null: nothing is kept. `location` reads a path. */
export function cacheSection(location: Scalar<string>): Property<CacheConfig | null> {
  const { fallback, meaning, schema } = section(cacheSchema(location))
  return { fallback, meaning, schema: orNull(schema) }
}

function cacheSchema(location: Scalar<string>): Schema<CacheConfig> {
  return object<CacheConfig>({
    maxBytes: optional(
      value(integer(MIB, 2047 * MIB)),
      64 * MIB,
      '`67108864`',
      'Memory for answers of upstreams in octets, used as they come. `dns.cache: null` keeps none.',
    ),
    maxEntries: optional(value(integer(100, 10_000_000)), 200_000, '`200000`', 'Answers that are kept at one time.'),
    minTtl: optional(value(duration(0, HOUR)), 0, '`0s`', 'TTLs are raised to this.'),
    maxTtl: optional(value(duration(SECOND, 7 * DAY)), DAY, '`1d`', 'TTLs are lowered to this.'),
    maxNegativeTtl: optional(
      value(duration(0, DAY)),
      3 * HOUR,
      '`3h`',
      'TTLs of answers that say no are lowered to this (RFC 2308 section 5).',
    ),
    stale: optional(
      value(duration(0, 7 * DAY)),
      HOUR,
      '`1h`',
      'How long after its TTL an answer is given when upstreams fail or take longer than 1.8 s (RFC 8767; 0.1 s while none of them works); `0s`: never.',
    ),
    prefetch: optional(
      value(integer(0, 255)),
      3,
      '`3`',
      'Hits within a TTL from which an answer is fetched again in the last tenth of it; 0: none is.',
    ),
    except: optional(list(value(zoneName), 0), [], 'none', 'Zones whose names are not kept.'),
    file: optional(
      value(nullable(location)),
      null,
      'none',
      'File that the cache is written to at the stop, as much of it as a second suffices for, and read from at the start; null: it begins empty.',
    ),
  })
}

/** What the file says of a cache where nothing is forwarded would have no effect. @param tree the file. */
export function cacheFaults(tree: DocumentNode, isForwarding: boolean): BrokenRule[] {
  const dns = tree.kind === 'map' ? tree.entries.get('dns') : undefined
  const cache = dns?.kind === 'map' ? dns.entries.get('cache') : undefined
  if (isForwarding || cache?.kind !== 'map') return []
  return [{ path: 'dns.cache', reason: 'needs "dns.forward": it keeps what upstreams say, and nobody is asked' }]
}
