/**
 * UDP with node:dgram, for systems without the batched transport: an event, some objects and two system calls a packet.
 *
 * dgram does not tell where a packet was sent to, and a reply must come from that address. So a wildcard becomes one
 * socket for every address of every interface, looked up again from time to time.
 */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { networkInterfaces } from 'node:os'
import { ADDRESS_BYTES, type Family, familyOf, parseAddress } from '../../ip/address.ts'
import { monotonicMs } from '../clock.ts'
import { CELL, DROP } from '../counters.ts'
import { isWildcard, type ListenAddress, listenBytes, listenError, listenFailureOf } from '../listen.ts'
import { ProxiedPackets } from '../proxy/packets.ts'
import { isProxied, type ProxySetting } from '../proxy/setting.ts'
import { type AnswerContext, DEFERRED, UDP, type UdpTransport } from '../transport.ts'
import { MAX_QUERY, MAX_REPLY } from './message-vector.ts'
import { OwnAddresses } from './own-addresses.ts'

/** How the sockets are opened. */
export interface PortableOptions {
  /** The port of a wildcard is not 0. */
  readonly listen: readonly ListenAddress[]
  /** Several threads share the ports (SO_REUSEPORT). */
  readonly shared: boolean
  /** Which listeners take PROXY headers; none when left out. */
  readonly proxy?: ProxySetting | null
  /** Bytes of a socket's receive buffer; best effort. */
  readonly receiveBuffer: number
}

interface OpenSocket {
  readonly socket: Socket
  /** The listen address that it stands for. */
  readonly listen: ListenAddress
}

/** How often the addresses of the interfaces are looked up for a wildcard. */
const SCAN_MS = 5000
/** Octets that wait in a socket to be sent; above it replies are dropped. */
const MAX_QUEUED = 1 << 20

/** See the top of the file. */
export class PortableUdp implements UdpTransport {
  readonly #context: AnswerContext
  readonly #options: PortableOptions
  readonly #own: OwnAddresses
  readonly #packets: ProxiedPackets | null
  readonly #localAddresses: (family: Family) => readonly string[]
  /** By the text of address and port. */
  readonly #sockets: Map<string, OpenSocket> = new Map()
  readonly #out: Uint8Array = new Uint8Array(MAX_REPLY)

  constructor(
    context: AnswerContext,
    options: PortableOptions,
    localAddresses: (family: Family) => readonly string[] = interfaceAddresses,
  ) {
    this.#context = context
    this.#options = options
    this.#localAddresses = localAddresses
    this.#packets = options.proxy ? new ProxiedPackets(options.proxy) : null
    this.#own = new OwnAddresses(options.listen.map(listen => ({ address: listenBytes(listen), port: listen.port })))
  }

  async open(): Promise<undefined> {
    try {
      for (const listen of this.#options.listen) {
        if (isWildcard(listenBytes(listen))) await this.scan(listen)
        else await this.#openSocket(listen.address, listen)
      }
    } catch (error) {
      await this.#close()
      throw error
    }
  }

  async run(): Promise<void> {
    const wildcards = this.#options.listen.filter(listen => isWildcard(listenBytes(listen)))
    const scanning = setInterval(() => {
      for (const wildcard of wildcards) this.scan(wildcard).catch(error => this.#context.fault(error))
    }, SCAN_MS)
    await this.#context.stopped
    clearInterval(scanning)
    await this.#close()
  }

  /** Opens the addresses that have come and closes those that have gone. */
  async scan(wildcard: ListenAddress): Promise<void> {
    const present = this.#localAddresses(familyOf(listenBytes(wildcard)))
    const keys = new Set(present.map(address => keyOf(address, wildcard.port)))
    for (const [key, { socket, listen }] of this.#sockets) {
      if (listen !== wildcard || keys.has(key)) continue
      this.#sockets.delete(key)
      socket.close()
    }
    for (const address of present) {
      if (this.#sockets.has(keyOf(address, wildcard.port))) continue
      await this.#openSocket(address, wildcard).catch(error => {
        // Others cannot be bound yet, as long as duplicate address detection goes on: the next scan tries again.
        if (listenFailureOf(error)?.code !== 'EADDRNOTAVAIL') throw error
      })
    }
  }

