/** Stands in for the responder, so that a transport is tested alone. */
import { ThreadClock } from '#src/dns/clock.ts'
import { Counters, DROP } from '#src/dns/counters.ts'
import type { AnswerContext, Answerer } from '#src/dns/transport.ts'
import { ViewTable } from '#src/dns/views.ts'
import { CONTROL } from '#src/index/layout.ts'

/** Values of octet 4 of a query. */
export const ASK = { answer: 0, nothing: 1, failure: 2, long: 3 } as const

/** Replies with the query, QR set, octet 3 telling the view (255: none), octet 5 telling the transport. */
export class StubAnswerer implements Answerer {
  /** Length of the reply to {@link ASK}`.long`. */
  readonly #long: number

  constructor(long = 4096) {
    this.#long = long
  }

  respond(
    query: Uint8Array,
    start: number,
    length: number,
    out: Uint8Array,
    outStart: number,
    outCapacity: number,
    view: number,
    transport: number,
  ): number {
    const asked = query[start + 4]
    if (asked === ASK.nothing) return 0
    if (asked === ASK.failure) throw new Error('The stub was asked to fail')
    for (let i = 0; i < length; i++) out[outStart + i] = query[start + i] as number
    out[outStart + 2] = 0x80
    out[outStart + 3] = view & 0xff
    out[outStart + 5] = transport
    return asked === ASK.long ? Math.min(this.#long, outCapacity) : length
  }

  decline(): number {
    return 0
  }
}

/** Memory that a stub thread shares with its test. */
export interface StubMemory {
  readonly control: SharedArrayBuffer
  readonly counters: SharedArrayBuffer
  /** Made by `packViews`. */
  readonly views: SharedArrayBuffer
}

/** What a transport needs, around the stub. `stop` resolves its promise. */
export function stubContext(memory: StubMemory, long?: number): { context: AnswerContext; stop: (ms: number) => void } {
  const words = new Int32Array(memory.control)
  const counters = new Counters(memory.counters, 0)
  const { promise: stopped, resolve: stop } = Promise.withResolvers<number>()
  const context: AnswerContext = {
    answerer: new StubAnswerer(long),
    views: new ViewTable(memory.views),
    counters,
    clock: new ThreadClock(),
    stopped,
    defer() {},
    handOver: null,
    refresh() {},
    isStopping: () => Atomics.load(words, CONTROL.stop) !== 0,
    fault: () => counters.add(DROP.fault, 1),
  }
  return { context, stop }
}

/** A query for the stub: `id`, then what is asked, then filling up to `length`. */
export function stubQuery(id: number, asked: number = ASK.answer, length = 12): Uint8Array {
  const query = new Uint8Array(length)
  query[0] = id >> 8
  query[1] = id & 0xff
  query[4] = asked
  return query
}
