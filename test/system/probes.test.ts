/** `http.probes`: listeners as kubelets and scrapers know them from CoreDNS, beside the HTTP API. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { type RunningWaypost, startWaypost, temporaryFolder } from '../support/waypost.ts'

const folder = temporaryFolder()
const servers: RunningWaypost[] = []
afterAll(async () => {
  await Promise.all(servers.map(server => server.end()))
  folder.dispose()
})

function writeConfig(name: string, probes: readonly string[]): string {
  const manifests = join(folder.path, 'manifests')
  mkdirSync(manifests, { recursive: true })
  const config = {
    networks: [{ name: 'default', cluster: { source: { manifests } } }],
    dns: { listen: ['[::1]:0'], zones: null },
    http: { listen: '[::1]:0', probes },
    data: join(folder.path, name),
  }
  const file = join(folder.path, `${name}.yaml`)
  writeFileSync(file, stringify(config))
  return file
}

describe('a probe listener', () => {
  let urls: readonly string[] = []
  beforeAll(async () => {
    const server = await startWaypost({ args: ['--config', writeConfig('two', ['[::1]:0', '127.0.0.1:0'])] })
    servers.push(server)
    urls = server.logs.find(line => line['event'] === 'listening')?.['probes'] as string[]
  })

  it('is opened for every address', () => {
    expect(urls).toEqual([
      expect.stringMatching(/^http:\/\/\[::1\]:\d+$/),
      expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
    ])
  })

  it('answers health, readiness and metrics', async () => {
    for (const url of urls) {
      expect(await (await fetch(`${url}/health`)).json()).toEqual({ status: 'ok' })
      const ready = await fetch(`${url}/ready`)
      expect([ready.status, await ready.json()]).toMatchObject([200, { ready: true }])
      expect(await (await fetch(`${url}/metrics`)).text()).toContain('waypost_build_info{')
    }
  })

  it('answers nothing else', async () => {
    for (const path of ['/v1/services', '/v1/routes', '/v1/addresses', '/v1/routes/watch', '/openapi.json']) {
      expect((await fetch(`${urls[0]}${path}`)).status, path).toBe(404)
    }
    const post = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"app":"a"}' }
    expect((await fetch(`${urls[0]}/v1/addresses`, post)).status).toBe(404)
  })
})

describe('a probe listener that cannot be opened', () => {
  it('stops the start with one sentence', async () => {
    const other = createServer()
    await new Promise<void>(resolve => other.listen(0, '::1', resolve))
    const { port } = other.address() as { port: number }
    const started = startWaypost({ args: ['--config', writeConfig('taken', [`[::1]:${port}`])] })
    await expect(started).rejects.toThrow(
      `Cannot listen on [::1]:${port} (TCP): another socket has the port (EADDRINUSE)`,
    )
    other.close()
  })
})
