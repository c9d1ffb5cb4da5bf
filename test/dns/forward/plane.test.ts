import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import type { ForwardOptions, UpstreamOptions } from '#src/dns/forward/options.ts'
import { type DataPlane, type DataPlaneOptions, startDataPlane } from '#src/dns/plane.ts'
import { loadSystemCalls } from '#src/dns/udp/system-calls.ts'
import { CONTROL, CONTROL_BYTES, STATE } from '#src/index/layout.ts'
import { IndexWriter } from '#src/index/writer.ts'
import { parseName } from '#src/wire/name.ts'
import { TYPE } from '#src/wire/record-type.ts'
import { RULES } from '#support/cache.ts'
import { ask, resolve } from '#support/dns-client.ts'
import { type Behaviour, FakeUpstream } from '#support/fake-upstream.ts'
import { prefix } from '#support/ip.ts'

const hasBatched = (await loadSystemCalls()) !== null
const SERVFAIL = 2
const LOCAL = 'a.cluster.local'
const FAR = 'far.cluster.local'

const undo: (() => unknown)[] = []
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
})

for (const transport of ['batched', 'portable'] as const) {
  describe.skipIf(transport === 'batched' && !hasBatched)(`forwarding in the data plane, ${transport}`, () => {
    it('answers with what an upstream says, over UDP and TCP, on every address', async () => {
      const upstream = await startUpstream(({ name }) => ({ answers: [`${name} 30 AAAA 2001:db8::7`] }))
      const plane = await start(transport, [upstream], { listen: [free('::1'), free('127.0.0.1'), free('::')] })
      for (const { address, port } of plane.bound) {
        for (const tcp of [false, true]) {
          const server = address === '::' ? '::1' : address
          const name = `${tcp ? 'tcp' : 'udp'}.example`
          expect(await resolve({ name, type: 'AAAA', server, port, tcp })).toEqual(['AAAA 2001:db8::7'])
        }
      }
      expect(upstream.queries.every(query => query.flags === 0x0120 && query.hasEdns)).toBe(true)
      expect(plane.forwarding()?.totals).toMatchObject({ answered: 6, failed: 0, inFlight: 0, waiting: 0 })
    })

    it('answers names of ours as ever while upstreams say nothing', async () => {
      const upstream = await startUpstream(() => null)
      const plane = await start(transport, [upstream], {}, { deadlineMs: 400 })
      const port = portOf(plane)
      const foreign = ask({ name: 'www.example', type: 'A', port })
      for (let i = 0; i < 20; i++) expect(await resolve({ name: LOCAL, type: 'AAAA', port })).toEqual(['AAAA fdaa::1'])
      expect(await foreign).toMatchObject({ rcode: SERVFAIL, answers: [] })
      await expect.poll(() => plane.forwarding()?.totals.expired).toBe(1)
    })

    it('does not start where a port is taken for TCP, and says so', async () => {
      const taken = createServer().listen({ host: '::1', port: 0 })
      undo.push(() => taken.close())
      await once(taken, 'listening')
      const { port } = taken.address() as AddressInfo
      const cache = { maxBytes: 1 << 22, maxEntries: 10_000, rules: RULES, except: [], file: null }
      const starting = start(transport, [await startUpstream(() => null)], {
        listen: [{ address: '::1', port }],
        cache,
      })
      await expect(starting).rejects.toMatchObject({ code: 'WAY_LISTEN', message: expect.stringContaining('TCP') })
    })

    it('answers a CNAME that leaves our zones together with its target', async () => {
      const upstream = await startUpstream(({ name, type }) =>
        type === 'AAAA' ? { answers: [`${name} 30 CNAME b.example.`, 'b.example. 30 AAAA 2001:db8::9'] } : { rcode: 2 },
      )
      const plane = await start(transport, [upstream])
      const port = portOf(plane)
      for (const tcp of [false, true]) {
        const { answers } = await ask({ name: FAR, type: 'AAAA', port, tcp })
        expect(answers).toEqual(['CNAME www.example', 'CNAME b.example', 'AAAA 2001:db8::9'])
        expect(await ask({ name: FAR, type: 'MX', port, tcp })).toMatchObject({ rcode: SERVFAIL, answers: [] })
      }
      expect(upstream.queries[0]?.name).toBe('www.example.')
    })

    it('goes on with another upstream thread when that one has died', async () => {
      const upstream = await startUpstream(({ name }) => ({ answers: [`${name} 30 A 192.0.2.1`] }))
      const errors: Error[] = []
      const plane = await start(transport, [upstream], { onError: error => errors.push(error) })
      const port = portOf(plane)
      await ask({ name: 'www.example', type: 'A', port })
      plane.publish({ generation: 2, slots: new SharedArrayBuffer(3), arena: new SharedArrayBuffer(3) })
      await expect.poll(() => errors.length).toBeGreaterThanOrEqual(1)
      plane.publish(index())
      const again = (): Promise<string[]> => resolve({ name: 'again.example', type: 'A', port }).catch(() => [])
      await expect.poll(again, { timeout: 15_000 }).toEqual(['A 192.0.2.1'])
    })
  })
}

