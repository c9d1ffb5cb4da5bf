/** What the parts of `bench:limits` share: the server that is pressed, and what it says of itself meanwhile. */
import { cpuOfTree } from '../measure.ts'
import { ForkedServer } from '../synthetic/fork.ts'

/** What a part measures with. */
export interface LimitsBench {
  /** Programs made of `native/flood.c` and `native/load.c`. */
  readonly flood: string
  readonly load: string
  readonly queries: string
  readonly seconds: number
  readonly services: number
  /** Endpoints of each Service. */
  readonly endpoints: number
}

export const PORT = 5555
export const SERVER_CPU = '0'
export const CLIENT_CPU = 1

/** Starts the synthetic server; `cpus` as taskset reads it, all when it is not given. */
export async function startServer(bench: LimitsBench, workers: number, cpus?: string): Promise<ForkedServer> {
  const { services, endpoints } = bench
  const place = cpus === undefined ? {} : { cpus }
  return (await ForkedServer.start({ services, endpoints, workers, port: PORT, ...place })).server
}

/** UDP answers that the server has sent, and processor time that it has used, both since its start. */
export interface Counts {
  readonly answered: number
  /** Microseconds. */
  readonly cpu: number
  /** Milliseconds of the monotonic clock. */
  readonly at: number
}

/** Reads the server's own counters. */
export async function countsOf(server: ForkedServer): Promise<Counts> {
  const page = await (await fetch(`http://[::1]:${PORT + 1}/metrics`)).text()
  const answered = /^waypost_dns_sent_packets_total\{[^}]*transport="udp"[^}]*\} (\S+)$/m.exec(page)?.[1]
  if (answered === undefined) throw new Error('The page of metrics does not tell how many answers were sent')
  return { answered: Number(answered), cpu: cpuOfTree(server.pid), at: performance.now() }
}

/** What the server did over some time. */
export interface During {
  /** Answers a second. */
  readonly rate: number
  /** Microseconds of processor time for each answer, and how many processors it used on average. */
  readonly cpu: number
  readonly cores: number
}

/** Measures while `work` is done. */
export async function during<Result>(
  server: ForkedServer,
  work: () => Promise<Result>,
): Promise<During & { readonly result: Result }> {
  const before = await countsOf(server)
  const result = await work()
  const after = await countsOf(server)
  const answered = after.answered - before.answered
  const cpu = after.cpu - before.cpu
  const ms = after.at - before.at
  return { result, rate: (answered / ms) * 1000, cpu: cpu / Math.max(answered, 1), cores: cpu / 1000 / ms }
}
