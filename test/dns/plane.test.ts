import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type DataPlane, type DataPlaneOptions, startDataPlane } from '#src/dns/plane.ts'
import { loadSystemCalls } from '#src/dns/udp/system-calls.ts'
import { CONTROL, CONTROL_BYTES, STATE } from '#src/index/layout.ts'
import { IndexWriter } from '#src/index/writer.ts'
import { type Name, parseName } from '#src/wire/name.ts'
import { TYPE } from '#src/wire/record-type.ts'
import { ask, makeQuery, readReply, resolve } from '#support/dns-client.ts'
import { prefix } from '#support/ip.ts'
import { UdpClient } from '#support/udp-client.ts'

const hasBatched = (await loadSystemCalls()) !== null
const TASKS = '/proc/self/task'
const hasSlices = sliceOf(String(process.pid)) !== null
const NAME = 'a.cluster.local'
const EVERYONE = [
  { prefix: prefix('::/0'), view: 0 },
  { prefix: prefix('0.0.0.0/0'), view: 0 },
]
const RESPONDER = { udpLimit: 1232, nsid: null, chaos: null }
const SERVFAIL = 2
const REFUSED = 5

const undo: (() => unknown)[] = []
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
})

for (const transport of ['batched', 'portable'] as const) {
  // Without Linux on x86-64 or arm64, or without koffi, there is no batched transport to test.
  describe.skipIf(transport === 'batched' && !hasBatched)(`data plane, ${transport}`, () => {
    let plane: DataPlane
    beforeAll(async () => {
      plane = await startDataPlane(optionsOf({ transport, workers: 2, listen: [free('::1'), free('127.0.0.1')] }))
    })
    afterAll(() => plane.stop(1000))

    it('answers over UDP and TCP on the same free port of every address', async () => {
      for (const { address, port } of plane.bound) {
        for (const tcp of [false, true]) {
          expect(await resolve({ name: NAME, type: 'AAAA', server: address, port, tcp })).toEqual(['AAAA fdaa::1'])
        }
      }
    })

    it('spreads clients over its workers and counts each of them', async () => {
      const before = plane.counters()
      for (let i = 0; i < 30; i++) await ask({ name: NAME, type: 'AAAA', port: portOf(plane) })
      // A client that had to wait asks again.
      await expect.poll(() => totalOf(plane.counters().packets) - totalOf(before.packets)).toBeGreaterThanOrEqual(30)
      const { packets, queries } = plane.counters()
      expect(packets.map(({ value }) => value > 0)).toEqual([true, true, false])
      const isAsked = ({ labels }: { labels: readonly string[] }): boolean => labels.join() === 'udp,AAAA'
      expect(totalOf(queries.filter(isAsked)) - totalOf(before.queries.filter(isAsked))).toBeGreaterThanOrEqual(30)
      expect(plane.workers().map(({ name, restarts }) => [name, restarts])).toEqual([
        ['udp-0', 0],
        ['udp-1', 0],
        ['tcp', 0],
      ])
    })

    // The portable transport has no say in it: there the kernel chooses the worker by the client's port.
    it.skipIf(transport === 'portable')('spreads the packets of one busy client over its workers', async () => {
      const client = await UdpClient.open('::1')
      undo.push(() => client.close())
      const before = plane.counters().packets.map(({ value }) => value)
      for (let i = 0; i < 64; i++)
        client.send(makeQuery({ name: NAME, type: 'AAAA' }), { address: '::1', port: portOf(plane) })
      for (let i = 0; i < 64; i++) await client.receive()
      const packets = (): number[] => plane.counters().packets.map(({ value }, i) => value - (before[i] ?? 0))
      await expect.poll(() => packets().reduce((sum, value) => sum + value)).toBe(64)
      expect(packets().map(value => value > 0)).toEqual([true, true, false])
    })

    // Linux 6.12 and later show and heed it, where they show the scheduler's figures at all.
    it.skipIf(transport === 'portable' || !hasSlices)('asks the scheduler to run its workers soon', () => {
      const isWorker = (thread: string): boolean => /^udp-\d+\n$/.test(readFileSync(`${TASKS}/${thread}/comm`, 'utf8'))
      const slices = readdirSync(TASKS).filter(isWorker).map(sliceOf)
      expect(slices.length).toBeGreaterThanOrEqual(2)
      expect(new Set(slices)).toEqual(new Set(['100000']))
    })

    it.skipIf(transport === 'portable')('lets threads that collect garbage come after those that answer', () => {
      const niceOf = (name: RegExp): number[] =>
        readdirSync(TASKS)
          .filter(thread => name.test(readFileSync(`${TASKS}/${thread}/comm`, 'utf8')))
          // Behind the name, which is in parentheses, nice is the 17th field (proc_pid_stat(5)).
          .map(thread => Number(readFileSync(`${TASKS}/${thread}/stat`, 'utf8').split(') ')[1]?.split(' ')[16]))
      const [collecting, answering] = [niceOf(/^node-V8Worker\n$/), niceOf(/^udp-\d+\n$/)]
      expect(collecting.length).toBeGreaterThan(0)
      expect(Math.min(...collecting)).toBeGreaterThanOrEqual(5)
      expect(answering.length).toBeGreaterThanOrEqual(2)
      // Where the process may not have more than others, it has as much.
      expect(Math.max(...answering)).toBeLessThanOrEqual(mayBeNicer() ? -4 : 0)
    })

    it('loses no query while generations of the index follow each other', async () => {
      const client = await UdpClient.open('::1')
      undo.push(() => client.close())
      const server = { address: '::1', port: portOf(plane) }
      const seen = new Set<string>()
      const asking = (async () => {
        while (!seen.has('AAAA fdaa::ffff')) {
          for (let i = 0; i < 32; i++) client.send(makeQuery({ name: NAME, type: 'AAAA' }), server)
          for (let i = 0; i < 32; i++) {
            const { answers } = readReply(Buffer.from((await client.receive()).bytes))
            seen.add(answers.join())
          }
        }
      })()
      for (let last = 2; last <= 20; last++) {
        plane.publish(indexOf(last))
        await expect.poll(() => seen.has(`AAAA fdaa::${last.toString(16)}`), { interval: 1 }).toBe(true)
      }
      plane.publish(indexOf(0xffff))
      await asking
      expect([...seen].every(answer => /^AAAA fdaa::[0-9a-f]+$/.test(answer))).toBe(true)
    })

    it('hands out other views and other options', async () => {
      const question = { name: NAME, type: 'AAAA', port: portOf(plane) } as const
      plane.setViews([{ prefix: prefix('fdaa::/16'), view: 0 }])
      for (const tcp of [false, true])
        await expect.poll(async () => (await ask({ ...question, tcp })).rcode).toBe(REFUSED)
      plane.setViews(EVERYONE)
      for (const tcp of [false, true]) await expect.poll(async () => (await ask({ ...question, tcp })).rcode).toBe(0)
      const chaos = Buffer.from(makeQuery({ name: 'version.bind', type: 'TXT' }))
      chaos[chaos.length - 1] = 3 // Class CH.
      plane.setResponderOptions({ ...RESPONDER, chaos: { version: 'Waypost of the test', id: 'x' } })
      await expect.poll(async () => (await askRaw(plane, chaos)).includes('Waypost of the test')).toBe(true)
    })

    it('starts a thread again that died, with its port, its counters and the latest state', async () => {
      const errors: Error[] = []
      const plane = await start({ transport, onError: error => errors.push(error) })
      const question = { name: NAME, type: 'AAAA', port: portOf(plane) } as const
      await ask(question)
      await ask({ ...question, tcp: true })
      // No words fit into three octets: every thread that takes it dies.
      plane.publish({ generation: 2, slots: new SharedArrayBuffer(3), arena: new SharedArrayBuffer(3) })
      await expect.poll(() => errors.length).toBeGreaterThanOrEqual(2)
      plane.publish(indexOf(7))
      for (const tcp of [false, true]) {
        await expect
          .poll(() => resolve({ ...question, tcp }).catch(() => []), { timeout: 10_000 })
          .toEqual(['AAAA fdaa::7'])
      }
      expect(errors[0]).toMatchObject({ code: 'WAY_INTERNAL' })
      expect(errors[0]?.message).toMatch(/^The DNS thread (udp-0|tcp) died and is started again in 100 ms: /)
      expect(plane.workers().every(({ restarts }) => restarts > 0)).toBe(true)
      await expect.poll(() => plane.counters().packets[0]?.value).toBeGreaterThanOrEqual(2)
      await expect.poll(() => totalOf(plane.counters().tcpAccepted)).toBeGreaterThanOrEqual(2)
    })

    it('stops while queries keep coming, and leaves its port free', async () => {
      const plane = await start({ transport, workers: 2 })
      const client = await UdpClient.open('::1')
      undo.push(() => client.close())
      const server = { address: '::1', port: portOf(plane) }
      const query = makeQuery({ name: NAME, type: 'AAAA' })
      const flood = setInterval(() => {
        for (let i = 0; i < 100; i++) client.send(query, server)
      })
      undo.push(() => clearInterval(flood))
      await client.receive()
      await plane.stop(2000)
      await expectFree(server)
    })

    it.each(['UDP', 'TCP'])('says that another socket has the %s port, and leaves nothing open', async protocol => {
      const { port, close } = await (protocol === 'UDP' ? occupyUdp({}) : occupyTcp({}))
      const listen = [free('127.0.0.1'), { address: '::1', port }]
      await expect(start({ transport, listen })).rejects.toMatchObject({
        code: 'WAY_LISTEN',
        message: `Cannot listen on [::1]:${port} (${protocol}): another socket has the port (EADDRINUSE)`,
      })
      await close()
      await expectFree({ port })
    })

    it('does not share its port with a stranger who would', async () => {
      const { port } = await occupyUdp({ reusePort: true })
      await expect(start({ transport, workers: 2, listen: [{ address: '::1', port }] })).rejects.toMatchObject({
        message: `Cannot listen on [::1]:${port} (UDP): another socket has the port (EADDRINUSE)`,
      })
    })

    it.each([
      [
        { address: '2001:db8::1', port: 1053 },
        'Cannot listen on [2001:db8::1]:1053 (UDP): no interface has this address (EADDRNOTAVAIL)',
      ],
      [{ address: 'localhost', port: 1053 }, 'Cannot listen on localhost:1053: it is no IP address'],
    ])('says that it cannot listen on %o', async (listen, message) => {
      await expect(start({ transport, listen: [listen] })).rejects.toMatchObject({ code: 'WAY_LISTEN', message })
    })
  })
}

