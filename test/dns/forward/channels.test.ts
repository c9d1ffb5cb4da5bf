import { once } from 'node:events'
import { createSecureServer, type Http2SecureServer, type ServerHttp2Stream } from 'node:http2'
import { type AddressInfo, connect as connectTcp } from 'node:net'
import { createServer as createTlsServer, type Server } from 'node:tls'
import { afterEach, describe, expect, it } from 'vitest'
import type { Attempt, Channel } from '#src/dns/forward/channel/channel.ts'
import { Channels } from '#src/dns/forward/channel/channels.ts'
import { HttpsChannel } from '#src/dns/forward/channel/https.ts'
import { StreamChannel } from '#src/dns/forward/channel/stream.ts'
import { RandomSource } from '#src/dns/forward/exchange/random.ts'
import { writeQuery } from '#src/dns/forward/message/outgoing.ts'
import type { UpstreamOptions } from '#src/dns/forward/options.ts'
import { loadSystemCalls } from '#src/dns/udp/system-calls.ts'
import { parseName } from '#src/wire/name.ts'
import { u16 } from '#support/answering.ts'
import { makeCertificate } from '#support/certificate.ts'
import { type Behaviour, FakeUpstream, makeReply, readQuery } from '#support/fake-upstream.ts'
import { UdpClient } from '#support/udp-client.ts'

const calls = await loadSystemCalls()
const GOOD: Behaviour = ({ name }) => ({ answers: [`${name} 30 A 192.0.2.1`] })

const undo: (() => unknown)[] = []
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
})

