/** What every benchmark reports, how it is printed, and where it is saved. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { verdictOn } from './figures.ts'

/** One measured figure. */
export interface BenchRow {
  readonly name: string
  readonly value: number
  /** `ns/op`, `bytes/op`, `ops/s`, `ms`, `MB`, `ratio` … */
  readonly unit: string
  readonly note?: string
}

/** The rows as a markdown table, with the figures that they have to hold. */
export function formatRows(rows: readonly BenchRow[]): string {
  const lines = rows.map(({ name, value, unit, note = '' }) => {
    return `| ${name} | ${formatValue(value)} | ${unit} | ${verdictOn(name, value).text} | ${note} |`
  })
  return ['| what | value | unit | figure to hold | note |', '|---|---:|---|---|---|', ...lines].join('\n')
}

/** A markdown table of texts: a name, and figures behind it. */
export function formatTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [line(head), `|---${'|---:'.repeat(head.length - 1)}|`, ...rows.map(line)].join('\n')
}

/** A sentence on the figures that the rows miss. */
export function missedOf(rows: readonly BenchRow[]): string {
  const missed = rows.filter(({ name, value }) => verdictOn(name, value).isMissed).map(({ name }) => name)
  return missed.length === 0 ? 'Every figure is held.' : `Missed: ${missed.join('; ')}.`
}

/** Three significant digits, thousands separated. */
export function formatValue(value: number): string {
  return value.toLocaleString('en-US', { maximumSignificantDigits: 3 })
}

/** Prints the rows under a line that says where they come from, and saves them as `bench/results/NAME.md` and `.json`. */
export function saveRows(name: string, origin: string, rows: readonly BenchRow[]): void {
  const date = new Date().toISOString()
  const text = `${origin}; ${date.slice(0, 10)}\n\n${formatRows(rows)}\n\n${missedOf(rows)}\n`
  console.log(text)
  saveResult(`${name}.md`, text)
  saveResult(`${name}.json`, JSON.stringify({ origin, date, rows }, null, 2))
}

/** Saves a chart as `bench/results/NAME.svg`. */
export function saveChart(name: string, svg: string): void {
  saveResult(`${name}.svg`, svg)
}

/** Saves a file under `bench/results/`. */
export function saveResult(file: string, text: string): void {
  const results = new URL('results/', import.meta.url)
  mkdirSync(results, { recursive: true })
  writeFileSync(new URL(file, results), text)
}
