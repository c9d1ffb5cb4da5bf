import { once } from 'node:events'
import { type ClientHttp2Session, connect, constants, type IncomingHttpHeaders } from 'node:http2'
import { request as requestOne } from 'node:https'
import { connect as connectTls } from 'node:tls'
import { afterEach, describe, expect, it } from 'vitest'
import { type AskedLater, DEFERRED } from '#src/dns/transport.ts'
import { Answering, makeQuery } from '#support/answering.ts'
import { makeCertificate } from '#support/certificate.ts'
import { decodeMessage } from '#support/message-decoder.ts'
import { counted, type RunningStreams, type StreamSetting, startStreams } from '#support/stream-service.ts'
import { TcpClient } from '#support/tcp-client.ts'

const TYPE = 'application/dns-message'
const QUERY = makeQuery('a.zone', 'A')

const undo: (() => unknown)[] = []
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
})

function world(): Answering {
  const many = Array.from({ length: 3500 }, (_, i) => `AAAA fdaa::${i.toString(16)}`)
  return new Answering()
    .zone('zone')
    .zone('zone', {}, 3)
    .node('a.zone', ['A 192.0.2.1'], 'plain', 3)
    .node('alias.zone', ['CNAME missing.zone'], 'plain', 3)
    .node('many.zone', many, 'plain', 3)
}

async function start(setting: StreamSetting = {}): Promise<RunningStreams> {
  const server = await startStreams({ kind: 'https', context: { answerer: world().responder }, ...setting })
  undo.push(() => server.stop(0))
  return server
}

async function open(server: RunningStreams, localAddress?: string): Promise<ClientHttp2Session> {
  const { address, port } = server.listen
  const url = `https://${address.includes(':') ? `[${address}]` : address}:${port}`
  const session = connect(url, {
    ca: server.certificate.cert,
    servername: 'localhost',
    ...(localAddress === undefined ? {} : { localAddress }),
  })
  session.on('error', () => {})
  undo.push(() => session.destroy())
  await once(session, 'connect')
  return session
}

/** Resolves at the end, whatever came before. */
function closing(emitter: {
  readonly destroyed: boolean
  once(event: 'close', listener: () => void): unknown
}): Promise<void> {
  return new Promise(resolve => {
    if (emitter.destroyed) resolve()
    else emitter.once('close', resolve)
  })
}

interface Reply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

async function ask(
  session: ClientHttp2Session,
  headers: Record<string, string | number>,
  body: Uint8Array | null = null,
): Promise<Reply> {
  const stream = session.request({ ':path': '/dns-query', ...headers }, { endStream: body === null })
  if (body !== null) stream.end(body)
  const chunks: Buffer[] = []
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  stream.on('error', () => {})
  const [got] = (await once(stream, 'response')) as [IncomingHttpHeaders & { ':status': number }]
  if (!stream.closed) await once(stream, 'close')
  return { status: got[':status'], headers: got, body: Buffer.concat(chunks) }
}

function post(session: ClientHttp2Session, query: Uint8Array, headers: Record<string, string> = {}): Promise<Reply> {
  return ask(session, { ':method': 'POST', 'content-type': TYPE, accept: TYPE, ...headers }, query)
}

function get(session: ClientHttp2Session, query: Uint8Array | string): Promise<Reply> {
  const text = typeof query === 'string' ? query : `dns=${Buffer.from(query).toString('base64url')}`
  return ask(session, { ':path': `/dns-query?${text}` })
}

