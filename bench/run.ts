/**
 * `npm run bench`: every micro-benchmark, as tables (`bench/results/micro.md`) and JSON (`micro.json`). Arguments select by name:
 * `npm run bench -- pool route`.
 */
import { globSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { type BenchRow, formatRows, missedOf, saveResult } from './report.ts'
import { machine } from './system/measure.ts'

const folder = fileURLToPath(new URL('.', import.meta.url))
const wanted = process.argv.slice(2)
const files = globSync('*/*.bench.ts', { cwd: folder }).sort()
const tables: Record<string, readonly BenchRow[]> = {}
const date = new Date().toISOString()
const parts = [`${machine()}; ${date.slice(0, 10)}`]

for (const file of files) {
  if (wanted.length > 0 && !wanted.some(part => file.includes(part))) continue
  const { run } = (await import(pathToFileURL(`${folder}${file}`).href)) as { run(): Promise<readonly BenchRow[]> }
  const rows = await run()
  tables[file] = rows
  const part = `### ${file}\n\n${formatRows(rows)}`
  parts.push(part)
  console.log(`\n${part}`)
}
parts.push(missedOf(Object.values(tables).flat()))
console.log(`\n${parts.at(-1)}`)
saveResult('micro.md', `${parts.join('\n\n')}\n`)
saveResult('micro.json', JSON.stringify({ machine: machine(), date, tables }, null, 2))
