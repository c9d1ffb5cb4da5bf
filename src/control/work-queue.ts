/**
 * A key-only, coalescing work queue (the idea of client-go's workqueue): events name what may have changed, the worker
 * reads the store. A key that is added many times before it is taken is worked on once; a key added while the worker
 * runs is worked on again.
 *
 * ```
 *  add(key) ─► pending ──take all──► worker(keys) ──► idle
 *                 ▲                     │
 *                 └──── add(key) ◄──────┘   (added meanwhile: next round)
 * ```
 */
export class WorkQueue<Key> {
  readonly #work: (keys: ReadonlySet<Key>) => Promise<void>
  readonly #onError: (error: unknown) => void
  #pending = new Set<Key>()
  #running: Promise<void> | null = null
  #stopped = false

  /**
   * @param work reconciles the keys; it may yield to the event loop. One call at a time.
   * @param onError an error that `work` threw: a defect, since everything expected is a reported problem.
   */
  constructor(work: (keys: ReadonlySet<Key>) => Promise<void>, onError: (error: unknown) => void) {
    this.#work = work
    this.#onError = onError
  }

  /** Keys that wait. */
  get depth(): number {
    return this.#pending.size
  }

  /** Adds keys; the work starts in the next turn of the event loop, so that one batch of events is one batch of work. */
  add(keys: Iterable<Key>): void {
    for (const key of keys) this.#pending.add(key)
    if (this.#pending.size > 0 && this.#running === null && !this.#stopped) this.#running = this.#run()
  }

  /** Resolves when nothing is pending and nothing runs. */
  async idle(): Promise<void> {
    while (this.#running !== null) await this.#running
  }

  /** Takes no more work; resolves when the running batch is done. */
  async stop(): Promise<void> {
    this.#stopped = true
    await this.#running
  }

  async #run(): Promise<void> {
    await new Promise<void>(resolve => setImmediate(resolve))
    while (this.#pending.size > 0 && !this.#stopped) {
      const keys = this.#pending
      this.#pending = new Set()
      try {
        await this.#work(keys)
      } catch (error) {
        this.#onError(error)
      }
    }
    this.#running = null
  }
}
