/**
 * `npm run bench`: every micro-benchmark, as one table and one JSON file. Arguments select by name:
 * `npm run bench -- pool route`.
 */
import { globSync, mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { type BenchRow, formatRows } from './report.ts'
import { machine } from './system/measure.ts'

const folder = fileURLToPath(new URL('.', import.meta.url))
const wanted = process.argv.slice(2)
const files = globSync('*/*.bench.ts', { cwd: folder }).sort()
const tables: Record<string, readonly BenchRow[]> = {}

for (const file of files) {
  if (wanted.length > 0 && !wanted.some(part => file.includes(part))) continue
  const { run } = (await import(pathToFileURL(`${folder}${file}`).href)) as { run(): Promise<readonly BenchRow[]> }
  const rows = await run()
  tables[file] = rows
  console.log(`\n${file}\n\n${formatRows(rows)}`)
}

const results = new URL('results/', import.meta.url)
mkdirSync(results, { recursive: true })
const report = { machine: machine(), date: new Date().toISOString(), tables }
writeFileSync(new URL('micro.json', results), JSON.stringify(report, null, 2))
