/**
 * Keys whose objects need a write, worked on at a limited pace. A key is in the queue once, however often it is added,
 * so a burst costs a set of keys and never a queue of messages; what is written is looked up when its turn comes.
 *
 * ```
 *  add(key) ─► ready ──token, not paused──► handle(key) ─┬─ done, drop
 *                ▲                            (≤ 4)      ├─ again: later, up to 5 times ─┐
 *                └───── later (key → time) ◄─────────────┼───────────────────────────────┘
 *                                                        └─ pause: everybody waits, twice as long each time
 * ```
 */
import type { Clock } from './clock.ts'

/** What becomes of a key that was handled. */
export type Verdict =
  /** Written, or never to be written: forget the key. */
  | 'done'
  /** What was known of the object was old: look again a little later. */
  | 'again'
  /** The server cannot take writes now: everything waits, this key included. At least `ms`, when it said so. */
  | { readonly pauseMs: number | null; readonly keep: boolean }

/** How a queue is paced. */
export interface PacedQueueOptions<Key> {
  readonly clock: Clock
  random(): number
  /** Writes a second in the long run. */
  readonly perSecond: number
  /** Writes that may come at once after a pause. */
  readonly burst: number
  /** Between two writes of one key; what changes in between is written once. */
  readonly quietMs: number
  /** Starts the write; null when there is nothing to write, which costs nothing. */
  handle(key: Key): Promise<Verdict> | null
}

/** Writes under way at one time. */
const PARALLEL = 4
/** Attempts at one key before it waits for its next change. */
const ATTEMPTS = 5
const FIRST_RETRY_MS = 500
/** client-go's reflector back-off. */
const FIRST_PAUSE_MS = 800
const LONGEST_PAUSE_MS = 30_000

/** See the top of the file. Closed at first. */
export class PacedQueue<Key> {
  readonly #options: PacedQueueOptions<Key>
  readonly #ready = new Set<Key>()
  readonly #later = new Map<Key, number>()
  readonly #busy = new Set<Key>()
  readonly #attempts = new Map<Key, number>()
  /** Keys that were written a moment ago and until when they are left alone, oldest first. */
  readonly #quiet = new Map<Key, number>()
  #isOpen = false
  #tokens: number
  #filledAt: number
  #pausedUntil = Number.NEGATIVE_INFINITY
  #pauses = 0
  #cancelTimer: (() => void) | null = null

  constructor(options: PacedQueueOptions<Key>) {
    this.#options = options
    this.#tokens = options.burst
    this.#filledAt = options.clock.now()
  }

  /** Keys that wait or are being written. */
  get size(): number {
    let size = this.#ready.size + this.#later.size
    for (const key of this.#busy) if (!this.#ready.has(key) && !this.#later.has(key)) size++
    return size
  }

  /** Takes keys from now on. */
  open(): void {
    this.#isOpen = true
  }

  /** Forgets every key and takes none. */
  close(): void {
    this.#isOpen = false
    this.#ready.clear()
    this.#later.clear()
    this.#attempts.clear()
    this.#quiet.clear()
    this.#pauses = 0
    this.#pausedUntil = Number.NEGATIVE_INFINITY
    this.#cancelTimer?.()
    this.#cancelTimer = null
  }

  /** The keys need a look. One that waits already keeps its time. */
  add(keys: Iterable<Key>): void {
    if (!this.#isOpen) return
    for (const key of keys) if (!this.#later.has(key)) this.#ready.add(key)
    this.#pump()
  }

  #pump(): void {
    if (!this.#isOpen) return
    this.#takeDue()
    for (const key of this.#ready) {
      // After a pause one key tries whether the server takes writes again.
      if (this.#busy.size >= (this.#pauses > 0 ? 1 : PARALLEL)) return
      if (this.#busy.has(key)) continue
      if (this.#waitMs() > 0) break
      this.#ready.delete(key)
      const quietUntil = this.#quiet.get(key)
      if (quietUntil === undefined) this.#start(key)
      else this.#later.set(key, quietUntil)
    }
    this.#schedule()
  }

  #start(key: Key): void {
    const work = this.#options.handle(key)
    if (work === null) {
      this.#attempts.delete(key)
      return
    }
    this.#tokens--
    this.#busy.add(key)
    void work.then(verdict => {
      this.#busy.delete(key)
      if (this.#isOpen) this.#settle(key, verdict)
      this.#pump()
    })
  }

  #settle(key: Key, verdict: Verdict): void {
    const { clock } = this.#options
    if (typeof verdict === 'object') {
      if (verdict.keep) this.#ready.add(key)
      // Writes that were under way together fail together: one pause.
      if (this.#pausedUntil <= clock.now()) this.#pausedUntil = clock.now() + this.#pauseMs(verdict.pauseMs)
      return
    }
    this.#pauses = 0
    if (verdict === 'done') this.#quiet.set(key, clock.now() + this.#options.quietMs)
    const attempt = (this.#attempts.get(key) ?? 0) + 1
    if (verdict === 'done' || attempt >= ATTEMPTS) {
      this.#attempts.delete(key)
      return
    }
    this.#attempts.set(key, attempt)
    this.#ready.delete(key)
    this.#later.set(key, clock.now() + FIRST_RETRY_MS * 2 ** (attempt - 1))
  }

  /** Doubles with every pause in a row; half of it is chance, so that many writers do not come back at once. */
  #pauseMs(least: number | null): number {
    const longest = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.#pauses)
    if (longest < LONGEST_PAUSE_MS) this.#pauses++
    return Math.max(least ?? 0, (longest / 2) * (1 + this.#options.random()))
  }

  #takeDue(): void {
    const now = this.#options.clock.now()
    for (const [key, until] of this.#quiet) {
      if (until > now) break
      this.#quiet.delete(key)
    }
    for (const [key, at] of this.#later) {
      if (at > now) continue
      this.#later.delete(key)
      this.#ready.add(key)
    }
  }

  /** Milliseconds until the next write may start. */
  #waitMs(): number {
    const { clock, perSecond, burst } = this.#options
    const now = clock.now()
    this.#tokens = Math.min(burst, this.#tokens + ((now - this.#filledAt) / 1000) * perSecond)
    this.#filledAt = now
    // A token that is whole but for rounding is whole.
    const forToken = this.#tokens > 0.999 ? 0 : ((1 - this.#tokens) / perSecond) * 1000
    return Math.max(forToken, this.#pausedUntil - now)
  }

  /** Comes back when a key is due, or when the pace allows the next write. */
  #schedule(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = null
    const { clock } = this.#options
    let wait = Number.POSITIVE_INFINITY
    for (const key of this.#ready) {
      if (this.#busy.has(key)) continue
      wait = this.#waitMs()
      break
    }
    for (const at of this.#later.values()) wait = Math.min(wait, at - clock.now())
    if (wait === Number.POSITIVE_INFINITY) return
    this.#cancelTimer = clock.after(Math.max(1, Math.ceil(wait)), () => {
      this.#cancelTimer = null
      this.#pump()
    })
  }
}
