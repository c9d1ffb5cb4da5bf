/**
 * A Kubernetes API server in a test: real HTTP on a free loopback port, objects in memory, faults on demand.
 *
 * ```
 *   const api = await startFakeKubernetes()
 *   api.add({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'kuard' }, spec: {…} })
 *   api.fail({ when: request => request.isList, status: 429, headers: { 'retry-after': '1' }, times: 2 })
 *   api.watches.forEach(watch => watch.freeze())
 * ```
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Lists } from './lists.ts'
import { isObject, type Obj, ObjectStore } from './objects.ts'
import { parsePath, type Resource, resourceOf, type Target } from './resources.ts'
import { filterOf } from './selectors.ts'
import { Refusal } from './status.ts'
import { openWatch, type Watch } from './watches.ts'
import { write } from './writes.ts'

/** A request as it came. */
export interface SeenRequest {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingMessage['headers']
  readonly body: unknown
  /** `services`; '' for paths that mean nothing. */
  readonly plural: string
  readonly isWatch: boolean
  /** A GET of a collection that is no watch. */
  readonly isList: boolean
}

/** What happens to requests instead of an answer. */
export interface Fault {
  readonly when: (request: SeenRequest) => boolean
  /** How often; always when absent. */
  readonly times?: number
  /** Answers with this status and, unless `body` says otherwise, a Status object. */
  readonly status?: number
  readonly reason?: string
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  /** Breaks the connection (`drop`), never answers (`hang`), or breaks it after so many bytes of the answer. */
  readonly connection?: 'drop' | 'hang' | { readonly breakAfterBytes: number }
}

interface ActiveFault {
  readonly fault: Fault
  left: number
}

/** See the top of the file. */
export class FakeKubernetes {
  readonly store: ObjectStore = new ObjectStore()
  readonly lists: Lists = new Lists(this.store)
  readonly watches: Set<Watch> = new Set()
  readonly requests: SeenRequest[] = []
  /** Tokens that are taken; null: every request is. */
  tokens: Set<string> | null = null
  /** A watch with sendInitialEvents is served, refused as by servers before 1.32, or taken for one without it. */
  watchList: 'served' | 'refused' | 'ignored' = 'served'
  /** Resources that this server does not have. */
  readonly absent: Set<string> = new Set()
  /** Whether the requester may do that; others are answered 403. */
  allows: (request: SeenRequest) => boolean = () => true
  #faults: ActiveFault[] = []
  readonly #server: Server = createServer((request, response) => void this.#serve(request, response))
  #port = 0

  get url(): string {
    return `http://[::1]:${this.#port}`
  }

