/** The tables of `bench/system/upstreams.ts`, and the figures that they have to hold. */
import type { BenchRow } from '../../report.ts'
import type { Behaviour } from './fake.ts'
import type { LocalFigure } from './local.ts'
import type { RateFigure, Shares } from './rates.ts'

const TEXT: Readonly<Record<Behaviour, string>> = {
  good: 'works',
  silent: 'times out',
  'wrong-id': 'answers with another id',
  'wrong-question': 'answers another question',
  lies: 'adds records that nobody asked for',
  cuts: 'cuts every answer over UDP',
  'cuts-only': 'cuts them and refuses TCP',
  flaps: 'a second up, a second down',
  gone: 'its port is closed',
}

/** One line for each server. */
export function formatRates(figures: readonly RateFigure[]): string {
  const rows = figures.map(({ behaviour, isBesideGood, isStaleGiven, known, fresh, back }) => {
    const cells = [TEXT[behaviour], isBesideGood ? 'works' : 'none', isStaleGiven ? 'on' : 'off']
    const wrong = known.wrong + fresh.wrong
    return [...cells, ...cellsOf(known, true), ...cellsOf(fresh, false), wrong, back?.toFixed(1) ?? 'never'].join(' | ')
  })
  return [
    '| upstream | second upstream | stale data | known names: answered | stale | SERVFAIL | unanswered | p50, p99 ms | new names: answered | SERVFAIL | unanswered | p50, p99 ms | wrong | back after s |',
    '|---|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|',
    ...rows.map(row => `| ${row} |`),
  ].join('\n')
}

function cellsOf({ answered, stale, servfail, unanswered, p50, p99 }: Shares, isKnown: boolean): string[] {
  const shares = isKnown ? [answered, stale, servfail, unanswered] : [answered, servfail, unanswered]
  return [...shares.map(percent), `${milliseconds(p50)}, ${milliseconds(p99)}`]
}

/** One line for each attack. */
export function formatLocal(figures: readonly LocalFigure[]): string {
  const rows = figures.map(({ attack, attackRate, idle, p99, ratio, p50, tcpIdle, tcpP99, sent, lost, busy }) =>
    [
      attack,
      Math.round(attackRate).toLocaleString('en'),
      idle.toFixed(0),
      p99.toFixed(0),
      `${ratio.toFixed(2)} ×`,
      p50.toFixed(0),
      `${tcpIdle.toFixed(0)}, ${tcpP99.toFixed(0)}`,
      `${lost} of ${sent.toLocaleString('en')}`,
      percent(busy),
    ].join(' | '),
  )
  return [
    '| attack | queries/s | p99 µs without | p99 µs beside it | of that | p50 µs | over TCP: p99 µs without, beside it | lost | core used |',
    '|---|---:|---:|---:|---:|---:|---:|---:|---:|',
    ...rows.map(row => `| ${row} |`),
  ].join('\n')
}

/** What is to hold. */
export function rowsOf(rates: readonly RateFigure[], local: readonly LocalFigure[]): BenchRow[] {
  const rows: BenchRow[] = local.flatMap(({ attack, ratio, lost }) => [
    { name: `names of ours beside ${attack}: p99, of that without`, value: ratio, unit: 'ratio' },
    { name: `names of ours beside ${attack}: lost`, value: lost, unit: 'queries' },
  ])
  for (const { behaviour, isBesideGood, isStaleGiven, known, fresh } of rates) {
    const name = `upstream ${TEXT[behaviour]}, second one ${isBesideGood ? 'works' : 'none'}, stale data ${isStaleGiven ? 'on' : 'off'}`
    rows.push({ name: `${name}: wrong answers`, value: known.wrong + fresh.wrong, unit: 'answers' })
    rows.push({ name: `${name}: unanswered`, value: known.unanswered + fresh.unanswered, unit: 'part' })
    if (isStaleGiven)
      rows.push({ name: `${name}: known names answered`, value: known.answered + known.stale, unit: 'part' })
    if (isBesideGood) rows.push({ name: `${name}: new names answered`, value: fresh.answered, unit: 'part' })
  }
  return rows
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`
}

function milliseconds(value: number): string {
  return value.toLocaleString('en', { maximumSignificantDigits: 2 })
}
