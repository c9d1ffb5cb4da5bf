/** An HTTP server on a free loopback port that answers what a test says. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface FakeApi {
  /** `[::1]:port` */
  readonly listen: string
  /** `METHOD path authorization` of each request. */
  readonly requests: readonly string[]
  close(): Promise<void>
}

/** Answers each path with its status and body; others with 404 and no JSON. */
export async function startFakeApi(
  answers: Readonly<Record<string, readonly [status: number, body: unknown]>>,
): Promise<FakeApi> {
  const requests: string[] = []
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url} ${request.headers.authorization ?? ''}`.trim())
    const [status, body] = answers[request.url ?? ''] ?? [404, undefined]
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(body === undefined ? 'nothing here' : JSON.stringify(body))
  })
  server.listen(0, '::1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    listen: `[::1]:${port}`,
    requests,
    close: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