  /** Listens; again after `stop`, on the same port. */
  async start(): Promise<void> {
    this.#server.listen(this.#port, '::1')
    await once(this.#server, 'listening')
    this.#port = (this.#server.address() as AddressInfo).port
  }

  /** Breaks all connections and takes no more. What it holds stays. */
  async stop(): Promise<void> {
    if (!this.#server.listening) return
    this.#server.close()
    this.#server.closeAllConnections()
    await once(this.#server, 'close')
  }

  /** How many connections are open. */
  async connections(): Promise<number> {
    return await new Promise((resolve, reject) => {
      this.#server.getConnections((error, count) => (error === null ? resolve(count) : reject(error)))
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  /** Adds a fault; the first one that fits is used. The function that is returned takes it away. */
  fail(fault: Fault): () => void {
    const active = { fault, left: fault.times ?? Number.POSITIVE_INFINITY }
    this.#faults.push(active)
    return () => {
      this.#faults = this.#faults.filter(other => other !== active)
    }
  }

  /** Creates an object, or replaces the one of this name. */
  add(object: object): Obj {
    if (!isObject(object)) throw new TypeError('an object needs metadata')
    const resource = resourceOf(object)
    const namespace = resource.namespaced ? (object.metadata.namespace ?? 'default') : null
    const isThere = this.store.get(resource, namespace, object.metadata.name) !== null
    return isThere
      ? this.store.update(resource, namespace, object.metadata.name, object)
      : this.store.create(resource, namespace, object)
  }

  remove(resource: Resource, namespace: string | null, name: string): void {
    this.store.delete(resource, namespace, name)
  }

  /** The text of a kubeconfig with one context, `fake`. */
  kubeConfig(user: object = {}): string {
    return JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'fake', cluster: { server: this.url, 'insecure-skip-tls-verify': true } }],
      users: [{ name: 'fake', user }],
      contexts: [{ name: 'fake', context: { cluster: 'fake', user: 'fake' } }],
      'current-context': 'fake',
    })
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://fake')
    const target = parsePath(url.pathname)
    const isCollection = request.method === 'GET' && target !== null && target.name === null
    const isWatch = isCollection && ['true', '1'].includes(url.searchParams.get('watch') ?? '')
    const seen: SeenRequest = {
      method: request.method ?? '',
      path: url.pathname,
      query: url.searchParams,
      headers: request.headers,
      body: await readBody(request),
      plural: target?.resource.plural ?? '',
      isWatch,
      isList: isCollection && !isWatch,
    }
    this.requests.push(seen)
    if (this.#failed(seen, response)) return
    try {
      this.#authorize(seen)
      if (target === null || this.absent.has(target.resource.plural)) {
        throw new Refusal(404, 'NotFound', 'the server could not find the requested resource')
      }
      this.#answer(seen, target, response)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      sendJson(response, error.status.code, error.status)
    }
  }

  #failed(request: SeenRequest, response: ServerResponse): boolean {
    const active = this.#faults.find(({ fault, left }) => left > 0 && fault.when(request))
    if (active === undefined) return false
    active.left--
    const { status, reason = 'Fault', body, headers, connection } = active.fault
    if (connection === 'hang') return true
    if (connection === 'drop') {
      response.destroy()
      return true
    }
    if (connection !== undefined) {
      breakAfter(response, connection.breakAfterBytes)
      return false
    }
    if (status === undefined) return false
    sendJson(response, status, body ?? new Refusal(status, reason, 'a fault of the test').status, headers)
    return true
  }

  #authorize(request: SeenRequest): void {
    const token = request.headers.authorization?.replace(/^Bearer /, '') ?? ''
    if (this.tokens !== null && !this.tokens.has(token)) throw new Refusal(401, 'Unauthorized', 'Unauthorized')
    if (!this.allows(request)) throw new Refusal(403, 'Forbidden', `${request.plural} is forbidden: ${request.path}`)
  }

  #answer(request: SeenRequest, target: Target, response: ServerResponse): void {
    const { resource, namespace, name } = target
    if (request.isWatch) this.#watch(request, target, response)
    else if (request.isList) {
      this.lists.send(resource, request.query, filterOf(namespace, request.query), response)
    } else if (request.method === 'GET') {
      const object = this.store.get(resource, namespace, name ?? '')
      if (object === null) throw new Refusal(404, 'NotFound', `${resource.plural} "${name}" not found`)
      sendJson(response, 200, object)
    } else {
      const { status, object } = write(this.store, request, target)
      sendJson(response, status, object)
    }
  }

  #watch({ query }: SeenRequest, { resource, namespace }: Target, response: ServerResponse): void {
    if (query.has('sendInitialEvents') && this.watchList === 'refused') {
      const field =
        'sendInitialEvents: Forbidden: sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled'
      throw new Refusal(422, 'Invalid', `ListOptions.meta.k8s.io "" is invalid: ${field}`)
    }
    if (this.watchList === 'ignored') query.delete('sendInitialEvents')
    const asked = { resource, namespace, query, filter: filterOf(namespace, query) }
    const watch = openWatch(this.store, asked, response, () => this.watches.delete(watch))
    this.watches.add(watch)
  }
}

/** Starts one. */
export async function startFakeKubernetes(): Promise<FakeKubernetes> {
  const api = new FakeKubernetes()
  await api.start()
  return api
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  let text = ''
  for await (const part of request.setEncoding('utf8')) text += part
  if (text === '') return undefined
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

function sendJson(response: ServerResponse, status: number, body: unknown, headers: object = {}): void {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(text)
}

/** Lets the answer through up to a byte, then breaks the connection. */
function breakAfter(response: ServerResponse, bytes: number): void {
  let left = bytes
  const { write } = response
  const cut = (chunk: unknown): boolean => {
    if (left <= 0) return false
    const part = Buffer.from(String(chunk)).subarray(0, left)
    left -= part.length
    write.call(response, part, 'utf8')
    if (left <= 0) setImmediate(() => response.destroy())
    return true
  }
  response.write = cut as typeof response.write
  response.end = ((chunk: unknown) => {
    if (chunk !== undefined) cut(chunk)
    setImmediate(() => response.destroy())
    return response
  }) as typeof response.end
}
