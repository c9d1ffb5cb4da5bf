/** One connection, over TCP or TLS: messages in, answers out in the same order, bounded in bytes and in time. */
import type { Socket } from 'node:net'
import type { Address } from '../../ip/address.ts'
import { monotonicMs } from '../clock.ts'
import { CELL, CLOSE } from '../counters.ts'
import { type AnswerContext, DEFERRED } from '../transport.ts'
import { FrameReader, MAX_MESSAGE } from './framing.ts'

const MAX_FRAME = 2 + MAX_MESSAGE
/** Queries of one connection that wait for upstreams; more are declined. */
const MAX_DEFERRED = 256

/** Answers of one run over the received messages, before they are written; every connection of the thread uses it. */
const outbox = new Uint8Array(4 * MAX_FRAME)

/** Bounds of one connection. */
export interface ConnectionLimits {
  readonly idleMs: number
  /** Octets of answers that may wait to be taken; not less than the socket's high-water mark. */
  readonly maxBytes: number
}

/** A connection's bounds, and the number of what it runs over: TCP or TLS. */
export interface ConnectionOptions extends ConnectionLimits {
  readonly transport: number
}

/**
 * Answers a connection. What it may hold: one message that is not whole yet; and while the client does not read, answers
 * up to the limit and one more, and the queries that were read before reading stopped (a segment, and the socket's
 * high-water mark). Replies that come later from upstreams may take as much again; a client that does not read those
 * either is cut off.
 *
 * One clock bounds its life: it starts again with every message that was answered and whenever all answers have left,
 * so that it ends an idle client, one that sends a message octet by octet, and one that never reads.
 */
export class StreamConnection {
  readonly #socket: Socket
  readonly #source: Address
  readonly #context: AnswerContext
  readonly #reader: FrameReader = new FrameReader()
  readonly #timer: NodeJS.Timeout
  readonly #maxBytes: number
  readonly #transport: number
  /** Queries whose replies come later. */
  #deferred = 0
  /** The client does not take its answers. */
  #isStalled = false
  /** No more queries will come: the client said so. */
  #hasEnded = false
  #isFinishing = false
  /** Cell of the reason why it was or will be closed. */
  #closedBy: number = CLOSE.peer
  /** Nothing is read any more; what was answered still leaves. */
  #isClosing = false

  constructor(socket: Socket, source: Address, context: AnswerContext, options: ConnectionOptions, closed: () => void) {
    this.#socket = socket
    this.#source = source
    this.#context = context
    this.#maxBytes = options.maxBytes
    this.#transport = options.transport
    this.#timer = setTimeout(() => {
      if (this.#deferred > 0 && !this.#isStalled) {
        // We are the one who is late: an answer is bound to come, or to be given up.
        this.#timer.refresh()
        return
      }
      this.#closedBy = this.#isStalled ? CLOSE.bytes : CLOSE.idle
      socket.destroy()
    }, options.idleMs)
    socket.on('data', (segment: Buffer) => this.#receive(segment))
    socket.on('drain', () => this.#resume())
    socket.on('end', () => {
      this.#hasEnded = true
      this.#closeWhenDone()
    })
    // A reset by the client, most of the time; 'close' follows.
    socket.on('error', () => {
      this.#closedBy = CLOSE.error
    })
    socket.on('close', () => {
      clearTimeout(this.#timer)
      context.counters.add(this.#closedBy, 1)
      closed()
    })
  }

  /** Closes as soon as the message that is arriving, if there is one, is answered and every answer has left. */
  finish(): void {
    this.#isFinishing = true
    this.#closedBy = CLOSE.stop
    this.#closeWhenDone()
  }

  #receive(segment: Uint8Array): void {
    if (this.#isClosing) return
    this.#context.counters.add(CELL.receivedBytes + this.#transport, segment.length)
    this.#context.clock.tick(monotonicMs())
    this.#reader.push(segment)
    this.#answerHeld()
  }

  #resume(): void {
    this.#isStalled = false
    this.#timer.refresh()
    this.#socket.resume()
    this.#answerHeld()
  }

  #answerHeld(): void {
    const reader = this.#reader
    let used = 0
    while (!this.#isStalled && !this.#isClosing && !this.#socket.destroyed && reader.next()) {
      if (reader.length === 0) {
        // RFC 1035 has no message without a header: the stream cannot be trusted any more.
        this.#closedBy = CLOSE.error
        this.#write(used)
        this.#close()
        return
      }
      used += this.#answer(used)
      if (used > outbox.length - MAX_FRAME || used + this.#socket.writableLength > this.#maxBytes) {
        this.#write(used)
        used = 0
      }
    }
    this.#write(used)
    reader.settle()
    this.#closeWhenDone()
  }

  /** Answers the reader's message into the outbox. @returns the bytes it took there. */
  #answer(at: number): number {
    const { answerer, counters, views } = this.#context
    const { bytes, start, length } = this.#reader
    const transport = this.#transport
    this.#timer.refresh()
    counters.add(CELL.receivedPackets + transport, 1)
    let size = 0
    try {
      const source = this.#source
      const view = views.find(source, 0)
      size = answerer.respond(bytes, start, length, outbox, at + 2, MAX_MESSAGE, view, transport, source, 0)
      if (size === DEFERRED && this.#deferred < MAX_DEFERRED) {
        this.#defer(bytes.slice(start, start + length), view)
        return 0
      }
      if (size === DEFERRED) {
        size = answerer.decline(bytes, start, length, outbox, at + 2, MAX_MESSAGE, view, transport, source, 0)
      }
    } catch (error) {
      this.#context.fault(error)
    }
    if (size === 0) return 0
    outbox[at] = size >> 8
    outbox[at + 1] = size & 0xff
    counters.add(CELL.sentPackets + transport, 1)
    counters.add(CELL.sentBytes + transport, 2 + size)
    return 2 + size
  }

  /** The reply leaves when it is there, whatever else was answered meanwhile (RFC 7766 section 6.2.1.1). */
  #defer(query: Uint8Array, view: number): void {
    const { counters } = this.#context
    const transport = this.#transport
    this.#deferred++
    this.#context.defer({ query, source: this.#source, view, transport }, reply => {
      this.#deferred--
      if (reply !== null && this.#isStalled && this.#socket.writableLength + reply.length > 2 * this.#maxBytes) {
        this.#closedBy = CLOSE.bytes
        this.#socket.destroy()
      } else if (reply !== null && !this.#socket.destroyed) {
        const frame = new Uint8Array(2 + reply.length)
        frame[0] = reply.length >> 8
        frame[1] = reply.length & 0xff
        frame.set(reply, 2)
        this.#timer.refresh()
        counters.add(CELL.sentPackets + transport, 1)
        counters.add(CELL.sentBytes + transport, frame.length)
        this.#send(frame)
      }
      this.#closeWhenDone()
    })
  }

  #write(used: number): void {
    if (used === 0 || this.#socket.destroyed) return
    this.#send(outbox.slice(0, used))
  }

  #send(octets: Uint8Array): void {
    this.#socket.write(octets)
    if (this.#socket.writableLength <= this.#maxBytes) return
    this.#isStalled = true
    this.#socket.pause()
  }

  #closeWhenDone(): void {
    if (this.#isStalled || this.#deferred > 0) return
    if (this.#hasEnded || (this.#isFinishing && this.#reader.held === 0)) this.#close()
  }

  #close(): void {
    this.#isClosing = true
    this.#socket.destroySoon()
  }
}
