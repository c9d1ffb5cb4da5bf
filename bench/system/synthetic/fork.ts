/** Starts the synthetic server in a process of its own, as the launcher starts `waypost serve`, and gives it orders. */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { FLAGS, leanEnvironment } from '../../../bin/settings.js'
import type { Order } from './server.ts'

/** What the server answers to an order; times are milliseconds, `at` is nanoseconds of the monotonic clock. */
export interface Answer {
  readonly event: string
  readonly at: string
  readonly ms: number
  readonly applied: number
  readonly memory: NodeJS.MemoryUsage
}

export interface ForkOptions {
  readonly services: number
  /** Endpoints of each Service. */
  readonly endpoints: number
  /** Every Service is headless; otherwise one in twenty. */
  readonly headless?: boolean
  readonly port: number
  readonly workers?: number
  /** Folder of its data, kept at the end; a temporary one when it is not given. */
  readonly directory?: string
  /** Processors that it may use, as taskset reads them; all when it is not given. */
  readonly cpus?: string
}

/** See the top of the file. */
export class ForkedServer {
  readonly pid: number
  readonly #child: ChildProcess

  private constructor(child: ChildProcess) {
    this.#child = child
    this.pid = child.pid as number
  }

  /** Resolves when the server is ready, with it and the milliseconds that took. */
  static async start(options: ForkOptions): Promise<{ server: ForkedServer; ms: number }> {
    const { services, endpoints, headless = false, port, workers = 1, directory, cpus } = options
    const path = fileURLToPath(new URL('server.ts', import.meta.url))
    const args = [services, 100, endpoints, headless, port, workers, directory].filter(arg => arg !== undefined)
    const execArgv = [...(cpus === undefined ? [] : ['-c', cpus, process.execPath]), ...FLAGS]
    const execPath = cpus === undefined ? process.execPath : 'taskset'
    const child = fork(path, args.map(String), { execPath, execArgv, env: leanEnvironment() })
    const server = new ForkedServer(child)
    return { server, ms: (await server.#next('ready')).ms }
  }

  /** Sends an order and resolves with the answer. */
  async order(order: Order): Promise<Answer> {
    const answer = this.#next(order.do)
    this.#child.send(order)
    return await answer
  }

  /** Ends it. */
  async stop(): Promise<void> {
    await this.order({ do: 'stop' })
  }

  #next(event: string): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const onMessage = (message: Answer): void => {
        if (message.event !== event) return
        this.#child.off('message', onMessage)
        this.#child.off('exit', onExit)
        resolve(message)
      }
      const onExit = (code: number | null): void => reject(new Error(`The synthetic server ended with ${code}`))
      this.#child.on('message', onMessage)
      this.#child.once('exit', onExit)
    })
  }
}
