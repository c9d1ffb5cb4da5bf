import { afterEach, describe, expect, it } from 'vitest'
import { type FakeApi, startFakeApi } from '#support/fake-api.ts'
import { runFake } from '#support/fake-io.ts'
import { fakeSurroundings } from '#support/surroundings.ts'

let api: FakeApi | undefined
afterEach(async () => {
  await api?.close()
  api = undefined
})

const CLAIMS = {
  addresses: [
    {
      address: 'fdaa:0:48c8:0:1::1a',
      network: 'default',
      owner: { kind: 'Service', name: 'default/kuard' },
      state: 'bound',
      until: null,
    },
    {
      address: 'fdaa:0:48c8:0:1::2b',
      network: 'default',
      owner: { kind: 'App', name: 'web' },
      state: 'resting',
      until: '2026-11-21T05:00:00.000Z',
    },
  ],
}

describe('waypost addresses', () => {
  it('prints a table', async () => {
    api = await startFakeApi({ '/v1/addresses': [200, CLAIMS] })
    const { status, out } = await runFake(['addresses', '--http', api.listen])
    expect(status).toBe(0)
    expect(out).toBe(
      'ADDRESS              NETWORK  STATE    OWNER                  UNTIL\n' +
        'fdaa:0:48c8:0:1::1a  default  bound    Service default/kuard\n' +
        'fdaa:0:48c8:0:1::2b  default  resting  App web                2026-11-21T05:00:00.000Z\n',
    )
  })

  it('prints the answer as it is with --json, and asks for one network', async () => {
    api = await startFakeApi({ '/v1/addresses?network=blue': [200, CLAIMS] })
    const { out } = await runFake(['addresses', '--http', api.listen, '--network', 'blue', '--json'])
    expect(JSON.parse(out)).toEqual(CLAIMS)
  })

  it('sends the token of the environment', async () => {
    api = await startFakeApi({ '/v1/addresses': [200, CLAIMS] })
    await runFake(['addresses', '--http', api.listen], fakeSurroundings({}, { env: { WAYPOST_TOKEN: 'sesame' } }))
    expect(api.requests).toEqual(['GET /v1/addresses Bearer sesame'])
  })
})

describe('waypost routes', () => {
  const route = {
    service: 'default/kuard',
    port: 'http',
    protocol: 'TCP',
    address: 'fdaa:0:48c8:0:1::1a',
    number: 8080,
    backends: [
      { address: 'fdaa::1', port: 8080, state: 'ready' },
      { address: 'fdaa::2', port: 8080, state: 'draining' },
    ],
  }

  it('prints a line for each route and one for each backend', async () => {
    api = await startFakeApi({ '/v1/routes': [200, { epoch: 'e', version: 1, routes: [route] }] })
    const { status, out } = await runFake(['routes', '--http', api.listen])
    expect(status).toBe(0)
    expect(out).toBe(
      'default/kuard  http  TCP  [fdaa:0:48c8:0:1::1a]:8080\n' +
        '  → [fdaa::1]:8080  ready\n' +
        '  → [fdaa::2]:8080  draining\n',
    )
  })

  it('says that a route has no backend', async () => {
    const empty = { ...route, port: null, address: '10.96.0.1', backends: [] }
    api = await startFakeApi({ '/v1/routes': [200, { epoch: 'e', version: 1, routes: [empty] }] })
    const { out } = await runFake(['routes', '--http', api.listen])
    expect(out).toBe('default/kuard  -  TCP  10.96.0.1:8080\n  → nothing\n')
  })

  it('keeps to the Services that are named', async () => {
    const other = { ...route, service: 'default/other' }
    const body = { epoch: 'e', version: 1, routes: [route, other] }
    api = await startFakeApi({ '/v1/routes?network=blue': [200, body] })
    const { out } = await runFake([
      'routes',
      '--http',
      api.listen,
      '--json',
      '--network',
      'blue',
      '--service',
      'default/other',
    ])
    expect(JSON.parse(out)).toEqual({ epoch: 'e', version: 1, routes: [other] })
  })
})

describe('waypost routes with a Service that can be none', () => {
  it.each(['kuard', '/kuard', 'default/', 'a/b/c', 'default/ku ard'])('is a usage error: %j', async service => {
    const { status, error } = await runFake(['routes', '--service', service])
    expect(status).toBe(2)
    expect(error).toContain(`Cannot use --service "${service}"`)
  })
})

describe('waypost explain', () => {
  it('prints the lines', async () => {
    api = await startFakeApi({ '/v1/explain?name=kuard&type=AAAA&from=%3A%3A1': [200, { lines: ['First', 'Second'] }] })
    const { status, out } = await runFake(['explain', 'kuard', 'AAAA', '--from', '::1', '--http', api.listen])
    expect({ status, out }).toEqual({ status: 0, out: 'First\nSecond\n' })
  })

  it.each([[['kuard', 'BOGUS']], [['a..b']], [['kuard', '--from', 'nowhere']]])(
    'is a usage error with %j',
    async args => {
      const { status, error } = await runFake(['explain', ...args])
      expect(status).toBe(2)
      expect(error).toMatch(/^waypost: Cannot .* \(WAY_USAGE\)\n$/)
    },
  )
})

describe('a command that talks to a server', () => {
  it("passes the server's refusal on", async () => {
    api = await startFakeApi({
      '/v1/addresses?network=red': [404, { code: 'WAY_NETWORK_UNKNOWN', message: 'No network is called "red"' }],
    })
    const { status, error } = await runFake(['addresses', '--network', 'red', '--http', api.listen])
    expect({ status, error }).toEqual({
      status: 1,
      error: 'waypost: No network is called "red" (WAY_NETWORK_UNKNOWN)\n',
    })
  })

  it('says so when something else answers', async () => {
    api = await startFakeApi({})
    const { status, error } = await runFake(['addresses', '--http', `http://${api.listen}/`])
    expect(status).toBe(1)
    expect(error).toMatch(/answered 404 in a form that is not Waypost's \(WAY_API_UNREACHABLE\)\n$/)
  })

  it('says so when nobody answers', async () => {
    api = await startFakeApi({})
    const { listen } = api
    await api.close()
    const { status, error } = await runFake(['addresses', '--http', listen])
    expect(status).toBe(1)
    expect(error).toMatch(/^waypost: Cannot reach http:\S+: .*ECONNREFUSED.* \(WAY_API_UNREACHABLE\)\n$/)
  })
})
