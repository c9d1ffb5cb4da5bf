import { afterEach, describe, expect, it } from 'vitest'
import { allocateCounters, type CounterSnapshot, readCounters } from '#src/dns/counters.ts'
import { type StreamLimits, StreamServer } from '#src/dns/tcp/stream-server.ts'
import { packViews } from '#src/dns/views.ts'
import { CONTROL_BYTES } from '#src/index/layout.ts'
import { isPrefix, parsePrefix } from '#src/ip/prefix.ts'
import { ASK, stubContext, stubQuery } from '#support/stub-answerer.ts'
import { frame, TcpClient } from '#support/tcp-client.ts'

const LIMITS: StreamLimits = { idleMs: 60_000, maxConnections: 100, maxBytesPerConnection: 262_144 }

const undo: (() => unknown)[] = []
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
})

describe('TCP', () => {
  it('answers over IPv6 and IPv4 in the view of the source', async () => {
    for (const [address, view] of [
      ['::1', 3],
      ['127.0.0.1', 4],
    ] as const) {
      const client = await open(await start({}, address))
      client.send(stubQuery(0x1234, ASK.answer, 40))
      const reply = await client.receive()
      expect([...reply.subarray(0, 6)]).toEqual([0x12, 0x34, 0x80, view, 0, 1])
      expect(reply.length).toBe(40)
    }
  })

  it('answers every query of a segment, in order', async () => {
    const client = await open(await start())
    client.send(...range(100).map(id => stubQuery(id)))
    for (const id of range(100)) expect((await client.receive())[1]).toBe(id)
  })

  it('answers a query that comes octet by octet', async () => {
    const client = await open(await start())
    for (const octet of frame(stubQuery(7, ASK.answer, 30))) client.socket.write(Uint8Array.of(octet))
    expect(await client.receive()).toHaveLength(30)
  })

  it('answers with up to 65535 octets', async () => {
    const client = await open(await start())
    client.send(stubQuery(1, ASK.long), stubQuery(2, ASK.long))
    expect(await client.receive()).toHaveLength(65_535)
    expect(await client.receive()).toHaveLength(65_535)
  })

  it('closes at a message of length zero, after the answers to what came before', async () => {
    const server = await start()
    const client = await open(server)
    client.send(stubQuery(1), new Uint8Array(0), stubQuery(2))
    const replies = await client.closed()
    expect(replies.map(reply => reply[1])).toEqual([1])
    await expect.poll(() => closed(server)).toEqual({ error: 1 })
  })

  it('gives a client that has closed its side all of its answers', async () => {
    const server = await start()
    const client = await open(server)
    client.socket.end(Buffer.concat(range(50).map(id => frame(stubQuery(id, ASK.long)))))
    const replies = await client.closed()
    expect(replies.map(reply => reply[1])).toEqual(range(50))
    await expect.poll(() => closed(server)).toEqual({ peer: 1 })
  })

  it('closes an idle connection', async () => {
    const server = await start({ idleMs: 50 })
    const client = await open(server)
    client.send(stubQuery(1))
    expect(await client.closed()).toHaveLength(1)
    await expect.poll(() => closed(server)).toEqual({ idle: 1 })
  })

  it('closes a connection whose message does not become whole, though octets keep coming', async () => {
    const server = await start({ idleMs: 100 })
    const client = await open(server)
    client.socket.write(Uint8Array.of(0xff, 0xff))
    const dripping = setInterval(() => client.socket.write(Uint8Array.of(0)), 5)
    undo.push(() => clearInterval(dripping))
    expect(await client.closed()).toEqual([])
    await expect.poll(() => closed(server)).toEqual({ idle: 1 })
  })

  it('drops the newest connection above the limit', async () => {
    const server = await start({ maxConnections: 2 })
    const clients = [await open(server), await open(server)]
    await expect.poll(() => tcp(server.counters().tcpOpen)).toBe(2)
    const third = await open(server)
    expect(await third.closed()).toEqual([])
    expect(closed(server)).toEqual({ connections: 1 })
    for (const client of clients) {
      client.send(stubQuery(1))
      await client.receive()
    }
    clients[0]?.close()
    await expect.poll(() => tcp(server.counters().tcpOpen)).toBe(1)
    const fourth = await open(server)
    fourth.send(stubQuery(4))
    expect((await fourth.receive())[1]).toBe(4)
  })

  it('counts the limit of one peer apart from the others', async () => {
    const server = await start({ maxConnectionsPerSource: 1 }, '127.0.0.1')
    const first = await open(server, '127.0.0.1')
    const second = await open(server, '127.0.0.1')
    expect(await second.closed()).toEqual([])
    for (const client of [first, await open(server, '127.0.0.2')]) {
      client.send(stubQuery(1))
      await client.receive()
    }
  })

  it('reads no more queries while their answers are not read, and goes on afterwards', async () => {
    const server = await start()
    const client = await open(server)
    client.socket.pause()
    const count = 400 // 26 MB of answers: far more than the limit and the buffers of the kernel.
    client.send(...range(count).map(id => stubQuery(id, ASK.long)))
    const answered = await settled(() => tcp(server.counters().receivedPackets))
    expect(answered).toBeLessThan(count)
    client.socket.resume()
    for (const id of range(count)) expect((await client.receive())[1]).toBe(id & 0xff)
  })

  it('cuts off a client that does not read its answers for the idle time', async () => {
    const server = await start({ idleMs: 500 })
    const client = await open(server)
    client.socket.pause()
    client.send(...range(400).map(id => stubQuery(id, ASK.long)))
    await expect.poll(() => closed(server), { timeout: 5000 }).toEqual({ bytes: 1 })
  })

  it('goes on after a message on which the answerer failed', async () => {
    const client = await open(await start())
    client.send(stubQuery(1, ASK.failure), stubQuery(2, ASK.nothing), stubQuery(3))
    expect((await client.receive())[1]).toBe(3)
  })

  it('counts messages and octets', async () => {
    const server = await start()
    const client = await open(server)
    client.send(stubQuery(1, ASK.answer, 50))
    await client.receive()
    const counters = server.counters()
    expect([tcp(counters.tcpAccepted), tcp(counters.receivedPackets), tcp(counters.sentPackets)]).toEqual([1, 1, 1])
    expect([tcp(counters.receivedBytes), tcp(counters.sentBytes)]).toEqual([52, 52])
  })

  it('answers at the stop what has been sent, waits for the rest of a message, and closes', async () => {
    const server = await start()
    const clients = [await open(server), await open(server), await open(server)]
    const query = frame(stubQuery(7, ASK.answer, 30))
    clients[0]?.socket.write(query)
    clients[1]?.socket.write(query.subarray(0, 10))
    await expect.poll(() => tcp(server.counters().receivedBytes)).toBe(42)
    const stopped = server.stop(5000)
    const replies = await clients[0]?.closed()
    clients[1]?.socket.write(query.subarray(10))
    expect([replies?.length, (await clients[1]?.closed())?.length, (await clients[2]?.closed())?.length]).toEqual([
      1, 1, 0,
    ])
    await stopped
    expect(closed(server)).toEqual({ stop: 3 })
    await expect(TcpClient.open(server.listen)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })

  it('cuts off at the deadline of the stop whoever is not done', async () => {
    const server = await start()
    const client = await open(server)
    client.socket.write(Uint8Array.of(0, 30, 1))
    await expect.poll(() => tcp(server.counters().receivedBytes)).toBe(3)
    await server.stop(50)
    expect(await client.closed()).toEqual([])
  })

  it('says which address it cannot listen on, and why', async () => {
    const { listen } = await start()
    const { server } = makeServer({})
    await expect(server.listen([listen])).rejects.toMatchObject({
      code: 'WAY_LISTEN',
      message: `Cannot listen on [::1]:${listen.port} (TCP): another socket has the port (EADDRINUSE)`,
    })
  })
})

interface Running {
  readonly listen: { address: string; port: number }
  counters(): CounterSnapshot
  stop(deadlineMs: number): Promise<void>
}

async function start(limits: Partial<StreamLimits> = {}, address = '::1'): Promise<Running> {
  const { server, counters } = makeServer(limits)
  const [listen = { address, port: 0 }] = await server.listen([{ address, port: 0 }])
  undo.push(() => server.stop(0))
  return { listen, counters: () => readCounters(counters), stop: deadlineMs => server.stop(deadlineMs) }
}

function makeServer(limits: Partial<StreamLimits>): { server: StreamServer; counters: SharedArrayBuffer } {
  const counters = allocateCounters(1)
  const views = packViews(['::/0', '0.0.0.0/0'].map((text, i) => viewOf(text, 3 + i)))
  const { context } = stubContext({ control: new SharedArrayBuffer(CONTROL_BYTES), counters, views }, 65_535)
  return { server: new StreamServer(context, { ...LIMITS, ...limits }), counters }
}

async function open(server: Running, localAddress?: string): Promise<TcpClient> {
  const client = await TcpClient.open(server.listen, localAddress)
  undo.push(() => client.close())
  return client
}

/** The value when it has stopped to change. */
async function settled(read: () => number | undefined): Promise<number> {
  let last = -1
  await expect
    .poll(
      () => {
        const before = last
        last = read() ?? 0
        return last > 0 && last === before
      },
      { interval: 100 },
    )
    .toBe(true)
  return last
}

/** Reasons that have a count. */
function closed(server: Running): Record<string, number> {
  const counted = server.counters().tcpClosed.filter(({ value }) => value > 0)
  return Object.fromEntries(counted.map(({ labels, value }) => [labels[0], value]))
}

function tcp(counts: readonly { labels: readonly string[]; value: number }[]): number | undefined {
  return counts.find(({ labels }) => labels[0] === 'tcp')?.value
}

function viewOf(
  text: string,
  view: number,
): { prefix: Exclude<ReturnType<typeof parsePrefix>, { reason: string }>; view: number } {
  const prefix = parsePrefix(text)
  if (!isPrefix(prefix)) throw new Error(prefix.reason)
  return { prefix, view }
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i)
}
