/**
 * `npm run bench:upstreams`: upstreams that misbehave. What clients of a real server get while one times out, answers with
 * another id or another question, lies, cuts, flaps or is gone for a minute, alone and beside a good one, with and
 * without answers that are out of date; and whether names of our own notice an attack on foreign ones, and on our own.
 * About five minutes.
 *
 * node bench/system/upstreams.ts [--only rates,local] [--seconds S] [--gone S] [--rounds N] [--rate QPS]
 *   [--attack QPS] [--behaviours silent,lies] [--quick]
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { formatRows, missedOf, saveResult } from '../report.ts'
import { machine } from './measure.ts'
import { measureLocal } from './upstreams/local.ts'
import { measureRates } from './upstreams/rates.ts'
import { formatLocal, formatRates, rowsOf } from './upstreams/table.ts'

const { values: flags } = parseArgs({
  options: {
    only: { type: 'string', default: 'rates,local' },
    seconds: { type: 'string', default: '8' },
    gone: { type: 'string', default: '60' },
    rounds: { type: 'string', default: '2' },
    rate: { type: 'string', default: '10000' },
    attack: { type: 'string', default: '5000' },
    behaviours: { type: 'string' },
    quick: { type: 'boolean', default: false },
  },
})
const seconds = flags.quick ? 3 : Number(flags.seconds)
const gone = flags.quick ? 6 : Number(flags.gone)
const rounds = flags.quick ? 1 : Number(flags.rounds)
const directory = mkdtempSync(join(tmpdir(), 'waypost-upstreams-'))
try {
  const parts = flags.only.split(',')
  const loads = { rate: Number(flags.rate), attackRate: Number(flags.attack) }
  const folder = join(directory, 'local')
  const local = parts.includes('local')
    ? await measureLocal({ folder, seconds: Math.min(seconds, 4), rounds, ...loads })
    : []
  const only = flags.behaviours === undefined ? {} : { only: flags.behaviours.split(',') }
  const rates = parts.includes('rates') ? await measureRates({ folder: directory, seconds, gone, ...only }) : []
  const date = new Date().toISOString()
  const rows = rowsOf(rates, local)
  const head = `${machine()}; ${seconds} s of each behaviour, ${gone} s gone; ${date.slice(0, 10)}`
  const tables = [...(local.length > 0 ? [formatLocal(local)] : []), ...(rates.length > 0 ? [formatRates(rates)] : [])]
  const text = [head, ...tables, formatRows(rows), missedOf(rows)].join('\n\n')
  console.log(text)
  saveResult('upstreams.md', `${text}\n`)
  saveResult('upstreams.json', JSON.stringify({ machine: machine(), date, flags, rates, local, rows }, null, 2))
} finally {
  rmSync(directory, { recursive: true, force: true })
}
