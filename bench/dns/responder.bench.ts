/** What the responder costs in process, without sockets: time and garbage for each query. */
import { setTimeout as delay } from 'node:timers/promises'
import { type BenchRow, formatRows } from '../report.ts'
import { loadOf, makeResponder, play, type Respond } from './mixed-load.ts'
import { deoptimisations } from './steady-state.ts'

const ANSWERS = 10_000_000
const ROUNDS = 400
/** Queries in a round: about a millisecond. */
const ROUND = 64 * 80
const KINDS = ['AAAA hit', 'A at an IPv6 name (NODATA)', 'search path miss (NXDOMAIN)', 'SRV', 'headless AAAA ×8']

/** The load of each kind, the mix of them, and the heap over ten million answers. */
export async function run(): Promise<BenchRow[]> {
  const respond = makeResponder()
  const mix = loadOf(-1)
  for (let i = 0; i < 3_000_000; i += ROUND) play(respond, mix, i % mix.length, ROUND)
  // Optimised code is installed when the thread is idle.
  await delay(50)
  const rows = KINDS.map((name, kind) => measure(name, respond, loadOf(kind)))
  rows.push(measure('mix', respond, mix), compare(respond, mix), measureHeap(respond, mix))
  const bailouts = await deoptimisations()
  const note = bailouts.length > 0 ? bailouts.join('; ').slice(0, 200) : '0.9 million answers after the warm-up'
  rows.push({ name: 'responder: deoptimisations in the steady state', value: bailouts.length, unit: '', note })
  return rows
}

/**
 * Nanoseconds for each query: the median of short rounds, with the best one beside it, because neighbours on the machine
 * make all others longer. Putting the queries into their slots is measured alone and taken off.
 */
function measure(name: string, respond: Respond, queries: readonly Uint8Array[]): BenchRow {
  const copying = timeRounds(() => 0, queries)
  const answering = timeRounds(respond, queries)
  const best = Math.round((answering[0] ?? 0) - (copying[0] ?? 0))
  const value = (answering[ROUNDS >> 1] ?? 0) - (copying[ROUNDS >> 1] ?? 0)
  return { name: `responder: ${name}`, value, unit: 'ns/op', note: `best round ${best}` }
}

/**
 * A guard that a busy machine does not blur: what copying a query into its slot and answering it takes, in times of
 * copying alone, each measured between two rounds of the other.
 */
function compare(respond: Respond, queries: readonly Uint8Array[]): BenchRow {
  const nothing: Respond = () => 0
  const ratios = Array.from({ length: ROUNDS }, (_, round) => {
    const first = (round * ROUND) % queries.length
    const [before, answering, after] = [nothing, respond, nothing].map(what => timeRound(what, queries, first))
    return (2 * (answering ?? 0)) / ((before ?? 0) + (after ?? 0))
  })
  const value = ratios.sort((a, b) => a - b)[ROUNDS >> 1] ?? 0
  return { name: 'responder: mix, in times of copying the query', value, unit: 'ratio' }
}

function timeRound(respond: Respond, queries: readonly Uint8Array[], first: number): number {
  const start = process.hrtime.bigint()
  play(respond, queries, first, ROUND)
  return Number(process.hrtime.bigint() - start) / ROUND
}

function timeRounds(respond: Respond, queries: readonly Uint8Array[]): number[] {
  const times = Array.from({ length: ROUNDS }, (_, round) => {
    return timeRound(respond, queries, (round * ROUND) % queries.length)
  })
  return times.sort((a, b) => a - b)
}

function measureHeap(respond: Respond, queries: readonly Uint8Array[]): BenchRow {
  const before = process.memoryUsage().heapUsed
  for (let i = 0; i < ANSWERS; i += ROUND) play(respond, queries, i % queries.length, ROUND)
  const grown = process.memoryUsage().heapUsed - before
  return { name: 'responder: heap growth over 10 million answers', value: grown, unit: 'bytes' }
}

if (import.meta.main) console.log(formatRows(await run()))
