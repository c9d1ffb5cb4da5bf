/**
 * `npm run bench:all`: the benchmarks that need no API server and no other forwarder, in about 45 minutes on two cores that do
 * nothing else. Each prints its tables and saves them under `bench/results/`; with `--docs` the charts that the documents
 * show are renewed. `--only micro,churn` runs some of them.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const STEPS: Readonly<Record<string, readonly string[]>> = {
  micro: ['run.ts'],
  churn: ['system/churn.ts', '--seconds', '4', '--rounds', '3'],
  limits: ['system/limits.ts', '--seconds', '4'],
  dns: ['system/dns.ts', '--seconds', '1.5', '--rounds', '3'],
  variants: ['system/variants.ts', '--rounds', '5'],
  upstreams: ['system/upstreams.ts'],
  hostile: ['system/hostile.ts'],
}
const CHARTS = ['dns-cpu.svg', 'churn-latency.svg']

const { values: flags } = parseArgs({
  options: { only: { type: 'string' }, docs: { type: 'boolean', default: false } },
})
const names = flags.only?.split(',') ?? Object.keys(STEPS)
const failed: string[] = []
for (const name of names) {
  const step = STEPS[name]
  if (step === undefined) throw new Error(`Cannot run "${name}": there are ${Object.keys(STEPS).join(', ')}`)
  const started = performance.now()
  const [file = '', ...args] = step
  const child = spawn(process.execPath, [pathOf(file), ...args], { stdio: 'inherit' })
  const [code] = (await once(child, 'exit')) as [number | null]
  if (code !== 0) failed.push(name)
  console.error(`${name} took ${((performance.now() - started) / 1000).toFixed(0)} s`)
}
if (flags.docs) {
  for (const chart of CHARTS) {
    if (existsSync(pathOf(`results/${chart}`))) copyFileSync(pathOf(`results/${chart}`), pathOf(`../docs/${chart}`))
  }
}
if (failed.length > 0) {
  console.error(`Failed: ${failed.join(', ')}`)
  process.exitCode = 1
}

function pathOf(file: string): string {
  return fileURLToPath(new URL(file, import.meta.url))
}
