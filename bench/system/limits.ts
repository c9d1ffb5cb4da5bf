/**
 * `npm run bench:limits`: more than one worker, a client that asks too much, and five times as many queries as the server
 * can answer. A flood of packets that cost their sender little (`native/flood.c`) makes that possible beside the server
 * on two cores; how many are answered is counted by the server.
 *
 * node bench/system/limits.ts [--seconds S] [--only workers,hot,overload]
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type BenchRow, saveRows } from '../report.ts'
import { measureHotClient } from './limits/hot-client.ts'
import { measureOverload } from './limits/overload.ts'
import type { LimitsBench } from './limits/server.ts'
import { measureWorkers } from './limits/workers.ts'
import { machine, needNative } from './measure.ts'
import { writeQueries } from './synthetic/queries.ts'

const { values: flags } = parseArgs({
  options: {
    seconds: { type: 'string', default: '5' },
    services: { type: 'string', default: '10000' },
    endpoints: { type: 'string', default: '25' },
    only: { type: 'string', default: 'workers,hot,overload' },
  },
})

const PARTS: Readonly<Record<string, (bench: LimitsBench) => Promise<BenchRow[]>>> = {
  workers: measureWorkers,
  hot: measureHotClient,
  overload: measureOverload,
}

const directory = mkdtempSync(join(tmpdir(), 'waypost-limits-'))
try {
  const services = Number(flags.services)
  const bench: LimitsBench = {
    flood: needNative('flood', directory),
    load: needNative('load', directory),
    queries: writeQueries(directory, services).mixed,
    seconds: Number(flags.seconds),
    services,
    endpoints: Number(flags.endpoints),
  }
  const rows: BenchRow[] = []
  for (const name of flags.only.split(',')) rows.push(...((await PARTS[name]?.(bench)) ?? []))
  saveRows('limits', `${machine()}; ${services} Services, ${services * bench.endpoints} endpoints`, rows)
} finally {
  rmSync(directory, { recursive: true, force: true })
}
