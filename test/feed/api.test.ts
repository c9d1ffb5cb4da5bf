import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WaypostError } from '#src/errors.ts'
import { RawConnection, serviceView, startServer, type TestServer, type TestServerOptions, until } from './server.ts'

interface Sent {
  readonly method?: string
  readonly path: string
  readonly headers?: Record<string, string>
  readonly body?: string
}

interface Got {
  readonly status: number
  readonly headers: Headers
  readonly body: unknown
  readonly text: string
}

async function send(server: TestServer, { path, ...init }: Sent): Promise<Got> {
  const response = await fetch(`${server.url}${path}`, init)
  const text = await response.text()
  const isJson = (response.headers.get('content-type') ?? '').startsWith('application/json')
  return {
    status: response.status,
    headers: response.headers,
    body: isJson && text !== '' ? JSON.parse(text) : null,
    text,
  }
}

function post(body: unknown, headers: Record<string, string> = {}): Sent {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return {
    method: 'POST',
    path: '/v1/addresses',
    headers: { 'content-type': 'application/json', ...headers },
    body: text,
  }
}

/** A server for the tests of one block. */
function useServer(options: TestServerOptions = {}): { readonly server: TestServer } {
  const holder: { server: TestServer | null } = { server: null }
  beforeAll(async () => {
    holder.server = await startServer(options)
  })
  afterAll(async () => await holder.server?.close())
  return {
    get server() {
      if (holder.server === null) throw new Error('not started')
      return holder.server
    },
  }
}