for (const kind of ['batched', 'portable'] as const) {
  describe.skipIf(kind === 'batched' && calls === null)(`UDP to an upstream, ${kind}`, () => {
    const channels = new Channels(new RandomSource(), kind === 'batched' ? calls : null)
    const open = (port: number, address = '::1'): Channel => keep(channels.to(serverAt(port, 'udp', address)).channel)

    it.each(['::1', '127.0.0.1'])('sends to %s and brings each question its own answer', async address => {
      const upstream = await startUpstream(GOOD, address)
      const channel = open(upstream.port, address)
      const attempts = Array.from({ length: 100 }, (_, i) => new TestAttempt(`n${i}.example`))
      for (const attempt of attempts) channel.send(attempt)
      channel.flush()
      await Promise.all(attempts.map(attempt => attempt.outcome))
      for (const attempt of attempts) expect(nameOf(attempt.messages[0])).toBe(attempt.name)
    })

    it('uses many ports, each for a limited number of questions, and ids that repeat no pattern', async () => {
      const upstream = await startUpstream(GOOD)
      const channel = open(upstream.port)
      for (let i = 0; i < 400; i++) await ask(channel, `n${i}.example`)
      const ports = new Set(upstream.queries.map(({ from }) => from))
      expect(ports.size).toBeGreaterThan(8)
      expect(Math.min(...ports)).toBeGreaterThanOrEqual(10_000)
      const ids = upstream.queries.map(({ bytes }) => ((bytes[0] as number) << 8) | (bytes[1] as number))
      expect(new Set(ids).size).toBeGreaterThan(380)
      const steps = ids.slice(1).map((id, i) => id - (ids[i] as number))
      expect(new Set(steps).size).toBeGreaterThan(350)
    })

    it('replaces a socket after many questions, and loses none', async () => {
      const upstream = await startUpstream(GOOD)
      const channel = open(upstream.port)
      for (let batch = 0; batch < 120; batch++) {
        const attempts = Array.from({ length: 100 }, (_, i) => new TestAttempt(`n${i}.example`))
        for (const attempt of attempts) channel.send(attempt)
        channel.flush()
        await Promise.all(attempts.map(attempt => attempt.outcome))
      }
      expect(new Set(upstream.queries.map(({ from }) => from)).size).toBeGreaterThan(16)
    })

    it('drops an answer with another id, from another address or port, and what nobody waits for', async () => {
      const liar = await UdpClient.open('::1')
      undo.push(() => liar.close())
      const upstream = await startUpstream(query => {
        const good = makeReply(query, { answers: ['www.example. 30 A 192.0.2.66'] })
        const wrongId = Uint8Array.from(good)
        wrongId[0] = (wrongId[0] as number) ^ 1
        upstream.send(wrongId, query.from)
        liar.send(good, { address: '::1', port: query.from })
        return null
      })
      const channel = open(upstream.port)
      const attempt = new TestAttempt('www.example')
      channel.send(attempt)
      channel.flush()
      await expect.poll(() => upstream.queries.length).toBe(1)
      const [query] = upstream.queries
      if (query === undefined) throw new Error('nothing was asked')
      // The true one comes last, so what came before has been looked at when it is there.
      upstream.send(makeReply(query, { answers: ['www.example. 30 A 192.0.2.1'] }), query.from)
      await attempt.outcome
      expect(attempt.messages).toHaveLength(1)
      expect(Buffer.from(attempt.messages[0] ?? []).includes(Buffer.from([192, 0, 2, 66]))).toBe(false)
      upstream.send(makeReply(query, {}), query.from)
      upstream.behave = GOOD
      await ask(channel, 'next.example')
      expect(attempt.messages).toHaveLength(1)
    })

    it('goes on waiting when the receiver does not take a message for an answer', async () => {
      const upstream = await startUpstream(query => {
        upstream.send(makeReply(query, { name: 'evil.example' }), query.from)
        return GOOD(query)
      })
      const attempt = new TestAttempt('www.example', message => nameOf(message) === 'www.example.')
      const channel = open(upstream.port)
      channel.send(attempt)
      channel.flush()
      await attempt.outcome
      expect(attempt.messages.map(nameOf)).toEqual(['evil.example.', 'www.example.'])
    })

    it('says that a port is closed, and works again when it is open', async () => {
      const upstream = await startUpstream(GOOD)
      const { port } = upstream
      const channel = open(port)
      await ask(channel, 'a.example')
      await upstream.close()
      await expect(ask(channel, 'b.example')).rejects.toThrow(/ECONNREFUSED/)
      await expect(ask(channel, 'c.example')).rejects.toThrow(/ECONNREFUSED/)
    })

    it('says so of every question when one socket asks a closed port again and again', async () => {
      const upstream = await startUpstream(GOOD)
      const channel = open(upstream.port)
      await upstream.close()
      const attempts = Array.from({ length: 300 }, (_, i) => new TestAttempt(`n${i}.example`))
      for (const attempt of attempts) {
        channel.send(attempt)
        // The refusal of the one before is what the next system call on the socket says.
        channel.flush()
      }
      const outcomes = await Promise.allSettled(attempts.map(attempt => attempt.outcome))
      expect(outcomes.map(outcome => String(outcome.status === 'rejected' && outcome.reason))).toSatisfy(
        (reasons: string[]) => reasons.every(reason => reason.includes('ECONNREFUSED')),
      )
    })

    it('forgets what was cancelled', async () => {
      const upstream = await startUpstream(() => null)
      const channel = open(upstream.port)
      const attempt = new TestAttempt('www.example')
      channel.send(attempt)
      channel.flush()
      await expect.poll(() => upstream.queries.length).toBe(1)
      channel.cancel(attempt)
      const [query] = upstream.queries
      if (query !== undefined) upstream.send(makeReply(query, {}), query.from)
      upstream.behave = GOOD
      await ask(channel, 'next.example')
      expect(attempt.messages).toEqual([])
    })
  })
}

