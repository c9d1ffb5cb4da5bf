/** A UDP socket that sends octets and waits for octets. */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { once } from 'node:events'

/** How long a test waits for a packet, in milliseconds. */
const PATIENCE = 5000

export interface Packet {
  readonly bytes: Uint8Array
  readonly from: RemoteInfo
}

export interface UdpClientOptions {
  readonly address?: string
  readonly port?: number
  readonly reusePort?: boolean
}

/** Packets that came and were not asked for yet wait in a queue. */
export class UdpClient {
  readonly #socket: Socket
  readonly #waiting: ((packet: Packet) => void)[] = []
  readonly #packets: Packet[] = []

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('message', (bytes, from) => {
      const next = this.#waiting.shift()
      if (next === undefined) this.#packets.push({ bytes, from })
      else next({ bytes, from })
    })
  }

  /** `server` tells the family. */
  static async open(
    server: string,
    { address, port = 0, reusePort = false }: UdpClientOptions = {},
  ): Promise<UdpClient> {
    const isIPv6 = server.includes(':')
    const socket = createSocket({ type: isIPv6 ? 'udp6' : 'udp4', reusePort, recvBufferSize: 1 << 22 })
    socket.bind({ port, address: address ?? (isIPv6 ? '::' : '0.0.0.0'), exclusive: true })
    await once(socket, 'listening')
    return new UdpClient(socket)
  }

  send(bytes: Uint8Array, server: { address: string; port: number }): void {
    this.#socket.send(bytes, server.port, server.address)
  }

  async receive(): Promise<Packet> {
    const packet = this.#packets.shift()
    if (packet !== undefined) return packet
    const { promise, resolve, reject } = Promise.withResolvers<Packet>()
    this.#waiting.push(resolve)
    const timer = setTimeout(() => reject(new Error(`No packet came in ${PATIENCE} ms`)), PATIENCE)
    return await promise.finally(() => clearTimeout(timer))
  }

  async ask(bytes: Uint8Array, server: { address: string; port: number }): Promise<Packet> {
    this.send(bytes, server)
    return await this.receive()
  }

  close(): void {
    this.#socket.close()
  }
}
