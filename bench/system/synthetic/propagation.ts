/** How long a change takes from the source to every DNS answer, and to the last of many watchers. */
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { BenchRow } from '../../report.ts'
import { type ProbeResult, runProbe } from '../measure.ts'
import type { ForkedServer } from './fork.ts'

/** Where the server listens, and what asks it. */
export interface PropagationOptions {
  readonly server: ForkedServer
  readonly port: number
  /** Program made of `native/probe.c`, and a file whose first query asks for the probe's name. */
  readonly probe: string
  readonly queries: string
}

/** Labels of the name that shows the sequence number in its address. */
export const PROBE_NAME = ['probe', 'ns-0', 'svc', 'cluster', 'local'] as const

const CHANGES = 500
/** Milliseconds between two changes. */
const SPACING = 5
/** Questions a second that see a change arrive. */
const PROBE_RATE = 10_000
const FEED_CHANGES = 200

let sequence = 1

/** Times from the source's word to the moment from which on every answer of every worker is new; milliseconds. */
export async function propagationToDns({ server, port, probe, queries }: PropagationOptions): Promise<number[]> {
  const asked: { wanted: number; at: bigint }[] = []
  const seconds = 2 + (CHANGES * (SPACING + 2)) / 1000
  const probing = runProbe(probe, { port, queries, seconds, rate: PROBE_RATE, sockets: 8 })
  // On a machine that is busy with other work fewer changes fit into the time of the probe.
  const until = performance.now() + 1000 * (seconds - 1)
  await delay(300)
  for (let i = 0; i < CHANGES && performance.now() < until; i++) {
    const wanted = sequence++
    const { at } = await server.order({ do: 'probe', sequence: wanted })
    asked.push({ wanted, at: BigInt(at) })
    await delay(SPACING)
  }
  const seen = await probing
  return asked.map(({ wanted, at }) => settled(seen, wanted, at)).sort((a, b) => a - b)
}

function settled(seen: readonly ProbeResult[], wanted: number, at: bigint): number {
  // The next change may have come before anybody asked: then this one was overtaken, and not late.
  const entry = seen.find(({ value }) => value >= wanted)
  if (entry === undefined) throw new Error(`Change ${wanted} was never answered`)
  const [first, stale] = [BigInt(entry.first), BigInt(entry.stale)]
  return Number((first > stale ? first : stale) - at) / 1e6
}

/** Times from the source's word to the last of the watchers; milliseconds. */
export async function propagationToWatchers(server: ForkedServer, watchers: Watchers): Promise<number[]> {
  const times: number[] = []
  for (let i = 0; i < FEED_CHANGES; i++) {
    const wanted = sequence++
    const arrival = watchers.untilSeen(wanted)
    const { at } = await server.order({ do: 'probe', sequence: wanted })
    times.push(Number((await arrival) - BigInt(at)) / 1e6)
    await delay(10)
  }
  return times.sort((a, b) => a - b)
}

/** The middle and the hundredth of sorted times, for a table. */
export function timeRows(name: string, sorted: readonly number[]): BenchRow[] {
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
  return [
    { name: `${name}, p50`, value: at(0.5), unit: 'ms' },
    { name: `${name}, p99`, value: at(0.99), unit: 'ms', note: `${sorted.length} changes, max ${at(1).toFixed(1)}` },
  ]
}

/** Many watch streams; each is read only for the line of the probe's Service. */
export class Watchers {
  readonly #sockets: Socket[] = []
  readonly #latest: number[]
  #pending: { wanted: number; left: number; resolve: (at: bigint) => void } | null = null

  private constructor(count: number) {
    this.#latest = new Array<number>(count).fill(0)
  }

  /** Resolves when each has got its first lines. */
  static async connect(port: number, count: number): Promise<Watchers> {
    const watchers = new Watchers(count)
    await Promise.all(watchers.#latest.map((_, i) => watchers.#open(port, i)))
    return watchers
  }

  /** Resolves with the time at which the last of them has the change that is made next. */
  untilSeen(wanted: number): Promise<bigint> {
    return new Promise(resolve => {
      this.#pending = { wanted, left: this.#latest.length, resolve }
    })
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  #open(port: number, i: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, '::1')
      this.#sockets.push(socket)
      socket.on('error', reject)
      socket.on('data', (chunk: Buffer) => this.#read(i, chunk, resolve))
      // Each asks for the probe alone: a thousand copies of the whole table would measure the client.
      socket.write('GET /v1/routes/watch?service=ns-0/probe-vip HTTP/1.1\r\nhost: localhost\r\n\r\n')
    })
  }

  #read(i: number, chunk: Buffer, onFirst: () => void): void {
    onFirst()
    const pending = this.#pending
    if (pending === null || this.#latest[i] === pending.wanted || !chunk.includes('"put"')) return
    this.#latest[i] = pending.wanted
    pending.left--
    if (pending.left > 0) return
    this.#pending = null
    pending.resolve(process.hrtime.bigint())
  }
}
