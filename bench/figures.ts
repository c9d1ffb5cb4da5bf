/** The figures to hold, by the row that shows them. A row without one is there to be looked at. */

/** An upper or a lower bound for the value of every row whose name matches. */
export interface Figure {
  readonly row: RegExp
  readonly bound: '≤' | '≥'
  readonly value: number
}

const atMost = (row: RegExp, value: number): Figure => ({ row, bound: '≤', value })
const atLeast = (row: RegExp, value: number): Figure => ({ row, bound: '≥', value })

const FIGURES: readonly Figure[] = [
  // bench/*/*.bench.ts
  atMost(/^responder: mix$/, 400),
  // No absolute time, so that it holds on a busy machine too: a third above what it was when this was written.
  atMost(/^responder: mix, in times of copying/, 7.5),
  atMost(/^responder: heap growth/, 1 << 20),
  atMost(/^responder: deoptimisations/, 0),
  atMost(/^cache: a million names/, 400),
  atMost(/^pool: place and give back, .*90 %/, 2000),
  atMost(/^allocator in memory: claim, .*90 %/, 2000),
  atLeast(/^durable claims, one batch/, 20_000),
  atLeast(/^durable claims, one by one$/, 1000),
  atMost(/^headless, 10,000 endpoints, one (goes|comes)$/, 10),
  atMost(/^lookup and (?!maglev, 10,000)/, 50),
  atMost(/^publish to 1000 watchers.*last watcher, p99/, 50),
  // bench/system/churn.ts
  atMost(/^synced: /, 5000),
  atMost(/^RSS after the start/, 250),
  atMost(/^start to ready from the last state/, 1500),
  atMost(/^p99 in idle p99s, /, 1.5),
  atMost(/^queries lost or answered wrongly/, 0),
  atMost(/^change to the answer of each of 2 workers, p99/, 5),
  atMost(/^change to the last of .* watchers, p99/, 50),
  atMost(/^one change, published: .* 10000 endpoints/, 10),
  atMost(/^one change, published: /, 2),
  // bench/system/limits.ts
  atLeast(/^answered at 5 × capacity, of the peak/, 0.9),
  atMost(/^5 × capacity: \/health/, 100),
  // bench/system/forward.ts
  atMost(/^a hit, in answers from a zone of our own$/, 1.3),
  atMost(/^a hit, in Unbound's$/, 1),
  atMost(/^a miss, in Unbound's$/, 1.5),
  atMost(/^a miss, in CoreDNS's$/, 1),
  // bench/system/upstreams.ts
  atMost(/^names of ours beside .*: p99, of that without/, 2),
  atMost(/^names of ours beside .*: lost/, 0),
  atMost(/^upstream .*: (wrong answers|unanswered)/, 0),
  atLeast(/^upstream .*: known names answered/, 0.99),
  atLeast(/^upstream .*: new names answered/, 0.99),
]

/** What is said of a row: the bound and whether it is held; nothing where there is none. */
export function verdictOn(name: string, value: number): { text: string; isMissed: boolean } {
  const figure = FIGURES.find(({ row }) => row.test(name))
  if (figure === undefined) return { text: '', isMissed: false }
  const isMissed = figure.bound === '≤' ? value > figure.value : value < figure.value
  const bound = `${figure.bound} ${figure.value.toLocaleString('en-US')}`
  return { text: isMissed ? `${bound}: **missed**` : bound, isMissed }
}