describe('what goes wrong', () => {
  const use = useServer()
  const long = 'a'.repeat(64)
  const table: readonly [what: string, sent: Sent, status: number, code: string][] = [
    ['an unknown path', { path: '/v1/nothing' }, 404, 'WAY_HTTP_NOT_FOUND'],
    ['the root', { path: '/' }, 404, 'WAY_HTTP_NOT_FOUND'],
    ['another method', { method: 'PUT', path: '/v1/addresses' }, 404, 'WAY_HTTP_NOT_FOUND'],
    ['a preflight of a browser', { method: 'OPTIONS', path: '/v1/addresses' }, 404, 'WAY_HTTP_NOT_FOUND'],
    ['a path that does not decode', { path: '/v1/services/%zz/a' }, 400, 'WAY_HTTP_BODY'],
    ['a path parameter without end', { path: `/v1/services/${'a'.repeat(2000)}/a` }, 400, 'WAY_HTTP_BODY'],
    ['a name that is too long', { path: `/v1/services/${'a'.repeat(300)}/a` }, 400, 'WAY_HTTP_BODY'],
    ['an unknown Service', { path: '/v1/services/default/nobody' }, 404, 'WAY_SERVICE_UNKNOWN'],
    ['an unknown network of Services', { path: '/v1/services?network=x' }, 404, 'WAY_NETWORK_UNKNOWN'],
    ['an unknown network of one Service', { path: '/v1/services/a/b?network=x' }, 404, 'WAY_NETWORK_UNKNOWN'],
    ['an unknown network of routes', { path: '/v1/routes?network=x' }, 404, 'WAY_NETWORK_UNKNOWN'],
    ['an unknown network of a watch', { path: '/v1/routes/watch?network=x' }, 404, 'WAY_NETWORK_UNKNOWN'],
    ['two networks at once', { path: '/v1/routes?network=x&network=y' }, 400, 'WAY_HTTP_BODY'],
    ['a Service filter without a name', { path: '/v1/routes?service=kuard' }, 400, 'WAY_HTTP_BODY'],
    ['one bad Service filter among good ones', { path: '/v1/routes/watch?service=a/b&service=' }, 400, 'WAY_HTTP_BODY'],
    ['no body', { ...post(''), path: '/v1/addresses' }, 400, 'WAY_HTTP_BODY'],
    ['a body that is no JSON', post('{"app":'), 400, 'WAY_HTTP_BODY'],
    ['a body that is no object', post('[]'), 400, 'WAY_HTTP_BODY'],
    ['a body that is null', post('null'), 400, 'WAY_HTTP_BODY'],
    ['a poisoned body', post('{"app":"x","__proto__":{"a":1}}'), 400, 'WAY_HTTP_BODY'],
    ['no app', post({ network: 'default' }), 400, 'WAY_HTTP_BODY'],
    ['an app that is no text', post({ app: 5 }), 400, 'WAY_HTTP_BODY'],
    ['an app in upper case', post({ app: 'Web' }), 400, 'WAY_HTTP_BODY'],
    ['an app with a dot', post({ app: 'a.b' }), 400, 'WAY_HTTP_BODY'],
    ['an app that is too long', post({ app: long }), 400, 'WAY_HTTP_BODY'],
    ['an app that ends in a hyphen', post({ app: 'a-' }), 400, 'WAY_HTTP_BODY'],
    ['an app with a line feed behind it', post({ app: 'a\n' }), 400, 'WAY_HTTP_BODY'],
    ['an empty app', post({ app: '' }), 400, 'WAY_HTTP_BODY'],
    ['a network that is no text', post({ app: 'a', network: null }), 400, 'WAY_HTTP_BODY'],
    ['an unknown network', post({ app: 'a', network: 'x' }), 404, 'WAY_NETWORK_UNKNOWN'],
    ['an unknown field', post({ app: 'a', size: 1 }), 400, 'WAY_HTTP_BODY'],
    ['a body over 64 KiB', post({ app: 'a'.repeat(70_000) }), 413, 'WAY_HTTP_TOO_LARGE'],
    [
      'a review over 4 MiB',
      { ...post(' '.repeat(4 * 1024 * 1024 + 1)), path: '/admission/v1/services' },
      413,
      'WAY_HTTP_TOO_LARGE',
    ],
    [
      'a review of an unknown network',
      { ...post({}), path: '/admission/v1/services?network=x' },
      404,
      'WAY_NETWORK_UNKNOWN',
    ],
    ['a review that is no object', { ...post('[]'), path: '/admission/v1/services' }, 400, 'WAY_HTTP_BODY'],
    ['another content type', post({ app: 'a' }, { 'content-type': 'text/plain' }), 415, 'WAY_HTTP_MEDIA_TYPE'],
    [
      'a content type that only begins like it',
      post({ app: 'a' }, { 'content-type': 'application/jsonp' }),
      415,
      'WAY_HTTP_MEDIA_TYPE',
    ],
    ['a form', post('app=a', { 'content-type': 'application/x-www-form-urlencoded' }), 415, 'WAY_HTTP_MEDIA_TYPE'],
    ['no content type', { method: 'POST', path: '/v1/addresses' }, 415, 'WAY_HTTP_MEDIA_TYPE'],
    ['an address that is none', { method: 'DELETE', path: '/v1/addresses/fdaa::zz' }, 400, 'WAY_HTTP_BODY'],
    ['an address with a zone', { method: 'DELETE', path: '/v1/addresses/fe80::1%25eth0' }, 400, 'WAY_HTTP_BODY'],
    ['an address nobody has', { method: 'DELETE', path: '/v1/addresses/fdaa::1' }, 404, 'WAY_ADDRESS_UNKNOWN'],
    ['explain without a name', { path: '/v1/explain' }, 400, 'WAY_HTTP_BODY'],
    ['explain with an empty name', { path: '/v1/explain?name=' }, 400, 'WAY_HTTP_BODY'],
    ['explain from nowhere', { path: '/v1/explain?name=a&from=here' }, 400, 'WAY_HTTP_BODY'],
  ]
  it.each(table)('%s', async (_what, sent, status, code) => {
    const got = await send(use.server, sent)
    expect({ status: got.status, code: (got.body as { code: string }).code }).toEqual({ status, code })
    expect(Object.keys(got.body as object)).toEqual(['code', 'message'])
    expect((got.body as { message: string }).message).toMatch(/^[A-Z][^\n]{5,400}$/)
  })

  const raw: readonly [what: string, text: string, status: number][] = [
    ['bytes that are no HTTP', 'hello\r\n\r\n', 400],
    ['an unknown method', 'FROB / HTTP/1.1\r\nhost: x\r\n\r\n', 400],
    ['no Host', 'GET /health HTTP/1.1\r\n\r\n', 400],
    ['a header without end', `GET /health HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`, 400],
    [
      'two lengths',
      'POST /v1/addresses HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n',
      400,
    ],
  ]
  it.each(raw)('%s', async (_what, text, status) => {
    const connection = new RawConnection(use.server.port).send(text)
    const answer = await connection.until(/\r\n\r\n/)
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    await until(() => connection.isClosed, 'the server closed')
    expect(connection.text).toContain('"code":"WAY_HTTP_BODY"')
  })

  it('inside the server is a 500 whose message gives nothing away, and is logged', async () => {
    use.server.backend.failure = new Error('secret detail')
    const got = await send(use.server, post({ app: 'a' }))
    use.server.backend.failure = null
    expect(got.status).toBe(500)
    expect(got.text).toContain('WAY_INTERNAL')
    expect(got.text).not.toContain('secret')
    expect(use.server.logged.at(-1)).toContain('api_error')
  })

  it('with the pool or the ledger is what the backend says, with Retry-After', async () => {
    for (const code of ['WAY_POOL_EXHAUSTED', 'WAY_LEDGER_WRITE'] as const) {
      use.server.backend.failure = new WaypostError(code, 'No.')
      const got = await send(use.server, post({ app: 'a' }))
      expect([got.status, got.body, got.headers.get('retry-after')]).toEqual([503, { code, message: 'No.' }, '2'])
    }
    use.server.backend.failure = null
  })
})

