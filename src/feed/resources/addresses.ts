/** `/v1/addresses`: claims, and addresses for apps. */
import { WaypostError } from '../../errors.ts'
import { formatAddress, parseAddress } from '../../ip/address.ts'
import type { ApiBackend } from '../backend.ts'
import { streamList } from './body-stream.ts'
import { type Endpoint, JSON_TYPE, parameterOf } from './endpoint.ts'
import { knownNetwork, networkOf } from './networks.ts'
import { quote } from './refusal.ts'
import { COMPONENTS, error, json, NETWORK, object, ref } from './schemas.ts'
import { ofNetwork } from './services.ts'

/** See the top of the file. */
export function addressEndpoints(backend: ApiBackend): Endpoint[] {
  return [listing(backend), allocation(backend), release(backend)]
}

function listing(backend: ApiBackend): Endpoint {
  return {
    method: 'GET',
    path: '/v1/addresses',
    id: 'listAddresses',
    summary: 'Every claim, adopted addresses included',
    query: { network: NETWORK },
    answers: {
      200: json('The claims.', object({ addresses: { type: 'array', items: ref('Address') } })),
      404: error('No network has this name.'),
    },
    head: (request, reply) => {
      networkOf(request, backend.networks)
      return reply.type(JSON_TYPE).send()
    },
    handle: (request, reply) => {
      const network = networkOf(request, backend.networks)
      const addresses = ofNetwork(backend.addresses(), network)
      return reply.type(JSON_TYPE).send(streamList('addresses', addresses))
    },
  }
}

function allocation(backend: ApiBackend): Endpoint {
  return {
    method: 'POST',
    path: '/v1/addresses',
    id: 'allocateAddress',
    summary: 'Give an app its address; <app>.flycast resolves at once',
    description: 'The claim is durable before the answer leaves. An app that had an address before gets it again.',
    body: COMPONENTS['AppRequest'] ?? {},
    answers: {
      200: json('The app has it already.', ref('AppAddress')),
      201: json('Given now.', ref('AppAddress')),
      400: error('The body is malformed.'),
      401: error('A token is needed.'),
      404: error('No network has this name.'),
      409: error('The name belongs to another owner.'),
      413: error('The body is larger than 64 KiB.'),
      415: error('The body is not application/json.'),
      503: error('Not ready yet, the pool is exhausted, or the claim could not be written: nothing was promised.'),
    },
    isWrite: true,
    handle: async (request, reply) => {
      const { network: named, app } = request.body as { readonly network?: string; readonly app: string }
      const network = named === undefined ? onlyNetwork(backend) : knownNetwork(named, backend.networks)
      const { created, ...claim } = await backend.allocateApp(network, app)
      const { address, names } = claim
      return reply.code(created ? 201 : 200).send({ network: claim.network, app: claim.app, address, names })
    },
  }
}

function release(backend: ApiBackend): Endpoint {
  return {
    method: 'DELETE',
    path: '/v1/addresses/{address}',
    id: 'releaseAddress',
    summary: "Release an app's address",
    parameters: {
      address: {
        description: 'Any valid text of the address.',
        schema: { type: 'string', minLength: 1, maxLength: 64 },
      },
    },
    query: { network: { ...NETWORK, description: 'Needed when several networks have the address.' } },
    answers: {
      204: { description: 'Released.' },
      400: error('This is no address.'),
      401: error('A token is needed.'),
      404: error('Nothing has this address.'),
      409: error('It belongs to a Service, or several networks have it.'),
      503: error('The release could not be written.'),
    },
    isWrite: true,
    handle: async (request, reply) => {
      const text = parameterOf(request, 'address')
      const address = parseAddress(text)
      if (address === null)
        throw new WaypostError('WAY_HTTP_BODY', `Cannot release ${quote(text)}: it is no IP address`)
      await backend.releaseAddress(formatAddress(address), networkOf(request, backend.networks))
      return reply.code(204).send()
    },
  }
}

function onlyNetwork(backend: ApiBackend): string {
  const [network, ...others] = backend.networks
  if (network !== undefined && others.length === 0) return network
  const names = backend.networks.map(quote).join(', ')
  throw new WaypostError('WAY_HTTP_BODY', `Cannot tell which network is meant: set "network" to one of ${names}`)
}
