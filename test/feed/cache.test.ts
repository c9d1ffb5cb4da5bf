import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { WaypostError } from '#src/errors.ts'
import { cacheEntry, startServer, type TestServer } from './server.ts'

let server: TestServer
beforeEach(async () => {
  server = await startServer()
  server.backend.cached = ['a.example.', 'b.a.example.', 'c.example.'].map(cacheEntry)
})
afterEach(async () => await server.close())

async function send(path: string, method = 'GET', headers: Record<string, string> = {}): Promise<[number, unknown]> {
  const response = await fetch(`${server.url}${path}`, { method, headers })
  return [response.status, await response.json()]
}

describe('/v1/cache', () => {
  it('shows the entries of a name', async () => {
    expect(await send('/v1/cache?name=a.example.')).toEqual([
      200,
      { name: 'a.example.', entries: [cacheEntry('a.example.')] },
    ])
    expect(await send('/v1/cache?name=x.example.')).toEqual([200, { name: 'x.example.', entries: [] }])
  })

  it('takes out a name, and all below it when asked to', async () => {
    expect(await send('/v1/cache?name=a.example.&below=false', 'DELETE')).toEqual([
      200,
      { name: 'a.example.', flushed: 1 },
    ])
    expect(await send('/v1/cache?name=a.example.', 'DELETE')).toEqual([200, { name: 'a.example.', flushed: 0 }])
    expect(await send('/v1/cache?name=example.&below=true', 'DELETE')).toEqual([200, { name: 'example.', flushed: 2 }])
  })

  it.each([
    ['without a name', '/v1/cache', 'GET'],
    ['with an empty name', '/v1/cache?name=', 'GET'],
    ['with another word for below', '/v1/cache?name=a&below=yes', 'DELETE'],
    ['without a name to flush', '/v1/cache', 'DELETE'],
  ])('is 400 %s', async (_, path, method) => {
    const [status, body] = await send(path, method)
    expect([status, body]).toMatchObject([400, { code: 'WAY_HTTP_BODY' }])
  })

  it('says that there is no cache', async () => {
    server.backend.failure = new WaypostError('WAY_CACHE_OFF', 'There is none.')
    expect(await send('/v1/cache?name=a')).toEqual([404, { code: 'WAY_CACHE_OFF', message: 'There is none.' }])
  })

  it('is flushed with the token only, where there is one', async () => {
    await server.close()
    server = await startServer({ api: { token: 'secret' } })
    server.backend.cached = [cacheEntry('a.example.')]
    expect((await send('/v1/cache?name=a.example.', 'DELETE'))[0]).toBe(401)
    expect((await send('/v1/cache?name=a.example.'))[0]).toBe(200)
    const authorization = 'Bearer secret'
    expect((await send('/v1/cache?name=a.example.', 'DELETE', { authorization }))[0]).toBe(200)
  })
})
