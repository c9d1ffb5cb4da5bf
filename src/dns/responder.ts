/** Turns a query into a reply from the name index: synchronous, without I/O and without allocation. */
import type { IndexReader } from '../index/reader.ts'
import type { Counters } from './counters.ts'

/** What can be configured about replies. */
export interface ResponderOptions {
  /** Longest reply over UDP, 512 to 4096; 1232 by default (DNS flag day 2020). */
  readonly udpLimit: number
  /** Name server identifier for those who ask (RFC 5001); null: the option is ignored. */
  readonly nsid: Uint8Array | null
  /** Answers to `version.bind` and `id.server` in class CH; null: REFUSED. */
  readonly chaos: { readonly version: string; readonly id: string } | null
}

/** See the top of the file. One for each thread. */
export class Responder {
  readonly #reader: IndexReader
  readonly #counters: Counters
  #options: ResponderOptions

  constructor(reader: IndexReader, counters: Counters, options: ResponderOptions) {
    this.#reader = reader
    this.#counters = counters
    this.#options = options
  }

  /** Takes other options. */
  configure(options: ResponderOptions): void {
    this.#options = options
  }

  /**
   * Writes the reply to the message at `start` into `out` from `outStart`.
   *
   * @param outCapacity octets that may be written; at least 512.
   * @param view the network that the source belongs to, −1: none (REFUSED).
   * @param transport 0 UDP, 1 TCP.
   * @returns the reply's length; 0: no reply.
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
  ): number {
    void [
      this.#reader,
      this.#counters,
      this.#options,
      query,
      start,
      length,
      out,
      outStart,
      outCapacity,
      view,
      transport,
    ]
    return 0
  }
}
