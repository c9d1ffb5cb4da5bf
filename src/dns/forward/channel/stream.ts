/**
 * TCP or TLS to an upstream (RFC 7766, RFC 7858): a few connections that stay open, each with many questions at one time,
 * answered in any order.
 */
import type { Socket } from 'node:net'
import { FrameReader } from '../../tcp/framing.ts'
import type { RandomSource } from '../exchange/random.ts'
import { type Attempt, type Channel, SILENT_MS } from './channel.ts'

/** Connections to one upstream. */
const CONNECTIONS = 4
/** Questions on a connection before another one is opened. */
const PIPELINED = 64
/** An idle connection is closed after this time: before most servers do it, so that no question meets a closed one. */
const IDLE_MS = 8000

interface Connection {
  readonly socket: Socket
  readonly waiting: Map<number, Attempt>
  readonly reader: FrameReader
  /** When something came last. */
  heardAt: number
  isClosed: boolean
}

interface Place {
  readonly connection: Connection
  readonly id: number
  readonly sentAt: number
}

/** See the top of the file. */
export class StreamChannel implements Channel {
  readonly #connect: () => Socket
  readonly #random: RandomSource
  readonly #connections: Connection[] = []
  readonly #places: Map<Attempt, Place> = new Map()
  readonly #clock: () => number

  /**
   * @param connect opens a connection, which need not be ready yet.
   * @param clock milliseconds that only go forward.
   */
  constructor(connect: () => Socket, random: RandomSource, clock: () => number = () => performance.now()) {
    this.#connect = connect
    this.#random = random
    this.#clock = clock
  }

  send(attempt: Attempt): void {
    const connection = this.#pick()
    const id = this.#freeId(connection)
    const { query } = attempt
    const frame = Buffer.allocUnsafe(2 + query.length)
    frame.writeUInt16BE(query.length)
    frame.set(query, 2)
    frame.writeUInt16BE(id, 2)
    connection.waiting.set(id, attempt)
    this.#places.set(attempt, { connection, id, sentAt: this.#clock() })
    connection.socket.setTimeout(0)
    connection.socket.write(frame)
  }

  cancel(attempt: Attempt): void {
    const place = this.#forget(attempt)
    if (place === undefined) return
    const { connection, sentAt } = place
    const isSilent = connection.heardAt < sentAt && this.#clock() - sentAt >= SILENT_MS
    if (isSilent) connection.socket.destroy(new Error('The upstream is silent on its connection'))
  }

  flush(): void {}

  close(): void {
    for (const { socket } of this.#connections) socket.destroy()
  }

  #pick(): Connection {
    let best: Connection | undefined
    for (const connection of this.#connections) {
      if (connection.socket.destroyed) continue
      if (best === undefined || connection.waiting.size < best.waiting.size) best = connection
    }
    const isCrowded = best === undefined || best.waiting.size >= PIPELINED
    return isCrowded && this.#connections.length < CONNECTIONS ? this.#open() : (best ?? this.#open())
  }

  #freeId(connection: Connection): number {
    for (;;) {
      const id = this.#random.below(0x10000)
      if (!connection.waiting.has(id)) return id
    }
  }

  #open(): Connection {
    const socket = this.#connect()
    const connection: Connection = {
      socket,
      waiting: new Map(),
      reader: new FrameReader(),
      heardAt: Number.NEGATIVE_INFINITY,
      isClosed: false,
    }
    this.#connections.push(connection)
    let failure = new Error('The upstream has closed the connection')
    socket.setNoDelay(true)
    socket.on('data', (segment: Buffer) => this.#receive(connection, segment))
    socket.on('timeout', () => socket.destroy())
    socket.on('end', () => socket.destroy())
    socket.on('error', error => {
      failure = error
    })
    socket.on('close', () => this.#closed(connection, failure))
    return connection
  }

  #receive(connection: Connection, segment: Uint8Array): void {
    const { reader, waiting } = connection
    connection.heardAt = this.#clock()
    reader.push(segment)
    while (!connection.isClosed && reader.next()) {
      const message = reader.bytes.slice(reader.start, reader.start + reader.length)
      if (message.length < 2) {
        connection.socket.destroy()
        break
      }
      const attempt = waiting.get(((message[0] as number) << 8) | (message[1] as number))
      if (attempt?.received(message) === true) this.#forget(attempt)
    }
    reader.settle()
  }

  #forget(attempt: Attempt): Place | undefined {
    const place = this.#places.get(attempt)
    if (place === undefined) return undefined
    this.#places.delete(attempt)
    const { waiting, socket } = place.connection
    waiting.delete(place.id)
    if (waiting.size === 0) socket.setTimeout(IDLE_MS)
    return place
  }

  #closed(connection: Connection, failure: Error): void {
    connection.isClosed = true
    const place = this.#connections.indexOf(connection)
    if (place >= 0) this.#connections.splice(place, 1)
    for (const attempt of [...connection.waiting.values()]) {
      this.#places.delete(attempt)
      attempt.lost(failure)
    }
    connection.waiting.clear()
  }
}
