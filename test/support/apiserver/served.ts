/** What a running Waypost serves, as its clients see it. */
import { resolve } from '../dns-client.ts'
import type { RunningWaypost } from '../waypost.ts'

export interface ServedRoute {
  readonly service: string
  readonly address: string
  readonly syncVersion: string
  readonly backends: readonly { readonly address: string; readonly state: string }[]
}

export interface ServedAddress {
  readonly address: string
  readonly owner: { readonly kind: string; readonly name: string }
  readonly state: 'bound' | 'reserved' | 'resting'
}

export interface ServedService {
  readonly service: string
  readonly addresses: readonly string[]
  readonly syncVersion: string | null
  readonly problem: { readonly code: string; readonly message: string } | null
}

async function read<T>(server: RunningWaypost, path: string): Promise<T> {
  return (await (await fetch(`${server.api}${path}`)).json()) as T
}

export async function routesOf(server: RunningWaypost): Promise<readonly ServedRoute[]> {
  return (await read<{ routes: ServedRoute[] }>(server, '/v1/routes')).routes
}

export async function addressesOf(server: RunningWaypost): Promise<readonly ServedAddress[]> {
  return (await read<{ addresses: ServedAddress[] }>(server, '/v1/addresses')).addresses
}

export async function servicesOf(server: RunningWaypost): Promise<readonly ServedService[]> {
  return (await read<{ services: ServedService[] }>(server, '/v1/services')).services
}

/** Addresses of backends of a Service, sorted. */
export async function backendsOf(server: RunningWaypost, service: string): Promise<readonly string[]> {
  const routes = (await routesOf(server)).filter(route => route.service === service)
  return routes.flatMap(route => route.backends.map(backend => backend.address)).sort()
}

/** `AAAA` of a Service of namespace default, without the type. */
export async function aaaaOf(server: RunningWaypost, name: string, at: string = '::1'): Promise<readonly string[]> {
  const question = { port: server.dnsPort, server: at, name: `${name}.default.svc.cluster.local` }
  const answers = await resolve({ ...question, type: 'AAAA' })
  return answers.filter(answer => answer.startsWith('AAAA ')).map(answer => answer.slice(5))
}
