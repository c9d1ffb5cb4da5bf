import { once } from 'node:events'
import { type ConnectionOptions, connect } from 'node:tls'
import { afterEach, describe, expect, it } from 'vitest'
import { proxyHeader } from '#support/proxy.ts'
import { counted, type RunningStreams, type StreamSetting, startStreams } from '#support/stream-service.ts'
import { stubQuery } from '#support/stub-answerer.ts'
import { frame, TcpClient } from '#support/tcp-client.ts'

const undo: (() => unknown)[] = []
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
})

/** Views: 3 for 192.0.2.0/24, 4 for fdaa::/16, 5 for loopback. */
async function start(setting: StreamSetting = {}): Promise<RunningStreams> {
  const server = await startStreams({
    sources: ['192.0.2.0/24', 'fdaa::/16', '127.0.0.0/8'],
    address: '127.0.0.1',
    trusted: ['127.0.0.0/31'],
    ...setting,
  })
  undo.push(() => server.stop(0))
  return server
}

async function open(server: RunningStreams, localAddress = '127.0.0.1'): Promise<TcpClient> {
  const client = await TcpClient.open(server.listen, localAddress)
  undo.push(() => client.close())
  return client
}

/** The view in which the stub answers. */
async function viewOf(client: TcpClient): Promise<number> {
  client.send(stubQuery(1))
  return (await client.receive())[3] ?? -1
}

describe('a listener behind a balancer', () => {
  it('sees the network of the client that the header names', async () => {
    const server = await start()
    for (const [source, view] of [
      ['192.0.2.7', 3],
      ['fdaa::7', 4],
    ] as const) {
      const client = await open(server)
      client.socket.write(proxyHeader(source))
      expect(await viewOf(client)).toBe(view)
    }
  })

  it('sees the balancer where it speaks for itself', async () => {
    const client = await open(await start())
    client.socket.write(proxyHeader(null, { command: 0 }))
    expect(await viewOf(client)).toBe(5)
  })

  it('gives a client in no network no view', async () => {
    const client = await open(await start())
    client.socket.write(proxyHeader('203.0.113.1'))
    expect(await viewOf(client)).toBe(255)
  })

  it('takes the header octet by octet, and with queries in the same segment', async () => {
    const server = await start()
    const slow = await open(server)
    for (const octet of proxyHeader('fdaa::7')) slow.socket.write(Uint8Array.of(octet))
    expect(await viewOf(slow)).toBe(4)
    const fast = await open(server)
    fast.socket.write(Buffer.concat([proxyHeader('fdaa::7'), frame(stubQuery(1)), frame(stubQuery(2))]))
    expect([(await fast.receive())[1], (await fast.receive())[3]]).toEqual([1, 4])
  })

  it('turns away who is not trusted, header or not', async () => {
    const server = await start()
    for (const bytes of [proxyHeader('192.0.2.7'), frame(stubQuery(1))]) {
      const client = await open(server, '127.0.0.9')
      client.socket.write(bytes)
      expect(await client.closed()).toEqual([])
    }
    await expect.poll(() => server.closed()).toEqual({ proxy: 2 })
  })

  it('turns away a trusted peer without a header, or with a malformed one', async () => {
    const server = await start()
    for (const bytes of [frame(stubQuery(1)), proxyHeader(null), proxyHeader('fdaa::7').with(12, 0x11)]) {
      const client = await open(server)
      client.socket.write(bytes)
      expect(await client.closed()).toEqual([])
    }
    await expect.poll(() => server.closed()).toEqual({ proxy: 3 })
  })

  it('does not wait for a header that does not come', async () => {
    const server = await start({ limits: { idleMs: 100 } })
    const client = await open(server)
    client.socket.write(proxyHeader('fdaa::7').subarray(0, 20))
    expect(await client.closed()).toEqual([])
    await expect.poll(() => server.closed()).toEqual({ idle: 1 })
  })

  it('limits connections by client, not by balancer', async () => {
    const server = await start({ limits: { maxConnectionsPerSource: 1 } })
    const clients = await Promise.all(
      ['fdaa::7', 'fdaa:0:0:1::7', 'fdaa::8'].map(async source => {
        const client = await open(server)
        client.socket.write(proxyHeader(source))
        return client
      }),
    )
    expect(await Promise.all(clients.slice(0, 2).map(viewOf))).toEqual([4, 4])
    expect(await clients[2]?.closed()).toEqual([])
    await expect.poll(() => server.closed()).toEqual({ connections: 1 })
  })

  it('is not fooled on a listener that takes no headers: there they are no messages', async () => {
    const server = await startStreams({ sources: ['127.0.0.0/8', '192.0.2.0/24'], address: '127.0.0.1' })
    undo.push(() => server.stop(0))
    const client = await open(server)
    client.socket.write(proxyHeader('192.0.2.7'))
    client.socket.end()
    expect(await client.closed()).toEqual([])
  })

  it('has the header before TLS begins', async () => {
    const server = await start({ kind: 'tls' })
    const raw = await open(server)
    raw.socket.removeAllListeners('data')
    raw.socket.write(proxyHeader('fdaa::7'))
    const settings: ConnectionOptions = { socket: raw.socket, ca: server.certificate.cert, servername: 'localhost' }
    const secure = connect(settings)
    const client = TcpClient.over(secure)
    await once(secure, 'secureConnect')
    expect(await viewOf(client)).toBe(4)
    expect(counted(server.counters().tcpOpen)).toEqual({ tls: 1 })
  })
})
