/**
 * What is counted of the cache, in shared memory: one row for each thread that answers, one for the writer. Each thread
 * writes its own with plain additions; the control thread reads at a scrape.
 */
import type { LabelledCount } from '../counters.ts'
import { KIND_NAMES } from './memory/layout.ts'

/** Cells of a thread that answers: hits by kind first. */
const KINDS = KIND_NAMES.length
const STALE = KINDS
const MISSES = KINDS + 1
/** Cells of the writer: insertions by kind first. */
const WRITER_CELLS = ['entries', 'bytes', 'evictions', 'refused', 'prefetches', 'flushed'] as const
/** Whole cache lines, two of them. */
const ROW = 16

/** Something that the writer counts, or says how it is now. */
export type CacheTotal = (typeof WRITER_CELLS)[number]

/** What the control thread reads. */
export interface CacheSnapshot {
  /** kind */
  readonly hits: readonly LabelledCount[]
  /** Hits that were out of date. */
  readonly stale: number
  readonly misses: number
  /** kind */
  readonly insertions: readonly LabelledCount[]
  readonly entries: number
  readonly bytes: number
  readonly evictions: number
  /** Answers that found no room. */
  readonly refused: number
  readonly prefetches: number
  readonly flushed: number
}

/** Memory for so many threads that answer. */
export function allocateCacheFigures(threads: number): SharedArrayBuffer {
  return new SharedArrayBuffer(8 * ROW * (1 + threads))
}

/** A row. Row 0 is the writer's, row 1 + i that of thread i. */
class Row {
  readonly #cells: Float64Array

  constructor(memory: SharedArrayBuffer, row: number) {
    this.#cells = new Float64Array(memory, 8 * ROW * row, ROW)
  }

  add(cell: number, count: number): void {
    this.#cells[cell] = (this.#cells[cell] as number) + count
  }

  set(cell: number, value: number): void {
    this.#cells[cell] = value
  }
}

/** Counts of a thread that answers. */
export class ReaderFigures {
  readonly #row: Row

  constructor(memory: SharedArrayBuffer, thread: number) {
    this.#row = new Row(memory, 1 + thread)
  }

  hit(kind: number, isStale: boolean): void {
    this.#row.add(kind, 1)
    if (isStale) this.#row.add(STALE, 1)
  }

  miss(): void {
    this.#row.add(MISSES, 1)
  }
}

/** Counts of the writer. */
export class WriterFigures {
  readonly #row: Row

  constructor(memory: SharedArrayBuffer) {
    this.#row = new Row(memory, 0)
  }

  inserted(kind: number): void {
    this.#row.add(kind, 1)
  }

  add(total: CacheTotal, count: number): void {
    this.#row.add(KINDS + WRITER_CELLS.indexOf(total), count)
  }

  set(total: CacheTotal, value: number): void {
    this.#row.set(KINDS + WRITER_CELLS.indexOf(total), value)
  }
}

/** Reads all rows. */
export function readCacheFigures(memory: SharedArrayBuffer): CacheSnapshot {
  const cells = new Float64Array(memory)
  const threads = (cell: number): number => {
    let sum = 0
    for (let at = ROW + cell; at < cells.length; at += ROW) sum += cells[at] as number
    return sum
  }
  const total = (name: CacheTotal): number => cells[KINDS + WRITER_CELLS.indexOf(name)] ?? 0
  return {
    hits: KIND_NAMES.map((name, kind) => ({ labels: [name], value: threads(kind) })),
    stale: threads(STALE),
    misses: threads(MISSES),
    insertions: KIND_NAMES.map((name, kind) => ({ labels: [name], value: cells[kind] ?? 0 })),
    entries: total('entries'),
    bytes: total('bytes'),
    evictions: total('evictions'),
    refused: total('refused'),
    prefetches: total('prefetches'),
    flushed: total('flushed'),
  }
}