describe('health and readiness', () => {
  const use = useServer()
  it('are 200, and 503 with the reasons', async () => {
    expect((await send(use.server, { path: '/health' })).body).toEqual({ status: 'ok' })
    expect((await send(use.server, { path: '/ready' })).body).toEqual({
      ready: true,
      reasons: [],
      details: { problems: [] },
    })
    use.server.backend.readiness = { ready: false, reasons: ['The source is silent'], details: {} }
    const got = await send(use.server, { path: '/ready' })
    expect(got.status).toBe(503)
    expect(got.body).toEqual({
      code: 'WAY_NOT_READY',
      message: 'Not ready: The source is silent',
      ready: false,
      reasons: ['The source is silent'],
      details: {},
    })
    expect((await send(use.server, { path: '/health' })).status).toBe(200)
  })

  it('answer HEAD', async () => {
    const got = await send(use.server, { method: 'HEAD', path: '/health' })
    expect([got.status, got.text]).toEqual([200, ''])
  })

  it('answer HEAD where GET is a long list', async () => {
    for (const path of ['/v1/services', '/v1/addresses']) {
      const got = await send(use.server, { method: 'HEAD', path })
      const type = got.headers.get('content-type')
      expect([path, got.status, got.text, type]).toEqual([path, 200, '', 'application/json; charset=utf-8'])
      expect((await send(use.server, { method: 'HEAD', path: `${path}?network=none` })).status).toBe(404)
    }
  })

  it('has metrics of the type that the registry says', async () => {
    const got = await send(use.server, { path: '/metrics' })
    expect([got.headers.get('content-type'), got.text]).toEqual(['text/plain; version=0.0.4', 'up 1\n'])
  })
})

