/** Where queries of the batched UDP threads come in: takes them from their rings, and sleeps when there are none. */
import { Socket } from 'node:net'
import type { Counters } from '../../counters.ts'
import type { SystemCalls } from '../../udp/system-calls.ts'
import type { Forwarder } from '../forwarder.ts'
import type { Reception } from './reception.ts'
import { HandOverReader } from './ring.ts'
import { UdpReplies } from './udp-replies.ts'

/** What the threads share for it; see `hand-over.ts`. */
export interface HandOver {
  readonly rings: readonly SharedArrayBuffer[]
  readonly bell: SharedArrayBuffer
  /** Ends of the pipe; the control thread owns them. */
  readonly readEnd: number
  readonly writeEnd: number
}

/** Records of one ring in one turn of the loop, some milliseconds: connections and answers get theirs, too. */
const MOST = 64
/** Octets that are read from the pipe at once; their number means nothing. */
const PIPE_BYTES = 4096

/** See the top of the file. */
export class HandOverInlet {
  readonly #reader: HandOverReader
  readonly #replies: UdpReplies
  readonly #reception: Reception
  readonly #forwarder: Forwarder
  readonly #pipe: Socket
  #isAwake = false
  #taken = 0

  constructor(calls: SystemCalls, counters: Counters, handOver: HandOver, reception: Reception, forwarder: Forwarder) {
    this.#reader = new HandOverReader(handOver.rings, handOver.bell)
    this.#replies = new UdpReplies(calls, counters)
    this.#reception = reception
    this.#forwarder = forwarder
    // A copy, because the socket closes it and a thread that takes over needs the pipe.
    this.#pipe = new Socket({
      fd: calls.duplicate(handOver.readEnd),
      readable: true,
      writable: false,
      onread: {
        buffer: new Uint8Array(PIPE_BYTES),
        callback: () => {
          this.wake()
          return true
        },
      },
    })
    this.#pipe.on('error', () => {})
  }

  /** Begins. */
  start(): void {
    this.#pipe.resume()
    this.wake()
  }

  /** Takes what is there, at once and in the turns of the loop that follow as long as something comes. */
  wake(): void {
    if (this.#isAwake) return
    this.#isAwake = true
    this.#drain()
  }

  close(): void {
    this.#pipe.destroy()
    this.#replies.flush()
  }

  #drain(): void {
    this.#taken = 0
    this.#reader.take(MOST, record => {
      this.#taken++
      this.#reception.take(this.#replies.queryOf(record))
    })
    if (this.#taken > 0) this.#forwarder.flush()
    else if (this.#reader.sleep()) {
      this.#isAwake = false
      return
    }
    setImmediate(() => this.#drain())
  }
}
