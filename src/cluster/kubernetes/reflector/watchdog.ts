/** Ends a request whose body says nothing for too long: a connection whose other end is gone without a word. */

/** See the top of the file. `signal` fires when nothing was heard, or when the outer signal fires. */
export class Watchdog implements Disposable {
  readonly signal: AbortSignal
  readonly #idle = new AbortController()
  readonly #timer: NodeJS.Timeout

  constructor(idleMs: number, outer: AbortSignal) {
    this.signal = AbortSignal.any([outer, this.#idle.signal])
    this.#timer = setTimeout(() => this.#idle.abort(), idleMs)
  }

  get hasBitten(): boolean {
    return this.#idle.signal.aborted
  }

  /** Something was heard. */
  pat(): void {
    this.#timer.refresh()
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer)
  }
}
