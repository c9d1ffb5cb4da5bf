/** A thread that asks a cache without a pause while another thread changes it, and checks that each answer is whole. */
import { parentPort, workerData } from 'node:worker_threads'
import { questionFlags } from '#src/dns/cache/key.ts'
import type { CacheBuffers } from '#src/dns/cache/memory/layout.ts'
import { CacheHit } from '#src/dns/cache/read/hit.ts'
import { CacheReader } from '#src/dns/cache/read/reader.ts'
import { Query } from '#src/dns/query.ts'
import { Reply } from '#src/dns/reply.ts'
import { NameHash } from '#src/index/hash.ts'
import { makeQuery } from './answering.ts'
import { type DecodedMessage, decodeMessage } from './message-decoder.ts'

/** What the thread is started with. */
export interface CacheReaderSetup {
  readonly buffers: CacheBuffers
  readonly number: number
  readonly names: readonly string[]
  /** One word: not 0 ends the thread. */
  readonly stop: SharedArrayBuffer
}

/** What it says at the end. */
export interface CacheReaderReport {
  readonly hits: number
  readonly misses: number
  /** The first answers that were not legal, in words. */
  readonly faults: readonly string[]
}

/** Questions between two notes of the epoch. */
const BATCH = 8

const { buffers, number, names, stop } = workerData as CacheReaderSetup
const stopWord = new Int32Array(stop)
const reader = new CacheReader(buffers, number)
const reply = new Reply()
reply.configure({ udpLimit: 4096, nsid: null, cookie: null, keepaliveMs: 0 }, true)
const hit = new CacheHit(reader, reply)
const packets = names.map(name => new DataView(makeQuery(name, 'AAAA', { udpSize: 4096 }).buffer))
const out = new DataView(new ArrayBuffer(16_384))
const query = new Query()
const hash = new NameHash()
const faults: string[] = []
let hits = 0
let misses = 0

parentPort?.postMessage('ready')
while (Atomics.load(stopWord, 0) === 0 && faults.length < 5) {
  reader.refresh()
  for (let i = 0; i < BATCH; i++) {
    const at = (hits + misses) % names.length
    ask(names[at] as string, packets[at] as DataView)
  }
}
parentPort?.postMessage({ hits, misses, faults } satisfies CacheReaderReport)

function ask(name: string, packet: DataView): void {
  query.read(packet, 0, packet.byteLength, hash)
  reader.key.set(packet, 12, hash.length, query.type, query.class, questionFlags(false, false))
  const place = reader.find()
  if (place === 0) {
    misses++
    return
  }
  hits++
  reader.mark(place)
  reply.open(out, 0, out.byteLength, packet, 0, query.questionEnd, query, 0)
  hit.answer(place, 12)
  const length = reply.close(query)
  const fault = faultOf(name, decodeMessage(new Uint8Array(out.buffer, 0, length)))
  if (fault !== null) faults.push(`${name}: ${fault}`)
}

/** Answers hold as many addresses as their last octet says, and each of them the number of the name. */
function faultOf(name: string, { answers }: DecodedMessage): string | null {
  const wanted = Number(name.replace(/[^0-9]/g, ''))
  const count = answers[0]?.rdata[15] ?? 0
  if (answers.length !== count) return `${answers.length} records, not ${count}`
  for (const { name: owner, rdata, ttl } of answers) {
    if (owner !== `${name}.`) return `owner ${owner}`
    if (rdata[15] !== count) return `a record of version ${rdata[15]} among those of ${count}`
    if ((rdata[13] ?? 0) * 256 + (rdata[14] ?? 0) !== wanted) return 'a record of another name'
    if (ttl < 86_000 || ttl > 86_400) return `TTL ${ttl}`
  }
  return null
}
