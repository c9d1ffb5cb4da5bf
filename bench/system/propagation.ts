/** How long a change takes from the source to every DNS answer and to the last of many watchers. */
import { createSocket } from 'node:dgram'
import { Agent, get } from 'node:http'
import type { BenchRow } from '../report.ts'
import type { Order } from './synthetic-server.ts'

interface Ordered {
  order(order: Order): Promise<Record<string, number | string | NodeJS.MemoryUsage>>
}

const PROBES = 200
/** Sockets of the prober: with SO_REUSEPORT they are spread over the workers. */
const SOCKETS = 8
const NAME = ['probe', 'ns-0', 'svc', 'cluster', 'local']

/**
 * Measures with the clock that all processes share. `withWatchers` is called while the watchers are connected and the
 * cluster changes, to measure DNS latency then.
 */
export async function measurePropagation(
  server: Ordered,
  port: number,
  watchers: number,
  withWatchers: (name: string) => Promise<void>,
): Promise<BenchRow[]> {
  const dns = new Prober(port)
  const toDns = await collect(server, sequence => dns.untilSeen(sequence))
  dns.close()
  const feed = new Watchers(port + 1, watchers)
  await feed.connected()
  const toWatchers = await collect(server, sequence => feed.untilSeen(sequence))
  await server.order({ do: 'churn', rate: 1000 })
  await withWatchers(`${watchers} watchers and 1000 changes/s`)
  await server.order({ do: 'churn', rate: 0 })
  feed.close()
  return [
    ...rows('change to the answer of every worker', toDns),
    ...rows(`change to the last of ${watchers} watchers`, toWatchers),
  ]
}

let sequence = 1

async function collect(server: Ordered, seen: (sequence: number) => Promise<bigint>): Promise<number[]> {
  const times: number[] = []
  for (let i = 0; i < PROBES; i++) {
    const wanted = sequence++
    const arrival = seen(wanted)
    const { at } = await server.order({ do: 'probe', sequence: wanted })
    times.push(Number((await arrival) - BigInt(at as string)) / 1e6)
    await new Promise(resolve => setTimeout(resolve, 10))
  }
  return times.sort((a, b) => a - b)
}

function rows(name: string, sorted: readonly number[]): BenchRow[] {
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
  return [
    { name: `${name}, p50`, value: at(0.5), unit: 'ms' },
    { name: `${name}, p99`, value: at(0.99), unit: 'ms', note: `${sorted.length} changes` },
  ]
}

/** Asks over and over on several sockets until each has got the wanted answer. */
class Prober {
  readonly #sockets = Array.from({ length: SOCKETS }, () => createSocket('udp6'))
  readonly #port: number
  readonly #query = Buffer.from([
    ...[0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0],
    ...NAME.flatMap(label => [label.length, ...Buffer.from(label)]),
    ...[0, 0, 28, 0, 1],
  ])

  constructor(port: number) {
    this.#port = port
  }

  async untilSeen(wanted: number): Promise<bigint> {
    const ends = await Promise.all(this.#sockets.map(socket => this.#untilSeenBy(socket, wanted)))
    return ends.sort((a, b) => Number(a - b)).at(-1) ?? 0n
  }

  close(): void {
    for (const socket of this.#sockets) socket.close()
  }

  #untilSeenBy(socket: ReturnType<typeof createSocket>, wanted: number): Promise<bigint> {
    return new Promise(resolve => {
      const ask = (): void => socket.send(this.#query, this.#port, '::1')
      const onReply = (reply: Buffer): void => {
        if (reply.readUInt16BE(6) > 0 && reply.readUInt32BE(this.#query.length + 24) >= wanted) {
          socket.off('message', onReply)
          resolve(process.hrtime.bigint())
        } else {
          ask()
        }
      }
      socket.on('message', onReply)
      ask()
    })
  }
}

/** Many watch streams; each is read only for the sequence number in the probe's address. */
class Watchers {
  readonly #agent = new Agent({ maxSockets: Infinity })
  readonly #latest: number[]
  readonly #connected: Promise<unknown>
  #pending: { wanted: number; left: number; resolve: (at: bigint) => void } | null = null

  constructor(port: number, count: number) {
    this.#latest = new Array<number>(count).fill(0)
    this.#connected = Promise.all(this.#latest.map((_, i) => this.#connect(port, i)))
  }

  connected(): Promise<unknown> {
    return this.#connected
  }

  untilSeen(wanted: number): Promise<bigint> {
    return new Promise(resolve => {
      this.#pending = { wanted, left: this.#latest.length, resolve }
    })
  }

  close(): void {
    this.#agent.destroy()
  }

  #connect(port: number, i: number): Promise<void> {
    return new Promise((resolve, reject) => {
      // Each asks for the probe alone: a thousand copies of the whole table would measure the client.
      const path = '/v1/routes/watch?service=ns-0/probe-vip'
      const request = get({ host: '::1', port, path, agent: this.#agent }, response => {
        response.setEncoding('latin1')
        response.on('data', (text: string) => this.#read(i, text, resolve))
        response.on('error', () => undefined)
      })
      request.on('error', reject)
    })
  }

  #read(i: number, text: string, onFirst: () => void): void {
    onFirst()
    const pending = this.#pending
    if (pending === null || this.#latest[i] === pending.wanted || !text.includes('"put"')) return
    this.#latest[i] = pending.wanted
    pending.left--
    if (pending.left > 0) return
    this.#pending = null
    pending.resolve(process.hrtime.bigint())
  }
}
