/** The table of `bench/system/forward.ts`: figures, and their ratios to the others in the same run. */
import type { ForwardFigure, ForwardWorkload } from './forward.ts'

const OURS = 'Waypost'

/** One workload; `×` is our processor time over the server's: below 1 we need less. */
export function formatTable(workload: ForwardWorkload, all: readonly ForwardFigure[], rate: string): string {
  const figures = all.filter(figure => figure.workload === workload)
  const ours = figures.find(({ server }) => server === OURS)
  const ratio = (ourCpu: number | undefined, cpu: number): string =>
    ourCpu === undefined ? '' : `${(ourCpu / cpu).toFixed(2)} ×`
  const rows = figures.map(({ server, qps, lost, cpu, cpuAtRate, p50, p99, memory }) =>
    [
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
    ].join(' | '),
  )
  const title = workload === 'hit' ? 'names that are asked again' : 'names that nobody has asked'
  return [
    `**${workload}**: ${title}`,
    '',
    `| server | queries/s | lost | CPU µs | ours/it | CPU µs at ${rate}/s | ours/it | p50 µs | p99 µs | MB |`,
    '|---|---|---|---|---|---|---|---|---|---|',
    ...rows.map(row => `| ${row} |`),
  ].join('\n')
}

/** What a hit of ours costs in times of an answer from a zone of ours, which is the same packet on the same way. */
export function comparedWithOwn(figures: readonly ForwardFigure[]): string {
  const cpuOf = (workload: ForwardWorkload): number =>
    figures.find(figure => figure.server === OURS && figure.workload === workload)?.cpu ?? Number.NaN
  const [hit, own] = [cpuOf('hit'), cpuOf('own')]
  const ratio = (hit / own).toFixed(2)
  return `A hit takes ${hit.toFixed(2)} µs of CPU, an answer from a zone of our own ${own.toFixed(2)} µs: ${ratio} ×.`
}
