/** Reading manifests: text → objects in the catalogue, at the size of a large cluster. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseAllDocuments, stringify } from 'yaml'
import { readManifest } from '../../src/cluster/manifests/file.ts'
import { ManifestSource } from '../../src/cluster/manifests.ts'
import { Interner } from '../../src/cluster/strip.ts'
import { type BenchRow, formatRows } from '../report.ts'
import { serviceValue, sliceValue } from './values.ts'

const SERVICES = 10_000
const SLICES = 2_500
const ENDPOINTS = 100
const ROUNDS = 3
const SAVES = 15

export async function run(): Promise<BenchRow[]> {
  const services = Array.from({ length: SERVICES }, (_, i) => serviceValue(i))
  const slices = Array.from({ length: SLICES }, (_, i) => sliceValue(i, ENDPOINTS))
  const serviceText = services.map(service => stringify(service)).join('---\n')
  const sliceText = slices.map(slice => stringify(slice)).join('---\n')
  const list = { apiVersion: 'v1', kind: 'List', items: slices }
  return [
    readRow('10,000 Services, YAML', 'a.yaml', serviceText),
    libraryRow('10,000 Services, YAML, by the yaml library alone', serviceText),
    readRow('10,000 Services, one JSON List', 'a.json', JSON.stringify({ ...list, items: services }, null, 4)),
    readRow('250,000 endpoints, YAML', 'a.yaml', sliceText),
    readRow('250,000 endpoints, YAML List', 'a.yaml', stringify(list)),
    readRow('250,000 endpoints, JSON on one line', 'a.json', JSON.stringify(list)),
    readRow('250,000 endpoints, JSON as kubectl prints it', 'a.json', JSON.stringify(list, null, 4)),
    await sourceRow('source: 10,000 Services in one file, start to synced', [serviceText]),
    await sourceRow('source: 10,000 Services in 10,000 files, start to synced', serviceText.split('---\n')),
    await saveRow('source: one of 10,000 Services in one file saved, until it is applied', serviceText),
    await saveRow('source: a small file saved, until it is applied', serviceText.slice(0, serviceText.indexOf('---'))),
  ]
}

function readRow(name: string, path: string, text: string): BenchRow {
  const value = best(() => {
    if ('problem' in readManifest(path, text, new Interner())) throw new Error('the benchmark made a wrong manifest')
  })
  return { name, value, unit: 'ms', note: `${(text.length / 1e6).toFixed(1)} MB` }
}

function libraryRow(name: string, text: string): BenchRow {
  const value = best(() => {
    for (const document of parseAllDocuments(text)) if ('toJS' in document) document.toJS()
  })
  return { name, value, unit: 'ms' }
}

async function sourceRow(name: string, texts: readonly string[]): Promise<BenchRow> {
  const directory = mkdtempSync(join(tmpdir(), 'waypost-bench-'))
  for (const [i, text] of texts.entries()) writeFileSync(join(directory, `${i}.yaml`), text)
  const silent = (): void => undefined
  const logger = { debug: silent, info: silent, warn: silent }
  const source = new ManifestSource({ directory, logger })
  const start = performance.now()
  await source.start({ apply: silent, synced: silent, problems: silent })
  const value = performance.now() - start
  await source.stop()
  rmSync(directory, { recursive: true })
  return { name, value, unit: 'ms' }
}

/** The median time from the end of a write to the change at the sink; 20 ms of it wait for the file to be at rest. */
async function saveRow(name: string, text: string): Promise<BenchRow> {
  const directory = mkdtempSync(join(tmpdir(), 'waypost-bench-'))
  const path = join(directory, 'a.yaml')
  writeFileSync(path, text)
  let applied = Promise.withResolvers<void>()
  const silent = (): void => undefined
  const source = new ManifestSource({ directory, logger: { debug: silent, info: silent, warn: silent } })
  await source.start({ apply: () => applied.resolve(), synced: silent, problems: silent })
  const times: number[] = []
  for (let round = 0; round < SAVES; round++) {
    await new Promise(resolve => setTimeout(resolve, 100))
    applied = Promise.withResolvers()
    writeFileSync(path, text.replace('port: 80\n', `port: ${1_000 + round}\n`))
    const start = performance.now()
    await applied.promise
    times.push(performance.now() - start)
  }
  await source.stop()
  rmSync(directory, { recursive: true })
  return { name, value: times.sort((a, b) => a - b)[SAVES >> 1] as number, unit: 'ms', note: 'median' }
}

/** The best of a few rounds, in milliseconds. */
function best(action: () => void): number {
  let least = Number.POSITIVE_INFINITY
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now()
    action()
    least = Math.min(least, performance.now() - start)
  }
  return least
}

if (import.meta.main) console.log(formatRows(await run()))
