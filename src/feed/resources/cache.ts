/** `/v1/cache`: answers of upstreams that are kept for a name, to look at and to take out. */
import type { ApiBackend } from '../backend.ts'
import { type Endpoint, type Parameter, textOf } from './endpoint.ts'
import { error, json, object, ref } from './schemas.ts'

const NAME: Parameter = {
  description: 'The name; only names that upstreams are asked for are kept.',
  schema: { type: 'string', minLength: 1, maxLength: 1024 },
  isRequired: true,
}

/** See the top of the file. */
export function cacheEndpoints(backend: ApiBackend): Endpoint[] {
  return [showing(backend), flushing(backend)]
}

function showing(backend: ApiBackend): Endpoint {
  return {
    method: 'GET',
    path: '/v1/cache',
    id: 'showCache',
    summary: 'What is kept for a name',
    query: { name: NAME },
    answers: {
      200: json(
        'Its entries.',
        object({ name: { type: 'string' }, entries: { type: 'array', items: ref('CacheEntry') } }),
      ),
      400: error('The name is malformed.'),
      404: error('Nothing is cached.'),
      503: error('The cache gives no answer at the moment.'),
    },
    handle: async request => {
      const name = textOf(request, 'name') ?? ''
      return { name, entries: await backend.cacheEntries(name) }
    },
  }
}

function flushing(backend: ApiBackend): Endpoint {
  return {
    method: 'DELETE',
    path: '/v1/cache',
    id: 'flushCache',
    summary: 'Take out what is kept for a name',
    query: {
      name: NAME,
      below: {
        description: 'Whether names below it are taken out, too; `.` and `true` take out everything.',
        schema: { type: 'string', enum: ['true', 'false'] },
      },
    },
    answers: {
      200: json('How many entries are gone.', object({ name: { type: 'string' }, flushed: { type: 'integer' } })),
      400: error('A parameter is malformed.'),
      401: error('A token is needed.'),
      404: error('Nothing is cached.'),
      503: error('The cache gives no answer at the moment.'),
    },
    isWrite: true,
    handle: async request => {
      const name = textOf(request, 'name') ?? ''
      return { name, flushed: await backend.flushCache(name, textOf(request, 'below') === 'true') }
    },
  }
}
