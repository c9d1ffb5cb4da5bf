import type { Clock } from '#src/feed/clock.ts'

interface Timer {
  at: number
  readonly every: number | null
  readonly work: () => void
}

/** A clock that moves only when a test moves it. */
export class FakeClock implements Clock {
  #now = 1_000_000
  #soon: (() => void)[] = []
  readonly #timers = new Set<Timer>()
  /** Added to every reading of the time: work seems to take this long. */
  costMs = 0

  now(): number {
    this.#now += this.costMs
    return this.#now
  }

  soon(work: () => void): void {
    this.#soon.push(work)
  }

  after(ms: number, work: () => void): () => void {
    return this.#add({ at: this.#now + ms, every: null, work })
  }

  every(ms: number, work: () => void): () => void {
    return this.#add({ at: this.#now + ms, every: ms, work })
  }

  /** One turn of the event loop; false when there was nothing to do. */
  turn(): boolean {
    const work = this.#soon
    this.#soon = []
    for (const each of work) each()
    return work.length > 0
  }

  /** Turns until nothing is left to do. */
  settle(): void {
    for (let i = 0; this.turn(); i++) if (i > 100_000) throw new Error('the event loop never rests')
  }

  /** Moves time on, timers in order, turns in between. */
  advance(ms: number): void {
    const end = this.#now + ms
    for (;;) {
      this.settle()
      const due = [...this.#timers].filter(timer => timer.at <= end).toSorted((a, b) => a.at - b.at)[0]
      if (due === undefined) break
      this.#now = Math.max(this.#now, due.at)
      if (due.every === null) this.#timers.delete(due)
      else due.at += due.every
      due.work()
    }
    this.#now = Math.max(this.#now, end)
    this.settle()
  }

  #add(timer: Timer): () => void {
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }
}
