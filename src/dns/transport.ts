/** What a transport needs from its thread, and what a thread needs from a transport. */
import type { ThreadClock } from './clock.ts'
import type { Counters } from './counters.ts'
import type { HandOverWriter } from './forward/hand-over/ring.ts'
import type { ViewTable } from './views.ts'

/** Transport numbers of {@link Answerer.respond}: they choose the size limit and the counters. */
export const UDP = 0
export const TCP = 1
/** DNS over TLS (RFC 7858). */
export const TLS = 2
/** DNS over HTTPS (RFC 8484). */
export const HTTPS = 3

/** {@link Answerer.respond}: the name is not ours, and the reply comes later from the thread that forwards. */
export const DEFERRED = -1

/** Turns a query into a reply. */
export interface Answerer {
  /**
   * Writes the reply to the message at `start` into `out` from `outStart`. Synchronous.
   *
   * @param view number of the network that the source belongs to, −1 for none.
   * @param source the client's address, 16 octets at `sourceAt` (IPv4 as IPv4-mapped): for cookies and limits.
   * @returns the reply's length; 0: no reply; {@link DEFERRED}: it comes later.
   */
  respond(
    query: Uint8Array,
    start: number,
    length: number,
    out: Uint8Array,
    outStart: number,
    outCapacity: number,
    view: number,
    transport: number,
    source: Uint8Array,
    sourceAt: number,
  ): number
  /** In place of `DEFERRED`, when the query cannot be handed over: SERVFAIL. */
  decline(
    query: Uint8Array,
    start: number,
    length: number,
    out: Uint8Array,
    outStart: number,
    outCapacity: number,
    view: number,
    transport: number,
    source: Uint8Array,
    sourceAt: number,
  ): number
}

/** A query that was `DEFERRED`; its octets are copies. */
export interface AskedLater {
  readonly query: Uint8Array
  /** The client's address, 16 octets. */
  readonly source: Uint8Array
  readonly view: number
  readonly transport: number
}

/** What the transports of a thread share. */
export interface AnswerContext {
  /** Changes when the options of answering change: read it again for every batch or segment. */
  readonly answerer: Answerer
  readonly views: ViewTable
  readonly counters: Counters
  /** To be set before messages are answered: once for a batch. */
  readonly clock: ThreadClock
  /** Resolves when the thread is to stop, with the milliseconds that it has; in a thread that runs an event loop. */
  readonly stopped: Promise<number>
  /** Takes a query that was `DEFERRED`. `reply` is called once or never, later; null: there is no reply. */
  defer(asked: AskedLater, reply: (bytes: Uint8Array | null) => void): void
  /** Takes such queries in a thread that blocks; null in other threads, and where nothing is forwarded. */
  readonly handOver: HandOverWriter | null
  /** Takes what the control thread has published, in a thread that blocks. One load when there is nothing. */
  refresh(): void
  /** Whether the thread is to stop, in a thread that blocks. */
  isStopping(): boolean
  /** Reports that something failed, most of the time the answer to a message, which is dropped. The thread goes on. */
  fault(error: unknown): void
}

/** UDP on every listed address. */
export interface UdpTransport {
  /** Opens the sockets. @throws WaypostError `WAY_LISTEN` */
  open(): Promise<undefined>
  /** Answers until the thread is to stop, then closes. */
  run(): Promise<void>
}
