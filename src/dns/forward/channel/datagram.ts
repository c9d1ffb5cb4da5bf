/**
 * UDP to an upstream with node:dgram. Sockets are connected, so the kernel drops what comes from elsewhere and reports a
 * closed port; each has a random port of its own and is used for a limited number of questions, some of them at one
 * time. A question takes any of them, and a random id.
 */
import { createSocket, type Socket } from 'node:dgram'
import type { RandomSource } from '../exchange/random.ts'
import type { Attempt, Channel } from './channel.ts'

/** Sockets that are open at one time. */
const SOCKETS = 8
/** Questions after which a socket makes way for another with another port. */
const USES = 1000
const LOWEST_PORT = 1024
const PORT_ATTEMPTS = 20

/** Where the upstream is. */
export interface Peer {
  readonly address: string
  readonly port: number
}

interface OpenSocket {
  readonly socket: Socket
  readonly waiting: Map<number, Attempt>
  uses: number
  isReady: boolean
  /** Sent before the socket was ready. */
  queue: number[]
}

/** See the top of the file. */
export class DatagramChannel implements Channel {
  readonly #peer: Peer
  readonly #random: RandomSource
  readonly #sockets: OpenSocket[] = []
  readonly #places: Map<Attempt, { readonly open: OpenSocket; readonly id: number }> = new Map()
  #isClosed = false

  constructor(peer: Peer, random: RandomSource) {
    this.#peer = peer
    this.#random = random
  }

  send(attempt: Attempt): void {
    const open = this.#pick()
    const id = this.#freeId(open)
    attempt.query[0] = id >> 8
    attempt.query[1] = id & 0xff
    open.waiting.set(id, attempt)
    open.uses++
    this.#places.set(attempt, { open, id })
    if (open.isReady) this.#transmit(open, id)
    else open.queue.push(id)
  }

  cancel(attempt: Attempt): void {
    const place = this.#places.get(attempt)
    if (place === undefined) return
    this.#places.delete(attempt)
    place.open.waiting.delete(place.id)
    this.#retire(place.open)
  }

  flush(): void {}

  close(): void {
    this.#isClosed = true
    for (const { socket } of this.#sockets.splice(0)) socket.close()
  }

  #pick(): OpenSocket {
    const place = this.#random.below(SOCKETS)
    const present = this.#sockets[place]
    if (present !== undefined && present.uses < USES) return present
    const open = this.#open()
    if (present === undefined) {
      this.#sockets.push(open)
    } else {
      this.#sockets[place] = open
      this.#retire(present)
    }
    return open
  }

  #freeId(open: OpenSocket): number {
    for (;;) {
      const id = this.#random.below(0x10000)
      if (!open.waiting.has(id)) return id
    }
  }

  #open(): OpenSocket {
    const isIPv6 = this.#peer.address.includes(':')
    const socket = createSocket({
      type: isIPv6 ? 'udp6' : 'udp4',
      // The address is a literal: the resolver would cost a turn of the loop.
      lookup: (host, _options, done) => done(null, host, isIPv6 ? 6 : 4),
    })
    const open: OpenSocket = { socket, waiting: new Map(), uses: 0, isReady: false, queue: [] }
    socket.on('message', message => this.#receive(open, message))
    this.#bind(open, PORT_ATTEMPTS)
    return open
  }

  /** Binds to a random port, so that it comes from our own source of random numbers and from all ports. */
  #bind(open: OpenSocket, attempts: number): void {
    const { socket } = open
    const failed = (error: NodeJS.ErrnoException): void => {
      if (attempts > 1 && (error.code === 'EADDRINUSE' || error.code === 'EACCES')) this.#bind(open, attempts - 1)
      else this.#fail(open, error)
    }
    socket.once('error', failed)
    const port = LOWEST_PORT + this.#random.below(0x10000 - LOWEST_PORT)
    socket.bind({ port, exclusive: true }, () => {
      socket.removeListener('error', failed)
      // A closed port at the other side arrives here, for one question or another.
      socket.on('error', error => this.#fail(open, error))
      socket.connect(this.#peer.port, this.#peer.address, () => {
        open.isReady = true
        for (const id of open.queue.splice(0)) if (open.waiting.has(id)) this.#transmit(open, id)
      })
    })
  }

  #transmit(open: OpenSocket, id: number): void {
    const attempt = open.waiting.get(id)
    if (attempt === undefined) return
    open.socket.send(attempt.query, error => {
      if (error !== null && open.waiting.get(id) === attempt) this.#lose(open, id, attempt, error)
    })
  }

  #receive(open: OpenSocket, message: Uint8Array): void {
    if (message.length < 2) return
    const id = ((message[0] as number) << 8) | (message[1] as number)
    const attempt = open.waiting.get(id)
    if (attempt === undefined || !attempt.received(message)) return
    this.cancel(attempt)
  }

  /** The socket is of no use any more: whoever waits at it is told. */
  #fail(open: OpenSocket, error: Error): void {
    const place = this.#sockets.indexOf(open)
    if (place >= 0) this.#sockets.splice(place, 1)
    for (const [id, attempt] of [...open.waiting]) this.#lose(open, id, attempt, error)
    open.waiting.clear()
    closeQuietly(open.socket)
  }

  #lose(open: OpenSocket, id: number, attempt: Attempt, error: Error): void {
    open.waiting.delete(id)
    this.#places.delete(attempt)
    attempt.lost(error)
  }

  /** Closes a socket that has been replaced and that nobody waits at. */
  #retire(open: OpenSocket): void {
    if (open.waiting.size === 0 && !this.#isClosed && !this.#sockets.includes(open)) closeQuietly(open.socket)
  }
}

function closeQuietly(socket: Socket): void {
  socket.removeAllListeners('error')
  socket.on('error', () => {})
  try {
    socket.close()
  } catch {
    // It is closed already.
  }
}
