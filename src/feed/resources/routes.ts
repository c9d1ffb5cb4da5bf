/** `GET /v1/routes`: the whole table, at one version. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { WaypostError } from '../../errors.ts'
import type { RouteHub } from '../hub.ts'
import type { WatchFilter } from '../watcher.ts'
import { streamPieces } from './body-stream.ts'
import { type Endpoint, JSON_TYPE, textsOf } from './endpoint.ts'
import { networkOf } from './networks.ts'
import { error, json, NETWORK, ref, SERVICES } from './schemas.ts'

/** Tables that are being read at a time; each may hold on to a version of its own. */
const MAX_READERS = 64

/** See the top of the file. */
export function routeEndpoints(hub: RouteHub, networks: readonly string[]): Endpoint[] {
  let readers = 0
  return [
    {
      method: 'GET',
      path: '/v1/routes',
      id: 'listRoutes',
      summary: 'The route table',
      description:
        'Sorted by Service, network, port name, protocol and address. The answer is consistent: replaying the watch up ' +
        'to the sync of the same version gives the same table.',
      query: { network: NETWORK, service: SERVICES },
      headers: {
        'if-none-match': { description: 'The ETag of the table that the caller has.', schema: { type: 'string' } },
      },
      answers: {
        200: { ...json('The table.', ref('RouteTable')), headers: { etag: '"<epoch>-<version>"' } },
        304: { description: 'The caller has it.', headers: { etag: '"<epoch>-<version>"' } },
        400: error('A parameter is malformed.'),
        404: error('No network has this name.'),
        503: error('The table is not whole yet, or too many are read at once.'),
      },
      head: (request, reply) => {
        filterOf(request, networks)
        hub.checkOpen()
        if (isKnown(request, hub.version)) return notModified(reply, hub.version)
        return reply
          .headers({ etag: `"${hub.version}"`, 'cache-control': 'no-cache' })
          .type(JSON_TYPE)
          .send()
      },
      handle: async (request, reply) => {
        const filter = filterOf(request, networks)
        if (hub.isOpen && isKnown(request, hub.version)) return notModified(reply, hub.version)
        if (readers >= MAX_READERS) {
          throw new WaypostError('WAY_HTTP_BUSY', `Cannot read the table now: ${MAX_READERS} others are reading it`)
        }
        readers++
        reply.raw.once('close', () => {
          readers--
        })
        const { version, pieces, byteLength } = await hub.table(filter)
        return reply
          .headers({ etag: `"${hub.epoch}-${version}"`, 'content-length': byteLength, 'cache-control': 'no-cache' })
          .type(JSON_TYPE)
          .send(streamPieces(pieces))
      },
    },
  ]
}

/**
 * What the query lets through.
 *
 * @throws WaypostError WAY_NETWORK_UNKNOWN.
 */
export function filterOf(request: FastifyRequest, networks: readonly string[]): WatchFilter {
  const services = textsOf(request, 'service')
  return { network: networkOf(request, networks), services: services === null ? null : new Set(services) }
}

/** RFC 9110 section 13.1.2: a list of entity tags, compared weakly, or `*`. */
function isKnown(request: FastifyRequest, version: string): boolean {
  const tags = (request.headers['if-none-match'] ?? '').split(',').map(tag => tag.trim().replace(/^W\//, ''))
  return tags.includes(`"${version}"`) || tags.includes('*')
}

function notModified(reply: FastifyReply, version: string): FastifyReply {
  return reply.code(304).header('etag', `"${version}"`).header('cache-control', 'no-cache').send()
}
