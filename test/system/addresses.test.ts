/** App addresses over the HTTP API against the real process: every answer of the contract, and what a refusal leaves. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ask, resolve } from '../support/dns-client.ts'
import { type RunningWaypost, startWaypost, temporaryFolder, until } from '../support/waypost.ts'

const folder = temporaryFolder()
const manifests = join(folder.path, 'manifests')
let server: RunningWaypost

beforeAll(async () => {
  mkdirSync(manifests)
  writeService('taken', 'fdaa:0:48c8:0:1::7')
  const args = ['--manifests', manifests, '--data', join(folder.path, 'data')]
  server = await startWaypost({ args: [...args, '--service-cidr', 'fdaa:0:48c8:0:1::/124'] })
})

afterAll(async () => {
  await server.end('SIGKILL')
  folder.dispose()
})

function writeService(name: string, clusterIP: string): void {
  const spec = { clusterIP, ports: [{ port: 80 }] }
  writeFileSync(
    join(manifests, `${name}.json`),
    JSON.stringify({ apiVersion: 'v1', kind: 'Service', metadata: { name }, spec }),
  )
}

interface Answer {
  readonly status: number
  readonly body: { readonly code?: string; readonly address?: string }
}

async function request(method: string, path: string, body?: string, type = 'application/json'): Promise<Answer> {
  const init = body === undefined ? {} : { body, headers: { 'content-type': type } }
  const response = await fetch(`${server.api}${path}`, { method, ...init })
  const text = await response.text()
  return { status: response.status, body: text === '' ? {} : (JSON.parse(text) as Answer['body']) }
}

const post = (body: string, type?: string): Promise<Answer> => request('POST', '/v1/addresses', body, type)
const remove = (address: string): Promise<Answer> => request('DELETE', `/v1/addresses/${address}`)

async function addressOf(app: string): Promise<string> {
  const { body } = await post(JSON.stringify({ app }))
  return String(body.address)
}

describe('POST /v1/addresses', () => {
  it.each([
    ['{"app":"Web"}', 400, 'WAY_HTTP_BODY'],
    ['{"app":""}', 400, 'WAY_HTTP_BODY'],
    ['{"app":"a.b"}', 400, 'WAY_HTTP_BODY'],
    ['{"app":"a\\n"}', 400, 'WAY_HTTP_BODY'],
    [`{"app":"${'a'.repeat(64)}"}`, 400, 'WAY_HTTP_BODY'],
    ['{"app":7}', 400, 'WAY_HTTP_BODY'],
    ['{}', 400, 'WAY_HTTP_BODY'],
    ['[]', 400, 'WAY_HTTP_BODY'],
    ['null', 400, 'WAY_HTTP_BODY'],
    ['{"app":', 400, 'WAY_HTTP_BODY'],
    ['', 400, 'WAY_HTTP_BODY'],
    ['{"app":"web","network":null}', 400, 'WAY_HTTP_BODY'],
    ['{"app":"web","network":"nowhere"}', 404, 'WAY_NETWORK_UNKNOWN'],
    [`{"app":"web","x":"${'x'.repeat(70_000)}"}`, 413, 'WAY_HTTP_TOO_LARGE'],
  ])('answers the body %.40s with %i', async (body, status, code) => {
    expect(await post(body)).toMatchObject({ status, body: { code } })
  })

  it('answers another content type with 415', async () => {
    expect(await post('{"app":"web"}', 'text/plain')).toMatchObject({
      status: 415,
      body: { code: 'WAY_HTTP_MEDIA_TYPE' },
    })
  })

  it('promises nothing when the pool is exhausted', async () => {
    const given: string[] = []
    for (let i = 0; i < 16; i++) {
      const { status, body } = await post(JSON.stringify({ app: `fill-${i}` }))
      if (status === 201) given.push(String(body.address))
    }
    // 16 addresses, without the network's, the one after it and the Service's.
    expect(given).toHaveLength(13)
    expect(await post('{"app":"fill-15"}')).toMatchObject({ status: 503, body: { code: 'WAY_POOL_EXHAUSTED' } })
    expect((await ask({ port: server.dnsPort, name: 'fill-15.flycast', type: 'AAAA' })).rcode).toBe(3)
    for (const address of given) expect((await remove(address)).status).toBe(204)
  })
})

describe('DELETE /v1/addresses/{address}', () => {
  it('takes any text of the address, once, and gives the app the same one again', async () => {
    const address = await addressOf('fill-0')
    const tail = address.slice(address.lastIndexOf(':') + 1).padStart(4, '0')
    const texts = [
      address.toUpperCase(),
      encodeURIComponent(address),
      `fdaa:0000:48c8:0:1:0:0:${tail}`,
      `fdaa:0:48c8:0:1:0:0.0.0.${Number.parseInt(tail, 16)}`,
    ]
    for (const text of texts) {
      expect(await addressOf('fill-0')).toBe(address)
      expect((await remove(text)).status).toBe(204)
      expect(await remove(text)).toMatchObject({ status: 404, body: { code: 'WAY_ADDRESS_UNKNOWN' } })
    }
  })

  it('refuses the address of a Service and what is no address', async () => {
    expect(await remove('fdaa:0:48c8:0:1::7')).toMatchObject({ status: 409, body: { code: 'WAY_ADDRESS_OF_SERVICE' } })
    for (const text of ['banana', '%00', '%zz', `${'1'.repeat(400)}`]) expect((await remove(text)).status).toBe(400)
  })

  it('lets a Service have the address that it waits for', async () => {
    const address = await addressOf('fill-1')
    writeService('waits', address)
    const service = async (): Promise<Answer> => await request('GET', '/v1/services/default/waits')
    await until(async () => (await service()).status === 200)
    expect((await service()).body).toMatchObject({ addresses: [], problem: { code: 'WAY_ADDRESS_TAKEN' } })
    expect((await remove(address)).status).toBe(204)
    await until(async () => {
      const answers = await resolve({ port: server.dnsPort, name: 'waits.default.svc.cluster.local', type: 'AAAA' })
      return answers[0] === `AAAA ${address}`
    })
  })
})
