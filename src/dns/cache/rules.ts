/** How long the cache keeps what: the configuration, and the arithmetic of RFC 2308, RFC 8767 and RFC 9520. */
import { NEVER, TICKS } from './memory/layout.ts'

/** Times are seconds. */
export interface CacheRules {
  /** TTLs of answers are raised to this. */
  readonly minTtl: number
  /** … and lowered to this. */
  readonly maxTtl: number
  /** TTLs of negative answers are lowered to this. */
  readonly maxNegativeTtl: number
  /** How long an answer may be given after its TTL when nobody can be asked; 0: not at all. */
  readonly stale: number
  /** Hits within its TTL from which an answer is fetched again before it expires; 0: none is. */
  readonly prefetch: number
}

/** TTL of stale records (RFC 8767 section 4). */
export const STALE_TTL = 30
/** After a name was asked in vain, it is not asked again for this long (RFC 8767 section 5, failure recheck timer). */
export const RECHECK_SECONDS = 30
/** The first failure is remembered for this long, each further one twice as long as the one before (RFC 9520 section 3.2). */
const FIRST_FAILURE_SECONDS = 1
const LONGEST_FAILURE_SECONDS = 300
/** The last part of a TTL, in which a popular answer is fetched again. */
const PREFETCH_PART = 0.1
/** A TTL below this is too short for that. */
const PREFETCH_LEAST_SECONDS = 5
/** TTLs have 31 bits; more is none (RFC 2181 section 8). */
const MAX_WIRE_TTL = 0x7fff_ffff

/** The TTL to keep for one of an answer. */
export function positiveTtl(ttl: number, rules: CacheRules): number {
  return Math.min(Math.max(wireTtl(ttl), rules.minTtl), rules.maxTtl)
}

/** The TTL to keep for a negative answer with this SOA (RFC 2308 section 5). */
export function negativeTtl(soaTtl: number, soaMinimum: number, rules: CacheRules): number {
  const ttl = Math.min(wireTtl(soaTtl), wireTtl(soaMinimum))
  return Math.min(Math.max(ttl, rules.minTtl), rules.maxNegativeTtl, rules.maxTtl)
}

/** How long the failure is remembered that follows so many others in a row. */
export function failureSeconds(before: number): number {
  return Math.min(FIRST_FAILURE_SECONDS * 2 ** before, LONGEST_FAILURE_SECONDS)
}

/** The tick from which an answer of this TTL is to be fetched again when it is popular. */
export function refreshTick(now: number, ttl: number, rules: CacheRules): number {
  if (rules.prefetch === 0 || ttl < PREFETCH_LEAST_SECONDS) return NEVER
  return now + Math.ceil((1 - PREFETCH_PART) * ttl * TICKS)
}

function wireTtl(ttl: number): number {
  return ttl > MAX_WIRE_TTL ? 0 : ttl
}
