/**
 * Stands where a Service stands in production: takes the API server's connections and deals them out to the replicas of
 * the webhook in turn. It can take the time that each answer takes, as the API server's end of the connection sees it:
 * TLS, HTTP and the review together.
 */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** See the top of the file. */
export class Balancer {
  readonly port: number
  /** Milliseconds between the first octets of a request and the last ones of its answer; HTTP/1.1 has one at a time. */
  readonly times: number[] = []
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(server: Server) {
    this.#server = server
    this.port = (server.address() as AddressInfo).port
  }

  /** @param ports of the replicas, on `::1`; read at each connection. */
  static async start(ports: () => readonly number[]): Promise<Balancer> {
    const server = createServer({ noDelay: true })
    server.listen(0, '::1')
    await once(server, 'listening')
    const balancer = new Balancer(server)
    let turn = 0
    server.on('connection', client => {
      const list = ports()
      const port = list[turn++ % list.length]
      if (port === undefined) client.destroy()
      else balancer.#join(client, connect({ host: '::1', port, noDelay: true }))
    })
    return balancer
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #join(client: Socket, replica: Socket): void {
    let asked = 0
    let answered = 0
    let exchanges = 0
    const note = (): void => {
      // The first exchange is TLS's own.
      if (exchanges > 1 && answered > asked) this.times.push(answered - asked)
    }
    for (const socket of [client, replica]) {
      this.#sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        this.#sockets.delete(socket)
        client.destroy()
        replica.destroy()
      })
    }
    client.on('data', chunk => {
      // The first octets behind an answer are the next request.
      if (answered >= asked) {
        note()
        exchanges++
        asked = performance.now()
        answered = 0
      }
      replica.write(chunk)
    })
    replica.on('data', chunk => {
      answered = performance.now()
      client.write(chunk)
    })
    client.on('close', note)
  }
}
