/**
 * What is counted of forwarding, in shared memory: the thread that forwards writes, the control thread reads at a scrape.
 * One row for the forwarder, then one for each upstream.
 */
import type { LabelledCount } from '../counters.ts'
import type { UpstreamState } from './options.ts'

/** Figures of the forwarder itself. */
const TOTALS = ['inFlight', 'waiting', 'asked', 'joined', 'answered', 'failed', 'expired', 'refused', 'hedged'] as const
export type ForwardTotal = (typeof TOTALS)[number]

/** What an upstream did with a question. */
const RESULTS = ['answer', 'nxdomain', 'failed', 'cut', 'lost', 'late', 'stranger'] as const
export type UpstreamResult = (typeof RESULTS)[number]

const STATES: readonly UpstreamState[] = ['good', 'suspect', 'looping', 'self']

/** Upper bounds of answer times in seconds. */
const BOUNDS: readonly number[] = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5,
]

const SENT = RESULTS.length
const STATE = SENT + 1
const LATE = STATE + 1
const SUM = LATE + 1
const BUCKETS = SUM + 1
const ROW = BUCKETS + BOUNDS.length + 1

/** Memory for the figures of so many upstreams. */
export function allocateFigures(upstreams: number): SharedArrayBuffer {
  return new SharedArrayBuffer(8 * ROW * (1 + upstreams))
}

/** Figures of the forwarder. */
export class ForwardFigures {
  readonly #cells: Float64Array

  constructor(memory: SharedArrayBuffer) {
    this.#cells = new Float64Array(memory, 0, ROW)
  }

  add(total: ForwardTotal, count: number): void {
    const cell = TOTALS.indexOf(total)
    this.#cells[cell] = (this.#cells[cell] as number) + count
  }

  /** Sets a total that says how things are now. */
  set(total: ForwardTotal, value: number): void {
    this.#cells[TOTALS.indexOf(total)] = value
  }
}

/** Figures of one upstream. */
export class UpstreamFigures {
  readonly #cells: Float64Array

  /** @param number its place in the list of upstreams. */
  constructor(memory: SharedArrayBuffer, number: number) {
    this.#cells = new Float64Array(memory, 8 * ROW * (1 + number), ROW)
  }

  sent(): void {
    this.#add(SENT, 1)
  }

  result(result: UpstreamResult): void {
    this.#add(RESULTS.indexOf(result), 1)
  }

  answered(ms: number): void {
    const seconds = ms / 1000
    this.#add(SUM, seconds)
    let bucket = 0
    while (bucket < BOUNDS.length && seconds > (BOUNDS[bucket] as number)) bucket++
    this.#add(BUCKETS + bucket, 1)
  }

  /** When a second try is made, in milliseconds. */
  setLate(ms: number): void {
    this.#cells[LATE] = ms / 1000
  }

  setState(state: UpstreamState): void {
    this.#cells[STATE] = STATES.indexOf(state)
  }

  #add(cell: number, count: number): void {
    this.#cells[cell] = (this.#cells[cell] as number) + count
  }
}

/** The figures of everything at one moment. */
export interface ForwardSnapshot {
  readonly totals: Readonly<Record<ForwardTotal, number>>
  /** upstream */
  readonly sent: readonly LabelledCount[]
  /** upstream, result */
  readonly results: readonly LabelledCount[]
  /** upstream, state: 1 for the present one */
  readonly states: readonly LabelledCount[]
  /** upstream; seconds */
  readonly late: readonly LabelledCount[]
  /** Times of answers, all upstreams together; seconds. */
  readonly duration: { readonly bounds: readonly number[]; readonly counts: readonly number[]; readonly sum: number }
}

/** Reads the figures. @param labels names of the upstreams. */
export function readFigures(memory: SharedArrayBuffer, labels: readonly string[]): ForwardSnapshot {
  const cells = new Float64Array(memory)
  const of = (number: number, cell: number): number => cells[(1 + number) * ROW + cell] ?? 0
  const each = (cell: number): LabelledCount[] => labels.map((label, i) => ({ labels: [label], value: of(i, cell) }))
  const sum = (cell: number): number => labels.reduce((total, _, i) => total + of(i, cell), 0)
  return {
    totals: Object.fromEntries(TOTALS.map((name, i) => [name, cells[i] ?? 0])) as Record<ForwardTotal, number>,
    sent: each(SENT),
    results: labels.flatMap((label, i) =>
      RESULTS.map((result, cell) => ({ labels: [label, result], value: of(i, cell) })),
    ),
    states: labels.flatMap((label, i) =>
      STATES.map((state, place) => ({ labels: [label, state], value: of(i, STATE) === place ? 1 : 0 })),
    ),
    late: each(LATE),
    duration: {
      bounds: BOUNDS,
      counts: Array.from({ length: BOUNDS.length + 1 }, (_, i) => sum(BUCKETS + i)),
      sum: sum(SUM),
    },
  }
}
