/**
 * DNS over HTTPS (RFC 8484): HTTP/2, and HTTP/1.1 for those who have nothing better. The network comes from the
 * connection's source as everywhere; nothing in a request can change it, no header of a proxy either.
 */
import {
  constants,
  createSecureServer,
  type Http2SecureServer,
  type Http2ServerRequest as Request,
  type Http2ServerResponse as Response,
} from 'node:http2'
import type { Socket } from 'node:net'
import type { Address } from '../../ip/address.ts'
import { monotonicMs } from '../clock.ts'
import { CELL } from '../counters.ts'
import type { ConnectionLimits } from '../tcp/stream-connection.ts'
import type { StreamService } from '../tcp/stream-service.ts'
import { type AnswerContext, type AskedLater, DEFERRED, HTTPS } from '../transport.ts'
import { DNS_MESSAGE, type DohRefusal, MAX_MESSAGE, NO_QUERY, NO_REPLY, readHead, TOO_LARGE } from './doh-message.ts'
import { HttpsConnection } from './https-connection.ts'
import { maxAgeOf } from './max-age.ts'
import { type Certificate, keyOf, TlsGate, tlsOptions } from './tls-gate.ts'

/** Requests of one HTTP/2 connection at one time. */
const MAX_STREAMS = 128
/** A GET has the query in its target: base64url of 65,535 octets would be 87,380; queries are some dozen. */
const MAX_HEADER_OCTETS = 16_384
/** Frames and headers that a session may hold, in MB. */
const SESSION_MEMORY = 2

const SMALL_BODY = 512

/** One reply, before it is copied for its response; every connection of the thread uses it. */
const out = new Uint8Array(MAX_MESSAGE)

/**
 * A body that grows with what has come. Chunks are copied: a small one may be a view into a large buffer, which it would
 * keep.
 */
class Body {
  length = 0
  #bytes: Uint8Array = new Uint8Array(SMALL_BODY)

  get octets(): Uint8Array {
    return this.#bytes.subarray(0, this.length)
  }

  add(chunk: Uint8Array): void {
    const length = this.length + chunk.length
    if (length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(2 * this.#bytes.length, length))
      grown.set(this.octets)
      this.#bytes = grown
    }
    this.#bytes.set(chunk, this.length)
    this.length = length
  }
}

/** See the top of the file. */
export class HttpsService implements StreamService {
  readonly transport: number = HTTPS
  readonly #context: AnswerContext
  readonly #limits: ConnectionLimits
  readonly #path: string
  readonly #server: Http2SecureServer
  readonly #gate: TlsGate
  /** By both ends of the connection. */
  readonly #connections: Map<string, HttpsConnection> = new Map()

