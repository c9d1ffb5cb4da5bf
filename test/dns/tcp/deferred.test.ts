import { afterEach, describe, expect, it } from 'vitest'
import { type AnswerContext, DEFERRED } from '#src/dns/transport.ts'
import { type RunningStreams, startStreams } from '#support/stream-service.ts'
import { StubAnswerer, stubQuery } from '#support/stub-answerer.ts'
import { TcpClient } from '#support/tcp-client.ts'

const LIMIT = 65_537
const LARGE = 65_535

const undo: (() => unknown)[] = []
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
})

describe('replies that come later', () => {
  it('leave when they are there, and close the connection of a client that reads none of them', async () => {
    const { server, waiting } = await start()
    const [idle, good] = [await open(server), await open(server)]
    idle.socket.pause()
    idle.send(...Array.from({ length: 200 }, (_, i) => stubQuery(i)))
    await expect.poll(() => waiting.length).toBe(200)
    for (const reply of waiting.splice(0)) reply(new Uint8Array(LARGE))
    await expect.poll(() => server.closed()).toEqual({ bytes: 1 })
    good.send(stubQuery(1))
    await expect.poll(() => waiting.length).toBe(1)
    waiting[0]?.(new Uint8Array(LARGE))
    expect(await good.receive()).toHaveLength(LARGE)
  })
})

async function start(): Promise<{ server: RunningStreams; waiting: ((reply: Uint8Array | null) => void)[] }> {
  const waiting: ((reply: Uint8Array | null) => void)[] = []
  const answerer = new StubAnswerer()
  answerer.respond = () => DEFERRED
  const context: Partial<AnswerContext> = { answerer, defer: (_, reply) => void waiting.push(reply) }
  const server = await startStreams({ limits: { maxBytesPerConnection: LIMIT }, context })
  undo.push(() => server.stop(0))
  return { server, waiting }
}

async function open({ listen }: RunningStreams): Promise<TcpClient> {
  const client = await TcpClient.open(listen)
  undo.push(() => client.socket.destroy())
  return client
}
