import { afterEach, describe, expect, it } from 'vitest'
import { RawConnection, startServer, type TestServer, type TestServerOptions, until } from './server.ts'
import { EVERYTHING } from './world.ts'

const running: TestServer[] = []

afterEach(async () => {
  await Promise.all(running.splice(0).map(server => server.close()))
})

async function serverWith(options: TestServerOptions = {}): Promise<TestServer> {
  const server = await startServer(options)
  running.push(server)
  return server
}

function watch(server: TestServer, query = '', headers: Record<string, string> = {}): RawConnection {
  const lines = Object.entries({ host: 'localhost', ...headers }).map(([name, value]) => `${name}: ${value}\r\n`)
  return new RawConnection(server.port).send(`GET /v1/routes/watch${query} HTTP/1.1\r\n${lines.join('')}\r\n`)
}

/** The records of a chunked answer: lines, or events. */
function records(connection: RawConnection, end = '\n'): string[] {
  const body = connection.text.slice(connection.text.indexOf('\r\n\r\n') + 4)
  const decoded = body.replace(/(?:^|\r\n)[0-9a-f]+\r\n/g, '').replace(/\r\n$/, '')
  return decoded.split(end).slice(0, -1)
}

describe('the watch on the wire', () => {
  it('is NDJSON of the contract’s type, and says every change at once', async () => {
    const server = await serverWith()
    server.world.publish('a')
    const reader = watch(server)
    await reader.until(/sync/)
    expect(reader.text).toMatch(/^HTTP\/1.1 200 OK\r\n/)
    expect(reader.text).toMatch(/\r\ncontent-type: application\/x-ndjson\r\n/i)
    server.world.publish('-a')
    await reader.until(/e1-2/)
    const lines = records(reader)
    expect(lines[0]).toBe('{"type":"reset"}')
    expect(lines[1]).toMatch(/^\{"type":"put","service":"ns\/a","routes":\[\{"service":"ns\/a",.*\}\]\}$/)
    expect(lines.slice(2)).toEqual([
      '{"type":"sync","version":"e1-1"}',
      '{"type":"delete","service":"ns/a"}',
      '{"type":"sync","version":"e1-2"}',
    ])
  })

  it('goes on from since', async () => {
    const server = await serverWith()
    server.world.publish('a')
    server.world.publish('b')
    const reader = watch(server, '?since=e1-1')
    await reader.until(/sync/)
    expect(
      records(reader)
        .map(line => JSON.parse(line) as { service?: string })
        .map(line => line.service),
    ).toEqual(['ns/b', undefined])
  })

  it.each([
    '?since=',
    '?since=nonsense',
    '?since=e1-9',
    '?since=e1-1&since=e1-1',
    '?since=%00',
    `?since=${'9'.repeat(5000)}`,
  ])('answers %s with a reset, never with an error', async query => {
    const server = await serverWith()
    server.world.publish('a')
    const reader = watch(server, query)
    await reader.until(/sync/)
    expect(records(reader)[0]).toBe('{"type":"reset"}')
  })

  it('filters by Service, which need not exist yet', async () => {
    const server = await serverWith()
    server.world.publish('b')
    const reader = watch(server, '?service=ns/a&service=ns/z')
    await reader.until(/e1-1/)
    server.world.publish('b')
    server.world.publish('z', 'b')
    await reader.until(/e1-3/)
    expect(records(reader).map(line => line.slice(0, 37))).toEqual([
      '{"type":"reset"}',
      '{"type":"sync","version":"e1-1"}',
      '{"type":"put","service":"ns/z","route',
      '{"type":"sync","version":"e1-3"}',
    ])
  })

  it('has a heartbeat after 10 s without a line', async () => {
    const server = await serverWith()
    const reader = watch(server)
    await reader.until(/sync/)
    server.clock.advance(10_300)
    await reader.until(/\{"type":"heartbeat","version":"e1-0"\}/)
  })

  it('is server-sent events when the Accept header asks for them', async () => {
    const server = await serverWith()
    server.world.publish('a')
    const reader = watch(server, '', { accept: 'text/event-stream' })
    await reader.until(/e1-1/)
    expect(reader.text).toMatch(/\r\ncontent-type: text\/event-stream\r\n/i)
    const events = records(reader, '\n\n')
    expect(events[0]).toBe('event: reset\ndata: {"type":"reset"}')
    expect(events[1]).toMatch(/^event: put\ndata: \{"type":"put","service":"ns\/a".*\}$/)
    expect(events[2]).toBe('event: sync\nid: e1-1\ndata: {"type":"sync","version":"e1-1"}')
  })

  it('takes Last-Event-ID for since, before the since of the URL, which a browser sends again', async () => {
    const server = await serverWith()
    server.world.publish('a')
    server.world.publish('b')
    const reader = watch(server, '?since=e1-0', { accept: 'text/event-stream', 'last-event-id': 'e1-2' })
    await reader.until(/e1-2/)
    expect(records(reader, '\n\n')[0]).toMatch(/^event: sync/)
  })

  it.each([
    ['text/event-stream', 'event-stream'],
    ['application/x-ndjson, text/event-stream;q=0.5', 'x-ndjson'],
    ['text/event-stream;q=0', 'x-ndjson'],
    ['*/*', 'x-ndjson'],
    ['application/json', 'x-ndjson'],
  ])('Accept: %s gives %s', async (accept, type) => {
    const reader = watch(await serverWith(), '', { accept })
    expect(await reader.until(/\r\n\r\n/)).toContain(`/${type}\r\n`)
  })

  it('is 503 with Retry-After at the limit, and free again when a reader has left', async () => {
    const server = await serverWith({ hub: { maxWatchers: 1 } })
    const first = watch(server)
    await first.until(/sync/)
    const second = watch(server)
    const answer = await second.until(/WAY_HTTP_BUSY/)
    expect(answer).toMatch(/^HTTP\/1.1 503 /)
    expect(answer).toMatch(/\r\nretry-after: [0-9]+\r\n/i)
    first.socket.destroy()
    await until(() => server.world.hub.figures().watchers === 0, 'the first was gone')
    await watch(server).until(/sync/)
  })

  it('of a reader that stands still is closed after 60 s, and holds back nobody', async () => {
    const server = await serverWith()
    server.world.publishAll(
      Array.from({ length: 400 }, (_, i) => ({ network: 'default', name: `s${i}`, backends: 200 })),
    )
    const stuck = watch(server)
    stuck.socket.pause()
    const quick = watch(server)
    await quick.until(/sync/)
    await until(() => server.world.hub.figures().lag > 0, 'the socket was full')
    server.world.publish('x')
    await quick.until(/e1-2/)
    server.clock.advance(59_000)
    expect(server.world.hub.figures().watchers).toBe(2)
    server.clock.advance(61_000)
    await until(() => server.world.hub.figures().watchers === 1, 'it was closed')
    expect(server.world.hub.figures().closed).toContainEqual({ labels: ['slow'], value: 1 })
  })

  it('of a reader that was slow ends in the table of now', async () => {
    const server = await serverWith()
    const services = Array.from({ length: 300 }, (_, i) => ({ network: 'default', name: `s${i}`, backends: 200 }))
    server.world.publishAll(services)
    const reader = watch(server)
    reader.socket.pause()
    await until(() => server.world.hub.figures().lag > 0, 'the socket was full')
    for (let i = 0; i < 50; i++) server.world.publish(`s${i}`, `-s${i + 100}`)
    reader.socket.resume()
    await reader.until(/"sync","version":"e1-51"/)
    const table = new Map<string, unknown>()
    let syncs = 0
    for (const text of records(reader)) {
      const line = JSON.parse(text) as { type: string; service: string; routes: unknown; version: string }
      if (line.type === 'put') table.set(line.service, line.routes)
      if (line.type === 'delete') table.delete(line.service)
      if (line.type === 'sync') syncs++
    }
    const expected = (await (await fetch(`${server.url}/v1/routes`)).json()) as { routes: { service: string }[] }
    expect([...table.keys()].toSorted()).toEqual(expected.routes.map(({ service }) => service).toSorted())
    expect([...table.values()].flat()).toEqual(expect.arrayContaining(expected.routes))
    expect(syncs).toBeLessThan(51)
  })

  it('ends with a last sync when the server stops, and new ones are refused', async () => {
    const server = await serverWith()
    const reader = watch(server)
    await reader.until(/sync/)
    await server.close()
    await until(() => reader.isClosed, 'the server closed')
    expect(records(reader).slice(-2)).toEqual(['{"type":"sync","version":"e1-0"}', '{"type":"sync","version":"e1-0"}'])
    expect(reader.text.endsWith('0\r\n\r\n')).toBe(true)
  })

  it('leaves the watchers’ count when the reader goes in the middle of the snapshot', async () => {
    const server = await serverWith()
    server.world.publishAll(
      Array.from({ length: 200 }, (_, i) => ({ network: 'default', name: `s${i}`, backends: 200 })),
    )
    const readers = Array.from({ length: 20 }, () => watch(server))
    await Promise.all(readers.map(reader => reader.until(/reset/)))
    for (const reader of readers) reader.socket.destroy()
    await until(() => server.world.hub.figures().watchers === 0, 'all were gone')
    expect((await server.world.hub.table(EVERYTHING)).version).toBe(1)
  })
})

describe('GET /v1/routes on the wire', () => {
  it('of a large table is whole, and its reader may be slow', async () => {
    const server = await serverWith()
    server.world.publishAll(
      Array.from({ length: 500 }, (_, i) => ({ network: 'default', name: `s${i}`, backends: 100 })),
    )
    const reader = new RawConnection(server.port).send(
      'GET /v1/routes HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n',
    )
    reader.socket.pause()
    await until(() => server.world.hub.figures().version === 1, 'it was asked')
    reader.socket.resume()
    await until(() => reader.isClosed, 'it was sent')
    const body = reader.text.slice(reader.text.indexOf('\r\n\r\n') + 4)
    expect((JSON.parse(body) as { routes: unknown[] }).routes).toHaveLength(500)
  })
})