describe('TCP to an upstream', () => {
  const channels = new Channels(new RandomSource(), null)
  const open = (port: number): Channel => keep(channels.to(serverAt(port, 'tcp')).channel)

  it('uses a connection for many questions, and brings answers in any order', async () => {
    const held: (() => void)[] = []
    const upstream = await startUpstream(async query => {
      if (query.name === 'slow.example.') await new Promise<void>(resolve => held.push(resolve))
      return (await GOOD(query)) as object
    })
    const channel = open(upstream.port)
    const slow = ask(channel, 'slow.example')
    for (let i = 0; i < 20; i++) await ask(channel, `n${i}.example`)
    expect(upstream.connections).toBe(1)
    for (const release of held) release()
    await slow
  })

  it('opens more connections for very many questions, and no more than a few', async () => {
    const upstream = await startUpstream(GOOD)
    const channel = open(upstream.port)
    await Promise.all(Array.from({ length: 1000 }, (_, i) => ask(channel, `n${i}.example`)))
    expect(upstream.connections).toBeGreaterThan(1)
    expect(upstream.connections).toBeLessThanOrEqual(4)
  })

  it('says that a connection was cut, whoever waits there, and opens another one', async () => {
    const upstream = await startUpstream(() => {
      upstream.cutTcp()
      return null
    })
    const channel = open(upstream.port)
    await expect(ask(channel, 'a.example')).rejects.toThrow()
    upstream.behave = GOOD
    await ask(channel, 'b.example')
  })

  it('opens another connection when a question was given up on one from which nothing comes', async () => {
    let isSilent = true
    const upstream = await startUpstream(query => (isSilent ? null : GOOD(query)))
    let now = 0
    const connect = () => connectTcp({ host: '::1', port: upstream.port })
    const channel = keep(new StreamChannel(connect, new RandomSource(), () => now))
    const [first, second] = [new TestAttempt('a.example'), new TestAttempt('b.example')]
    channel.send(first)
    await expect.poll(() => upstream.queries.length).toBe(1)
    now = 1000
    channel.send(second)
    await expect.poll(() => upstream.queries.length).toBe(2)
    now = 2000
    channel.cancel(first)
    await expect(second.outcome).rejects.toThrow(/silent/)
    await expect.poll(() => upstream.connections).toBe(0)
    isSilent = false
    await ask(channel, 'c.example')
    // Another answer has come meanwhile: the question is the slow one.
    const slow = new TestAttempt('d.example')
    isSilent = true
    channel.send(slow)
    await expect.poll(() => upstream.queries.length).toBe(4)
    isSilent = false
    now = 3000
    await ask(channel, 'e.example')
    now = 6000
    channel.cancel(slow)
    await ask(channel, 'f.example')
    const ports = upstream.queries.map(({ from }) => from)
    expect(new Set(ports.slice(2)).size).toBe(1)
    expect(ports[0]).not.toBe(ports[2])
  })

  it('says that nobody listens', async () => {
    const upstream = await startUpstream(GOOD)
    await upstream.close()
    await expect(ask(open(upstream.port), 'a.example')).rejects.toThrow(/ECONNREFUSED/)
  })

  it('is not disturbed by answers that nobody waits for, and ends a stream that is none', async () => {
    const upstream = await startUpstream(GOOD)
    const channel = open(upstream.port)
    upstream.acceptTcp = socket => socket.write(Buffer.from([0, 12, ...Array(12).fill(7)]))
    await ask(channel, 'a.example')
    upstream.cutTcp()
    upstream.acceptTcp = socket => socket.write(Buffer.from([0, 1, 7]))
    await expect.poll(() => upstream.connections).toBe(0)
    await expect(ask(channel, 'b.example')).rejects.toThrow()
  })
})

describe('TLS to an upstream', () => {
  const channels = new Channels(new RandomSource(), null)
  const certificate = makeCertificate('dns.example')

  it('asks a server whose certificate is trusted and has the name', async () => {
    const { port, protocols } = await startTls(certificate)
    const channel = keep(
      channels.to({ ...serverAt(port, 'tls'), ca: certificate.cert, serverName: 'localhost' }).channel,
    )
    for (let i = 0; i < 5; i++) await ask(channel, `n${i}.example`)
    expect(protocols).toEqual(['dot'])
    await ask(keep(channels.to({ ...serverAt(port, 'tls'), ca: certificate.cert }).channel), 'by-address.example')
  })

  it.each([
    ['has another name', { ca: certificate.cert, serverName: 'dns.other' }, /altnames|does not match/i],
    ['is trusted by nobody', { ca: null, serverName: 'localhost' }, /self.signed/i],
    ['is another one', { ca: makeCertificate().cert, serverName: 'localhost' }, /self.signed|certificate/i],
  ])('does not ask a server whose certificate %s', async (_, change, reason) => {
    const { port, received } = await startTls(certificate)
    const channel = keep(channels.to({ ...serverAt(port, 'tls'), ...change }).channel)
    await expect(ask(channel, 'www.example')).rejects.toThrow(reason)
    expect(received()).toBe(0)
  })
})

