/** One connection of DNS over HTTPS: its client, its clock, and what it may hold. */
import type { Socket } from 'node:net'
import type { Address } from '../../ip/address.ts'
import { CLOSE, type Counters } from '../counters.ts'
import type { ConnectionLimits } from '../tcp/stream-connection.ts'

/** Replies of one connection that wait for upstreams; requests beyond them are declined. */
const MAX_AWAITED = 256

/** A response, of HTTP/1.1 or HTTP/2. */
interface Ending {
  on(event: 'close', listener: () => void): unknown
}

/**
 * The clock starts again with every response that has left: so it ends an idle client, one that sends a request octet by
 * octet, and one that never reads.
 */
export class HttpsConnection {
  readonly source: Address
  readonly #socket: Socket
  readonly #timer: NodeJS.Timeout
  readonly #maxBytes: number
  /** Octets of requests that are not whole and of responses that have not left. */
  #held = 0
  /** Requests without a response that has left. */
  #pending = 0
  /** Replies that come later from the thread's forwarding. */
  #awaited = 0
  #isFinishing = false
  #closedBy: number = CLOSE.peer
  #closeGently: () => void

  constructor(socket: Socket, source: Address, limits: ConnectionLimits, counters: Counters, closed: () => void) {
    this.source = source
    this.#socket = socket
    this.#maxBytes = limits.maxBytes
    this.#closeGently = () => socket.destroySoon()
    this.#timer = setTimeout(() => {
      // When we are the one who is late, an answer is bound to come, or to be given up.
      if (this.#awaited > 0) this.#timer.refresh()
      else this.#cutOff(CLOSE.idle)
    }, limits.idleMs)
    // A reset, most of the time; 'close' follows.
    socket.on('error', () => {
      if (this.#closedBy === CLOSE.peer) this.#closedBy = CLOSE.error
    })
    socket.on('close', () => {
      clearTimeout(this.#timer)
      counters.add(this.#closedBy, 1)
      closed()
    })
  }

  /** Says how the protocol closes a connection on which nothing is left to do. */
  onFinish(close: () => void): void {
    this.#closeGently = close
  }

  /** A request has come, to which `response` is the response. */
  begin(response: Ending): void {
    this.#pending++
    response.on('close', () => {
      this.#pending--
      this.#timer.refresh()
      this.#closeWhenDone()
    })
  }

  /** Whether another reply may come later. A client that resets its requests has not taken them back. */
  get mayAwait(): boolean {
    return this.#awaited < MAX_AWAITED
  }

  /** A reply comes later; the clock does not end the connection meanwhile. */
  await(): void {
    this.#awaited++
  }

  /** That reply is there. */
  awaited(): void {
    this.#awaited--
  }

  /** Takes octets into memory; false: they were too many, and the connection is closed. */
  hold(octets: number): boolean {
    this.#held += octets
    if (this.#held <= this.#maxBytes) return true
    this.#cutOff(CLOSE.bytes)
    return false
  }

  release(octets: number): void {
    this.#held -= octets
  }

  /** Closes as soon as every request that has come is answered. */
  finish(): void {
    this.#isFinishing = true
    this.#closedBy = CLOSE.stop
    this.#closeWhenDone()
  }

  #closeWhenDone(): void {
    if (this.#isFinishing && this.#pending === 0) this.#closeGently()
  }

  #cutOff(reason: number): void {
    this.#closedBy = reason
    this.#socket.destroy()
  }
}
