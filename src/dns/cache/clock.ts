/** The clock of the cache: tenths of a second since it was allocated, the same in every thread, never set back. */
import { CACHE_CONTROL, type CacheBuffers, TICKS } from './memory/layout.ts'

/** See the top of the file. Asking the system costs as much as a probe, so a time is used for a whole batch. */
export class CacheClock {
  readonly #zero: number
  #now = -1

  constructor({ control }: CacheBuffers) {
    this.#zero = (new Float64Array(control)[CACHE_CONTROL.zero / 2] as number) - monotonicOffset()
  }

  /** The present tick; of the last {@link forget} or a little later. */
  now(): number {
    if (this.#now < 0) this.#now = this.read()
    return this.#now
  }

  /** Lets the next {@link now} ask the system. */
  forget(): void {
    this.#now = -1
  }

  /** Asks the system. */
  protected read(): number {
    return Math.floor(((performance.now() - this.#zero) * TICKS) / 1000)
  }
}

/** Milliseconds of the system's monotonic clock, which all threads have in common. */
export function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1000 + nanoseconds / 1e6
}

/** What {@link monotonicMs} was when this thread's `performance.now()` was 0. */
function monotonicOffset(): number {
  return monotonicMs() - performance.now()
}
