/** Listeners for supervisors and scrapers, beside the HTTP API: health, readiness and metrics, and nothing else. */
import { type ListenAddress, listenError } from '../dns/listen.ts'
import { buildProbes } from '../feed/api.ts'
import type { ProbeBackend } from '../feed/backend.ts'

/** Listeners that run. */
export interface Probes {
  /** The URL of each, in order. */
  readonly bound: readonly string[]
  close(): Promise<void>
}

/**
 * Opens every listener, or none.
 *
 * @throws WaypostError WAY_LISTEN.
 */
export async function startProbes(
  backend: ProbeBackend,
  listen: readonly ListenAddress[],
  logger: Parameters<typeof buildProbes>[1],
): Promise<Probes> {
  const servers = listen.map(() => buildProbes(backend, logger))
  const close = async (): Promise<void> => {
    await Promise.all(servers.map(server => server.close()))
  }
  try {
    const bound: string[] = []
    for (const [i, server] of servers.entries()) bound.push(await bind(server, listen[i] as ListenAddress))
    return { bound, close }
  } catch (error) {
    await close()
    throw error
  }
}

async function bind(server: ReturnType<typeof buildProbes>, listen: ListenAddress): Promise<string> {
  // `[::]` means IPv6 alone, as for DNS, so that `0.0.0.0` can be named beside it.
  return await server.listen({ host: listen.address, port: listen.port, ipv6Only: true }).catch(error => {
    throw listenError(listen, 'TCP', String((error as NodeJS.ErrnoException).code))
  })
}
