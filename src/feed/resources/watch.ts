/** `GET /v1/routes/watch`: the table and then every change, for as long as the reader stays. */
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyRequest } from 'fastify'
import type { RouteHub } from '../hub.ts'
import type { Format } from '../lines.ts'
import type { WatchSink } from '../outbox.ts'
import { type Endpoint, textOf } from './endpoint.ts'
import { filterOf } from './routes.ts'
import { error, NETWORK, ref, SERVICES } from './schemas.ts'

const MEDIA_TYPES: Readonly<Record<Format, string>> = { ndjson: 'application/x-ndjson', sse: 'text/event-stream' }

/** After how long without an answer the kernel asks whether the other side still exists. */
const KEEP_ALIVE_MS = 30_000

/** See the top of the file. */
export function watchEndpoints(hub: RouteHub, networks: readonly string[]): Endpoint[] {
  return [
    {
      method: 'GET',
      path: '/v1/routes/watch',
      id: 'watchRoutes',
      summary: 'The route table as it changes',
      description:
        'Without "since": reset, every Service, sync, then changes. With a known one: what changed since, then sync. A ' +
        'sync closes every atomic batch; a consumer changes its table only there. An unknown or too old "since" is ' +
        'answered with a reset and a snapshot. NDJSON, or server-sent events when the Accept header asks for them.',
      query: {
        network: NETWORK,
        service: SERVICES,
        since: {
          description: 'The version of the last sync or heartbeat: <epoch>-<n>.',
          schema: { type: 'string' },
          isLenient: true,
        },
      },
      headers: {
        'last-event-id': { description: 'For server-sent events: goes before "since".', schema: { type: 'string' } },
      },
      answers: {
        200: {
          description: 'The stream.',
          content: { [MEDIA_TYPES.ndjson]: ref('WatchLine'), [MEDIA_TYPES.sse]: { type: 'string' } },
        },
        400: error('A parameter is malformed.'),
        404: error('No network has this name.'),
        503: error('There are too many watchers; Retry-After says when to try again.'),
      },
      head: (request, reply) => {
        filterOf(request, networks)
        return reply.type(MEDIA_TYPES[formatOf(request)]).header('cache-control', 'no-store').send()
      },
      handle: (request, reply) => {
        const filter = filterOf(request, networks)
        const format = formatOf(request)
        const response = reply.raw
        const sink = new ResponseSink(response)
        const watcher = hub.watch(sink, { format, filter, since: sinceOf(request, format, hub) })
        // From here on the bytes are ours: the framework would copy and queue each of them.
        reply.hijack()
        response.on('drain', () => hub.drained(watcher))
        response.on('close', () => hub.remove(watcher))
        response.on('error', () => hub.remove(watcher))
        request.raw.socket.setTimeout(0)
        request.raw.socket.setKeepAlive(true, KEEP_ALIVE_MS)
        response.writeHead(200, {
          'content-type': MEDIA_TYPES[format],
          'cache-control': 'no-store',
          'x-accel-buffering': 'no',
          connection: 'close',
        })
        response.flushHeaders()
        if (response.destroyed) hub.remove(watcher)
        return reply
      },
    },
  ]
}

/** The response of a watch as the hub writes to it. */
class ResponseSink implements WatchSink {
  readonly #response: ServerResponse

  constructor(response: ServerResponse) {
    this.#response = response
  }

  write(bytes: Buffer): boolean {
    return this.#response.write(bytes)
  }

  /** What Node holds, and what it has handed to the kernel's side (libuv) of which the kernel has not taken all. */
  unsent(): number {
    const socket = this.#response.socket as
      | (Socket & { readonly _handle?: { readonly writeQueueSize?: number } })
      | null
    return this.#response.writableLength + (socket?._handle?.writeQueueSize ?? 0)
  }

  end(): void {
    this.#response.end()
  }

  destroy(): void {
    this.#response.destroy()
  }
}

/** Server-sent events when the Accept header names them and does not prefer NDJSON. */
function formatOf(request: FastifyRequest): Format {
  const ranges = (request.headers.accept ?? '').split(',').map(parseRange)
  const quality = (type: string): number =>
    Math.max(0, ...ranges.filter(range => range.type === type).map(range => range.quality))
  const events = quality(MEDIA_TYPES.sse)
  return events > 0 && events >= quality(MEDIA_TYPES.ndjson) ? 'sse' : 'ndjson'
}

function parseRange(text: string): { readonly type: string; readonly quality: number } {
  const [type = '', ...parameters] = text.split(';').map(part => part.trim().toLowerCase())
  const quality = parameters.find(parameter => parameter.startsWith('q='))?.slice(2)
  return { type, quality: quality === undefined ? 1 : Number(quality) || 0 }
}

/** A browser that reconnects sends the same URL again, and the newer version in Last-Event-ID. */
function sinceOf(request: FastifyRequest, format: Format, hub: RouteHub): number | null {
  const last = format === 'sse' ? request.headers['last-event-id'] : undefined
  const text = typeof last === 'string' ? last : textOf(request, 'since')
  return text === null ? null : hub.parseSince(text)
}