describe('data plane, auto', () => {
  it.skipIf(!hasBatched)('keeps queries that come before the last state is published', async () => {
    const control = new SharedArrayBuffer(CONTROL_BYTES)
    const plane = await start({ transport: 'batched', control })
    const early = askRaw(plane, makeQuery({ name: NAME, type: 'AAAA' }))
    const tcp = await ask({ name: NAME, type: 'AAAA', port: portOf(plane), tcp: true })
    expect(tcp.rcode).toBe(SERVFAIL)
    new Int32Array(control)[CONTROL.state] = STATE.serving
    expect((await early).charCodeAt(3) & 15).toBe(0)
  })

  it.skipIf(!hasBatched)('stops before the last state is published', async () => {
    const plane = await start({ transport: 'batched', control: new SharedArrayBuffer(CONTROL_BYTES) })
    // A thread that did not end by itself would be cut off after a minute only.
    await plane.stop(60_000)
  })

  it('takes the batched transport where it works', async () => {
    expect((await start({ transport: 'auto' })).transport).toBe(hasBatched ? 'batched' : 'portable')
  })
})

async function start(options: Partial<DataPlaneOptions>): Promise<DataPlane> {
  const plane = await startDataPlane(optionsOf(options))
  undo.push(() => plane.stop(1000))
  return plane
}

