/** What is spoken on accepted connections. */
import type { Socket } from 'node:net'
import type { Address } from '../../ip/address.ts'
import type { AnswerContext } from '../transport.ts'
import { TCP } from '../transport.ts'
import { type ConnectionLimits, StreamConnection } from './stream-connection.ts'

/** A protocol on connections that others have accepted. */
export interface StreamService {
  /** Transport number, for limits and counters. */
  readonly transport: number
  /** Takes a connection over; it counts why it was closed. */
  take(socket: Socket, source: Address): void
  /** No more connections will come: those that are there end when what was asked on them is answered. */
  finish(): void
}

/** DNS messages behind their lengths (RFC 7766), over TCP or inside of TLS (RFC 7858 section 3.3). */
export class DnsStreams implements StreamService {
  readonly transport: number
  readonly #context: AnswerContext
  readonly #limits: ConnectionLimits
  readonly #connections: Set<StreamConnection> = new Set()

  constructor(context: AnswerContext, limits: ConnectionLimits, transport: number = TCP) {
    this.#context = context
    this.#limits = limits
    this.transport = transport
  }

  take(socket: Socket, source: Address): void {
    const { transport } = this
    const connection = new StreamConnection(socket, source, this.#context, { ...this.#limits, transport }, () => {
      this.#connections.delete(connection)
    })
    this.#connections.add(connection)
  }

  finish(): void {
    for (const connection of this.#connections) connection.finish()
  }
}