async function startUpstream(behave: Behaviour): Promise<FakeUpstream> {
  const upstream = await FakeUpstream.start(behave)
  undo.push(() => upstream.close())
  return upstream
}

async function start(
  transport: 'batched' | 'portable',
  servers: readonly FakeUpstream[],
  other: Partial<DataPlaneOptions> = {},
  change: Partial<ForwardOptions> = {},
): Promise<DataPlane> {
  const control = new SharedArrayBuffer(CONTROL_BYTES)
  new Int32Array(control)[CONTROL.state] = STATE.serving
  const upstreams = servers.map(({ port }) => upstreamAt(port))
  const zones = [{ apex: parseName('.'), upstreams: upstreams.map((_, i) => i), policy: 'latency' as const }]
  const plane = await startDataPlane({
    listen: [free('::1')],
    workers: 1,
    transport,
    responder: { udpLimit: 1232, nsid: null, chaos: null, forward: [parseName('.')] },
    views: ['::/0', '0.0.0.0/0'].map(text => ({ prefix: prefix(text), view: 0 })),
    control,
    index: index(),
    tcp: { idleMs: 10_000, maxConnections: 100, maxBytesPerConnection: 262_144 },
    receiveBuffer: 1 << 20,
    forward: { zones, upstreams, maxInFlight: 1000, deadlineMs: 4000, randomCase: false, ...change },
    onError: error => {
      throw error
    },
    ...other,
  })
  undo.push(() => plane.stop(1000))
  return plane
}

function upstreamAt(port: number): UpstreamOptions {
  return { label: `[::1]:${port}`, protocol: 'udp', address: '::1', port, serverName: null, path: null, ca: null }
}

function index(): IndexWriter['buffers'] {
  const writer = new IndexWriter({ seed: 1, onGeneration() {}, initialArenaBytes: 1 << 16, initialSlots: 64 })
  const apex = parseName('cluster.local')
  const soa = { mname: apex, rname: apex, serial: 1, refresh: 1, retry: 1, expire: 1, minimum: 5, ttl: 5 }
  const zone = writer.defineZone(0, { apex, soa, kind: 'forward', unsynced: false })
  const put = (name: string, type: number, rdata: Uint8Array): void => {
    const rrsets = [{ type, ttl: 5, rdatas: [rdata], additional: [] }]
    writer.set(0, zone, { name: parseName(name), kind: 'plain', rrsets }, 1)
  }
  put(LOCAL, TYPE.AAAA, Uint8Array.of(0xfd, 0xaa, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1))
  put(FAR, TYPE.CNAME, parseName('www.example'))
  return writer.buffers
}

function portOf(plane: DataPlane): number {
  return plane.bound[0]?.port ?? 0
}

function free(address: string): { address: string; port: number } {
  return { address, port: 0 }
}
