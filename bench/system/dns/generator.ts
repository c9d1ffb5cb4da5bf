/** Whether the load generator says the same of a server as dnsperf does, where both can say it. */
import { runDnsperf, runLoad, withCpu } from '../measure.ts'

/** One kind of load by both programs; latencies are means in microseconds, the only ones that dnsperf has. */
export interface GeneratorCheck {
  readonly load: string
  readonly own: Seen
  readonly dnsperf: Seen
}

interface Seen {
  readonly qps: number
  readonly mean: number
  readonly lost: number
  /** Processor time of the server for one answer, microseconds. */
  readonly cpu: number
}

export interface GeneratorOptions {
  /** The programs. */
  readonly load: string
  readonly dnsperf: string
  /** The server's process. */
  readonly pid: number
  readonly port: number
  readonly cpu: number
  /** The same questions for each program. */
  readonly queries: { readonly own: string; readonly dnsperf: string }
}

const SECONDS = 4
/** Queries in flight: few, so that dnsperf keeps up and the latency is the server's. */
const WINDOW = 8
const RATE = 20_000

/** A fixed rate, and a small closed loop. */
export async function checkGenerator(options: GeneratorOptions): Promise<GeneratorCheck[]> {
  return [
    {
      load: `${RATE} queries/s`,
      own: await byLoad(options, { rate: RATE }),
      dnsperf: await byDnsperf(options, { window: 100, rate: RATE }),
    },
    {
      load: `${WINDOW} in flight`,
      own: await byLoad(options, { window: WINDOW }),
      dnsperf: await byDnsperf(options, { window: WINDOW }),
    },
  ]
}

async function byLoad({ load, pid, port, cpu, queries }: GeneratorOptions, shape: object): Promise<Seen> {
  const [{ qps, mean, lost, received }, used] = await withCpu(pid, () =>
    runLoad(load, { port, cpu, queries: queries.own, seconds: SECONDS, sockets: 1, ...shape }),
  )
  return { qps, mean, lost, cpu: used / Math.max(received, 1) }
}

async function byDnsperf(
  { dnsperf, pid, port, cpu, queries }: GeneratorOptions,
  shape: { window: number; rate?: number },
): Promise<Seen> {
  const base = { port, cpu, queries: queries.dnsperf, seconds: SECONDS, clients: 1 }
  const [{ qps, mean, lost, completed }, used] = await withCpu(pid, () => runDnsperf(dnsperf, { ...base, ...shape }))
  return { qps, mean, lost, cpu: used / Math.max(completed, 1) }
}
