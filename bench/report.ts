/** What every benchmark reports, and how it is printed. */

/** One measured figure. */
export interface BenchRow {
  readonly name: string
  readonly value: number
  /** `ns/op`, `bytes/op`, `ops/s`, `ms`, `MB`, `ratio` … */
  readonly unit: string
  readonly note?: string
}

/** The rows as a markdown table. */
export function formatRows(rows: readonly BenchRow[]): string {
  const lines = rows.map(row => `| ${row.name} | ${formatValue(row.value)} | ${row.unit} | ${row.note ?? ''} |`)
  return ['| what | value | unit | note |', '|---|---:|---|---|', ...lines].join('\n')
}

/** Three significant digits, thousands separated. */
export function formatValue(value: number): string {
  return value.toLocaleString('en-US', { maximumSignificantDigits: 3 })
}
