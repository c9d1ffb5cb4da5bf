/** `/v1/services`: what each Service has, and what is wrong with it. */
import { WaypostError } from '../../errors.ts'
import type { ApiBackend, ServiceView } from '../backend.ts'
import { streamList } from './body-stream.ts'
import { type Endpoint, JSON_TYPE, parameterOf } from './endpoint.ts'
import { networkOf } from './networks.ts'
import { quote } from './refusal.ts'
import { error, json, NETWORK, object, ref } from './schemas.ts'

const SEGMENT = { type: 'string', minLength: 1, maxLength: 253 }

/** See the top of the file. */
export function serviceEndpoints(backend: ApiBackend): Endpoint[] {
  return [
    {
      method: 'GET',
      path: '/v1/services',
      id: 'listServices',
      summary: 'Every Service: its addresses, names, routes and problem',
      query: { network: NETWORK },
      answers: {
        200: json('Sorted by name, then network.', object({ services: { type: 'array', items: ref('Service') } })),
        404: error('No network has this name.'),
      },
      head: (request, reply) => {
        networkOf(request, backend.networks)
        return reply.type(JSON_TYPE).send()
      },
      handle: (request, reply) => {
        const network = networkOf(request, backend.networks)
        const services = ofNetwork(backend.services(), network)
        return reply.type(JSON_TYPE).send(streamList('services', services))
      },
    },
    {
      method: 'GET',
      path: '/v1/services/{namespace}/{name}',
      id: 'getService',
      summary: 'One Service',
      parameters: {
        namespace: { description: 'The namespace.', schema: SEGMENT },
        name: { description: "The Service's name.", schema: SEGMENT },
      },
      query: { network: { ...NETWORK, description: 'Needed when several networks have a Service of this name.' } },
      answers: {
        200: json('The Service.', ref('Service')),
        400: error('Several networks have it.'),
        404: error('There is none.'),
      },
      handle: request => {
        const key = `${parameterOf(request, 'namespace')}/${parameterOf(request, 'name')}`
        return oneService(backend, key, networkOf(request, backend.networks))
      },
    },
  ]
}

/** The elements of one network, or all. */
export function* ofNetwork<T extends { readonly network: string }>(
  list: Iterable<T>,
  network: string | null,
): Iterable<T> {
  for (const element of list) if (network === null || element.network === network) yield element
}

function oneService(backend: ApiBackend, key: string, network: string | null): ServiceView {
  const networks = network === null ? backend.networks : [network]
  const found = networks.map(name => backend.service(key, name)).filter(view => view !== null)
  const [view] = found
  if (view === undefined) throw new WaypostError('WAY_SERVICE_UNKNOWN', `There is no Service ${quote(key)}`)
  if (found.length === 1) return view
  const names = found.map(({ network: name }) => quote(name)).join(', ')
  throw new WaypostError(
    'WAY_HTTP_BODY',
    `Cannot tell which Service ${quote(key)} is meant: name one of the networks ${names}`,
  )
}