  #openSocket(address: string, listen: ListenAddress): Promise<void> {
    const isIPv6 = address.includes(':')
    const socket = createSocket({
      type: isIPv6 ? 'udp6' : 'udp4',
      ipv6Only: isIPv6,
      reusePort: this.#options.shared,
      // Every address is a literal already; the resolver would cost a turn of the loop for each reply.
      lookup: (host, _options, done) => done(null, host, isIPv6 ? 6 : 4),
    })
    return new Promise((resolve, reject) => {
      socket.once('error', (error: NodeJS.ErrnoException) => {
        socket.close()
        reject(listenError({ address, port: listen.port }, 'UDP', error.code ?? ''))
      })
      socket.bind({ address, port: listen.port, exclusive: true }, () => {
        socket.removeAllListeners('error')
        socket.on('error', error => this.#context.fault(error))
        const packets = isProxied(this.#options.proxy ?? null, listen) ? this.#packets : null
        socket.on('message', (message, source) => this.#receive(socket, message, source, packets))
        setReceiveBuffer(socket, this.#options.receiveBuffer)
        this.#sockets.set(keyOf(address, listen.port), { socket, listen })
        resolve()
      })
    })
  }

  #receive(socket: Socket, message: Uint8Array, source: RemoteInfo, packets: ProxiedPackets | null): void {
    const { counters } = this.#context
    const begin = performance.now()
    counters.add(CELL.receivedPackets + UDP, 1)
    counters.add(CELL.receivedBytes + UDP, message.length)
    const length = this.#answer(socket, message, source, packets)
    if (length > 0) this.#send(socket, this.#out.slice(0, length), source)
    counters.observe(1, (performance.now() - begin) * 1e6)
  }

  /** Writes the reply to `#out`. @returns its length; 0: none, or it comes later. */
  #answer(socket: Socket, message: Uint8Array, source: RemoteInfo, packets: ProxiedPackets | null): number {
    const { answerer, clock, counters, views } = this.#context
    if (message.length > MAX_QUERY) {
      counters.add(DROP.oversized, 1)
      return 0
    }
    const address = parseAddress(source.address.replace(/%.*/, ''))
    if (address === null || source.port === 0 || this.#own.isOwn(address, 0, source.port)) {
      counters.add(DROP.source, 1)
      return 0
    }
    clock.tick(monotonicMs())
    const skipped = packets?.open(message, 0, message.length, address, 0) ?? 0
    if (packets !== null && skipped === 0) {
      counters.add(DROP.proxy, 1)
      return 0
    }
    const { source: client, sourceAt } = packets ?? { source: address, sourceAt: 0 }
    const view = views.find(client, sourceAt)
    const length = message.length - skipped
    try {
      const size = answerer.respond(message, skipped, length, this.#out, 0, MAX_REPLY, view, UDP, client, sourceAt)
      if (size !== DEFERRED) return size
      const asked = {
        query: message.slice(skipped),
        source: client.slice(sourceAt, sourceAt + ADDRESS_BYTES),
        view,
        transport: UDP,
      }
      this.#context.defer(asked, reply => {
        if (reply !== null && this.#isOpen(socket)) this.#send(socket, reply, source)
      })
      return 0
    } catch (error) {
      this.#context.fault(error)
      return 0
    }
  }

  #isOpen(socket: Socket): boolean {
    for (const open of this.#sockets.values()) if (open.socket === socket) return true
    return false
  }

  #send(socket: Socket, reply: Uint8Array, { address, port }: RemoteInfo): void {
    const { counters } = this.#context
    if (socket.getSendQueueSize() > MAX_QUEUED) {
      counters.add(DROP.send, 1)
      return
    }
    socket.send(reply, port, address, error => {
      if (error !== null) {
        counters.add(DROP.send, 1)
        return
      }
      counters.add(CELL.sentPackets + UDP, 1)
      counters.add(CELL.sentBytes + UDP, reply.length)
    })
  }

  async #close(): Promise<void> {
    const sockets = [...this.#sockets.values()]
    this.#sockets.clear()
    await Promise.all(sockets.map(({ socket }) => new Promise<void>(resolve => socket.close(resolve))))
  }
}

/** Addresses of the interfaces as text; a link-local one with its zone. */
function interfaceAddresses(family: Family): string[] {
  return Object.entries(networkInterfaces()).flatMap(([name, list]) =>
    (list ?? [])
      .filter(info => info.family === family)
      .map(({ address }) => (/^fe[89ab]/.test(address) ? `${address}%${name}` : address)),
  )
}

function keyOf(address: string, port: number): string {
  return `${address} ${port}`
}

function setReceiveBuffer(socket: Socket, bytes: number): void {
  try {
    socket.setRecvBufferSize(bytes)
  } catch {
    // The system allows less; what it had stays.
  }
}
