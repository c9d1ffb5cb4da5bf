/** The tables of `bench:forward`: figures, and their ratios to the others in the same run. */
import { type BenchRow, formatRows, formatTable, missedOf, saveResult } from '../../report.ts'
import { machine, median } from '../measure.ts'

/** Names that the cache has, names that nobody has asked, and names of a zone that the server has itself. */
export type ForwardWorkload = 'hit' | 'miss' | 'own'

/** One forwarder under one workload: medians over the rounds. */
export interface ForwardFigure {
  readonly server: string
  readonly workload: ForwardWorkload
  /** Answered queries a second when saturated, and the share that was lost. */
  readonly qps: number
  readonly lost: number
  /** Processor time of the whole process tree for one answered query, saturated; microseconds. */
  readonly cpu: number
  /** The same at the fixed rate. */
  readonly cpuAtRate: number
  /** Latencies at the fixed rate; microseconds. */
  readonly p50: number
  readonly p99: number
  /** Megabytes after the load. */
  readonly memory: number
}

/** Numbers as they came from the command line. */
export interface ForwardFlags {
  readonly rounds: string
  readonly seconds: string
  readonly rate: string
}

const OURS = 'Waypost'

/** Prints medians of all rounds and saves them (`forward.md`, `forward.json`). */
export function saveForward(rounds: readonly ForwardFigure[], flags: ForwardFlags): void {
  const figures = summarise(rounds)
  const date = new Date().toISOString()
  const head = `${machine()}; medians of ${flags.rounds} rounds of ${flags.seconds} s; ${date.slice(0, 10)}`
  const tables = (['hit', 'miss'] as const).map(kind => workloadTable(kind, figures, flags.rate))
  const rows = comparisons(figures)
  const text = `${[head, ...tables, formatRows(rows), missedOf(rows)].join('\n\n')}\n`
  console.log(text)
  saveResult('forward.md', text)
  saveResult('forward.json', JSON.stringify({ machine: machine(), date, flags, figures, rows }, null, 2))
}

function summarise(rounds: readonly ForwardFigure[]): ForwardFigure[] {
  const groups = Map.groupBy(rounds, figure => `${figure.workload} ${figure.server}`)
  return Array.from(groups.values(), group => {
    const of = (pick: (figure: ForwardFigure) => number): number => median(group.map(pick))
    return {
      ...(group[0] as ForwardFigure),
      qps: of(figure => figure.qps),
      lost: of(figure => figure.lost),
      cpu: of(figure => figure.cpu),
      cpuAtRate: of(figure => figure.cpuAtRate),
      p50: of(figure => figure.p50),
      p99: of(figure => figure.p99),
      memory: of(figure => figure.memory),
    }
  })
}

/** One workload; `×` is our processor time over the server's: below 1 we need less. */
function workloadTable(workload: ForwardWorkload, all: readonly ForwardFigure[], rate: string): string {
  const figures = all.filter(figure => figure.workload === workload)
  const ours = figures.find(({ server }) => server === OURS)
  const ratio = (ourCpu: number | undefined, cpu: number): string =>
    ourCpu === undefined ? '' : `${(ourCpu / cpu).toFixed(2)} ×`
  const rows = figures.map(({ server, qps, lost, cpu, cpuAtRate, p50, p99, memory }) => [
    server,
    Math.round(qps).toLocaleString('en'),
    `${(100 * lost).toFixed(2)} %`,
    cpu.toFixed(2),
    ratio(ours?.cpu, cpu),
    cpuAtRate.toFixed(2),
    ratio(ours?.cpuAtRate, cpuAtRate),
    p50.toFixed(0),
    p99.toFixed(0),
    memory.toFixed(0),
  ])
  const costs = ['CPU µs', 'ours/it', `CPU µs at ${rate}/s`, 'ours/it']
  const title = workload === 'hit' ? 'names that are asked again' : 'names that nobody has asked'
  const table = formatTable(['server', 'queries/s', 'lost', ...costs, 'p50 µs', 'p99 µs', 'MB'], rows)
  return `**${workload}**: ${title}\n\n${table}`
}

/** Our processor time for one query, saturated, in times of what it is compared with (`bench/figures.ts` has the bounds). */
function comparisons(figures: readonly ForwardFigure[]): BenchRow[] {
  const cpuOf = (server: string, workload: ForwardWorkload): number | undefined =>
    figures.find(figure => figure.server === server && figure.workload === workload)?.cpu
  const compared: readonly (readonly [name: string, workload: ForwardWorkload, other: number | undefined])[] = [
    ['a hit, in answers from a zone of our own', 'hit', cpuOf(OURS, 'own')],
    ["a hit, in Unbound's", 'hit', cpuOf('Unbound', 'hit')],
    ["a miss, in Unbound's", 'miss', cpuOf('Unbound', 'miss')],
    ["a miss, in CoreDNS's", 'miss', cpuOf('CoreDNS', 'miss')],
  ]
  return compared.flatMap(([name, workload, other]) => {
    const ours = cpuOf(OURS, workload)
    return ours === undefined || other === undefined ? [] : [{ name, value: ours / other, unit: 'ratio' }]
  })
}
