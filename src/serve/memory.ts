/**
 * Gives back to the system what a bulk of work has left behind. V8 keeps the pages of a heap that was once large, and
 * glibc those between blocks that are in use: after a start with 10,000 Services and 250,000 endpoints they are a
 * quarter of the process, and nothing that happens later frees them. A collection of last resort does; it stops the
 * control thread for about 2 ms a megabyte that lives, so it is made right behind work that held that thread for longer
 * anyway. DNS is answered by other threads meanwhile.
 */
import { getHeapStatistics } from 'node:v8'
import { systemMemory } from './system-memory.ts'

/** What the keeper does its work with. */
export interface MemoryOptions {
  /** Collects all garbage and gives free pages back; null: the process was started without `--expose-gc`. */
  readonly collect: (() => void) | null
  /** Octets that the process holds for JavaScript, used or not. */
  readonly committed: () => number
}

/** Milliseconds without further news after which the bulk is over. */
const QUIET = 100
/** Milliseconds between two collections at least. */
const INTERVAL = 10_000
/** Growth since the last collection that is worth another. */
const WORTHWHILE = 1.2

/** See the top of the file. */
export class MemoryKeeper {
  readonly #options: MemoryOptions
  #timer: NodeJS.Timeout | null = null
  #collectedAt = Number.NEGATIVE_INFINITY
  #kept = 0

  constructor(options: MemoryOptions = { collect: lastResort(), committed }) {
    this.#options = options
  }

  /** Much was done just now: a list was read, thousands of names were published. */
  afterBulk(): void {
    if (this.#options.collect === null) return
    if (this.#timer !== null) clearTimeout(this.#timer)
    const wait = this.#collectedAt + INTERVAL - performance.now()
    this.#timer = setTimeout(() => this.#collect(), Math.max(wait, QUIET))
    this.#timer.unref()
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
  }

  #collect(): void {
    const { collect, committed } = this.#options
    this.#timer = null
    if (committed() < WORTHWHILE * this.#kept) return
    collect?.()
    this.#kept = committed()
    this.#collectedAt = performance.now()
  }
}

function lastResort(): (() => void) | null {
  const { gc } = globalThis
  if (gc === undefined) return null
  const giveBack = process.platform === 'linux' ? systemMemory() : null
  return () => {
    gc({ type: 'major', execution: 'sync', flavor: 'last-resort' })
    void giveBack?.then(call => call?.())
  }
}

function committed(): number {
  const { total_heap_size, external_memory } = getHeapStatistics()
  return total_heap_size + external_memory
}
