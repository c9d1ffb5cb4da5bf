/** The lines of one publish, put together once for all readers that keep up and want the same of it. */
import type { Format, Lines } from './lines.ts'
import type { Unit } from './versions.ts'
import { BATCH_BYTES, type Watcher } from './watcher.ts'

/** What is written to a reader: one Buffer, its sync included. */
export interface Batch {
  readonly buffers: readonly Buffer[]
  readonly lines: number
}

/** See the top of the file. */
export class Batches {
  readonly #lines: Lines
  readonly #units: readonly Unit[]
  readonly #version: number
  readonly #now: number
  readonly #made = new Map<string, Batch | null>()

  constructor(lines: Lines, units: readonly Unit[], version: number, now: number) {
    this.#lines = lines
    this.#units = units
    this.#version = version
    this.#now = now
  }

  /** What the watcher is told; null: too much to be written at once. Its filter lets at least one unit through. */
  for(watcher: Watcher): Batch | null {
    const { format, filter } = watcher.request
    const wanted = this.#units.filter(unit => watcher.wants(unit))
    // A filter that lets everything through is none.
    if (wanted.length < this.#units.length && filter.services !== null) return this.#make(wanted, format)
    const key = wanted.length === this.#units.length ? format : `${format} ${filter.network}`
    let batch = this.#made.get(key)
    if (batch === undefined) {
      batch = this.#make(wanted, format)
      this.#made.set(key, batch)
    }
    return batch
  }

  #make(units: readonly Unit[], format: Format): Batch | null {
    const pieces: Buffer[] = []
    let bytes = 0
    for (const unit of units) {
      for (const piece of this.#lines.frame(unit, format, this.#now)) {
        pieces.push(piece)
        bytes += piece.length
      }
      if (bytes > BATCH_BYTES) return null
    }
    pieces.push(this.#lines.mark('sync', this.#version, format))
    return { buffers: [Buffer.concat(pieces)], lines: units.length + 1 }
  }
}
