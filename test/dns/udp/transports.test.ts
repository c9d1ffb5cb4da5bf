import { networkInterfaces } from 'node:os'
import { afterEach, describe, expect, it } from 'vitest'
import { loadSystemCalls } from '#src/dns/udp/system-calls.ts'
import { prefix } from '#support/ip.ts'
import { proxyHeader } from '#support/proxy.ts'
import { counted } from '#support/stream-service.ts'
import { ASK, stubQuery } from '#support/stub-answerer.ts'
import { startUdpThread, type TransportThread } from '#support/transport-thread.ts'
import { UdpClient, type UdpClientOptions } from '#support/udp-client.ts'

const hasBatched = (await loadSystemCalls()) !== null
const EVERYONE = [
  { prefix: prefix('::/0'), view: 3 },
  { prefix: prefix('0.0.0.0/0'), view: 4 },
]

const undo: (() => unknown)[] = []
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
})

for (const transport of ['batched', 'portable'] as const) {
  // Without Linux on x86-64 or arm64, or without koffi, there is no batched transport to test.
  describe.skipIf(transport === 'batched' && !hasBatched)(`${transport} UDP`, () => {
    it('answers over IPv6 and over IPv4, each source in its own view', async () => {
      const thread = await start(transport, ['::1', '127.0.0.1'])
      for (const [i, view] of [3, 4].entries()) {
        const server = boundOf(thread, i)
        const client = await open(server.address)
        const { bytes, from } = await client.ask(stubQuery(0x1234, ASK.answer, 40), server)
        expect([...bytes.subarray(0, 6)]).toEqual([0x12, 0x34, 0x80, view, 0, 0])
        expect(bytes.length).toBe(40)
        expect(from).toMatchObject({ address: server.address, port: server.port })
      }
    })

    it('passes a source of no network on as such', async () => {
      const thread = await start(transport, ['::1'], [{ prefix: prefix('fdaa::/16'), view: 0 }])
      const client = await open('::1')
      const { bytes } = await client.ask(stubQuery(1), boundOf(thread))
      expect(bytes[3]).toBe(255)
    })

    it('answers for the client that a trusted balancer names, and nobody else', async () => {
      const views = ['192.0.2.0/24', 'fdaa::/16', '127.0.0.0/8'].map((text, i) => ({
        prefix: prefix(text),
        view: 3 + i,
      }))
      const trusted = [{ prefix: prefix('127.0.0.0/31'), view: 0 }]
      const thread = await startUdpThread(transport, [{ address: '127.0.0.1', port: 0 }], views, false, trusted)
      undo.push(() => thread.stop())
      const server = boundOf(thread)
      const balancer = await open('127.0.0.1', { address: '127.0.0.1' })
      const headerOf = (source: string | null, command = 1): Uint8Array => proxyHeader(source, { protocol: 2, command })
      for (const [header, view] of [
        [headerOf('192.0.2.7'), 3],
        [headerOf('fdaa::7'), 4],
        [headerOf(null, 0), 5],
        [headerOf('203.0.113.1'), 255],
      ] as const) {
        const { bytes } = await balancer.ask(Uint8Array.of(...header, ...stubQuery(7, ASK.answer, 40)), server)
        expect([bytes.length, ...bytes.subarray(0, 4)]).toEqual([40, 0, 7, 0x80, view])
      }
      const stranger = await open('127.0.0.1', { address: '127.0.0.9' })
      stranger.send(Uint8Array.of(...headerOf('192.0.2.7'), ...stubQuery(1)), server)
      balancer.send(stubQuery(1), server)
      balancer.send(proxyHeader('192.0.2.7'), server)
      balancer.send(headerOf('192.0.2.7').subarray(0, 20), server)
      await expect.poll(() => counted(thread.counters().dropped)).toMatchObject({ proxy: 4 })
      const { bytes } = await balancer.ask(Uint8Array.of(...headerOf('192.0.2.7'), ...stubQuery(2)), server)
      expect(bytes[1]).toBe(2)
    })

    it.each(['0.0.0.0', '::'])('answers a query to %s from the address that was asked', async wildcard => {
      const thread = await start(transport, [wildcard])
      for (const address of addressesBehind(wildcard, transport)) {
        const client = await open(address)
        const server = { address, port: boundOf(thread).port }
        const { bytes, from } = await client.ask(stubQuery(9), server)
        expect(bytes[2]).toBe(0x80)
        expect(from).toMatchObject(server)
      }
    })

    it('gives each of two clients its own replies, also when some queries get none', async () => {
      const thread = await start(transport, ['::1'])
      const server = boundOf(thread)
      const clients = [await open('::1'), await open('::1')]
      for (let id = 0; id < 200; id++) {
        const asked = id % 7 === 3 ? ASK.nothing : ASK.answer
        clients[id % 2]?.send(stubQuery(id, asked, 12 + id), server)
      }
      for (const [i, client] of clients.entries()) {
        const expected = range(200).filter(id => id % 2 === i && id % 7 !== 3)
        const replies = []
        for (const _ of expected) replies.push(await client.receive())
        const byId = replies.map(({ bytes }) => [((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0), bytes.length])
        expect(byId.sort(([a = 0], [b = 0]) => a - b)).toEqual(expected.map(id => [id, 12 + id]))
      }
    })

    it('drops a query that is longer than 4096 octets', async () => {
      const thread = await start(transport, ['::1'])
      const client = await open('::1')
      client.send(stubQuery(1, ASK.answer, 4097), boundOf(thread))
      const { bytes } = await client.ask(stubQuery(2, ASK.answer, 4096), boundOf(thread))
      expect([bytes[1], bytes.length]).toEqual([2, 4096])
      expect(dropped(thread, 'oversized')).toBe(1)
    })

    it('drops a query that seems to come from another address of ours', async () => {
      const thread = await start(transport, ['127.0.0.1', '127.0.0.2'], EVERYONE, true)
      const loop = await open('127.0.0.2', { ...boundOf(thread, 1), reusePort: true })
      loop.send(stubQuery(1), boundOf(thread))
      const client = await open('127.0.0.1', { address: '127.0.0.2' })
      await client.ask(stubQuery(2), boundOf(thread))
      expect(dropped(thread, 'source')).toBe(1)
    })

    it('goes on after a message on which the answerer failed', async () => {
      const thread = await start(transport, ['::1'])
      const client = await open('::1')
      client.send(stubQuery(1, ASK.failure), boundOf(thread))
      const { bytes } = await client.ask(stubQuery(2), boundOf(thread))
      expect(bytes[1]).toBe(2)
      expect(dropped(thread, 'fault')).toBe(1)
    })

    it('counts packets, octets and batches', async () => {
      const thread = await start(transport, ['::1'])
      const client = await open('::1')
      await client.ask(stubQuery(1, ASK.long, 100), boundOf(thread))
      await client.ask(stubQuery(2, ASK.answer, 50), boundOf(thread))
      await expect.poll(() => udp(thread.counters().sentBytes)).toBe(4096 + 50)
      const counters = thread.counters()
      expect(udp(counters.receivedPackets)).toBe(2)
      expect(udp(counters.receivedBytes)).toBe(150)
      expect(udp(counters.sentPackets)).toBe(2)
      expect(counters.packets[0]?.value).toBe(2)
      expect(counters.duration.counts.reduce((a, b) => a + b)).toBe(2)
    })

    it('stops while queries keep coming', async () => {
      const thread = await start(transport, ['::1'])
      const client = await open('::1')
      await client.ask(stubQuery(1), boundOf(thread))
      const flood = setInterval(() => {
        for (let id = 0; id < 100; id++) client.send(stubQuery(id), boundOf(thread))
      })
      undo.push(() => clearInterval(flood))
      await client.receive()
      await thread.stop()
    })
  })
}

async function start(
  transport: 'batched' | 'portable',
  addresses: readonly string[],
  views = EVERYONE,
  shared = false,
): Promise<TransportThread> {
  const listen = addresses.map(address => ({ address, port: 0 }))
  const thread = await startUdpThread(transport, listen, views, shared)
  undo.push(() => thread.stop())
  return thread
}

async function open(server: string, options?: UdpClientOptions): Promise<UdpClient> {
  const client = await UdpClient.open(server, options)
  undo.push(() => client.close())
  return client
}

/** Addresses of this machine. The whole of 127.0.0.0/8 is local on Linux, and only the batched transport sees all of it. */
function addressesBehind(wildcard: string, transport: string): string[] {
  const family = wildcard === '::' ? 'IPv6' : 'IPv4'
  const known = Object.values(networkInterfaces())
    .flatMap(list => list ?? [])
    .filter(({ family: of, address }) => of === family && !address.startsWith('fe80'))
    .map(({ address }) => address)
  return family === 'IPv4' && transport === 'batched' ? [...known, '127.0.0.5'] : known
}

function boundOf(thread: TransportThread, i = 0): { address: string; port: number } {
  const bound = thread.bound[i]
  if (bound === undefined) throw new Error(`There is no address ${i}`)
  return bound
}

function dropped(thread: TransportThread, reason: string): number | undefined {
  return thread.counters().dropped.find(({ labels }) => labels[0] === reason)?.value
}

function udp(counts: readonly { labels: readonly string[]; value: number }[]): number | undefined {
  return counts.find(({ labels }) => labels[0] === 'udp')?.value
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i)
}