describe('services', () => {
  const use = useServer({ networks: ['one', 'two'] })
  const inOne = serviceView({ network: 'one' })
  const inTwo = serviceView({
    network: 'two',
    addresses: [],
    syncVersion: null,
    routes: [],
    problem: { code: 'WAY_POOL_EXHAUSTED', message: 'Full.' },
  })
  const other = serviceView({ network: 'two', service: 'default/other' })

  it('are listed as they are, and one by one', async () => {
    use.server.backend.list = [inOne, inTwo, other]
    expect((await send(use.server, { path: '/v1/services' })).body).toEqual({ services: [inOne, inTwo, other] })
    expect((await send(use.server, { path: '/v1/services?network=two' })).body).toEqual({ services: [inTwo, other] })
    expect((await send(use.server, { path: '/v1/services/default/other' })).body).toEqual(other)
    expect((await send(use.server, { path: '/v1/services/default/kuard?network=one' })).body).toEqual(inOne)
  })

  it('of several networks need the network', async () => {
    const got = await send(use.server, { path: '/v1/services/default/kuard' })
    expect([got.status, got.text]).toEqual([400, expect.stringContaining('\\"one\\", \\"two\\"')])
  })

  it('that are very many are sent whole', async () => {
    use.server.backend.list = Array.from({ length: 5000 }, (_, i) => serviceView({ service: `default/s${i}` }))
    const got = await send(use.server, { path: '/v1/services' })
    expect((got.body as { services: unknown[] }).services).toEqual(use.server.backend.list)
    use.server.backend.list = []
    expect((await send(use.server, { path: '/v1/services' })).body).toEqual({ services: [] })
  })

  it('that fail to be listed end the answer as broken, not as shorter', async () => {
    use.server.backend.list = [inOne]
    use.server.backend.services = function* () {
      for (let i = 0; i < 2000; i++) yield serviceView()
      throw new Error('lost')
    }
    await expect(send(use.server, { path: '/v1/services' })).rejects.toThrow()
  })
})

describe('addresses', () => {
  const use = useServer()
  it('are given (201), given again (200), listed, released (204) and then unknown (404)', async () => {
    const given = await send(use.server, post({ network: 'default', app: 'web' }))
    expect([given.status, given.body]).toEqual([
      201,
      { network: 'default', app: 'web', address: 'fdaa::a:1', names: ['web.flycast'] },
    ])
    const again = await send(use.server, post({ app: 'web' }))
    expect([again.status, again.body]).toEqual([200, given.body])
    expect((await send(use.server, { path: '/v1/addresses' })).body).toEqual({
      addresses: [
        { address: 'fdaa::a:1', network: 'default', owner: { kind: 'App', name: 'web' }, state: 'bound', until: null },
      ],
    })
    const released = await send(use.server, { method: 'DELETE', path: '/v1/addresses/fdaa::a:1' })
    expect([released.status, released.text]).toEqual([204, ''])
    expect((await send(use.server, { method: 'DELETE', path: '/v1/addresses/fdaa::a:1' })).status).toBe(404)
  })

  const spellings = ['fdaa::A:1', 'FDAA:0:0:0:0:0:a:1', 'fdaa%3A%3Aa%3A1', 'fdaa:0000::000a:0001', 'fdaa::0.10.0.1']
  it.each(spellings)('are released by any text of theirs: %s', async text => {
    use.server.backend.claims = []
    await send(use.server, post({ app: 'web' }))
    const got = await send(use.server, {
      method: 'DELETE',
      path: `/v1/addresses/${text}`,
      headers: { 'content-type': 'application/json' },
    })
    expect(got.status).toBe(204)
  })

  it('of a Service are not released by hand', async () => {
    use.server.backend.claims = [
      { address: '10.0.0.1', network: 'default', owner: { kind: 'Service', name: 'a/b' }, state: 'bound', until: null },
    ]
    const got = await send(use.server, { method: 'DELETE', path: '/v1/addresses/10.0.0.1' })
    expect([got.status, (got.body as { code: string }).code]).toEqual([409, 'WAY_ADDRESS_OF_SERVICE'])
  })
})

