/**
 * Keeps blocks that left the cache until no reader can be with them any more (quiescent-state-based reclamation, as in
 * McKenney's RCU).
 *
 * ```
 *   retire ──► current ── epoch moves ──► waiting ── every reader has seen the epoch ──► free
 * ```
 *
 * A reader notes the epoch between two batches, when it holds no place. So whoever has noted an epoch cannot have a place
 * that left its slot before the epoch came. A thread that has died notes nothing: then blocks wait until it is back, and
 * what does not fit in the meantime is not cached.
 */
import { CACHE_CONTROL, ENTRY } from './layout.ts'

/** See the top of the file. The lists are linked through the blocks. */
export class Grace {
  readonly #control: Int32Array
  readonly #words: Int32Array
  readonly #free: (place: number) => void
  #current = 0
  #waiting = 0

  constructor(control: Int32Array, words: Int32Array, free: (place: number) => void) {
    this.#control = control
    this.#words = words
    this.#free = free
  }

  /** Whether there are blocks that wait. */
  get isPending(): boolean {
    return this.#current !== 0 || this.#waiting !== 0
  }

  /** Takes a block whose place is in no slot any more. */
  retire(place: number): void {
    this.#words[place + ENTRY.next] = this.#current
    this.#current = place
  }

  /** Frees what no reader can be with; begins another epoch when something waits for one. */
  reclaim(): void {
    if (!this.isPending || !this.isSeen()) return
    this.#freeWaiting()
    this.#waiting = this.#current
    this.#current = 0
    if (this.#waiting === 0) return
    Atomics.add(this.#control, CACHE_CONTROL.epoch, 1)
    // Without readers nobody has to see it.
    if (this.isSeen()) this.#freeWaiting()
  }

  /**
   * Begins another epoch and waits until every reader has seen it, up to `ms` milliseconds: who has not by then is dead,
   * most likely, and holds no place. Blocks the thread.
   */
  wait(ms: number): void {
    const control = this.#control
    const epoch = Atomics.add(control, CACHE_CONTROL.epoch, 1) + 1
    for (let waited = 0; waited < ms && !this.isSeen(); waited++) Atomics.wait(control, CACHE_CONTROL.epoch, epoch, 1)
  }

  /** Whether every reader has seen the present epoch. */
  isSeen(): boolean {
    const control = this.#control
    const epoch = control[CACHE_CONTROL.epoch] as number
    const readers = control[CACHE_CONTROL.readers] as number
    for (let reader = 0; reader < readers; reader++) {
      if (Atomics.load(control, CACHE_CONTROL.taken + reader) !== epoch) return false
    }
    return true
  }

  #freeWaiting(): void {
    for (let place = this.#waiting; place !== 0; ) {
      const next = this.#words[place + ENTRY.next] as number
      this.#free(place)
      place = next
    }
    this.#waiting = 0
  }
}
