/** `/v1/explain`: why a name answers what it answers. */
import { WaypostError } from '../../errors.ts'
import { formatAddress, parseAddress } from '../../ip/address.ts'
import type { ApiBackend } from '../backend.ts'
import { type Endpoint, textOf } from './endpoint.ts'
import { quote } from './refusal.ts'
import { error, json, ref } from './schemas.ts'

/** See the top of the file. */
export function explainEndpoints(backend: ApiBackend): Endpoint[] {
  return [
    {
      method: 'GET',
      path: '/v1/explain',
      id: 'explain',
      summary: 'Why a name answers what it answers',
      query: {
        name: {
          description: 'The name that is asked.',
          schema: { type: 'string', minLength: 1, maxLength: 1024 },
          isRequired: true,
        },
        type: {
          description: 'The record type; without it, AAAA and A.',
          schema: { type: 'string', minLength: 1, maxLength: 32 },
        },
        from: {
          description: 'The source address of the query.',
          schema: { type: 'string', minLength: 1, maxLength: 64 },
        },
      },
      answers: {
        200: json('The decision, step by step.', ref('Explanation')),
        400: error('A parameter is malformed.'),
      },
      handle: async request => {
        const name = textOf(request, 'name') ?? ''
        const type = textOf(request, 'type')
        const from = sourceOf(textOf(request, 'from'))
        const { lines } = await backend.explain(name, type, from)
        return { name, type, from, lines }
      },
    },
  ]
}

function sourceOf(text: string | null): string | null {
  if (text === null) return null
  const address = parseAddress(text)
  if (address === null)
    throw new WaypostError('WAY_HTTP_BODY', `Cannot use "from" of the query: ${quote(text)} is no IP address`)
  return formatAddress(address)
}
