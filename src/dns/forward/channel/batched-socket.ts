/**
 * A socket that is connected to an upstream, with the batched system calls: the questions of one turn of the loop leave
 * with one sendmmsg(2), and the answers that wait are taken with one recvmmsg(2).
 *
 * The event loop watches a descriptor only through a socket of its own. So node:dgram adopts the descriptor, gives us the
 * first message when there are some, and the rest is read here before it looks again.
 */
import { createSocket, type Socket } from 'node:dgram'
import type { Address } from '../../../ip/address.ts'
import { BATCH, MessageVector, SLOT } from '../../udp/message-vector.ts'
import {
  EAGAIN,
  EINTR,
  ENOBUFS,
  MSG_DONTWAIT,
  MSG_TRUNC,
  type Pointer,
  SystemCallError,
  type SystemCalls,
} from '../../udp/system-calls.ts'
import type { RandomSource } from '../exchange/random.ts'
import type { DatagramEvents, DatagramSocket } from './datagram.ts'
import { randomPort } from './ports.ts'

const PORT_ATTEMPTS = 20

/** Memory of batches. All sockets of a thread share it: nothing stays in it from one call to the next. */
export class DatagramBatch {
  readonly calls: SystemCalls
  readonly #vector: MessageVector
  /** Whose questions wait to be sent, and how many. */
  #holder: BatchedSocket | null = null
  #count = 0

  constructor(calls: SystemCalls) {
    this.calls = calls
    this.#vector = new MessageVector(calls)
  }

  /** Puts a question behind those that wait; when they are another socket's, these leave first. */
  add(holder: BatchedSocket, query: Uint8Array): void {
    if (this.#holder !== holder || this.#count === BATCH) this.flush()
    this.#holder = holder
    this.#vector.output.set(query, this.#count * SLOT)
    this.#vector.plain(this.#count++, query.length)
  }

  /** Sends what waits. What the kernel has no room for is as if it was lost on the way. */
  flush(): void {
    const holder = this.#holder
    const count = this.#count
    this.#holder = null
    this.#count = 0
    if (holder === null || holder.descriptor < 0) return
    let sent = 0
    while (sent < count) {
      const result = this.calls.send(holder.descriptor, this.#vector.sendPointers[sent] as Pointer, count - sent)
      if (result > 0) sent += result
      else if (result === -EAGAIN || result === -ENOBUFS) return
      else if (result !== -EINTR) {
        holder.fail(new SystemCallError('send to the upstream', -result))
        return
      }
    }
  }

  /** Takes what has arrived at a socket. */
  receive(holder: BatchedSocket, take: (message: Uint8Array) => void): void {
    const vector = this.#vector
    for (let received = BATCH; received === BATCH && holder.descriptor >= 0; ) {
      received = this.calls.receive(holder.descriptor, vector.receivePointer, BATCH, MSG_DONTWAIT)
      if (received < 0 && received !== -EAGAIN && received !== -EINTR) {
        holder.fail(new SystemCallError('receive from the upstream', -received))
      }
      for (let i = 0; i < received; i++) {
        const isWhole = (vector.flagsOf(i) & MSG_TRUNC) === 0
        if (isWhole) take(vector.input.subarray(i * SLOT, i * SLOT + vector.lengthOf(i)))
      }
      if (received > 0) vector.rearm(received)
    }
  }
}

/** See the top of the file. */
export class BatchedSocket implements DatagramSocket {
  /** −1: closed. */
  descriptor: number
  readonly #batch: DatagramBatch
  readonly #socket: Socket
  readonly #events: DatagramEvents

  constructor(
    peer: { readonly address: Address; readonly port: number; readonly isIPv6: boolean },
    random: RandomSource,
    batch: DatagramBatch,
    events: DatagramEvents,
  ) {
    this.#batch = batch
    this.#events = events
    this.descriptor = openSocket(batch.calls, peer, random)
    this.#socket = createSocket(peer.isIPv6 ? 'udp6' : 'udp4')
    this.#socket.on('message', message => {
      events.received(message)
      batch.receive(this, events.received)
    })
    this.#socket.on('error', error => this.fail(error))
    this.#socket.bind({ fd: this.descriptor })
  }

  send(query: Uint8Array): void {
    this.#batch.add(this, query)
  }

  flush(): void {
    this.#batch.flush()
  }

  close(): void {
    if (this.descriptor < 0) return
    this.descriptor = -1
    this.#socket.removeAllListeners('error')
    this.#socket.on('error', () => {})
    this.#socket.close()
  }

  /** Whoever waits hears of it after the present event. */
  fail(error: Error): void {
    setImmediate(() => {
      if (this.descriptor >= 0) this.#events.failed(error)
    })
  }
}

/** @throws SystemCallError when there is no descriptor, or no port that is free. */
function openSocket(
  calls: SystemCalls,
  { address, port }: { readonly address: Address; readonly port: number },
  random: RandomSource,
): number {
  for (let attempt = 1; ; attempt++) {
    try {
      return calls.connectUdp(address, port, randomPort(random))
    } catch (error) {
      const isTaken = error instanceof SystemCallError && error.code === 'EADDRINUSE'
      if (!isTaken || attempt === PORT_ATTEMPTS) throw error
    }
  }
}
