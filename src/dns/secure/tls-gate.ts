/**
 * TLS on connections that others have accepted: handshakes, session tickets, certificates that change while connections
 * live.
 */
import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import type { TLSSocket, TlsOptions, Server as TlsServer } from 'node:tls'
import type { Address } from '../../ip/address.ts'
import { CLOSE, type Counters, HANDSHAKE } from '../counters.ts'

/** A certificate chain and its key, as PEM. */
export interface Certificate {
  readonly cert: string
  readonly key: string
}

const TICKET_KEY_OCTETS = 48
/** Tickets are good for so many seconds; the key that they are encrypted with lives twice as long. */
const TICKET_SECONDS = 6 * 3600
const TICKET_KEY_MS = 2 * TICKET_SECONDS * 1000

/** Options for `tls.createServer` and `http2.createSecureServer`. TLS 1.2 is the least (RFC 9325 section 3.1.1). */
export function tlsOptions({ cert, key }: Certificate, handshakeMs: number): TlsOptions {
  return {
    cert,
    key,
    minVersion: 'TLSv1.2',
    handshakeTimeout: handshakeMs,
    sessionTimeout: TICKET_SECONDS,
    ticketKeys: randomBytes(TICKET_KEY_OCTETS),
  }
}

/** Leads connections through a server that does not listen itself, and remembers whose they are. */
export class TlsGate {
  readonly #server: TlsServer
  readonly #counters: Counters
  readonly #timer: NodeJS.Timeout
  /** Clients of the connections, by {@link keyOf}. */
  readonly #sources: Map<string, Address> = new Map()

  /** @param secured is called for every connection whose handshake is done. */
  constructor(server: TlsServer, counters: Counters, secured: (socket: TLSSocket, source: Address) => void) {
    this.#server = server
    this.#counters = counters
    // Before the server's own: whose connection it is must be known when the first request comes.
    server.prependListener('secureConnection', (socket: TLSSocket) => {
      socket.allowHalfOpen = true
      counters.add(socket.isSessionReused() ? HANDSHAKE.resumed : HANDSHAKE.full, 1)
      const source = this.sourceOf(socket)
      if (source === null) socket.destroy()
      else secured(socket, source)
    })
    server.on('tlsClientError', (error, socket) => this.#failed(error, socket))
    // The key must not outlive the day: whoever gets it reads every session that was resumed with it.
    this.#timer = setInterval(() => server.setTicketKeys(randomBytes(TICKET_KEY_OCTETS)), TICKET_KEY_MS)
    this.#timer.unref()
  }

  /** Begins the handshake on a connection. */
  take(socket: Socket, source: Address): void {
    const key = keyOf(socket)
    if (key === null) {
      socket.destroy()
      return
    }
    this.#sources.set(key, source)
    socket.on('close', () => this.#sources.delete(key))
    // Who closes one side before there is a session wants no answer; the TLS socket takes the property over.
    socket.allowHalfOpen = false
    this.#server.emit('connection', socket)
  }

  /** Whose connection it is; null when it is closed already. */
  sourceOf(socket: Pick<Socket, 'remoteAddress' | 'remotePort' | 'localAddress' | 'localPort'>): Address | null {
    return this.#sources.get(keyOf(socket) ?? '') ?? null
  }

  /** Takes another certificate for the handshakes to come; sessions and tickets stay good. */
  setCertificate({ cert, key }: Certificate): void {
    const ticketKeys = this.#server.getTicketKeys()
    this.#server.setSecureContext({ cert, key, minVersion: 'TLSv1.2', sessionTimeout: TICKET_SECONDS, ticketKeys })
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #failed(error: Error & { code?: string }, socket: TLSSocket): void {
    this.#counters.add(HANDSHAKE.failed, 1)
    this.#counters.add(error.code === 'ERR_TLS_HANDSHAKE_TIMEOUT' ? CLOSE.idle : CLOSE.handshake, 1)
    socket.destroy()
  }
}

/** Both ends of a connection; null when it is closed. */
export function keyOf(
  socket: Pick<Socket, 'remoteAddress' | 'remotePort' | 'localAddress' | 'localPort'>,
): string | null {
  const { remoteAddress, remotePort, localAddress, localPort } = socket
  return remoteAddress === undefined ? null : `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`
}
