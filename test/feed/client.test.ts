import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { type TableChange, WatchClient, type WatchClientOptions, type WatchLine } from '#src/feed/client.ts'
import { type Clock, systemClock } from '#src/feed/clock.ts'
import { FakeClock } from './fake-clock.ts'
import { startServer, type TestServer, type TestServerOptions, until } from './server.ts'

const cleanups: (() => unknown)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function serverWith(options: TestServerOptions = {}): Promise<TestServer> {
  const server = await startServer(options)
  cleanups.push(() => server.close())
  return server
}

interface Running {
  readonly client: WatchClient
  readonly lines: WatchLine[]
  readonly changes: TableChange[]
  readonly lost: string[]
  readonly pauses: number[]
  readonly done: Promise<void>
  stop(): void
}

/** Pauses pass fifty times as fast; the watchdog never comes. */
const hasty: Clock = {
  ...systemClock,
  after: (ms, work) => (ms < 30_000 ? systemClock.after(ms / 50, work) : () => {}),
}

function run(url: string, options: Partial<WatchClientOptions> = {}): Running {
  const controller = new AbortController()
  const changes: TableChange[] = []
  const lost: string[] = []
  const pauses: number[] = []
  const client = new WatchClient({
    url,
    signal: controller.signal,
    onChange: change => changes.push(change),
    onLost: (reason, pause) => {
      lost.push(reason)
      pauses.push(pause)
    },
    random: () => 0,
    clock: hasty,
    ...options,
  })
  const lines: WatchLine[] = []
  const done = (async () => {
    for await (const line of client) lines.push(line)
  })()
  cleanups.push(async () => {
    controller.abort()
    await done.catch(() => {})
  })
  return { client, lines, changes, lost, pauses, done, stop: () => controller.abort() }
}

/** A server that answers each request with what the test says next. */
async function scripted(...answers: ((url: string) => string)[]): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = []
  const server: Server = createServer((request, response) => {
    asked.push(request.url ?? '')
    const answer = answers[Math.min(asked.length, answers.length) - 1]?.(request.url ?? '') ?? ''
    response.socket?.end(answer)
  })
  await new Promise<void>(resolve => server.listen(0, '::1', resolve))
  cleanups.push(() => new Promise(resolve => server.close(resolve)))
  return { url: `http://[::1]:${(server.address() as AddressInfo).port}`, asked }
}

function stream(...lines: string[]): string {
  return `HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\nconnection: close\r\n\r\n${lines.join('\n')}`
}

function refusal(status: string, body: string, headers = ''): string {
  return `HTTP/1.1 ${status}\r\n${headers}connection: close\r\ncontent-length: ${body.length}\r\n\r\n${body}`
}

const put = (service: string): string => `{"type":"put","service":"${service}","routes":[]}`
const sync = (version: string): string => `{"type":"sync","version":"${version}"}`

