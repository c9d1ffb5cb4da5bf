/** One timeline for several processes, each with clocks of its own. It moves only when a test moves it. */
import type { Clock } from '#src/status/clock.ts'

interface Timer {
  readonly at: number
  readonly work: () => void
}

/** The clocks of one process: where they stand, and how wrong its calendar is. */
export class FakeClock implements Clock {
  readonly #time: FakeTime
  /** Milliseconds by which the calendar is wrong; a test may set it at any moment. */
  skewMs = 0

  constructor(time: FakeTime) {
    this.#time = time
  }

  now(): number {
    return this.#time.now
  }

  date(): number {
    return 1_764_000_000_000 + this.#time.now + this.skewMs
  }

  after(ms: number, work: () => void): () => void {
    return this.#time.add(ms, work)
  }
}

/** See the top of the file. */
export class FakeTime {
  now = 1000
  readonly #timers = new Set<Timer>()

  clock(): FakeClock {
    return new FakeClock(this)
  }

  add(ms: number, work: () => void): () => void {
    const timer = { at: this.now + ms, work }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  /** Moves on, timers in order; what they start goes as far as it can before the next. */
  async advance(ms: number): Promise<void> {
    const end = this.now + ms
    await settle()
    for (;;) {
      let due: Timer | null = null
      for (const timer of this.#timers) if (timer.at <= end && (due === null || timer.at < due.at)) due = timer
      if (due === null) break
      this.#timers.delete(due)
      this.now = Math.max(this.now, due.at)
      due.work()
      await settle()
    }
    this.now = end
  }

  /** Moves on in small steps until the condition holds; fails when it does not within `ms`. Gives the time it took. */
  async until(condition: () => boolean, ms: number): Promise<number> {
    const start = this.now
    await settle()
    while (!condition()) {
      if (this.now - start >= ms) throw new Error(`not within ${ms} ms: ${condition}`)
      await this.advance(10)
    }
    return this.now - start
  }
}

/** Lets every promise that can go on go on. */
async function settle(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise<void>(resolve => setImmediate(resolve))
}
