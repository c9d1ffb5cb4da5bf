/**
 * The time of a thread, taken once for each batch of packets: reading it is a load, and nothing is allocated for it.
 */

/** How long the distance between the two clocks is believed, in milliseconds: the wall clock may be set. */
const SYNC_MS = 10_000

/** One for each thread. */
export class ThreadClock {
  /** Monotonic milliseconds, 32 bits: only differences mean something. */
  milliseconds = 0
  /** Unix time in seconds, 32 bits. */
  seconds = 0
  readonly #wall: () => number
  #syncedAt = 0
  #syncedSeconds = 0
  #isSynced = false

  /** @param wall Unix time in milliseconds. */
  constructor(wall: () => number = Date.now) {
    this.#wall = wall
  }

  /** Takes the monotonic time, in milliseconds of any origin; more than 32 bits wrap. */
  tick(milliseconds: number): void {
    const now = milliseconds | 0
    this.milliseconds = now
    const since = (now - this.#syncedAt) | 0
    if (!this.#isSynced || since > SYNC_MS || since < 0) this.#sync(now)
    else this.seconds = (this.#syncedSeconds + Math.floor(since / 1000)) | 0
  }

  #sync(now: number): void {
    this.#isSynced = true
    this.#syncedAt = now
    this.#syncedSeconds = Math.floor(this.#wall() / 1000) | 0
    this.seconds = this.#syncedSeconds
  }
}

/** The monotonic clock that all threads share, in milliseconds: for threads that do not take it with their packets. */
export function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1000 + Math.floor(nanoseconds / 1e6)
}
