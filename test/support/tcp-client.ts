/** A TCP connection that sends octets and takes length-framed messages. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** How long a test waits for a message or the end, in milliseconds. */
const PATIENCE = 5000

export class TcpClient {
  readonly socket: Socket
  #received: Buffer = Buffer.alloc(0)
  #isClosed = false
  #wake: () => void = () => {}

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (segment: Buffer) => {
      this.#received = Buffer.concat([this.#received, segment])
      this.#wake()
    })
    socket.on('error', () => {})
    for (const event of ['end', 'close']) {
      socket.on(event, () => {
        this.#isClosed = true
        this.#wake()
      })
    }
  }

  /** Over a connection that somebody else makes, of TLS for example. */
  static over(socket: Socket): TcpClient {
    return new TcpClient(socket)
  }

  static async open(server: { address: string; port: number }, localAddress?: string): Promise<TcpClient> {
    const socket = connect({
      host: server.address,
      port: server.port,
      noDelay: true,
      allowHalfOpen: true,
      ...(localAddress === undefined ? {} : { localAddress }),
    })
    await once(socket, 'connect')
    return new TcpClient(socket)
  }

  /** Sends messages behind their lengths, in one write. */
  send(...messages: Uint8Array[]): void {
    this.socket.write(Buffer.concat(messages.map(frame)))
  }

  /** The next message. */
  async receive(): Promise<Uint8Array> {
    const message = await this.#until(() => this.#take())
    if (message === null) throw new Error('The server closed the connection')
    return message
  }

  /** Resolves when the server has closed. @returns the messages that came before. */
  async closed(): Promise<Uint8Array[]> {
    await this.#until(() => (this.#isClosed ? true : null))
    const messages: Uint8Array[] = []
    for (let next = this.#take(); next !== null; next = this.#take()) messages.push(next)
    return messages
  }

  close(): void {
    this.socket.destroy()
  }

  #take(): Uint8Array | null {
    if (this.#received.length < 2) return null
    const length = this.#received.readUInt16BE(0)
    if (this.#received.length < 2 + length) return null
    const message = Uint8Array.from(this.#received.subarray(2, 2 + length))
    this.#received = this.#received.subarray(2 + length)
    return message
  }

  async #until<Value>(poll: () => Value | null): Promise<Value | null> {
    let isLate = false
    const timer = setTimeout(() => {
      isLate = true
      this.#wake()
    }, PATIENCE)
    try {
      for (;;) {
        const value = poll()
        if (value !== null || this.#isClosed) return value
        if (isLate) throw new Error(`Nothing came in ${PATIENCE} ms`)
        await new Promise<void>(resolve => {
          this.#wake = resolve
        })
      }
    } finally {
      clearTimeout(timer)
    }
  }
}

/** The message behind its length. */
export function frame(message: Uint8Array): Uint8Array {
  return Uint8Array.of(message.length >> 8, message.length & 0xff, ...message)
}