describe('HTTPS to an upstream', () => {
  const channels = new Channels(new RandomSource(), null)
  const certificate = makeCertificate('dns.example')

  it('posts questions over one session, with id 0', async () => {
    const service = await startHttps(certificate)
    const channel = keep(channels.to(httpsAt(service.port, certificate.cert)).channel)
    await Promise.all(Array.from({ length: 20 }, (_, i) => ask(channel, `n${i}.example`)))
    expect(service.sessions()).toBe(1)
    expect(new Set(service.requests.map(({ path, type, method }) => `${method} ${path} ${type}`))).toEqual(
      new Set(['POST /dns-query application/dns-message']),
    )
    expect(service.requests.every(({ body }) => body[0] === 0 && body[1] === 0)).toBe(true)
  })

  it('checks the certificate', async () => {
    const service = await startHttps(certificate)
    const untrusted = keep(channels.to(httpsAt(service.port, null)).channel)
    await expect(ask(untrusted, 'www.example')).rejects.toThrow(/self.signed/i)
    const misnamed = { ...httpsAt(service.port, certificate.cert), serverName: 'dns.other' }
    await expect(ask(keep(channels.to(misnamed).channel), 'www.example')).rejects.toThrow(/altnames|does not match/i)
    expect(service.requests).toEqual([])
  })

  it.each([
    ['a status', { status: 500 }, /status 500/],
    ['another media type', { type: 'text/html' }, /text\/html/],
  ])('takes %s for a failure', async (_, change, reason) => {
    const service = await startHttps(certificate, change)
    const channel = keep(channels.to(httpsAt(service.port, certificate.cert)).channel)
    await expect(ask(channel, 'www.example')).rejects.toThrow(reason)
  })

  it('opens another session when the server has ended one', async () => {
    const service = await startHttps(certificate)
    const channel = keep(channels.to(httpsAt(service.port, certificate.cert)).channel)
    await ask(channel, 'a.example')
    service.cut()
    await expect
      .poll(() =>
        ask(channel, 'b.example').then(
          () => true,
          () => false,
        ),
      )
      .toBe(true)
    expect(service.sessions()).toBe(2)
  })
})

it('HTTPS opens another session when a question was given up on one from which nothing comes', async () => {
  const certificate = makeCertificate('dns.example')
  const service = await startHttps(certificate, { isSilent: true })
  let now = 0
  const { ca, path } = httpsAt(service.port, certificate.cert)
  const options = { origin: `https://[::1]:${service.port}`, path: path ?? '', serverName: 'localhost', ca }
  const channel = keep(new HttpsChannel(options, () => now))
  const attempt = new TestAttempt('a.example')
  channel.send(attempt)
  await expect.poll(() => service.requests.length).toBe(1)
  now = 2000
  channel.cancel(attempt)
  const next = new TestAttempt('b.example')
  next.outcome.catch(() => {})
  channel.send(next)
  await expect.poll(() => service.sessions()).toBe(2)
})

/** A question that notes what comes. */
class TestAttempt implements Attempt {
  readonly query: Uint8Array
  readonly name: string
  readonly messages: Uint8Array[] = []
  readonly outcome: Promise<void>
  readonly #isAnswer: (message: Uint8Array) => boolean
  readonly #resolve: () => void
  readonly #reject: (error: Error) => void

