/** DNS over HTTPS to an upstream (RFC 8484): one HTTP/2 session that stays open, a POST for each question. */
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2'
import { type Attempt, type Channel, SILENT_MS } from './channel.ts'

/** An idle session is closed after this time. */
const IDLE_MS = 8000
/** Longest DNS message. */
const MAX_MESSAGE = 65_535
const MEDIA_TYPE = 'application/dns-message'

/** Where the service is. */
export interface HttpsService {
  /** `https://10.0.0.53:443`, where it is connected to. */
  readonly origin: string
  readonly path: string
  /** Name in its certificate, and in `:authority`; null: its address. */
  readonly serverName: string | null
  /** Certificates that are trusted, in PEM; null: those that Node.js brings. */
  readonly ca: string | null
}

interface Asked {
  readonly stream: ClientHttp2Stream
  readonly session: ClientHttp2Session
  readonly sentAt: number
}

/** See the top of the file. */
export class HttpsChannel implements Channel {
  readonly #service: HttpsService
  readonly #clock: () => number
  readonly #streams: Map<Attempt, Asked> = new Map()
  #session: ClientHttp2Session | null = null
  #failure = new Error('The upstream has closed the connection')
  /** When something came last. */
  #heardAt = Number.NEGATIVE_INFINITY

  /** @param clock milliseconds that only go forward. */
  constructor(service: HttpsService, clock: () => number = () => performance.now()) {
    this.#service = service
    this.#clock = clock
  }

  send(attempt: Attempt): void {
    const { path, serverName } = this.#service
    // RFC 8484 section 4.1: the id is 0, so that caches of HTTP find equal questions equal.
    attempt.query.fill(0, 0, 2)
    const session = this.#open()
    const stream = session.request({
      ...(serverName === null ? {} : { [constants.HTTP2_HEADER_AUTHORITY]: serverName }),
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: path,
      [constants.HTTP2_HEADER_CONTENT_TYPE]: MEDIA_TYPE,
      [constants.HTTP2_HEADER_ACCEPT]: MEDIA_TYPE,
      [constants.HTTP2_HEADER_CONTENT_LENGTH]: attempt.query.length,
    })
    this.#streams.set(attempt, { stream, session, sentAt: this.#clock() })
    session.setTimeout(0)
    this.#collect(attempt, stream)
    stream.end(attempt.query)
  }

  cancel(attempt: Attempt): void {
    const asked = this.#streams.get(attempt)
    if (asked === undefined) return
    const { stream, session, sentAt } = asked
    stream.close(constants.NGHTTP2_CANCEL)
    this.#forget(attempt)
    const isSilent = this.#heardAt < sentAt && this.#clock() - sentAt >= SILENT_MS
    if (isSilent) session.destroy(new Error('The upstream is silent on its connection'))
  }

  flush(): void {}

  close(): void {
    this.#session?.destroy()
  }

  #open(): ClientHttp2Session {
    const present = this.#session
    if (present !== null && !present.closed && !present.destroyed) return present
    const { origin, serverName, ca } = this.#service
    const session = connect(origin, {
      ...(serverName === null ? {} : { servername: serverName }),
      ...(ca === null ? {} : { ca }),
      minVersion: 'TLSv1.2',
    })
    this.#session = session
    session.on('error', error => {
      this.#failure = error
    })
    session.on('timeout', () => session.close())
    // The other side wants no more questions here; those that are on their way are answered still.
    session.on('goaway', () => session.close())
    return session
  }

  #collect(attempt: Attempt, stream: ClientHttp2Stream): void {
    const parts: Buffer[] = []
    let octets = 0
    /** What the response says; null: nothing yet. */
    let response: string | null = null
    stream.on('response', headers => {
      this.#heardAt = this.#clock()
      const status = headers[':status']
      const type = headers[constants.HTTP2_HEADER_CONTENT_TYPE]
      response = status === 200 && type === MEDIA_TYPE ? '' : `status ${status}, content type ${type}`
    })
    stream.on('data', (part: Buffer) => {
      octets += part.length
      if (octets <= MAX_MESSAGE) parts.push(part)
      else stream.close(constants.NGHTTP2_CANCEL)
    })
    let failure: Error | null = null
    stream.on('error', error => {
      failure = error
    })
    stream.on('close', () => {
      if (!this.#streams.has(attempt)) return
      this.#forget(attempt)
      const isWhole = response === '' && failure === null && octets <= MAX_MESSAGE && stream.rstCode === 0
      if (isWhole && attempt.received(Buffer.concat(parts))) return
      const reason = response === null ? null : `The upstream answered with ${response || 'what is no answer'}`
      attempt.lost(failure ?? (reason === null ? this.#failure : new Error(reason)))
    })
  }

  #forget(attempt: Attempt): void {
    this.#streams.delete(attempt)
    if (this.#streams.size === 0) this.#session?.setTimeout(IDLE_MS)
  }
}
