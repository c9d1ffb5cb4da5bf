/** Starts an upstream that misbehaves (`fake.ts`) and gives it orders. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Behaviour, Order, Report } from './fake.ts'

/** See the top of the file. It is good until it is told otherwise. */
export class FakeProcess {
  readonly port: number
  readonly #child: ChildProcess

  /** @param cpu the core that it runs on; absent: any. */
  static async start(cpu?: number): Promise<FakeProcess> {
    const path = fileURLToPath(new URL('fake.ts', import.meta.url))
    const place = cpu === undefined ? {} : { execPath: 'taskset', execArgv: ['-c', String(cpu), process.execPath] }
    const child = fork(path, place)
    const { port } = await orderTo(child, { behaviour: 'good' })
    return new FakeProcess(child, port)
  }

  private constructor(child: ChildProcess, port: number) {
    this.#child = child
    this.port = port
  }

  async behave(behaviour: Behaviour, delayMs = 0): Promise<Report> {
    return await orderTo(this.#child, { behaviour, delayMs })
  }

  async stop(): Promise<void> {
    if (!this.#child.connected) return
    const ended = once(this.#child, 'exit')
    this.#child.disconnect()
    await ended
  }
}

async function orderTo(child: ChildProcess, order: Order): Promise<Report> {
  const over = new AbortController()
  const { signal } = over
  try {
    const reported = once(child, 'message', { signal }).then(([report]) => report as Report)
    const ended = once(child, 'exit', { signal }).then(([code]): never => {
      throw new Error(`The upstream ended with ${code}`)
    })
    child.send(order)
    return await Promise.race([reported, ended])
  } finally {
    over.abort()
  }
}