  constructor(name: string, isAnswer: (message: Uint8Array) => boolean = () => true) {
    const question = { name: parseName(name), type: 1, isDnssecOk: false, isCheckingDisabled: false, zone: 0 }
    this.query = writeQuery(question, true, null).bytes
    this.name = `${name}.`
    this.#isAnswer = isAnswer
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.outcome = promise
    this.#resolve = resolve
    this.#reject = reject
  }

  received(message: Uint8Array): boolean {
    this.messages.push(Uint8Array.from(message))
    if (!this.#isAnswer(message)) return false
    this.#resolve()
    return true
  }

  lost(error: Error): void {
    this.#reject(error)
  }
}

function ask(channel: Channel, name: string): Promise<void> {
  const attempt = new TestAttempt(name)
  channel.send(attempt)
  channel.flush()
  return attempt.outcome
}

function keep(channel: Channel): Channel {
  undo.push(() => channel.close())
  return channel
}

async function startUpstream(behave: Behaviour, address?: string): Promise<FakeUpstream> {
  const upstream = await FakeUpstream.start(behave, address)
  undo.push(() => upstream.close().catch(() => {}))
  return upstream
}

function serverAt(port: number, protocol: UpstreamOptions['protocol'], address = '::1'): UpstreamOptions {
  return { label: 'test', protocol, address, port, serverName: null, path: null, ca: null }
}

function httpsAt(port: number, ca: string | null): UpstreamOptions {
  return { ...serverAt(port, 'https'), path: '/dns-query', serverName: 'localhost', ca }
}

function nameOf(message: Uint8Array | undefined): string {
  return readQuery(message ?? new Uint8Array(20), false, 0).name
}

/** DNS over TLS that answers every question with itself as a reply. */
async function startTls({ cert, key }: { cert: string; key: string }) {
  const protocols: (string | false | null)[] = []
  let count = 0
  const server: Server = createTlsServer({ cert, key, ALPNProtocols: ['dot'] }, socket => {
    if (protocols.length === 0) protocols.push(socket.alpnProtocol)
    socket.on('error', () => {})
    let held = Buffer.alloc(0)
    socket.on('data', (segment: Buffer) => {
      held = Buffer.concat([held, segment])
      while (held.length >= 2 && held.length >= 2 + held.readUInt16BE()) {
        const end = 2 + held.readUInt16BE()
        const reply = makeReply(readQuery(held.subarray(2, end), true, 0), {})
        count++
        socket.write(Buffer.from([...u16(reply.length), ...reply]))
        held = held.subarray(end)
      }
    })
  })
  server.on('tlsClientError', () => {})
  server.listen({ host: '::1', port: 0 })
  await once(server, 'listening')
  undo.push(() => server.close())
  return { port: (server.address() as AddressInfo).port, protocols, received: () => count }
}

/** DNS over HTTPS that answers every question. */
async function startHttps(
  { cert, key }: { cert: string; key: string },
  { status = 200, type = 'application/dns-message', isSilent = false } = {},
) {
  const requests: { path: string; method: string; type: string; body: Uint8Array }[] = []
  const sessions = new Set<{ destroy(): void }>()
  let opened = 0
  const server: Http2SecureServer = createSecureServer({ cert, key })
  server.on('session', session => {
    opened++
    sessions.add(session)
    session.on('error', () => {})
    session.on('close', () => sessions.delete(session))
  })
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    const parts: Buffer[] = []
    stream.on('error', () => {})
    stream.on('data', (part: Buffer) => parts.push(part))
    stream.on('end', () => {
      const body = Buffer.concat(parts)
      const [path, method, asked] = [headers[':path'], headers[':method'], headers['content-type']].map(String)
      requests.push({ path: path ?? '', method: method ?? '', type: asked ?? '', body })
      if (isSilent) return
      stream.respond({ ':status': status, 'content-type': type })
      stream.end(makeReply(readQuery(body, true, 0), {}))
    })
  })
  server.listen({ host: '::1', port: 0 })
  await once(server, 'listening')
  const cut = (): void => {
    for (const session of sessions) session.destroy()
  }
  undo.push(() => {
    cut()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, requests, sessions: () => opened, cut }
}