describe('DNS over HTTPS', () => {
  it('answers POST and GET over HTTP/2 alike', async () => {
    const session = await open(await start())
    for (const reply of [await post(session, QUERY), await get(session, QUERY)]) {
      expect(reply.status).toBe(200)
      expect(reply.headers).toMatchObject({ 'content-type': TYPE, 'content-length': String(reply.body.length) })
      expect(decodeMessage(reply.body)).toMatchObject({ id: 0x1234, answers: [{ data: '192.0.2.1' }] })
    }
  })

  it('answers over HTTP/1.1, many requests a connection', async () => {
    const server = await start()
    const { Agent } = await import('node:https')
    const agent = new Agent({ keepAlive: true, maxSockets: 1, ca: server.certificate.cert, servername: 'localhost' })
    undo.push(() => agent.destroy())
    for (const method of ['POST', 'GET', 'POST']) {
      const path = method === 'GET' ? `/dns-query?dns=${Buffer.from(QUERY).toString('base64url')}` : '/dns-query'
      const request = requestOne({ agent, method, path, host: '::1', port: server.listen.port })
      if (method === 'POST') request.setHeader('content-type', TYPE).end(QUERY)
      else request.end()
      const [response] = await once(request, 'response')
      const chunks: Buffer[] = []
      for await (const chunk of response) chunks.push(chunk)
      expect(response.statusCode).toBe(200)
      expect(decodeMessage(Buffer.concat(chunks)).answers).toHaveLength(1)
    }
    expect(counted(server.counters().tcpAccepted)).toEqual({ https: 1 })
  })

  it('answers HEAD with the headers of GET', async () => {
    const session = await open(await start())
    const path = `/dns-query?dns=${Buffer.from(QUERY).toString('base64url')}`
    const reply = await ask(session, { ':method': 'HEAD', ':path': path })
    expect([reply.status, reply.headers['content-type'], reply.body.length]).toEqual([200, TYPE, 0])
  })

  it('takes the network from the source of the connection, whatever headers say', async () => {
    const server = await start({ sources: ['2001:db8::/32'], address: '127.0.0.1' })
    const session = await open(server)
    const reply = await post(session, QUERY, { 'x-forwarded-for': '2001:db8::1', forwarded: 'for="[2001:db8::1]"' })
    expect(decodeMessage(reply.body).rcode).toBe(5)
  })

  it('answers with up to 65,535 octets, many at one time', async () => {
    const server = await start({ limits: { maxBytesPerConnection: 4_000_000 } })
    const session = await open(server)
    const replies = await Promise.all(Array.from({ length: 20 }, () => post(session, makeQuery('many.zone', 'AAAA'))))
    expect(replies.map(({ status }) => status)).toEqual(Array(20).fill(200))
    expect(Math.min(...replies.map(({ body }) => body.length))).toBeGreaterThan(65_400)
  })
})

describe('an answer that comes later', () => {
  function deferring(reply: (asked: AskedLater) => Uint8Array | null): StreamSetting {
    const answerer = { respond: () => DEFERRED, decline: () => 0 }
    return {
      limits: { idleMs: 1000 },
      context: {
        answerer,
        defer: (asked, done) => {
          setTimeout(() => done(reply(asked)), 1500)
        },
      },
    }
  }

  it('is waited for beyond the idle time, while others come and go', async () => {
    const sources: string[] = []
    const server = await start(
      deferring(asked => {
        sources.push(`${asked.source.length} ${asked.view} ${asked.transport}`)
        return world().send(asked.query, { view: asked.view, transport: asked.transport })
      }),
    )
    const session = await open(server)
    const replies = await Promise.all([post(session, QUERY), post(session, makeQuery('missing.zone', 'A'))])
    expect(replies.map(({ body }) => decodeMessage(body).rcode)).toEqual([0, 3])
    expect(sources).toEqual(['16 3 3', '16 3 3'])
    await closing(session)
    await expect.poll(() => server.closed(), { timeout: 10_000 }).toEqual({ idle: 1 })
  })

  it('that there is not is 503', async () => {
    const session = await open(await start(deferring(() => null)))
    expect((await post(session, QUERY)).status).toBe(503)
  })

  it('is waited for by 256 requests of a connection, those that were reset included; more are declined', async () => {
    let waiting = 0
    let declined = 0
    const decline = (): number => {
      declined++
      return 0
    }
    const context = { answerer: { respond: () => DEFERRED, decline }, defer: () => void waiting++ }
    const session = await open(await start({ context }))
    const ask = () =>
      session
        .request({ ':method': 'POST', ':path': '/dns-query', 'content-type': TYPE })
        .on('error', () => {})
        .resume()
        .end(QUERY)
    for (let sent = 100; sent <= 300; sent += 100) {
      const requests = Array.from({ length: 100 }, ask)
      await expect.poll(() => waiting + declined).toBe(sent)
      const gone = requests.map(request => request.destroyed || once(request, 'close'))
      for (const request of requests) request.close(constants.NGHTTP2_CANCEL)
      await Promise.all(gone)
    }
    expect([waiting, declined]).toEqual([256, 44])
  })

  it('is not missed by a client that has gone', async () => {
    const server = await start(deferring(asked => asked.query))
    const session = await open(server)
    session
      .request({ ':method': 'POST', ':path': '/dns-query', 'content-type': TYPE })
      .on('error', () => {})
      .end(QUERY)
    await expect.poll(() => counted(server.counters().receivedPackets)).toEqual({ https: 1 })
    session.destroy()
    await expect.poll(() => counted(server.counters().tcpOpen), { timeout: 10_000 }).toEqual({})
    await closing(await open(server))
  })
})

