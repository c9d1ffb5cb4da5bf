/** A responder over the index of a cluster, and queries put into slots and answered in batches, as a UDP worker does. */
import { allocateCounters, Counters } from '../../src/dns/counters.ts'
import { Responder } from '../../src/dns/responder.ts'
import { CONTROL, CONTROL_BYTES, STATE } from '../../src/index/layout.ts'
import { IndexReader } from '../../src/index/reader.ts'
import { IndexWriter } from '../../src/index/writer.ts'
import { fillCluster, makeQueries } from './cluster-index.ts'

export const SERVICES = 10_000
const QUERIES = 20_000
/** Distance of packets in the input buffer, as in the batched transport. */
const SLOT = 4096 + 192
const SLOTS = 64

/** Answers the query in a slot. @returns octets of the reply. */
export type Respond = (packets: Uint8Array, slot: number, length: number) => number

export function makeResponder(): Respond {
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

/** Queries of one kind (see `makeQueries`), or of all in their shares (−1). */
export function loadOf(kind: number): Uint8Array[] {
  return makeQueries(QUERIES, SERVICES, kind)
}

const input = new Uint8Array(SLOTS * SLOT)

/** `count` queries from `first` on in batches: put into their slots, then answered. @returns octets of the replies. */
export function play(respond: Respond, queries: readonly Uint8Array[], first: number, count: number): number {
  let octets = 0
  for (let i = first; i < first + count; i += SLOTS) {
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