describe('addresses in several networks', () => {
  const use = useServer({ networks: ['one', 'two'] })
  it('need the network where it is not clear', async () => {
    const unclear = await send(use.server, post({ app: 'web' }))
    expect([unclear.status, (unclear.body as { code: string }).code]).toEqual([400, 'WAY_HTTP_BODY'])
    const owner = { kind: 'App', name: 'web' } as const
    use.server.backend.claims = ['one', 'two'].map(network => ({
      address: '10.0.0.1',
      network,
      owner,
      state: 'bound',
      until: null,
    }))
    expect((await send(use.server, { path: '/v1/addresses?network=two' })).body).toMatchObject({
      addresses: [{ network: 'two' }],
    })
    const path = '/v1/addresses/10.0.0.1'
    const both = await send(use.server, { method: 'DELETE', path })
    expect([both.status, (both.body as { code: string }).code]).toEqual([409, 'WAY_ADDRESS_AMBIGUOUS'])
    expect((await send(use.server, { method: 'DELETE', path: `${path}?network=two` })).status).toBe(204)
    expect((await send(use.server, { method: 'DELETE', path })).status).toBe(204)
  })
})

describe('who may write', () => {
  const local = useServer()
  const secret = useServer({ api: { token: 's3cret' } })
  const open = useServer({ api: { listen: { address: '::', port: 0 } } })

  it('everyone on loopback, unless the Host header names something else (DNS rebinding)', async () => {
    const statusFor = async (host: string): Promise<string> => {
      const connection = new RawConnection(local.server.port)
      connection.send(`DELETE /v1/addresses/fdaa::9 HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`)
      return (await connection.until(/\r\n\r\n/)).slice(9, 12)
    }
    for (const host of [
      'localhost',
      'localhost:8053',
      'a.localhost',
      'LOCALHOST.',
      '127.0.0.1',
      '127.9.9.9:1',
      '[::1]:8053',
      '[::1]',
    ]) {
      expect([host, await statusFor(host)]).toEqual([host, '404'])
    }
    for (const host of [
      'evil.example',
      'evil.example:8053',
      '10.0.0.1',
      '[fdaa::1]',
      'localhost.evil.example',
      '127.0.0.1.evil.example',
      '',
    ]) {
      expect([host, await statusFor(host)]).toEqual([host, '401'])
    }
  })

  it('only who has the token, where there is one', async () => {
    for (const authorization of [undefined, 'Bearer wrong', 'Bearer ', 's3cret', 'Basic s3cret', 'Bearer s3cret x']) {
      const headers = authorization === undefined ? {} : { authorization }
      const got = await send(secret.server, post({ app: 'a' }, headers))
      expect([got.status, (got.body as { code: string }).code]).toEqual([401, 'WAY_HTTP_TOKEN'])
      expect(got.headers.get('www-authenticate')).toBe('Bearer')
    }
    expect((await send(secret.server, post({ app: 'a' }, { authorization: 'Bearer s3cret' }))).status).toBe(201)
    expect((await send(secret.server, post({ app: 'a' }, { authorization: 'bearer s3cret' }))).status).toBe(200)
    expect((await send(secret.server, { path: '/v1/addresses' })).status).toBe(200)
  })

  it('nobody, beyond loopback and without a token', async () => {
    const got = await send(open.server, post({ app: 'a' }, { authorization: 'Bearer x' }))
    expect([got.status, (got.body as { code: string }).code]).toEqual([401, 'WAY_HTTP_TOKEN'])
    expect((await send(open.server, { method: 'DELETE', path: '/v1/addresses/fdaa::1' })).status).toBe(401)
    expect((await send(open.server, { path: '/v1/routes' })).status).toBe(200)
  })

  it('is asked before the body is looked at', async () => {
    expect((await send(secret.server, post('nonsense', { 'content-type': 'text/plain' }))).status).toBe(401)
  })

  it('lets no other origin read: no CORS header anywhere', async () => {
    const got = await send(local.server, { path: '/v1/routes', headers: { origin: 'http://evil.example' } })
    expect([...got.headers.keys()].filter(name => name.startsWith('access-control'))).toEqual([])
  })

  it('logs no request, body or token', async () => {
    await send(secret.server, post({ app: 'a' }, { authorization: 'Bearer s3cret' }))
    expect(secret.server.logged).toEqual([])
  })
})

