/** What a hit in the cache costs beside an authoritative answer, in process: through the responder, in the same run. */
import { setTimeout as delay } from 'node:timers/promises'
import { monotonicMs } from '../../src/dns/cache/clock.ts'
import { allocateCacheFigures, ReaderFigures } from '../../src/dns/cache/figures.ts'
import { allocateCache } from '../../src/dns/cache/memory/layout.ts'
import { CacheAnswers } from '../../src/dns/cache/read/answers.ts'
import { CacheReader } from '../../src/dns/cache/read/reader.ts'
import type { CacheOptions } from '../../src/dns/cache/setup.ts'
import { KeptAnswer } from '../../src/dns/cache/write/kept-answer.ts'
import { CacheWriter } from '../../src/dns/cache/write/writer.ts'
import { allocateCounters, Counters } from '../../src/dns/counters.ts'
import { Responder } from '../../src/dns/responder.ts'
import { hashKeys } from '../../src/index/hash.ts'
import { CONTROL, CONTROL_BYTES, STATE } from '../../src/index/layout.ts'
import { IndexReader } from '../../src/index/reader.ts'
import { IndexWriter } from '../../src/index/writer.ts'
import { ROOT } from '../../src/wire/name.ts'
import { TYPE } from '../../src/wire/record-type.ts'
import { type BenchRow, formatRows } from '../report.ts'
import { fillCluster, makeQueries, question } from './cluster-index.ts'
import { nameOf, publicAnswer, wireOf } from './public-names.ts'

const SERVICES = 10_000
const NAMES = 10_000
const ROUNDS = 300
/** Queries in a round: about a millisecond. */
const ROUND = 64 * 80
const SLOT = 4096 + 192
const SLOTS = 64
const ANSWERS = 5_000_000
const OPTIONS: CacheOptions = {
  maxBytes: 64 << 20,
  maxEntries: 200_000,
  rules: { minTtl: 0, maxTtl: 86_400, maxNegativeTtl: 10_800, stale: 3600, prefetch: 3 },
  except: [],
  file: null,
}

type Respond = (packets: Uint8Array, slot: number, length: number) => number

/** Both kinds of answers in turn, their ratio, and the heap. */
export async function run(): Promise<BenchRow[]> {
  const { respond, endBatch } = makeResponder()
  const kinds = [
    { name: 'authoritative AAAA, one address', queries: makeQueries(20_000, SERVICES, 0) },
    { name: 'authoritative, the mixed load', queries: makeQueries(20_000, SERVICES, -1) },
    { name: 'cache hit, one to four addresses, an eighth NXDOMAIN', queries: publicQueries() },
  ]
  for (let i = 0; i < 500; i++) for (const { queries } of kinds) play(respond, endBatch, queries, i * ROUND)
  // Optimised code is installed when the thread is idle.
  await delay(50)
  const copying = timeRounds(
    () => 0,
    () => {},
    kinds,
  )
  const answering = timeRounds(respond, endBatch, kinds)
  const costs = kinds.map((_, kind) => median(answering[kind] ?? []) - median(copying[kind] ?? []))
  const rows = kinds.map(
    ({ name }, kind): BenchRow => ({ name: `responder: ${name}`, value: costs[kind] ?? 0, unit: 'ns/op' }),
  )
  const ratio = (kind: number): number => (costs[2] ?? 0) / (costs[kind] ?? 1)
  rows.push({
    name: 'cache hit ÷ authoritative, one address (figure: 1.3 with system calls)',
    value: ratio(0),
    unit: 'ratio',
  })
  rows.push({ name: 'cache hit ÷ authoritative, mixed', value: ratio(1), unit: 'ratio' })
  return [...rows, heap(respond, endBatch, kinds[2]?.queries ?? [])]
}

function makeResponder(): { respond: Respond; endBatch: () => void } {
  const index = new IndexWriter({ seed: 42, onGeneration: () => {} })
  fillCluster(index, SERVICES)
  const control = new SharedArrayBuffer(CONTROL_BYTES)
  new Int32Array(control)[CONTROL.state] = STATE.serving
  const buffers = allocateCache(OPTIONS, hashKeys(7), monotonicMs())
  const writer = new CacheWriter(buffers, OPTIONS.rules)
  const kept = new KeptAnswer()
  for (let i = 0; i < NAMES; i++) {
    const name = wireOf(i)
    writer.reader.key.set(new DataView(name.buffer), 0, name.length - 3, TYPE.A, 1, 0)
    if (kept.read(publicAnswer(i), TYPE.A, OPTIONS.rules)) writer.store(kept)
  }
  const reader = new CacheReader(buffers, 0)
  const figures = new ReaderFigures(allocateCacheFigures(1), 0)
  const responder = new Responder(
    new IndexReader(index.buffers, control),
    new Counters(allocateCounters(1), 0),
    { udpLimit: 1232, nsid: null, chaos: null, forward: [ROOT] },
    reply => new CacheAnswers(reader, reply, figures, OPTIONS, true),
  )
  const out = new Uint8Array(SLOTS * SLOT)
  return {
    respond: (packets, slot, length) => {
      const octets = responder.respond(packets, slot * SLOT, length, out, slot * SLOT, 4096, 0, 0)
      if (octets < 0) throw new Error('a name is not in the cache')
      return octets
    },
    endBatch: () => reader.refresh(),
  }
}

function publicQueries(): Uint8Array[] {
  return Array.from({ length: 20_000 }, (_, i) => question(nameOf((i * 7919) % NAMES), TYPE.A))
}

/** Nanoseconds a query, by kind; the kinds take turns, so that neighbours on the machine make all of them longer. */
function timeRounds(
  respond: Respond,
  endBatch: () => void,
  kinds: readonly { readonly queries: readonly Uint8Array[] }[],
): number[][] {
  const times = kinds.map((): number[] => [])
  for (let round = 0; round < ROUNDS; round++) {
    kinds.forEach(({ queries }, kind) => {
      // CPU time: other work on the machine does not count.
      const start = process.cpuUsage()
      play(respond, endBatch, queries, round * ROUND)
      times[kind]?.push((process.cpuUsage(start).user * 1000) / ROUND)
    })
  }
  return times
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0
}

const input = new Uint8Array(SLOTS * SLOT)

/** One round in batches: queries are put into their slots, then answered. */
function play(respond: Respond, endBatch: () => void, queries: readonly Uint8Array[], first: number): number {
  let octets = 0
  for (let i = first; i < first + ROUND; i += SLOTS) {
    for (let slot = 0; slot < SLOTS; slot++) {
      const query = queries[(i + slot) % queries.length] as Uint8Array
      const at = slot * SLOT
      for (let j = 0; j < query.length; j++) input[at + j] = query[j] as number
    }
    endBatch()
    for (let slot = 0; slot < SLOTS; slot++) {
      octets += respond(input, slot, (queries[(i + slot) % queries.length] as Uint8Array).length)
    }
  }
  return octets
}

function heap(respond: Respond, endBatch: () => void, queries: readonly Uint8Array[]): BenchRow {
  const before = process.memoryUsage().heapUsed
  for (let i = 0; i < ANSWERS; i += ROUND) play(respond, endBatch, queries, i)
  const grown = process.memoryUsage().heapUsed - before
  return { name: 'cache: heap growth over 5 million hits', value: grown, unit: 'bytes' }
}

if (import.meta.main) console.log(formatRows(await run()))