describe('freshness', () => {
  it.each([
    ['a.zone', 'A', 30],
    ['a.zone', 'AAAA', 10],
    ['missing.zone', 'A', 10],
    ['alias.zone', 'A', 10],
    ['zone', 'SOA', 20],
    ['elsewhere', 'A', 0],
  ] as const)('of %s %s is %i seconds, for the client alone', async (name, type, seconds) => {
    const session = await open(await start())
    const { headers } = await get(session, makeQuery(name, type))
    expect(headers['cache-control']).toBe(`private, max-age=${seconds}`)
  })
})

describe('what is no query', () => {
  it.each([
    ['another path', { ':path': '/' }, 404],
    ['a path behind it', { ':path': '/dns-query/x' }, 404],
    ['another method', { ':method': 'PUT', 'content-type': TYPE }, 405],
    ['GET without the parameter', {}, 400],
    ['GET with an empty parameter', { ':path': '/dns-query?dns=' }, 400],
    ['GET with padding', { ':path': '/dns-query?dns=AAAA%3D' }, 400],
    ['GET with base64 that is not for URLs', { ':path': '/dns-query?dns=AAA+' }, 400],
    ['GET with bits that mean nothing', { ':path': '/dns-query?dns=AB' }, 400],
    ['GET with two parameters', { ':path': '/dns-query?dns=AAAA&dns=AAAA' }, 400],
    ['GET with a message that is too short', { ':path': '/dns-query?dns=AAAA' }, 400],
    ['POST of another type', { ':method': 'POST', 'content-type': 'application/json' }, 415],
    ['POST without a type', { ':method': 'POST' }, 415],
    ['POST that takes another type', { ':method': 'POST', 'content-type': TYPE, accept: 'application/dns-json' }, 406],
    ['POST that takes no message', { ':method': 'POST', 'content-type': TYPE, accept: `${TYPE};q=0, */*` }, 406],
  ] as const)('%s is refused', async (_, headers, status) => {
    const server = await start()
    const session = await open(server)
    const reply = await ask(session, headers, ':method' in headers && headers[':method'] === 'POST' ? QUERY : null)
    expect([reply.status, reply.headers['cache-control']]).toEqual([status, 'no-store'])
    if (status === 405) expect(reply.headers.allow).toBe('GET, HEAD, POST')
    expect((await post(session, QUERY)).status).toBe(200)
  })

  it.each([
    ['*/*', 200],
    ['application/*', 200],
    [`text/html, ${TYPE};q=0.1`, 200],
    ['', 200],
  ])('Accept %j gives %i', async (accept, status) => {
    const session = await open(await start())
    expect((await post(session, QUERY, { accept })).status).toBe(status)
  })

  it('a body that turns out too long is refused while it comes', async () => {
    const session = await open(await start())
    expect((await post(session, new Uint8Array(200_000))).status).toBe(413)
    expect((await post(session, new Uint8Array(65_536), { 'content-length': '65536' })).status).toBe(413)
    expect((await post(session, QUERY)).status).toBe(200)
  })

  it('a response, or a message cut in its header, is refused', async () => {
    const session = await open(await start())
    expect((await post(session, QUERY.with(2, 0x80))).status).toBe(400)
    expect((await post(session, QUERY.subarray(0, 11))).status).toBe(400)
    expect((await post(session, new Uint8Array(0))).status).toBe(400)
  })

  it('a malformed message is answered FORMERR', async () => {
    const session = await open(await start())
    const reply = await post(session, Uint8Array.of(...QUERY, 0))
    expect([reply.status, decodeMessage(reply.body).rcode]).toEqual([200, 1])
  })
})

