/** The tables and the chart of `bench:dns`. */
import { formatTable, saveChart, saveResult } from '../../report.ts'
import { machine } from '../measure.ts'
import { barChart } from '../plot.ts'
import type { Workload } from '../servers/data-set.ts'
import { OURS } from '../servers/peers.ts'
import type { GeneratorCheck } from './generator.ts'

/** One server under one workload: medians over the rounds. */
export interface DnsFigure {
  readonly server: string
  readonly workload: Workload
  /** Answered queries a second when saturated. */
  readonly qps: number
  /** Share of the queries that got no answer when saturated, and of the answers that were wrong. */
  readonly lost: number
  readonly wrong: number
  /** Processor time of the whole process tree for one answered query, saturated; microseconds. */
  readonly cpu: number
  /** The same under dnsperf, which does not saturate a fast server; null without dnsperf. */
  readonly cpuDnsperf: number | null
  /** Latencies at fixed rates, microseconds; null where the rate is not held. */
  readonly at10k: Latencies | null
  readonly at20k: Latencies | null
  /** Megabytes after the load. */
  readonly memory: number
}

export interface Latencies {
  readonly p50: number
  readonly p99: number
  readonly p999: number
}

/** Everything that one run of `bench:dns` has to say. */
export interface DnsReport {
  readonly flags: Readonly<Record<string, string | undefined>>
  readonly workloads: readonly Workload[]
  readonly versions: readonly string[]
  readonly skipped: readonly string[]
  readonly figures: readonly DnsFigure[]
  readonly generator: readonly GeneratorCheck[]
}

const ABOUT: Readonly<Record<Workload, string>> = {
  hit: 'AAAA of existing names.',
  mix: '45 % AAAA that exist, 15 % A of IPv6-only names, 30 % search-path misses, 5 % SRV, 5 % headless.',
  headless: 'AAAA of one name with 200 endpoints, EDNS 1232: an answer of as many records as fit, or none, with TC.',
  tcp: 'The queries of `hit` over 100 connections, saturated with 16 in flight on each.',
}

/** Prints the tables and saves them with the figures (`dns.md`, `dns.json`) and the chart (`dns-cpu.svg`). */
export function saveDns(report: DnsReport): void {
  const { flags, workloads, versions, skipped, figures, generator } = report
  const date = new Date().toISOString()
  const origin = `${machine()}; ${flags['services']} Services; medians of ${flags['rounds']} rounds; ${date.slice(0, 10)}`
  const parts = [
    origin,
    ...[...versions, ...skipped].map(line => `- ${line}`),
    ...workloads.map(workload => tables(workload, figures)),
    ...(generator.length > 0 ? [generatorTable(generator)] : []),
  ]
  const text = `${parts.join('\n\n')}\n`
  console.log(text)
  saveResult('dns.md', text)
  saveResult('dns.json', JSON.stringify({ origin, date, ...report }, null, 2))
  saveChart('dns-cpu', chartOf(figures))
}

function chartOf(figures: readonly DnsFigure[]): string {
  const bars = figures.filter(figure => figure.workload === 'hit' || figure.workload === 'mix')
  const rows = Array.from(
    Map.groupBy(bars, bar => bar.server),
    ([label, group]) => ({
      label,
      values: (['hit', 'mix'] as const).map(workload => group.find(bar => bar.workload === workload)?.cpu ?? null),
    }),
  )
  const title = 'CPU per answered query, saturated (µs, lower is better)'
  return barChart({ title, series: ['hit', 'mix'], rows, highlight: OURS })
}

/** Two tables of a workload, saturated and at fixed rates; each figure with its ratio to ours. */
function tables(workload: Workload, figures: readonly DnsFigure[]): string {
  const rows = figures.filter(figure => figure.workload === workload)
  const ours = rows.find(row => row.server === OURS)
  const saturated = rows.map(row => [
    row.server,
    `${Math.round(row.qps / 1000)},000${ratio(row.qps, ours?.qps)}`,
    `${(row.lost * 100).toFixed(2)} %${row.wrong > 0 ? `, ${(row.wrong * 100).toFixed(2)} % wrong` : ''}`,
    `${row.cpu.toFixed(2)}${ratio(row.cpu, ours?.cpu)}`,
    row.cpuDnsperf === null ? '–' : `${row.cpuDnsperf.toFixed(2)}${ratio(row.cpuDnsperf, ours?.cpuDnsperf)}`,
    `${row.memory.toFixed(0)}${ratio(row.memory, ours?.memory)}`,
  ])
  const fixed = rows.map(row => [
    row.server,
    ...latencies(row.at10k, ours?.at10k ?? null),
    ...latencies(row.at20k, ours?.at20k ?? null),
  ])
  const percentiles = (rate: string): string[] => [`${rate}: p50`, 'p99', 'p99.9']
  return [
    `### ${workload}`,
    ABOUT[workload],
    formatTable(['server', 'queries/s', 'lost', 'CPU µs a query', 'under dnsperf', 'MB'], saturated),
    formatTable(['µs at a fixed rate', ...percentiles('10,000/s'), ...percentiles('20,000/s')], fixed),
  ].join('\n\n')
}

function latencies(value: Latencies | null, ours: Latencies | null): string[] {
  return (['p50', 'p99', 'p999'] as const).map(key =>
    value === null ? '–' : `${value[key].toFixed(0)}${ratio(value[key], ours?.[key])}`,
  )
}

function ratio(value: number, ours: number | null | undefined): string {
  return ours === null || ours === undefined || ours === 0 ? '' : ` (${(value / ours).toFixed(2)}×)`
}

function generatorTable(checks: readonly GeneratorCheck[]): string {
  const rows = checks.flatMap(({ load, own, dnsperf }) =>
    (
      [
        ['load.c', own],
        ['dnsperf', dnsperf],
      ] as const
    ).map(([program, { qps, mean, lost, cpu }]) => [
      `${load}: ${program}`,
      Math.round(qps).toLocaleString('en-US'),
      mean.toFixed(0),
      String(lost),
      cpu.toFixed(2),
    ]),
  )
  const head = ['the load generator beside dnsperf', 'answers/s', 'mean µs', 'lost', 'CPU µs of the server']
  return [`### Generator`, formatTable(head, rows)].join('\n\n')
}
