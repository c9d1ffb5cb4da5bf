/** What the responder costs in process, without sockets: time and garbage for each query. */
import { setTimeout as delay } from 'node:timers/promises'
import { allocateCounters, Counters } from '../../src/dns/counters.ts'
import { Responder } from '../../src/dns/responder.ts'
import { CONTROL, CONTROL_BYTES, STATE } from '../../src/index/layout.ts'
import { IndexReader } from '../../src/index/reader.ts'
import { IndexWriter } from '../../src/index/writer.ts'
import { type BenchRow, formatRows } from '../report.ts'
import { fillCluster, makeQueries } from './cluster-index.ts'

const SERVICES = 10_000
const QUERIES = 20_000
const ANSWERS = 10_000_000
const ROUNDS = 400
/** Queries in a round: about a millisecond. */
const ROUND = 64 * 80
/** Distance of packets in the input buffer, as in the batched transport. */
const SLOT = 4096 + 192
const SLOTS = 64

const KINDS = ['AAAA hit', 'A at an IPv6 name (NODATA)', 'search path miss (NXDOMAIN)', 'SRV', 'headless AAAA ×8']

/** The load of each kind, the mix of them, and the heap over ten million answers. */
export async function run(): Promise<BenchRow[]> {
  const respond = makeResponder()
  const mix = makeQueries(QUERIES, SERVICES, -1)
  for (let i = 0; i < 3_000_000; i += ROUND) play(respond, mix, i % QUERIES)
  // Optimised code is installed when the thread is idle.
  await delay(50)
  const rows = KINDS.map((name, kind) => measure(name, respond, makeQueries(QUERIES, SERVICES, kind)))
  rows.push(measure('mix', respond, mix), measureHeap(respond, mix))
  return rows
}

type Respond = (packets: Uint8Array, slot: number, length: number) => number

function makeResponder(): Respond {
  const writer = new IndexWriter({ seed: 42, onGeneration: () => {} })
  fillCluster(writer, SERVICES)
  const control = new SharedArrayBuffer(CONTROL_BYTES)
  new Int32Array(control)[CONTROL.state] = STATE.serving
  const reader = new IndexReader(writer.buffers, control)
  const counters = new Counters(allocateCounters(1), 0)
  const responder = new Responder(reader, counters, { udpLimit: 1232, nsid: null, chaos: null })
  const out = new Uint8Array(SLOTS * SLOT)
  return (packets, slot, length) => responder.respond(packets, slot * SLOT, length, out, slot * SLOT, 4096, 0, 0)
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

function timeRounds(respond: Respond, queries: readonly Uint8Array[]): number[] {
  const times = Array.from({ length: ROUNDS }, (_, round) => {
    const first = (round * ROUND) % queries.length
    const start = process.hrtime.bigint()
    play(respond, queries, first)
    return Number(process.hrtime.bigint() - start) / ROUND
  })
  return times.sort((a, b) => a - b)
}

const input = new Uint8Array(SLOTS * SLOT)

/** One round in batches: queries are put into their slots, then answered. */
function play(respond: Respond, queries: readonly Uint8Array[], first: number): number {
  let octets = 0
  for (let i = first; i < first + ROUND; i += SLOTS) {
    for (let slot = 0; slot < SLOTS; slot++) {
      const query = queries[(i + slot) % queries.length] as Uint8Array
      const at = slot * SLOT
      for (let j = 0; j < query.length; j++) input[at + j] = query[j] as number
    }
    for (let slot = 0; slot < SLOTS; slot++) {
      octets += respond(input, slot, (queries[(i + slot) % queries.length] as Uint8Array).length)
    }
  }
  return octets
}

function measureHeap(respond: Respond, queries: readonly Uint8Array[]): BenchRow {
  const before = process.memoryUsage().heapUsed
  for (let i = 0; i < ANSWERS; i += ROUND) play(respond, queries, i % QUERIES)
  const grown = process.memoryUsage().heapUsed - before
  return { name: 'responder: heap growth over 10 million answers', value: grown, unit: 'bytes' }
}

if (import.meta.main) console.log(formatRows(await run()))
