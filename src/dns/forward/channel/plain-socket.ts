/** A socket of node:dgram that is connected to an upstream: an event and some objects a message, on every system. */
import { createSocket, type Socket } from 'node:dgram'
import type { RandomSource } from '../exchange/random.ts'
import type { DatagramEvents, DatagramSocket } from './datagram.ts'
import { randomPort } from './ports.ts'

const PORT_ATTEMPTS = 20

/** Where an upstream is. */
export interface Peer {
  readonly address: string
  readonly port: number
}

/** See the top of the file. */
export class PlainSocket implements DatagramSocket {
  readonly #socket: Socket
  readonly #peer: Peer
  readonly #random: RandomSource
  readonly #events: DatagramEvents
  /** Sent before the socket was ready; null: it is. */
  #queue: Uint8Array[] | null = []
  #isClosed = false

  constructor(peer: Peer, random: RandomSource, events: DatagramEvents) {
    const isIPv6 = peer.address.includes(':')
    this.#peer = peer
    this.#random = random
    this.#events = events
    this.#socket = createSocket({
      type: isIPv6 ? 'udp6' : 'udp4',
      // The address is a literal: the resolver would cost a turn of the loop.
      lookup: (host, _options, done) => done(null, host, isIPv6 ? 6 : 4),
    })
    this.#socket.on('message', message => events.received(message))
    this.#bind(PORT_ATTEMPTS)
  }

  send(query: Uint8Array): void {
    if (this.#queue === null) this.#transmit(query)
    else this.#queue.push(Uint8Array.from(query))
  }

  flush(): void {}

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#socket.removeAllListeners('error')
    this.#socket.on('error', () => {})
    this.#socket.close()
  }

  /** Binds to a random port, so that it comes from our own source of random numbers. */
  #bind(attempts: number): void {
    const socket = this.#socket
    const failed = (error: NodeJS.ErrnoException): void => {
      if (attempts > 1 && error.code === 'EADDRINUSE') this.#bind(attempts - 1)
      else this.#fail(error)
    }
    socket.once('error', failed)
    socket.bind({ port: randomPort(this.#random), exclusive: true }, () => {
      if (this.#isClosed) return
      socket.removeListener('error', failed)
      // That the other side's port is closed arrives here.
      socket.on('error', error => this.#fail(error))
      socket.connect(this.#peer.port, this.#peer.address, () => {
        const queue = this.#queue ?? []
        this.#queue = null
        for (const query of queue) this.#transmit(query)
      })
    })
  }

  #transmit(query: Uint8Array): void {
    if (this.#isClosed) return
    this.#socket.send(query, error => {
      if (error !== null) this.#fail(error)
    })
  }

  #fail(error: Error): void {
    if (!this.#isClosed) this.#events.failed(error)
  }
}
