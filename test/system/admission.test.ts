/** Admission reviews against the real process: by its own listener, by the API, with and without TLS. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { request as httpsRequest } from 'node:https'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { issueServing, type KeyedCertificate, makeAuthority } from '#src/admission/certificates/issue.ts'
import { review, service } from '../admission/support.ts'
import { type RunningWaypost, startWaypost, temporaryFolder, until } from '../support/waypost.ts'

const folder = temporaryFolder()
const manifests = join(folder.path, 'manifests')
mkdirSync(manifests)
let server: RunningWaypost | null = null

afterEach(async () => {
  await server?.end('SIGKILL')
  server = null
})
afterAll(() => folder.dispose())

async function start(name: string, ...args: string[]): Promise<RunningWaypost> {
  server = await startWaypost({ args: ['--manifests', manifests, '--data', join(folder.path, name), ...args] })
  return server
}

function urlOf(running: RunningWaypost): string {
  return String(running.logs.find(line => line['event'] === 'listening')?.['admission'])
}

interface Reviewed {
  readonly response: { readonly allowed: boolean; readonly patch: string }
}

function addressOf({ response }: Reviewed): string {
  const patch = JSON.parse(Buffer.from(response.patch, 'base64').toString()) as { path: string; value: string }[]
  return String(patch.find(step => step.path === '/spec/clusterIP')?.value)
}

async function post(url: string, name: string): Promise<Reviewed> {
  const response = await fetch(`${url}/admission/v1/services`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(review(service(name))),
  })
  expect(response.status).toBe(200)
  return (await response.json()) as Reviewed
}

describe('a server with --admission', { timeout: 60_000 }, () => {
  it('promises addresses that survive kill -9, shows them, and gives them to the Service that appears', async () => {
    const running = await start('data', '--admission', '[::1]:0')
    expect(urlOf(running)).toMatch(/^http:\/\/\[::1\]:\d+$/)
    const address = addressOf(await post(urlOf(running), 'late'))
    expect(addressOf(await post(running.api, 'late'))).toBe(address)
    const listed = async (api: string): Promise<unknown> => await (await fetch(`${api}/v1/addresses`)).json()
    const expected = {
      address,
      network: 'default',
      owner: { kind: 'Service', name: 'default/late' },
      state: 'reserved',
    }
    expect(await listed(running.api)).toMatchObject({ addresses: [{ ...expected, until: expect.any(String) }] })
    await running.end('SIGKILL')
    const again = await start('data', '--admission', '[::1]:0')
    expect(await listed(again.api)).toMatchObject({ addresses: [expected] })
    const spec = { clusterIP: address, ports: [{ port: 80 }] }
    writeFileSync(
      join(manifests, 'late.json'),
      JSON.stringify({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'late' }, spec }),
    )
    await until(async () => JSON.stringify(await listed(again.api)).includes('"bound"'))
    const metrics = await (await fetch(`${again.api}/metrics`)).text()
    expect(metrics).toContain('waypost_pool_reservations_total{network="default",event="committed"} 1')
  })

  it('serves with a certificate from files and takes over a new one', async () => {
    const [cert, key] = [join(folder.path, 'tls.crt'), join(folder.path, 'tls.key')]
    const authority = await makeAuthority(Date.now())
    const write = (pair: KeyedCertificate): void => {
      writeFileSync(cert, pair.cert)
      writeFileSync(key, pair.key)
    }
    write(await issueServing(authority, ['::1'], Date.now()))
    const config = join(folder.path, 'waypost.yaml')
    const listeners = 'dns: { listen: ["[::1]:0"] }\nhttp: { listen: "[::1]:0" }\n'
    const admission = `admission: { listen: "[::1]:0", tls: { cert: ./tls.crt, key: ./tls.key } }\ndata: ./tls\n`
    writeFileSync(config, `${listeners}${admission}`)
    const running = await start('tls', '--config', config)
    expect(urlOf(running)).toMatch(/^https:/)
    expect(await postSecurely(urlOf(running), authority)).toMatchObject({ response: { allowed: true } })
    await expect(postSecurely(urlOf(running), await makeAuthority(Date.now()))).rejects.toThrow()
  })
})

function postSecurely(url: string, authority: KeyedCertificate): Promise<Reviewed> {
  return new Promise((resolve, reject) => {
    const options = { method: 'POST', ca: authority.cert, headers: { 'content-type': 'application/json' } }
    const request = httpsRequest(`${url}/admission/v1/services`, options, response => {
      let text = ''
      response.on('data', chunk => {
        text += String(chunk)
      })
      response.on('end', () => resolve(JSON.parse(text) as Reviewed))
    })
    request.on('error', reject)
    request.end(JSON.stringify(review(service('secure'))))
  })
}