describe('limits', () => {
  it('end a connection that is idle, that sends a request octet by octet, or that reads nothing', async () => {
    const server = await start({ limits: { idleMs: 150 } })
    const idle = await open(server)
    await closing(idle)
    const { port } = server.listen
    const slow = connectTls({ host: '::1', port, ca: server.certificate.cert, servername: 'localhost' })
    slow.on('error', () => {})
    await once(slow, 'secureConnect')
    slow.write('GET /dns-query HTTP/1.1\r\nx: ')
    const dripping = setInterval(() => slow.write('a'), 5)
    undo.push(() => clearInterval(dripping))
    await closing(slow)
    const body = await open(server)
    const stream = body.request({ ':method': 'POST', ':path': '/dns-query', 'content-type': TYPE })
    stream.on('error', () => {})
    const drops = setInterval(() => stream.write('x'), 5)
    undo.push(() => clearInterval(drops))
    await closing(body)
    await expect.poll(() => server.closed(), { timeout: 10_000 }).toMatchObject({ idle: 3 })
    expect(counted(server.counters().tcpOpen)).toEqual({})
  })

  it('end a connection that holds more than it may', async () => {
    const server = await start({ limits: { maxBytesPerConnection: 100_000 } })
    const session = await open(server)
    const streams = Array.from({ length: 4 }, () => {
      const stream = session.request({ ':method': 'POST', ':path': '/dns-query', 'content-type': TYPE })
      stream.on('error', () => {})
      stream.write(new Uint8Array(60_000))
      return stream
    })
    await closing(session)
    expect(streams.every(({ destroyed }) => destroyed)).toBe(true)
    await expect.poll(() => server.closed(), { timeout: 10_000 }).toEqual({ bytes: 1 })
  })

  it('forget what a request held that was taken back', async () => {
    const server = await start({ limits: { maxBytesPerConnection: 100_000 } })
    const session = await open(server)
    for (let i = 0; i < 5; i++) {
      const stream = session.request({ ':method': 'POST', ':path': '/dns-query', 'content-type': TYPE })
      stream.on('error', () => {})
      stream.write(new Uint8Array(60_000))
      await post(session, QUERY)
      stream.close(8)
      await closing(stream)
    }
    expect((await post(session, QUERY)).status).toBe(200)
  })

  it('count the connections of one client', async () => {
    const server = await start({ limits: { maxConnectionsPerSource: 1 } })
    await open(server)
    const second = await TcpClient.open(server.listen)
    await second.closed()
    expect(server.closed()).toEqual({ connections: 1 })
  })
})

describe('a server that stops', () => {
  it('answers what was asked, and says goodbye', async () => {
    const server = await start()
    const session = await open(server)
    expect((await post(session, QUERY)).status).toBe(200)
    const goodbye = once(session, 'goaway')
    await server.stop(2000)
    await goodbye
    await expect.poll(() => server.closed(), { timeout: 10_000 }).toEqual({ stop: 1 })
  })

  it('takes another certificate while connections go on', async () => {
    const server = await start()
    const session = await open(server)
    const next = makeCertificate('other')
    server.setCertificate(next)
    expect((await post(session, QUERY)).status).toBe(200)
    const other = await open({ ...server, certificate: next })
    expect((await post(other, QUERY)).status).toBe(200)
  })
})
