/** A thread that asks without a pause while another thread changes the index, and checks that each answer is whole. */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { allocateCounters, Counters } from '#src/dns/counters.ts'
import { Responder } from '#src/dns/responder.ts'
import { CONTROL, type IndexBuffers } from '#src/index/layout.ts'
import { IndexReader } from '#src/index/reader.ts'
import { makeQuery } from './answering.ts'
import { decodeMessage } from './message-decoder.ts'
import { NAMES, versionFault } from './versions.ts'

/** What the thread is started with. */
export interface ReaderSetup {
  readonly index: IndexBuffers
  readonly control: SharedArrayBuffer
  /** The reader's number, for its acknowledgements. */
  readonly number: number
}

/** What it says at the end. */
export interface ReaderReport {
  readonly answers: number
  readonly generations: number
  /** The first answers that were not legal, in words. */
  readonly faults: readonly string[]
}

const { index, control, number } = workerData as ReaderSetup
const words = new Int32Array(control)
const reader = new IndexReader(index, control, number)
const counters = new Counters(allocateCounters(1), 0)
const responder = new Responder(reader, counters, { udpLimit: 4096, nsid: null, chaos: null })
const queries = NAMES.map(name => makeQuery(name, 'AAAA', { udpSize: 4096 }))
const out = new Uint8Array(4096)
const faults: string[] = []
let answers = 0
let generations = 0
let seen = 0

parentPort?.postMessage('ready')
while (Atomics.load(words, CONTROL.stop) === 0 && faults.length < 5) {
  if (Atomics.load(words, CONTROL.generation) !== seen) takeGenerations()
  queries.forEach((query, i) => {
    const length = responder.respond(query, 0, query.length, out, 0, out.length, 0, 0)
    const fault = versionFault(i, decodeMessage(out.subarray(0, length)))
    if (fault !== null) faults.push(`${NAMES[i]}: ${fault}`)
    answers++
  })
}
parentPort?.postMessage({ answers, generations, faults } satisfies ReaderReport)

function takeGenerations(): void {
  seen = Atomics.load(words, CONTROL.generation)
  if (parentPort === null) return
  for (let got = receiveMessageOnPort(parentPort); got !== undefined; got = receiveMessageOnPort(parentPort)) {
    reader.adopt(got.message as IndexBuffers)
    generations++
  }
}
