/** Requests to an API server over HTTP/1.1, as {@link KubernetesClient} has them. */
import { Agent, type ClientRequest, type IncomingMessage, request as requestPlain } from 'node:http'
import { request as requestTls, Agent as TlsAgent } from 'node:https'
import { WaypostError } from '../../../errors.ts'
import type { KubernetesClient, KubernetesRequest, KubernetesResponse, KubernetesStream } from '../client.ts'
import type { Access } from './access.ts'
import type { Credentials } from './credentials.ts'

const JSON_TYPE = 'application/json'
const DEFAULT_TIMEOUT_MS = 10_000
/** Below the idle limits of load balancers; client-go's transport has the same. */
const KEEP_ALIVE_MS = 30_000
/** Of a whole answer; lists are read as streams. */
const LARGEST_BODY = 16 * 1024 * 1024
const UNAUTHORIZED = 401

/** See the top of the file. */
export class HttpClient implements KubernetesClient {
  readonly #credentials: Credentials
  readonly #userAgent: string
  #pool: { readonly access: Access; readonly agent: Agent } | null = null
  #isClosed = false

  constructor(credentials: Credentials, userAgent: string) {
    this.#credentials = credentials
    this.#userAgent = userAgent
  }

  get namespace(): string {
    return this.#credentials.access.namespace
  }

  async request(request: KubernetesRequest): Promise<KubernetesResponse> {
    const timeout = AbortSignal.timeout(request.timeoutMs ?? DEFAULT_TIMEOUT_MS)
    const signal = request.signal === undefined ? timeout : AbortSignal.any([request.signal, timeout])
    const response = await this.#ask(request, signal)
    try {
      const body = await readBody(response)
      return { status: statusOf(response), body, retryAfterMs: retryAfterOf(response) }
    } catch (error) {
      throw this.#unreachable(error, signal)
    }
  }

  async stream(request: KubernetesRequest): Promise<KubernetesStream> {
    const head = new AbortController()
    const timer = setTimeout(() => head.abort(new Error('no answer in time')), request.timeoutMs ?? DEFAULT_TIMEOUT_MS)
    const signal = request.signal === undefined ? head.signal : AbortSignal.any([request.signal, head.signal])
    try {
      const response = await this.#ask(request, signal)
      return { status: statusOf(response), retryAfterMs: retryAfterOf(response), chunks: response }
    } finally {
      clearTimeout(timer)
    }
  }

  close(): Promise<void> {
    this.#isClosed = true
    this.#pool?.agent.destroy()
    return Promise.resolve()
  }

  /** Refused credentials are renewed once. */
  async #ask(request: KubernetesRequest, signal: AbortSignal): Promise<IncomingMessage> {
    const headers = await this.#credentials.headers()
    const response = await this.#send(request, headers, signal)
    if (statusOf(response) !== UNAUTHORIZED) return response
    const isOther = await this.#credentials.renew(headers).catch(() => false)
    if (!isOther) return response
    response.resume()
    return await this.#send(request, await this.#credentials.headers(), signal)
  }

  /** A connection that the server closed while it was idle shows only when it is used: a GET is sent once more. */
  async #send(
    request: KubernetesRequest,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    const attempt = this.#open(request, headers, signal)
    try {
      return await responseOf(attempt)
    } catch (error) {
      if (!attempt.reusedSocket || request.method !== 'GET' || signal.aborted) throw this.#unreachable(error, signal)
    }
    try {
      return await responseOf(this.#open(request, headers, signal))
    } catch (error) {
      throw this.#unreachable(error, signal)
    }
  }

  #open(request: KubernetesRequest, headers: Readonly<Record<string, string>>, signal: AbortSignal): ClientRequest {
    const { access } = this.#credentials
    const url = new URL(`${access.server}${request.path}`)
    for (const [key, value] of Object.entries(request.query ?? {})) url.searchParams.set(key, value)
    const body = request.body === undefined ? null : Buffer.from(JSON.stringify(request.body))
    const content =
      body === null ? {} : { 'Content-Type': request.contentType ?? JSON_TYPE, 'Content-Length': body.length }
    const send = url.protocol === 'http:' ? requestPlain : requestTls
    const sent = send(url, {
      method: request.method,
      agent: this.#agent(access),
      signal,
      headers: { ...headers, ...content, Accept: request.accept ?? JSON_TYPE, 'User-Agent': this.#userAgent },
    })
    // The kernel finds a peer that is gone, also on a connection that is never given back to the pool.
    sent.on('socket', socket => socket.setKeepAlive(true, KEEP_ALIVE_MS))
    sent.end(body)
    return sent
  }

  /** One pool of connections for one way of access; another one leaves the old connections to end by themselves. */
  #agent(access: Access): Agent {
    if (this.#isClosed) throw new WaypostError('WAY_KUBERNETES_UNREACHABLE', 'The client of the API server is closed')
    if (this.#pool?.access === access) return this.#pool.agent
    for (const sockets of Object.values(this.#pool?.agent.freeSockets ?? {})) for (const s of sockets ?? []) s.destroy()
    const proxyEnv = access.proxy === null ? {} : { HTTP_PROXY: access.proxy, HTTPS_PROXY: access.proxy }
    const options = { keepAlive: true, keepAliveMsecs: KEEP_ALIVE_MS, proxyEnv }
    const agent = access.server.startsWith('http:') ? new Agent(options) : new TlsAgent({ ...options, ...access.tls })
    this.#pool = { access, agent }
    return agent
  }

  #unreachable(error: unknown, signal: AbortSignal): WaypostError {
    if (error instanceof WaypostError) return error
    const cause = signal.aborted ? (signal.reason ?? error) : error
    const reason = cause instanceof Error ? cause.message : String(cause)
    const message = `Cannot reach the Kubernetes API at "${this.#credentials.access.server}": ${reason}`
    return new WaypostError('WAY_KUBERNETES_UNREACHABLE', message, { cause })
  }
}

async function responseOf(request: ClientRequest): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  request.once('response', resolve)
  request.on('error', reject)
  return await promise
}

async function readBody(response: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of response as AsyncIterable<Buffer>) {
    size += part.length
    if (size > LARGEST_BODY) throw new Error(`the answer is larger than ${LARGEST_BODY} bytes`)
    parts.push(part)
  }
  const text = Buffer.concat(parts).toString('utf8')
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

function statusOf(response: IncomingMessage): number {
  return response.statusCode ?? 0
}

/** Seconds, or a date (RFC 9110 section 10.2.3). */
function retryAfterOf(response: IncomingMessage): number | null {
  const text = response.headers['retry-after']
  if (text === undefined) return null
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now()
  return Number.isFinite(ms) ? Math.max(ms, 0) : null
}