  constructor(context: AnswerContext, limits: ConnectionLimits, path: string, certificate: Certificate) {
    this.#context = context
    this.#limits = limits
    this.#path = path
    this.#server = createSecureServer({
      ...tlsOptions(certificate, limits.idleMs),
      allowHTTP1: true,
      maxSessionMemory: SESSION_MEMORY,
      settings: { enablePush: false, maxConcurrentStreams: MAX_STREAMS, maxHeaderListSize: MAX_HEADER_OCTETS },
    })
    this.#gate = new TlsGate(this.#server, context.counters, (socket, source) => this.#open(socket, source))
    this.#server.on('session', session => {
      const connection = this.#connections.get(keyOf(session.socket) ?? '')
      connection?.onFinish(() => session.close())
    })
    // Broken frames and resets; 'close' of the connection follows.
    this.#server.on('sessionError', () => {})
    // HTTP/1.1 has classes of its own, alike in all that is used here.
    this.#server.on('request', (request, response) => this.#handle(request, response))
  }

  take(socket: Socket, source: Address): void {
    this.#gate.take(socket, source)
  }

  setCertificate(certificate: Certificate): void {
    this.#gate.setCertificate(certificate)
  }

  finish(): void {
    this.#gate.stop()
    for (const connection of this.#connections.values()) connection.finish()
  }

  #open(socket: Socket, source: Address): void {
    const key = keyOf(socket)
    if (key === null) return
    const connection = new HttpsConnection(socket, source, this.#limits, this.#context.counters, () => {
      this.#connections.delete(key)
    })
    this.#connections.set(key, connection)
  }

  #handle(request: Request, response: Response): void {
    const connection = this.#connections.get(keyOf(request.socket) ?? '')
    if (connection === undefined) {
      request.socket.destroy()
      return
    }
    connection.begin(response)
    // A reset of one stream; the others go on.
    request.on('error', () => {})
    response.on('error', () => {})
    const { headers } = request
    const head = readHead(
      {
        method: request.method ?? '',
        target: request.url ?? '',
        contentType: headers['content-type'],
        contentLength: headers['content-length'],
        accept: headers.accept,
      },
      this.#path,
    )
    if (head === 'body') this.#readBody(request, response, connection)
    else if ('status' in head) this.#refuse(request, response, head)
    else this.#answer(head, request, response, connection)
  }

  #readBody(request: Request, response: Response, connection: HttpsConnection): void {
    const body = new Body()
    let isRefused = false
    request.on('data', (chunk: Buffer) => {
      if (isRefused || !connection.hold(chunk.length)) return
      body.add(chunk)
      if (body.length <= MAX_MESSAGE) return
      isRefused = true
      this.#refuse(request, response, TOO_LARGE)
    })
    request.on('end', () => {
      if (!isRefused) this.#answer(body.octets, request, response, connection)
    })
    request.on('close', () => connection.release(body.length))
  }

  #answer(query: Uint8Array, request: Request, response: Response, connection: HttpsConnection): void {
    const { answerer, clock, counters, views } = this.#context
    counters.add(CELL.receivedPackets + HTTPS, 1)
    counters.add(CELL.receivedBytes + HTTPS, query.length)
    clock.tick(monotonicMs())
    const { source } = connection
    let size = 0
    try {
      const view = views.find(source, 0)
      if (query.length <= MAX_MESSAGE) {
        size = answerer.respond(query, 0, query.length, out, 0, MAX_MESSAGE, view, HTTPS, source, 0)
      }
      if (size === DEFERRED && connection.mayAwait) {
        this.#defer({ query, source, view, transport: HTTPS }, request, response, connection)
        return
      }
      if (size === DEFERRED) {
        size = answerer.decline(query, 0, query.length, out, 0, MAX_MESSAGE, view, HTTPS, source, 0)
      }
    } catch (error) {
      this.#context.fault(error)
    }
    if (size === 0) this.#refuse(request, response, query.length > MAX_MESSAGE ? TOO_LARGE : NO_QUERY)
    else this.#send(response, Buffer.from(out.subarray(0, size)), connection)
  }

  /** The reply leaves when it is there; the streams of a connection do not wait for each other. */
  #defer(asked: AskedLater, request: Request, response: Response, connection: HttpsConnection): void {
    let isGone = false
    response.on('close', () => {
      isGone = true
    })
    connection.await()
    this.#context.defer({ ...asked, query: Uint8Array.from(asked.query) }, reply => {
      connection.awaited()
      if (isGone) return
      if (reply === null) this.#refuse(request, response, NO_REPLY)
      else this.#send(response, Buffer.from(reply), connection)
    })
  }

  #send(response: Response, reply: Buffer, connection: HttpsConnection): void {
    if (!connection.hold(reply.length)) return
    response.on('close', () => connection.release(reply.length))
    const { counters } = this.#context
    counters.add(CELL.sentPackets + HTTPS, 1)
    counters.add(CELL.sentBytes + HTTPS, reply.length)
    response.writeHead(200, {
      'content-type': DNS_MESSAGE,
      'content-length': reply.length,
      // What a name answers depends on the network of the client: no cache that several share may keep it.
      'cache-control': `private, max-age=${maxAgeOf(reply)}`,
    })
    response.end(reply)
  }

  #refuse(request: Request, response: Response, { status, message }: DohRefusal): void {
    const isPart = !request.complete
    response.writeHead(status, {
      'content-type': 'text/plain; charset=utf-8',
      'cache-control': 'no-store',
      ...(status === 405 ? { allow: 'GET, HEAD, POST' } : {}),
      // What is left of an HTTP/1.1 request would be read as the next one.
      ...(isPart && request.httpVersionMajor === 1 ? { connection: 'close' } : {}),
    })
    response.end(`${message}\n`, () => {
      if (isPart && request.httpVersionMajor === 2) request.stream.close(constants.NGHTTP2_NO_ERROR)
    })
  }
}
