/**
 * DNS over connections on every listed address, within limits on connections, bytes and time.
 *
 * ```
 *   accept ──► [PROXY header] ──► admission ──► service: TCP        DnsStreams
 *                  who                 how many          TLS        TlsStreams  ──► DnsStreams
 *                                                        HTTPS      HttpsService
 * ```
 */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { setImmediate as nextLoop } from 'node:timers/promises'
import { type Address, familyOf, parseAddress } from '../../ip/address.ts'
import { CELL, CLOSE } from '../counters.ts'
import { type ListenAddress, listenBytes, listenError } from '../listen.ts'
import { takeProxyHeader } from '../proxy/connection.ts'
import { isProxied, type ProxySetting } from '../proxy/setting.ts'
import { type AnswerContext, TCP } from '../transport.ts'
import { NO_VIEW, ViewTable } from '../views.ts'
import { Admission } from './admission.ts'
import { DnsStreams, type StreamService } from './stream-service.ts'

/** Limits of all connections, whatever is spoken on them. */
export interface StreamLimits {
  /** A connection that completes no message, or takes no answer, for this long is closed. */
  readonly idleMs: number
  /** Connections at one time; the newest above it are dropped. */
  readonly maxConnections: number
  /** The same for one client: an IPv4 address or an IPv6 /64. Left out: a quarter of `maxConnections`, at least 16. */
  readonly maxConnectionsPerSource?: number
  /** Answers held for a client that does not read them; above it, its queries wait too. */
  readonly maxBytesPerConnection: number
}

/** What Node reads from a socket at once. */
const SEGMENT = 65_536

/** The listeners of a thread and their connections. */
export class StreamServer {
  readonly #context: AnswerContext
  readonly #limits: StreamLimits
  readonly #admission: Admission
  readonly #streams: DnsStreams
  readonly #services: Set<StreamService>
  readonly #servers: Server[] = []
  readonly #sockets: Set<Socket> = new Set()
  /** Connections by transport. */
  readonly #open: Map<number, number> = new Map()
  readonly #proxy: ProxySetting | null
  readonly #trusted: ViewTable | null

  constructor(context: AnswerContext, limits: StreamLimits, proxy: ProxySetting | null = null) {
    const { idleMs, maxBytesPerConnection, maxConnections } = limits
    this.#context = context
    this.#limits = limits
    this.#admission = new Admission(maxConnections, limits.maxConnectionsPerSource ?? Math.max(16, maxConnections >> 2))
    this.#streams = new DnsStreams(context, { idleMs, maxBytes: maxBytesPerConnection })
    this.#services = new Set([this.#streams])
    this.#proxy = proxy
    this.#trusted = proxy === null ? null : new ViewTable(proxy.trusted)
  }

  /**
   * Listens on every address.
   *
   * @param service what is spoken there; DNS over TCP when left out.
   * @returns the addresses with the ports that were chosen.
   * @throws WaypostError `WAY_LISTEN`, with nothing left open.
   */
  async listen(
    addresses: readonly ListenAddress[],
    service: StreamService = this.#streams,
  ): Promise<readonly ListenAddress[]> {
    const bound: ListenAddress[] = []
    this.#services.add(service)
    try {
      for (const address of addresses) bound.push(await this.#listenOn(address, service))
      return bound
    } catch (error) {
      for (const server of this.#servers) server.close()
      throw error
    }
  }

  /** Stops: nothing new is accepted, what has been asked is answered, and whoever has not read it after `deadlineMs` is cut off. */
  async stop(deadlineMs: number): Promise<void> {
    const cutOff = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy()
    }, deadlineMs)
    // Two turns of the loop: what the kernel holds, connections and queries, is read once more before each step.
    await turnLoop()
    const closed = this.#servers.map(server => new Promise(resolve => server.close(resolve)))
    await turnLoop()
    for (const service of this.#services) service.finish()
    await Promise.all(closed)
    clearTimeout(cutOff)
  }

  #listenOn(listen: ListenAddress, service: StreamService): Promise<ListenAddress> {
    const isIPv6 = familyOf(listenBytes(listen)) === 'IPv6'
    const hasHeader = isProxied(this.#proxy, listen)
    const server = createServer(
      { allowHalfOpen: true, noDelay: true, highWaterMark: Math.min(SEGMENT, this.#limits.maxBytesPerConnection) },
      socket => this.#accept(socket, service, hasHeader),
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

  #accept(socket: Socket, service: StreamService, hasHeader: boolean): void {
    // The zone of a link-local address says where the peer is, not who.
    const peer = parseAddress((socket.remoteAddress ?? '').replace(/%.*/, ''))
    if (peer === null) {
      socket.destroy() // It is gone already.
    } else if (!hasHeader) {
      this.#admit(socket, peer, service)
    } else if (this.#trusted?.find(peer, 0) === NO_VIEW) {
      this.#refuse(socket, CLOSE.proxy)
    } else {
      this.#acceptProxied(socket, peer, service)
    }
  }

  /** The client is who the header says. Until it is there, the balancer has the idle time. */
  #acceptProxied(socket: Socket, peer: Address, service: StreamService): void {
    const timer = setTimeout(() => this.#refuse(socket, CLOSE.idle), this.#limits.idleMs)
    this.#sockets.add(socket)
    // Resets; 'close' follows.
    socket.on('error', () => {})
    socket.on('close', () => {
      clearTimeout(timer)
      this.#sockets.delete(socket)
    })
    takeProxyHeader(socket, peer, source => {
      clearTimeout(timer)
      if (source === null) this.#refuse(socket, CLOSE.proxy)
      else this.#admit(socket, source, service)
    })
  }

  #admit(socket: Socket, source: Address, service: StreamService): void {
    const { counters } = this.#context
    if (!this.#admission.enter(source)) {
      this.#refuse(socket, CLOSE.connections)
      return
    }
    counters.add(CELL.tcpAccepted + service.transport - TCP, 1)
    this.#countOpen(service, 1)
    this.#sockets.add(socket)
    socket.on('close', () => {
      this.#sockets.delete(socket)
      this.#admission.leave(source)
      this.#countOpen(service, -1)
    })
    service.take(socket, source)
  }

  #countOpen({ transport }: StreamService, change: number): void {
    const open = (this.#open.get(transport) ?? 0) + change
    this.#open.set(transport, open)
    this.#context.counters.set(CELL.tcpOpen + transport - TCP, open)
  }

  #refuse(socket: Socket, reason: number): void {
    socket.destroy()
    this.#context.counters.add(reason, 1)
  }
}

async function turnLoop(): Promise<void> {
  await nextLoop()
  await nextLoop()
}
