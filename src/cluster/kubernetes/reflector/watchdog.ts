/** Ends a request whose body says nothing for too long: a connection whose other end may be gone without a word. */

/** See the top of the file. `signal` fires when nothing was heard, or when the outer signal fires. */
export class Watchdog implements Disposable {
  readonly signal: AbortSignal
  readonly #idle = new AbortController()
  readonly #idleMs: number
  #timer: NodeJS.Timeout | null = null

  constructor(idleMs: number, outer: AbortSignal) {
    this.#idleMs = idleMs
    this.signal = AbortSignal.any([outer, this.#idle.signal])
  }

  get hasBitten(): boolean {
    return this.#idle.signal.aborted
  }

  /** The body begins; until now the time for the answer's head counted. */
  start(): void {
    this.#timer = setTimeout(() => this.#idle.abort(), this.#idleMs)
  }

  /** Something was heard. */
  pat(): void {
    this.#timer?.refresh()
  }

  [Symbol.dispose](): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
  }
}
