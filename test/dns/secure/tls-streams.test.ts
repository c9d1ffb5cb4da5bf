import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { afterEach, describe, expect, it } from 'vitest'
import { makeCertificate } from '#support/certificate.ts'
import { counted, type RunningStreams, type StreamSetting, startStreams } from '#support/stream-service.ts'
import { ASK, stubQuery } from '#support/stub-answerer.ts'
import { frame, TcpClient } from '#support/tcp-client.ts'

const undo: (() => unknown)[] = []
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
})

async function start(setting: StreamSetting = {}): Promise<RunningStreams> {
  const server = await startStreams({ kind: 'tls', ...setting })
  undo.push(() => server.stop(0))
  return server
}

/** The last ticket that a client got. */
const sessions = new Map<TLSSocket, Buffer>()

async function ticketOf(socket: TLSSocket): Promise<Buffer> {
  await expect.poll(() => sessions.has(socket)).toBe(true)
  return sessions.get(socket) ?? Buffer.alloc(0)
}

/** A session whose certificate is checked against the one of the server. */
async function open(server: RunningStreams, options: ConnectionOptions = {}): Promise<[TcpClient, TLSSocket]> {
  const settings: ConnectionOptions & { allowHalfOpen: boolean } = {
    host: server.listen.address,
    port: server.listen.port,
    ca: server.certificate.cert,
    servername: 'localhost',
    ALPNProtocols: ['dot'],
    allowHalfOpen: true,
    ...options,
  }
  const socket = connect(settings)
  socket.on('session', (session: Buffer) => sessions.set(socket, session))
  undo.push(() => socket.destroy())
  const client = TcpClient.over(socket)
  await once(socket, 'secureConnect')
  return [client, socket]
}

describe('DNS over TLS', () => {
  it('answers over TLS 1.2 and 1.3 in the view of the source, many queries a session', async () => {
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      for (const [address, view] of [
        ['::1', 3],
        ['127.0.0.1', 4],
      ] as const) {
        const server = await start({ address })
        const [client, socket] = await open(server, { maxVersion: version, minVersion: version })
        expect([socket.getProtocol(), socket.alpnProtocol]).toEqual([version, 'dot'])
        client.send(...Array.from({ length: 50 }, (_, id) => stubQuery(id, ASK.answer, 40)))
        for (let id = 0; id < 50; id++) {
          expect([...(await client.receive()).subarray(0, 6)]).toEqual([0, id, 0x80, view, 0, 2])
        }
      }
    }
  })

  it('is taken by those who name no protocol, and refuses those who name others only', async () => {
    const server = await start()
    const [client] = await open(server, { ALPNProtocols: [] })
    client.send(stubQuery(1))
    await client.receive()
    await expect(open(server, { ALPNProtocols: ['h2'] })).rejects.toThrow(/no application protocol|alert/i)
    await expect.poll(() => server.closed()).toMatchObject({ handshake: 1 })
  })

  it('refuses TLS 1.1', async () => {
    const server = await start()
    const old = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const
    await expect(open(server, old)).rejects.toThrow()
  })

  it('resumes sessions with tickets', async () => {
    const server = await start()
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const [client, first] = await open(server, { maxVersion })
      client.send(stubQuery(1))
      await client.receive()
      const ticket = await ticketOf(first)
      const [again, second] = await open(server, { maxVersion, session: ticket })
      again.send(stubQuery(2))
      await again.receive()
      expect(second.isSessionReused()).toBe(true)
    }
    expect(counted(server.counters().handshakes)).toEqual({ full: 2, resumed: 2 })
  })

  it('takes another certificate while sessions go on, and old tickets stay good', async () => {
    const server = await start()
    const [client, first] = await open(server)
    client.send(stubQuery(1))
    await client.receive()
    const ticket = await ticketOf(first)
    const next = makeCertificate('other')
    server.setCertificate(next)
    client.send(stubQuery(2))
    expect((await client.receive())[1]).toBe(2)
    const [fresh, second] = await open(server, { ca: next.cert })
    expect(second.getPeerCertificate().subject.CN).toBe('other')
    fresh.send(stubQuery(3))
    await fresh.receive()
    const [, resumed] = await open(server, { session: ticket })
    expect(resumed.isSessionReused()).toBe(true)
  })

  it('gives a client that has closed its side all of its answers', async () => {
    const server = await start()
    const [client, socket] = await open(server)
    socket.end(Buffer.concat(Array.from({ length: 20 }, (_, id) => frame(stubQuery(id, ASK.long)))))
    expect(await client.closed()).toHaveLength(20)
    await expect.poll(() => server.closed()).toEqual({ peer: 1 })
  })

  it('ends a handshake that does not go on, and one that is none', async () => {
    const server = await start({ limits: { idleMs: 100 } })
    const silent = connectTcp(server.listen.port, server.listen.address)
    undo.push(() => silent.destroy())
    await once(silent, 'close')
    await expect.poll(() => server.closed()).toEqual({ idle: 1 })
    const wrong = await TcpClient.open(server.listen)
    wrong.send(stubQuery(1))
    await wrong.closed()
    await expect.poll(() => server.closed()).toEqual({ idle: 1, handshake: 1 })
    expect(counted(server.counters().handshakes)).toEqual({ failed: 2 })
    await expect.poll(() => counted(server.counters().tcpOpen)).toEqual({})
  })

  it.each(['tls', 'https'] as const)('ends a handshake of %s at once whose client has gone', async kind => {
    const server = await start({ kind })
    const client = connectTcp({ host: server.listen.address, port: server.listen.port, allowHalfOpen: true })
    undo.push(() => client.destroy())
    await once(client, 'connect')
    client.resume()
    client.end(Uint8Array.of(22, 3, 1, 2, 0))
    await once(client, 'end')
    await expect.poll(() => server.closed()).toEqual({ handshake: 1 })
  })

  it('ends an idle session', async () => {
    const server = await start({ limits: { idleMs: 100 } })
    const [client] = await open(server)
    client.send(stubQuery(1))
    expect(await client.closed()).toHaveLength(1)
    await expect.poll(() => server.closed()).toEqual({ idle: 1 })
  })

  it('counts the connections of one client, handshakes included', async () => {
    const server = await start({ limits: { maxConnectionsPerSource: 2 } })
    await open(server)
    const half = await TcpClient.open(server.listen)
    undo.push(() => half.close())
    await expect.poll(() => counted(server.counters().tcpOpen)).toEqual({ tls: 2 })
    const third = await TcpClient.open(server.listen)
    await third.closed()
    expect(server.closed()).toEqual({ connections: 1 })
  })

  it('answers at the stop what has been sent, and closes', async () => {
    const server = await start()
    const [client] = await open(server)
    client.send(stubQuery(1))
    await client.receive()
    client.send(stubQuery(2))
    await expect.poll(() => counted(server.counters().receivedPackets)).toMatchObject({ tls: 2 })
    await server.stop(2000)
    expect(await client.closed()).toHaveLength(1)
    await expect.poll(() => server.closed()).toEqual({ stop: 1 })
  })
})
