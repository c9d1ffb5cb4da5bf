/** What a whole process tree costs, and the load generator that makes it work. */
import { execFile, execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { findProgram } from './peers.ts'

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
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly p999: number
  readonly max: number
  readonly slices: readonly { at: number; count: number; p50: number; p99: number; max: number }[]
}

/** Flags of the load generator. */
export interface LoadOptions {
  readonly port: number
  readonly queries: string
  readonly seconds: number
  readonly cpu: number
  readonly rate?: number
  readonly window?: number
  readonly sockets?: number
  readonly tcp?: number
}

const run = promisify(execFile)

/** Compiles a program of `native/` when a C compiler is there; null otherwise. */
export function compileNative(name: 'echo' | 'load', directory: string): string | null {
  const compiler = findProgram('cc') ?? findProgram('gcc') ?? findProgram('clang')
  if (compiler === null) return null
  const source = fileURLToPath(new URL(`native/${name}.c`, import.meta.url))
  const program = join(directory, name)
  execFileSync(compiler, ['-O2', '-o', program, source, '-lm'])
  return program
}

/** Runs the load generator once. */
export async function runLoad(program: string, options: LoadOptions): Promise<LoadResult> {
  const args = Object.entries(options).flatMap(([key, value]) => [`--${key}`, String(value)])
  const { stdout } = await run(program, ['--server', '::1', ...args], { maxBuffer: 1 << 24 })
  return JSON.parse(stdout) as LoadResult
}

/** Runs dnsperf with one thread from one core; gives the number of answered queries. */
export async function runDnsperf(
  program: string,
  port: number,
  queries: string,
  seconds: number,
  cpu: number,
): Promise<number> {
  const args = ['-c', String(cpu), program, '-s', '::1', '-p', String(port), '-d', queries, '-l', String(seconds)]
  const { stdout } = await run('taskset', [...args, '-c', '8', '-q', '256'], { maxBuffer: 1 << 24 })
  return Number(/Queries completed:\s+(\d+)/.exec(stdout)?.[1] ?? 0)
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

/** Resident memory of the process and all its descendants, in megabytes. */
export function memoryOfTree(pid: number): number {
  return sumTree(pid, process => {
    const match = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${process}/status`, 'utf8'))
    return Number(match?.[1] ?? 0) / 1024
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