describe('a client of the watch', () => {
  it('has the table of every sync, and is told what changed', async () => {
    const server = await serverWith()
    server.world.publish('a', 'b')
    const { client, changes } = run(server.url)
    await until(() => changes.length === 1, 'the first sync')
    server.world.publish('-a', 'c')
    await until(() => changes.length === 2, 'the second sync')
    expect(changes).toEqual([
      { version: 'e1-1', isReset: true, changed: ['ns/a', 'ns/b'], removed: [] },
      { version: 'e1-2', isReset: false, changed: ['ns/c'], removed: ['ns/a'] },
    ])
    expect([...client.table.keys()]).toEqual(['ns/b', 'ns/c'])
    expect(client.table.get('ns/b')?.[0]?.service).toBe('ns/b')
    expect(client.version).toBe('e1-2')
  })

  it('passes on network and Services', async () => {
    const server = await serverWith({ networks: ['default', 'other'] })
    server.world.publishIn('other', 'a', 'b')
    server.world.publishIn('default', 'a')
    const { client, changes } = run(server.url, { network: 'other', services: ['ns/a'] })
    await until(() => changes.length === 1, 'the sync')
    expect([...client.table.keys()]).toEqual(['other ns/a'])
  })

  it('shows nothing of a batch before its sync, and forgets half a batch when the connection breaks', async () => {
    const { url, asked } = await scripted(
      () =>
        stream(
          '{"type":"reset"}',
          put('a/a'),
          sync('x-1'),
          put('b/b'),
          '{"type":"delete","service":"a/a"}',
          '{"type":"he',
        ),
      () => stream(put('c/c'), sync('x-2'), ''),
      () => refusal('404 Not Found', '{"code":"WAY_HTTP_NOT_FOUND","message":"Enough."}'),
    )
    const { client, changes, done } = run(url)
    await expect(done).rejects.toThrow('Enough.')
    expect(changes.map(change => change.version)).toEqual(['x-1', 'x-2'])
    expect([...client.table.keys()]).toEqual(['a/a', 'c/c'])
    expect(asked).toEqual(['/v1/routes/watch', '/v1/routes/watch?since=x-1', '/v1/routes/watch?since=x-2'])
  })

  it('swaps the table at the sync after a reset, and says what is gone', async () => {
    const { url } = await scripted(
      () => stream('{"type":"reset"}', put('a/a'), put('b/b'), sync('x-1'), ''),
      () => stream('{"type":"reset"}', put('b/b'), sync('y-1'), ''),
      () => refusal('404 Not Found', '{}'),
    )
    const { client, changes, done } = run(url)
    await expect(done).rejects.toMatchObject({ code: 'WAY_API_UNREACHABLE' })
    expect(changes[1]).toEqual({ version: 'y-1', isReset: true, changed: ['b/b'], removed: ['a/a'] })
    expect([...client.table.keys()]).toEqual(['b/b'])
  })

  it('goes on from a heartbeat, but not from one before the first sync', async () => {
    const { url, asked } = await scripted(
      () => stream('{"type":"reset"}', '{"type":"heartbeat","version":"x-5"}', ''),
      () => stream('{"type":"reset"}', sync('x-6'), '{"type":"heartbeat","version":"x-9"}', ''),
      () => refusal('404 Not Found', '{}'),
    )
    await expect(run(url).done).rejects.toThrow()
    expect(asked).toEqual(['/v1/routes/watch', '/v1/routes/watch', '/v1/routes/watch?since=x-9'])
  })

  it('comes back to a server that restarted, with growing pauses', async () => {
    const first = await startServer()
    first.world.publish('a')
    const { client, changes, lost, pauses } = run(first.url)
    await until(() => changes.length === 1, 'the first sync')
    await first.close()
    await until(() => lost.length >= 3, 'it tried again')
    expect(pauses.slice(0, 3)).toEqual([125, 250, 500])
    expect(client.table.size).toBe(1)
  })

  it('waits at least as long as a busy server says', async () => {
    const { url } = await scripted(
      () => refusal('503 Service Unavailable', '{"code":"WAY_HTTP_BUSY","message":"Full."}', 'retry-after: 1\r\n'),
      () => refusal('401 Unauthorized', '{"code":"WAY_HTTP_TOKEN","message":"No."}'),
    )
    const { done, lost, pauses } = run(url)
    await expect(done).rejects.toMatchObject({ code: 'WAY_HTTP_TOKEN', message: expect.stringContaining('No.') })
    expect([lost, pauses]).toEqual([['Full.'], [1000]])
  })

  it('gives up on what is no watch', async () => {
    const { url } = await scripted(
      () => 'HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n\r\n<html>',
    )
    await expect(run(url).done).rejects.toMatchObject({ code: 'WAY_API_UNREACHABLE' })
  })

  it('takes silence for a dead connection', async () => {
    const server = await serverWith()
    const clock = new FakeClock()
    const { lines, lost } = run(server.url, { clock })
    await until(() => lines.length === 2, 'the sync')
    clock.advance(29_000)
    expect(lost).toEqual([])
    clock.advance(1500)
    await until(() => lost.length === 1, 'it gave up')
    expect(lost[0]).toContain('nothing came for 30 s')
    await until(() => server.world.hub.figures().watchers === 0, 'the connection was closed')
  })

  it('ends when it is told to, and closes its connection, also when the consumer stops', async () => {
    const server = await serverWith()
    const running = run(server.url)
    await until(() => running.lines.length === 2, 'the sync')
    running.stop()
    await running.done
    await until(() => server.world.hub.figures().watchers === 0, 'the connection was closed')
    for await (const line of new WatchClient({ url: server.url, signal: new AbortController().signal })) {
      if (line.type === 'sync') break
    }
    await until(() => server.world.hub.figures().watchers === 0, 'the connection was closed again')
  })

  it('has the server’s table after any number of broken connections', async () => {
    const server = await serverWith()
    const { client } = run(server.url)
    for (let i = 0; i < 5; i++) {
      server.world.publish(`a${i}`, `b${i}`)
      server.world.publish(`-a${i}`)
      await until(() => client.version === server.world.hub.version, 'it caught up')
      server.breakConnections()
    }
    await until(() => client.version === server.world.hub.version, 'it caught up')
    expect([...client.table.keys()].toSorted()).toEqual(Array.from({ length: 5 }, (_, i) => `ns/b${i}`))
  })
})
