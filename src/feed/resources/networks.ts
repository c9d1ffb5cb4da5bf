/** `network=`: which of the configured networks a request means. */
import type { FastifyRequest } from 'fastify'
import { WaypostError } from '../../errors.ts'
import { textOf } from './endpoint.ts'
import { quote } from './refusal.ts'

/**
 * The network that the query names, or null when it names none.
 *
 * @throws WaypostError WAY_NETWORK_UNKNOWN.
 */
export function networkOf(request: FastifyRequest, networks: readonly string[]): string | null {
  const name = textOf(request, 'network')
  return name === null ? null : knownNetwork(name, networks)
}

/**
 * The name, when it is one of the networks.
 *
 * @throws WaypostError WAY_NETWORK_UNKNOWN.
 */
export function knownNetwork(name: string, networks: readonly string[]): string {
  if (networks.includes(name)) return name
  throw new WaypostError(
    'WAY_NETWORK_UNKNOWN',
    `No network is called ${quote(name)}: there is ${networks.map(quote).join(', ')}`,
  )
}