/** Whether this process has CAP_SYS_NICE, capability 23. */
function mayBeNicer(): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0'
  return ((BigInt(`0x${effective}`) >> 23n) & 1n) === 1n
}

/** Nanoseconds that the scheduler lets a thread run at a time, as it says; null where it does not say. */
function sliceOf(thread: string): string | null {
  try {
    return /^se\.slice\s*:\s*(\d+)$/m.exec(readFileSync(`${TASKS}/${thread}/sched`, 'utf8'))?.[1] ?? null
  } catch {
    return null
  }
}

function optionsOf(options: Partial<DataPlaneOptions>): DataPlaneOptions {
  const control = new SharedArrayBuffer(CONTROL_BYTES)
  new Int32Array(control)[CONTROL.state] = STATE.serving
  return {
    listen: [free('::1')],
    workers: 1,
    transport: 'portable',
    responder: RESPONDER,
    views: EVERYONE,
    control,
    index: indexOf(1),
    tcp: { idleMs: 10_000, maxConnections: 100, maxBytesPerConnection: 262_144 },
    receiveBuffer: 1 << 20,
    onError: error => {
      throw error
    },
    ...options,
  }
}

/** An index in which the name has the address `fdaa::<last>`. */
function indexOf(last: number): IndexWriter['buffers'] {
  const writer = new IndexWriter({ seed: last, onGeneration() {}, initialArenaBytes: 1 << 16, initialSlots: 64 })
  const apex = name('cluster.local')
  const soa = { mname: apex, rname: apex, serial: 1, refresh: 1, retry: 1, expire: 1, minimum: 5, ttl: 5 }
  const zone = writer.defineZone(0, { apex, soa, kind: 'forward', unsynced: false })
  const rdata = Uint8Array.of(0xfd, 0xaa, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last >> 8, last & 0xff)
  writer.set(
    0,
    zone,
    { name: name(NAME), kind: 'plain', rrsets: [{ type: TYPE.AAAA, ttl: 5, rdatas: [rdata], additional: [] }] },
    1,
  )
  return writer.buffers
}

