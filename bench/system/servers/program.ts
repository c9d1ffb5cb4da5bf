/** Servers as programs: found, started on one core, asked until they answer, and ended. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { existsSync, mkdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** How a program is called. */
export interface Command {
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

/** What it takes to start one. */
export interface ProgramStart {
  /** For errors. */
  readonly name: string
  readonly program: string
  /** Made when it is not there: for what the program writes. */
  readonly directory: string
  /** Called when the directory is there. */
  readonly command: () => Command
  readonly port: number
  readonly cpu: number
  /** A name that has a record of the type (its number) as soon as the data is loaded. */
  readonly question: { readonly name: string; readonly type: number }
  /** An echo answers without records. */
  readonly isEcho?: boolean
}

/** A server that runs. */
export interface RunningProgram {
  readonly pid: number
  stop(): Promise<void>
}

/** Answers in a row after which the data is loaded and the start-up work is over. */
const ANSWERS = 10
const DEADLINE_MS = 60_000
const ANSWER_MS = 200
const PAUSE_MS = 50
const STOP_MS = 5000

/** A program on PATH or in the sbin folders, which are often not on it. */
export function findProgram(name: string): string | null {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin', '/sbin']
  return folders.map(folder => join(folder, name)).find(path => existsSync(path)) ?? null
}

/** CoreDNS, which is rarely on PATH: COREDNS_BIN names it. */
export function findCoredns(): string | null {
  return process.env['COREDNS_BIN'] ?? findProgram('coredns')
}

/** A name as part of a path. */
export function fileNameOf(name: string): string {
  return name.replaceAll(/[^a-zA-Z]+/g, '-').toLowerCase()
}

/** Starts a server on one core; resolves when it answers. */
export async function startProgram(start: ProgramStart): Promise<RunningProgram> {
  mkdirSync(start.directory, { recursive: true })
  const { args, env } = start.command()
  const child = spawn('taskset', ['-c', String(start.cpu), start.program, ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...env },
  })
  let stderr = ''
  child.stderr?.on('data', chunk => {
    stderr += String(chunk)
  })
  const deadline = performance.now() + DEADLINE_MS
  for (let answered = 0; answered < ANSWERS; ) {
    if (child.exitCode !== null) throw new Error(`${start.name} ended with ${child.exitCode}: ${stderr}`)
    if (performance.now() > deadline) throw new Error(`${start.name} does not answer: ${stderr}`)
    answered = (await isAnswered(start)) ? answered + 1 : 0
  }
  return { pid: child.pid as number, stop: () => stopChild(child) }
}

/** Ends a process, by force when it does not listen. */
export async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  const ended = new Promise(resolve => child.once('exit', resolve))
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
  await ended
  clearTimeout(timer)
}

/** Whether the question is answered soon, and with a record. */
async function isAnswered({ port, question, isEcho = false }: ProgramStart): Promise<boolean> {
  const socket = createSocket('udp6')
  const name = question.name.split('.').flatMap(label => [label.length, ...Buffer.from(label)])
  const message = Buffer.from([0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...name, 0, 0, question.type, 0, 1])
  try {
    return await new Promise<boolean>(resolve => {
      const timer = setTimeout(() => resolve(false), ANSWER_MS)
      socket.on('error', () => setTimeout(() => resolve(false), PAUSE_MS))
      socket.on('message', reply => {
        clearTimeout(timer)
        resolve(reply.readUInt16BE(6) > 0 || isEcho)
      })
      socket.send(message, port, '::1')
    })
  } finally {
    socket.close()
  }
}
