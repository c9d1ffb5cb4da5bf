/** What a whole process tree costs, and the load generator that makes it work. */
import { execFile, execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { findProgram } from './servers/program.ts'

/** What `native/load.c` prints; latencies in microseconds. */
export interface LoadResult {
  readonly sent: number
  readonly received: number
  readonly lost: number
  readonly wrongId: number
  readonly wrongRcode: number
  readonly wrongCount: number
  readonly wrongQuestion: number
  readonly sendErrors: number
  readonly seconds: number
  readonly qps: number
  readonly mean: number
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly p999: number
  readonly max: number
  /** At a fixed rate over UDP: how late the generator itself sent. */
  readonly lagP99: number
  readonly slices: readonly { at: number; count: number; p50: number; p99: number; max: number }[]
}

/** Flags of the load generator. */
export interface LoadOptions {
  readonly port: number
  readonly queries: string
  readonly seconds: number
  readonly cpu?: number
  readonly rate?: number
  readonly window?: number
  readonly sockets?: number
  readonly tcp?: number
}

/** What `native/flood.c` prints: `sent` is what left, `refused` what the system had no room for. */
export interface FloodResult {
  readonly sent: number
  readonly refused: number
  /** Replies that were looked at, and those of them that were wrong. */
  readonly sampled: number
  readonly wrong: number
  readonly seconds: number
  readonly rate: number
}

/** When `native/probe.c` saw a new value first, and an older one last; nanoseconds of the monotonic clock. */
export interface ProbeResult {
  readonly value: number
  readonly first: string
  readonly stale: string
}

/** Flags of `native/flood.c` and `native/probe.c`. */
export interface SenderOptions {
  readonly port: number
  readonly queries: string
  readonly seconds: number
  readonly rate?: number
  readonly sockets?: number
  /** Packets a system call; `native/flood.c` only. */
  readonly burst?: number
  readonly cpu?: number
}

const run = promisify(execFile)

/** Compiles a program of `native/` when a C compiler is there; null otherwise. */
export function compileNative(
  name: 'echo' | 'load' | 'flood' | 'probe' | 'variants',
  directory: string,
): string | null {
  const compiler = findProgram('cc') ?? findProgram('gcc') ?? findProgram('clang')
  if (compiler === null) return null
  const source = fileURLToPath(new URL(`native/${name}.c`, import.meta.url))
  const program = join(directory, name)
  execFileSync(compiler, ['-O2', '-o', program, source, '-lm'])
  return program
}

/** {@link compileNative}, where there is no going on without. */
export function needNative(name: 'load' | 'flood' | 'probe' | 'variants', directory: string): string {
  const program = compileNative(name, directory)
  if (program === null) throw new Error(`This benchmark needs a C compiler (cc) for ${name}.c`)
  return program
}

/** Runs the load generator once. */
export async function runLoad(program: string, options: LoadOptions): Promise<LoadResult> {
  return (await runNative(program, options)) as LoadResult
}

/** How many answers were not what the query file expects. */
export function wrongOf({ wrongRcode, wrongCount, wrongId, wrongQuestion }: LoadResult): number {
  return wrongRcode + wrongCount + wrongId + wrongQuestion
}

/** Floods a server once. */
export async function runFlood(program: string, options: SenderOptions): Promise<FloodResult> {
  return (await runNative(program, options)) as FloodResult
}

/** Asks one question over and over. */
export async function runProbe(program: string, options: SenderOptions): Promise<ProbeResult[]> {
  return (await runNative(program, options)) as ProbeResult[]
}

async function runNative(program: string, options: object): Promise<unknown> {
  const args = Object.entries(options).flatMap(([key, value]) => [`--${key}`, String(value)])
  const { stdout } = await run(program, ['--server', '::1', ...args], { maxBuffer: 1 << 24 })
  return JSON.parse(stdout)
}

/** What dnsperf says of a run; `mean` in microseconds. */
export interface DnsperfResult {
  readonly completed: number
  readonly lost: number
  readonly qps: number
  readonly mean: number
}

/** Flags of dnsperf: `clients` are its sockets, `window` the queries in flight over all of them, `rate` a limit. */
export interface DnsperfOptions {
  readonly port: number
  /** A name and a type a line. */
  readonly queries: string
  readonly seconds: number
  readonly cpu: number
  readonly clients: number
  readonly window: number
  readonly rate?: number
}

/** Runs dnsperf with one thread from one core. */
export async function runDnsperf(program: string, options: DnsperfOptions): Promise<DnsperfResult> {
  const { port, queries, seconds, cpu, clients, window, rate } = options
  const shape = ['-c', String(clients), '-q', String(window), ...(rate === undefined ? [] : ['-Q', String(rate)])]
  const args = ['-c', String(cpu), program, '-s', '::1', '-p', String(port), '-d', queries, '-l', String(seconds)]
  const { stdout } = await run('taskset', [...args, ...shape], { maxBuffer: 1 << 24 })
  const number = (pattern: RegExp): number => Number(pattern.exec(stdout)?.[1] ?? 0)
  return {
    completed: number(/Queries completed:\s+(\d+)/),
    lost: number(/Queries lost:\s+(\d+)/),
    qps: number(/Queries per second:\s+([\d.]+)/),
    mean: 1e6 * number(/Average Latency \(s\):\s+([\d.]+)/),
  }
}

/** Processor time of the process and all its descendants since their start, user and system, in microseconds. */
export function cpuOfTree(pid: number): number {
  return sumTree(pid, process => {
    let total = 0
    for (const thread of readdirSync(`/proc/${process}/task`)) {
      total += Number(readFileSync(`/proc/${process}/task/${thread}/schedstat`, 'utf8').split(' ')[0]) / 1000
    }
    return total
  })
}

/** What some work gave, and the processor time that the process tree used meanwhile, in microseconds. */
export async function withCpu<T>(pid: number, work: () => Promise<T>): Promise<[result: T, cpu: number]> {
  const before = cpuOfTree(pid)
  const result = await work()
  return [result, cpuOfTree(pid) - before]
}

/** Resident memory of the process and all its descendants, in megabytes (of a million octets). */
export function memoryOfTree(pid: number): number {
  return sumTree(pid, process => {
    const match = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${process}/status`, 'utf8'))
    return (Number(match?.[1] ?? 0) * 1024) / 1e6
  })
}

function sumTree(pid: number, measure: (pid: number) => number): number {
  let total = 0
  try {
    total += measure(pid)
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      const children = readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').trim()
      for (const child of children === '' ? [] : children.split(' ')) total += sumTree(Number(child), measure)
    }
  } catch {
    // A process that ends while it is read has no further cost.
  }
  return total
}

/** The middle of the values. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2
}

/** One line about the machine, for the report. */
export function machine(): string {
  const model = /^model name\s*:\s*(.+)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? process.arch
  const cores = readFileSync('/proc/cpuinfo', 'utf8').match(/^processor/gm)?.length ?? 1
  const kernel = readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim()
  return `${cores} × ${model}, Linux ${kernel}, Node ${process.version}`
}