async function askRaw(plane: DataPlane, query: Uint8Array): Promise<string> {
  const client = await UdpClient.open('::1')
  const { bytes } = await client.ask(query, { address: '::1', port: portOf(plane) })
  client.close()
  return Buffer.from(bytes).toString('latin1')
}

/** Holds a UDP port until the test ends, or until it is closed. */
async function occupyUdp({ port = 0, reusePort = false }): Promise<{ port: number; close: () => unknown }> {
  const socket = createSocket({ type: 'udp6', ipv6Only: true, reusePort })
  socket.bind({ address: '::1', port, exclusive: true })
  await once(socket, 'listening')
  const { port: bound } = socket.address()
  let isOpen = true
  const close = (): void => {
    if (isOpen) socket.close()
    isOpen = false
  }
  undo.push(close)
  return { port: bound, close }
}

async function occupyTcp({ port = 0 }): Promise<{ port: number; close: () => unknown }> {
  const server = createServer()
  server.listen({ host: '::1', port })
  await once(server, 'listening')
  const close = (): Promise<unknown> => new Promise(done => server.close(done))
  undo.push(close)
  return { port: (server.address() as { port: number }).port, close }
}

async function expectFree({ port }: { port: number }): Promise<void> {
  await Promise.all([occupyUdp({ port }), occupyTcp({ port })])
}

function free(address: string): { address: string; port: number } {
  return { address, port: 0 }
}

function totalOf(counts: readonly { value: number }[]): number {
  return counts.reduce((total, { value }) => total + value, 0)
}

function portOf(plane: DataPlane): number {
  return plane.bound[0]?.port ?? 0
}

function name(text: string): Name {
  return parseName(text)
}
