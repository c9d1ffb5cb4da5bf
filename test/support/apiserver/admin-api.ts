/** Requests to the API server with the administrator's certificate, over connections that stay open. */
import { readFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import { join } from 'node:path'

export interface ApiAnswer<T> {
  readonly status: number
  readonly body: T
}

export interface AdminApi {
  /** Any answer resolves; a connection that breaks rejects. `body` goes out as JSON. */
  send<T = Record<string, unknown>>(
    method: string,
    path: string,
    body?: unknown,
    contentType?: string,
  ): Promise<ApiAnswer<T>>
  close(): void
}

/** @param pki folder of ca.crt, admin.crt and admin.key. */
export function adminApi(server: string, pki: string): AdminApi {
  const read = (name: string) => readFileSync(join(pki, name))
  const agent = new Agent({
    keepAlive: true,
    maxSockets: 64,
    ca: read('ca.crt'),
    cert: read('admin.crt'),
    key: read('admin.key'),
  })
  return {
    close: () => agent.destroy(),
    send: <T>(method: string, path: string, body?: unknown, contentType = 'application/json') =>
      new Promise<ApiAnswer<T>>((resolve, reject) => {
        const text = body === undefined ? '' : JSON.stringify(body)
        const headers = text === '' ? {} : { 'content-type': contentType, 'content-length': Buffer.byteLength(text) }
        const sent = request(`${server}${path}`, { method, agent, headers, timeout: 60_000 }, response => {
          const chunks: Buffer[] = []
          response.on('data', chunk => chunks.push(chunk))
          response.on('error', reject)
          response.on('end', () => {
            const answer = Buffer.concat(chunks).toString()
            try {
              resolve({ status: response.statusCode ?? 0, body: JSON.parse(answer) as T })
            } catch {
              reject(new Error(`${method} ${path} was answered ${response.statusCode} ${answer.slice(0, 200)}`))
            }
          })
        })
        sent.on('timeout', () => sent.destroy(new Error(`${method} ${path} had no answer`)))
        sent.on('error', reject)
        sent.end(text)
      }),
  }
}
