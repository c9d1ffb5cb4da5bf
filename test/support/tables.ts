/** The tables of the documents that are printed from the source. `node test/support/tables.ts` writes them anew. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileRows } from '#src/config/file.ts'
import { BUILD_INFO, METRICS, PROGRAMMING_DURATION, RECONCILE_DURATION } from '#src/observe/metrics.ts'
import { ROOT } from './source-tree.ts'

/** A generated table: between `<!-- name -->` and `<!-- /name -->` of a file. */
export interface GeneratedTable {
  readonly file: string
  readonly name: string
  readonly text: string
}

/** All of them. */
export function generatedTables(): readonly GeneratedTable[] {
  return [
    { file: 'README.md', name: 'keys', text: configurationTable() },
    { file: 'docs/configuration.md', name: 'keys', text: configurationTable() },
    { file: 'docs/metrics.md', name: 'metrics', text: metricsTable() },
  ]
}

/** What stands between the markers now; null when they are missing. */
export function presentTable({ file, name }: GeneratedTable): string | null {
  const text = readFileSync(join(ROOT, file), 'utf8')
  return new RegExp(`<!-- ${name} -->\\n([\\s\\S]*)<!-- /${name} -->`).exec(text)?.[1] ?? null
}

function configurationTable(): string {
  const rows = fileRows().map(row => `| \`${row.key}\` | ${row.allowed} | ${row.fallback} | ${row.meaning} |`)
  return `${['| key | value | default | meaning |', '|---|---|---|---|', ...rows].join('\n')}\n`
}

function metricsTable(): string {
  const all = [
    ...METRICS,
    { ...RECONCILE_DURATION, type: 'histogram', labels: [] },
    { ...PROGRAMMING_DURATION, type: 'histogram' },
    { ...BUILD_INFO, type: 'gauge' },
  ]
  const rows = all.map(({ name, type, labels, help }) => {
    const names = labels.map(label => `\`${label}\``).join(', ')
    return `| \`${name}\` | ${type} | ${names} | ${help} |`
  })
  return `${['| metric | type | labels | meaning |', '|---|---|---|---|', ...rows].join('\n')}\n`
}

if (import.meta.main) {
  for (const table of generatedTables()) {
    const path = join(ROOT, table.file)
    const marked = new RegExp(`(<!-- ${table.name} -->\\n)[\\s\\S]*(<!-- /${table.name} -->)`)
    const text = readFileSync(path, 'utf8').replace(marked, (_, open, close) => `${open}${table.text}${close}`)
    writeFileSync(path, text)
  }
}
