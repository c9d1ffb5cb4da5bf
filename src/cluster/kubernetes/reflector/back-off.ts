/** How long to wait after a failure: doubled each time, jittered so that many clients do not come back at once. */

/** Times in milliseconds. */
export interface BackOffTimes {
  readonly firstMs: number
  readonly longestMs: number
  /** So long without a failure, and the wait begins small again. */
  readonly healthyMs: number
}

/** client-go's: 0.8 s to 30 s, reset after 2 minutes. */
export const BACK_OFF: BackOffTimes = { firstMs: 800, longestMs: 30_000, healthyMs: 120_000 }

/** See the top of the file. */
export class BackOff {
  readonly #times: BackOffTimes
  readonly #random: () => number
  #next: number
  #failedAt = Number.NEGATIVE_INFINITY

  /** @param random from 0 to 1 */
  constructor(times: BackOffTimes, random: () => number) {
    this.#times = times
    this.#random = random
    this.#next = times.firstMs
  }

  /** The next wait is a first one again. */
  reset(): void {
    this.#next = this.#times.firstMs
  }

  /**
   * The wait after a failure at `now`, in whole milliseconds from 0 to the present bound (full jitter). A server that
   * asks for a wait gets that and the jitter on top.
   */
  after(now: number, retryAfterMs: number | null): number {
    const { firstMs, longestMs, healthyMs } = this.#times
    if (now - this.#failedAt > healthyMs) this.#next = firstMs
    this.#failedAt = now
    const wait = Math.round(this.#random() * this.#next)
    this.#next = Math.min(this.#next * 2, longestMs)
    return (retryAfterMs ?? 0) + wait
  }
}