describe('explain', () => {
  const use = useServer()
  it('passes on what was asked, the address in canonical text', async () => {
    const got = await send(use.server, { path: '/v1/explain?name=a.b&type=AAAA&from=FDAA:0::1' })
    expect(got.body).toEqual({ name: 'a.b', type: 'AAAA', from: 'fdaa::1', lines: ['a.b AAAA fdaa::1'] })
    expect((await send(use.server, { path: '/v1/explain?name=a' })).body).toMatchObject({ type: null, from: null })
  })
})

describe('the route table', () => {
  const use = useServer()
  it('has an ETag, and is not sent again to who has it', async () => {
    use.server.world.publish('a', 'b')
    const got = await send(use.server, { path: '/v1/routes' })
    expect(got.body).toMatchObject({ epoch: 'e1', version: 1, routes: [{ service: 'ns/a' }, { service: 'ns/b' }] })
    expect(got.headers.get('etag')).toBe('"e1-1"')
    expect(got.headers.get('content-length')).toBe(String(got.text.length))
    for (const tag of ['"e1-1"', 'W/"e1-1"', '"x", "e1-1"', '*']) {
      const again = await send(use.server, { path: '/v1/routes', headers: { 'if-none-match': tag } })
      expect([again.status, again.text, again.headers.get('etag')]).toEqual([304, '', '"e1-1"'])
    }
    use.server.world.publish('c')
    for (const tag of ['"e1-1"', 'e1-2', '"e1-2', '']) {
      expect((await send(use.server, { path: '/v1/routes', headers: { 'if-none-match': tag } })).status).toBe(200)
    }
  })

  it('is filtered by Service', async () => {
    const got = await send(use.server, { path: '/v1/routes?service=ns/b&service=ns/none' })
    expect((got.body as { routes: { service: string }[] }).routes.map(({ service }) => service)).toEqual(['ns/b'])
  })

  it('answers HEAD with the header of GET, without making the table', async () => {
    const got = await send(use.server, { method: 'HEAD', path: '/v1/routes' })
    expect([got.status, got.text, got.headers.get('etag')]).toEqual([200, '', `"${use.server.world.hub.version}"`])
    expect(got.headers.get('content-type')).toBe('application/json; charset=utf-8')
    const headers = { 'if-none-match': String(got.headers.get('etag')) }
    expect((await send(use.server, { method: 'HEAD', path: '/v1/routes', headers })).status).toBe(304)
    expect((await send(use.server, { method: 'HEAD', path: '/v1/routes?network=none' })).status).toBe(404)
  })

  it('answers HEAD of a watch without one', async () => {
    const got = await send(use.server, { method: 'HEAD', path: '/v1/routes/watch' })
    expect([got.status, got.headers.get('content-type')]).toEqual([200, 'application/x-ndjson'])
    expect(use.server.world.hub.figures().watchers).toBe(0)
  })
})

describe('the route table of a server that has just started', () => {
  const use = useServer({ hub: { isHeld: true } })
  it('is 503 until it is whole', async () => {
    const got = await send(use.server, { path: '/v1/routes', headers: { 'if-none-match': '"e1-0"' } })
    expect([got.status, (got.body as { code: string }).code]).toEqual([503, 'WAY_NOT_READY'])
    use.server.world.hub.open()
    expect((await send(use.server, { path: '/v1/routes' })).status).toBe(200)
  })
})

describe('closing', () => {
  it('does not wait for a reader that stands still', async () => {
    const server = await startServer()
    server.world.publishAll(
      Array.from({ length: 2000 }, (_, i) => ({ network: 'default', name: `s${i}`, backends: 100 })),
    )
    const stuck = new RawConnection(server.port).send('GET /v1/routes HTTP/1.1\r\nhost: localhost\r\n\r\n')
    await stuck.until(/"routes":/)
    stuck.socket.pause()
    // Without the cut it would wait for the 60 s of the connection, longer than a test may take.
    await expect(server.close()).resolves.toBeUndefined()
    stuck.socket.destroy()
  })
})
