/** What is looked at before a query is answered: its cookie, and how many replies its source has had. */
import type { ThreadClock } from '../clock.ts'
import { CELL, type Counters } from '../counters.ts'
import { COOKIE, type CookieOptions, Cookies } from '../edns/cookies.ts'
import { ASKS, type Query } from '../query.ts'
import { HTTPS, TCP, TLS, UDP } from '../transport.ts'
import { type RateLimit, RateLimiter, VERDICT } from './rate-limiter.ts'

/** {@link Screening.cookie}: the query has none. */
export const NO_COOKIE = -1

/**
 * Options of a query that a reply may have, by transport. Only connections of our own have an idle time
 * (RFC 7828 section 3.2), and only what is encrypted may be padded (RFC 7830 section 6).
 */
const ALLOWED: Readonly<Record<number, number>> = {
  [UDP]: ASKS.nsid | ASKS.cookie,
  [TCP]: ASKS.nsid | ASKS.cookie | ASKS.keepalive,
  [TLS]: ASKS.nsid | ASKS.cookie | ASKS.keepalive | ASKS.padding,
  [HTTPS]: ASKS.nsid | ASKS.cookie | ASKS.padding,
}

/** One for each thread. */
export class Screening {
  /** The query's cookie, one of `COOKIE` or {@link NO_COOKIE}. */
  cookie: number = NO_COOKIE
  /** Options that the reply may have, bits of `ASKS`. */
  asks = 0
  readonly #counters: Counters
  readonly #clock: ThreadClock
  #cookies: Cookies | null = null
  #limiter: RateLimiter | null = null

  constructor(counters: Counters, clock: ThreadClock) {
    this.#counters = counters
    this.#clock = clock
  }

  /** Takes other options; null: cookies are ignored, nothing is limited. @returns what holds the cookies of replies. */
  configure(cookies: CookieOptions | null, limit: RateLimit | null): Uint8Array | null {
    this.#cookies = cookies === null ? null : new Cookies(cookies)
    this.#limiter = limit === null ? null : new RateLimiter(limit)
    return this.#cookies?.answer ?? null
  }

  /** Whether the cookie that was seen last is no good where a good one is needed. */
  isCookieMissing(transport: number): boolean {
    const { cookie } = this
    return (
      transport === UDP && (cookie === COOKIE.client || cookie === COOKIE.bad) && this.#cookies?.isRequired === true
    )
  }

  /**
   * Looks at a query that was read.
   *
   * @param isAgain it was counted and judged before.
   * @returns one of `VERDICT`.
   */
  check(
    query: Query,
    bytes: DataView,
    source: Uint8Array,
    sourceAt: number,
    transport: number,
    isAgain: boolean,
  ): number {
    this.cookie = NO_COOKIE
    this.asks = 0
    if (query.asks !== 0) {
      this.#checkOptions(query, bytes, source, sourceAt, transport)
      if (this.cookie !== NO_COOKIE && !isAgain) this.#counters.add(CELL.cookies + this.cookie, 1)
    }
    if (this.#limiter === null || transport !== UDP || this.cookie === COOKIE.good || isAgain) return VERDICT.send
    return this.#limiter.judge(source, sourceAt, this.#clock.milliseconds)
  }

  #checkOptions(query: Query, bytes: DataView, source: Uint8Array, sourceAt: number, transport: number): void {
    this.asks = query.asks & (ALLOWED[transport] as number)
    if ((this.asks & ASKS.cookie) === 0) return
    const { cookieAt, cookieLength } = query
    if (this.#cookies !== null) {
      this.cookie = this.#cookies.check(bytes, cookieAt, cookieLength, source, sourceAt, this.#clock.seconds)
    }
    if (this.cookie <= COOKIE.malformed) this.asks &= ~ASKS.cookie
  }
}
