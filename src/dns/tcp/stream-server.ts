/** DNS over TCP (RFC 7766) on every listed address, within limits on connections, bytes and time. */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { setImmediate as nextLoop } from 'node:timers/promises'
import { familyOf, formatAddress, parseAddress } from '../../ip/address.ts'
import { CELL, CLOSE } from '../counters.ts'
import { type ListenAddress, listenBytes, listenError } from '../listen.ts'
import type { AnswerContext } from '../transport.ts'
import { StreamConnection } from './stream-connection.ts'

/** Limits of the TCP service. */
export interface StreamLimits {
  /** A connection that completes no message, or takes no answer, for this long is closed. */
  readonly idleMs: number
  /** Connections at one time; the newest above it are dropped. */
  readonly maxConnections: number
  /** The same for one source address. Left out: a quarter of `maxConnections`, at least 16. */
  readonly maxConnectionsPerPeer?: number
  /** Answers held for a client that does not read them; above it, its queries wait too. */
  readonly maxBytesPerConnection: number
}

/** What Node reads from a socket at once. */
const SEGMENT = 65_536

/** The TCP listeners of a thread and their connections. */
export class StreamServer {
  readonly #context: AnswerContext
  readonly #limits: Required<StreamLimits>
  readonly #servers: Server[] = []
  readonly #connections: Set<StreamConnection> = new Set()
  readonly #peers: Map<string, number> = new Map()

  constructor(context: AnswerContext, limits: StreamLimits) {
    this.#context = context
    this.#limits = { maxConnectionsPerPeer: Math.max(16, limits.maxConnections >> 2), ...limits }
  }

  /**
   * Listens on every address.
   *
   * @returns the addresses with the ports that were chosen.
   * @throws WaypostError `WAY_LISTEN`, with nothing left open.
   */
  async listen(addresses: readonly ListenAddress[]): Promise<ListenAddress[]> {
    const bound: ListenAddress[] = []
    try {
      for (const address of addresses) bound.push(await this.#listenOn(address))
      return bound
    } catch (error) {
      for (const server of this.#servers) server.close()
      throw error
    }
  }

  /** Stops: nothing new is accepted, what has been asked is answered, and whoever has not read it after `deadlineMs` is cut off. */
  async stop(deadlineMs: number): Promise<void> {
    const cutOff = setTimeout(() => {
      for (const connection of this.#connections) connection.cutOff()
    }, deadlineMs)
    // Two turns of the loop: what the kernel holds, connections and queries, is read once more before each step.
    await turnLoop()
    const closed = this.#servers.map(server => new Promise(resolve => server.close(resolve)))
    await turnLoop()
    for (const connection of this.#connections) connection.finish()
    await Promise.all(closed)
    clearTimeout(cutOff)
  }

  #listenOn(listen: ListenAddress): Promise<ListenAddress> {
    const isIPv6 = familyOf(listenBytes(listen)) === 'IPv6'
    const server = createServer(
      { allowHalfOpen: true, noDelay: true, highWaterMark: Math.min(SEGMENT, this.#limits.maxBytesPerConnection) },
      socket => this.#accept(socket),
    )
    this.#servers.push(server)
    return new Promise((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(listen, 'TCP', error.code ?? '')))
      server.listen({ host: listen.address, port: listen.port, ipv6Only: isIPv6, exclusive: true }, () => {
        server.removeAllListeners('error')
        server.on('error', error => this.#context.fault(error))
        resolve({ ...listen, port: (server.address() as AddressInfo).port })
      })
    })
  }

  #accept(socket: Socket): void {
    const { counters } = this.#context
    // The zone of a link-local address says where the peer is, not who.
    const source = parseAddress((socket.remoteAddress ?? '').replace(/%.*/, ''))
    if (source === null) {
      socket.destroy() // It is gone already.
      return
    }
    const peer = formatAddress(source)
    const ofPeer = this.#peers.get(peer) ?? 0
    if (this.#connections.size >= this.#limits.maxConnections || ofPeer >= this.#limits.maxConnectionsPerPeer) {
      socket.destroy()
      counters.add(CLOSE.connections, 1)
      return
    }
    counters.add(CELL.tcpAccepted, 1)
    this.#peers.set(peer, ofPeer + 1)
    const limits = { idleMs: this.#limits.idleMs, maxBytes: this.#limits.maxBytesPerConnection }
    const connection = new StreamConnection(socket, source, this.#context, limits, () => {
      this.#connections.delete(connection)
      this.#leave(peer)
      counters.set(CELL.tcpOpen, this.#connections.size)
    })
    this.#connections.add(connection)
    counters.set(CELL.tcpOpen, this.#connections.size)
  }

  #leave(peer: string): void {
    const left = (this.#peers.get(peer) ?? 1) - 1
    if (left === 0) this.#peers.delete(peer)
    else this.#peers.set(peer, left)
  }
}

async function turnLoop(): Promise<void> {
  await nextLoop()
  await nextLoop()
}
