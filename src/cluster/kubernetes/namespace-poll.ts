/**
 * Reads a few Namespaces by name, again and again. Who may see only some namespaces (a Role in each) may read their
 * objects and neither list nor watch them; all that is wanted of a Namespace is its app, which hardly ever changes.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Follower } from './follower.ts'
import { BackOff } from './reflector/back-off.ts'
import { type Failure, type FailureReason, failureOf } from './reflector/failure.ts'
import { failureFrom, type ReflectorOptions, unlessAborted } from './reflector/options.ts'
import { collectionPath, NAMESPACES } from './resources.ts'

/** See the top of the file. */
export class NamespacePoll implements Follower {
  readonly name = 'namespaces'
  readonly isAbsent = false
  readonly relists = 0
  readonly errors: Map<FailureReason, number> = new Map()
  readonly #names: readonly string[]
  readonly #options: ReflectorOptions
  readonly #backOff: BackOff
  readonly #stopping = new AbortController()
  #running: Promise<void> = Promise.resolve()
  #isSynced = false
  #lastSeen = 0
  #failure: Failure | null = null

  constructor(names: readonly string[], options: ReflectorOptions) {
    this.#names = names
    this.#options = options
    this.#backOff = new BackOff(options.times.backOff, options.random)
  }

  get lastSeen(): number {
    return this.#lastSeen
  }

  get isLive(): boolean {
    return this.#isSynced && this.#failure === null
  }

  get size(): number {
    return this.#options.receiver.size
  }

  get trouble(): Failure | null {
    return this.#failure
  }

  start(): void {
    this.#running = this.#run()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    const { clock, log, onState, times } = this.#options
    while (!this.#stopping.signal.aborted) {
      let wait = times.pollMs
      try {
        await this.#readAll()
        this.#failure = null
      } catch (error) {
        if (this.#stopping.signal.aborted) return
        const failure = failureFrom(error)
        this.#failure = failure
        this.errors.set(failure.reason, (this.errors.get(failure.reason) ?? 0) + 1)
        wait = this.#backOff.after(clock(), failure.retryAfterMs)
        const fields = { event: 'kubernetes_watch_failed', resource: this.name, reason: failure.reason, waitMs: wait }
        log.warn({ ...fields, error: failure.message }, 'The namespaces cannot be read; what is known of them stays')
      }
      onState()
      await sleep(wait, undefined, { signal: this.#stopping.signal }).catch(() => undefined)
    }
  }

  /** One that may not even be read has no app, and its Services are served all the same. */
  async #readAll(): Promise<void> {
    const { client, clock, onSynced, receiver, times } = this.#options
    const objects: unknown[] = []
    for (const name of this.#names) {
      const path = `${collectionPath(NAMESPACES, null)}/${encodeURIComponent(name)}`
      const request = { path, timeoutMs: times.answerMs, signal: this.#stopping.signal }
      const opened = await unlessAborted(client(), this.#stopping.signal)
      const { status, body, retryAfterMs } = await opened.request({ method: 'GET', ...request })
      if (status === 200) objects.push(body)
      else if (status === 403) objects.push({ metadata: { name } })
      else if (status !== 404) throw failureOf(status, body, retryAfterMs)
    }
    receiver.begin(true)
    for (const object of objects) receiver.put(object)
    receiver.commit()
    this.#lastSeen = clock()
    if (this.#isSynced) return
    this.#isSynced = true
    onSynced()
  }
}
