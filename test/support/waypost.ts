/** Starts the real process as a user does and waits until it says that it is ready. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** Milliseconds for a start; a server that hangs must not outlive its test. */
const START_DEADLINE = 18_000

const ENTRY = fileURLToPath(new URL('../../bin/waypost.js', import.meta.url))

/** One parsed log line. */
export type LogLine = Readonly<Record<string, unknown>>

export interface RunningWaypost {
  readonly child: ChildProcess
  /** Port of the first DNS listener, the same for UDP and TCP. */
  readonly dnsPort: number
  /** `http://[::1]:port`. */
  readonly api: string
  readonly logs: readonly LogLine[]
  /** Everything written to stderr. */
  stderr(): string
  /** Sends the signal and resolves with the exit status, or with the signal's name. */
  end(signal?: NodeJS.Signals): Promise<number | string>
}

export interface WaypostOptions {
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** Wait only for the listeners, not for readiness. */
  readonly untilListening?: boolean
  /** Milliseconds for the start, where there is more to read than usual. */
  readonly deadlineMs?: number
  /** Puts the command somewhere else, a network namespace for example. */
  readonly inside?: (command: string, args: readonly string[]) => readonly [string, readonly string[]]
}

/** A folder for one test; gone when `dispose` is called. */
export function temporaryFolder(): { path: string; dispose(): void } {
  const path = mkdtempSync(join(tmpdir(), 'waypost-'))
  return { path, dispose: () => rmSync(path, { recursive: true, force: true }) }
}

/**
 * Runs `waypost serve` with the arguments (listeners on free loopback ports unless the arguments name some) and
 * resolves when it is ready; rejects with its stderr when it ends before.
 */
export async function startWaypost(options: WaypostOptions): Promise<RunningWaypost> {
  const args = ['serve', ...options.args]
  if (!args.includes('--dns') && !args.includes('--config')) args.push('--dns', '[::1]:0')
  if (!args.includes('--http') && !args.includes('--config')) args.push('--http', '[::1]:0')
  const inside = options.inside ?? ((command, rest) => [command, rest] as const)
  const child = spawn(...inside(process.execPath, [ENTRY, ...args]), {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const logs: LogLine[] = []
  let stderr = ''
  child.stderr.on('data', chunk => {
    stderr += String(chunk)
  })
  const exit = new Promise<number | string>(resolve =>
    child.once('exit', (code, signal) => resolve(code ?? signal ?? 0)),
  )
  const last = options.untilListening === true ? 'listening' : 'ready'
  let settled = (): void => undefined
  await new Promise<void>((resolve, reject) => {
    createInterface(child.stdout).on('line', line => {
      const entry = parseLine(line)
      logs.push(entry)
      if (entry['event'] === last) resolve()
    })
    void exit.then(code => reject(new Error(`waypost ended with ${code}: ${stderr}${JSON.stringify(logs.at(-1))}`)))
    const deadline = options.deadlineMs ?? START_DEADLINE
    const late = (): void => {
      child.kill('SIGKILL')
      reject(new Error(`waypost is not ${last} after ${deadline} ms: ${JSON.stringify(logs.at(-1))}`))
    }
    const timer = setTimeout(late, deadline)
    void exit.then(() => clearTimeout(timer))
    timer.unref()
    settled = () => clearTimeout(timer)
  })
  settled()
  const listening = logs.find(line => line['event'] === 'listening')
  const dns = listening?.['dns'] as { address: string; port: number }[] | undefined
  return {
    child,
    dnsPort: dns?.[0]?.port ?? 0,
    api: String(listening?.['http']),
    logs,
    stderr: () => stderr,
    end: signal => {
      child.kill(signal ?? 'SIGTERM')
      return exit
    },
  }
}

function parseLine(line: string): LogLine {
  try {
    return JSON.parse(line) as LogLine
  } catch {
    return { event: 'text', msg: line }
  }
}

/** Resolves when `condition` gives a value other than undefined, null or false; rejects after the deadline. */
export async function until<Value>(
  condition: () => Value | Promise<Value>,
  deadlineMs = 5000,
): Promise<Exclude<NonNullable<Value>, false>> {
  const end = performance.now() + deadlineMs
  for (;;) {
    const value = await condition()
    if (value !== undefined && value !== null && value !== false) return value as Exclude<NonNullable<Value>, false>
    if (performance.now() > end) throw new Error(`The condition did not come true within ${deadlineMs} ms`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}
