/**
 * The server under a synthetic cluster, in a process of its own. Obeys messages from the bench that forked it and
 * answers each with what it measured.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { surroundingsOfProcess } from '../../../src/cli/surroundings.ts'
import { loadConfig } from '../../../src/config.ts'
import { startServer } from '../../../src/serve/server.ts'
import { SyntheticSource } from './source.ts'

/** What the bench asks. Times in the answers are milliseconds. */
export type Order =
  | { readonly do: 'churn'; readonly rate: number }
  | { readonly do: 'relist'; readonly changed: boolean }
  | { readonly do: 'probe'; readonly sequence: number }
  | { readonly do: 'change'; readonly times: number }
  | { readonly do: 'state' }
  | { readonly do: 'stop' }

const [services, namespaces, endpointsEach, headless, port, workers = '1', directory] = process.argv.slice(2)
const folder = directory ?? mkdtempSync(join(tmpdir(), 'waypost-synthetic-'))
const source = new SyntheticSource({
  services: Number(services),
  namespaces: Number(namespaces),
  endpointsEach: Number(endpointsEach),
  headless: headless === 'true',
})
const flags = {
  manifests: folder,
  data: join(folder, 'data'),
  dns: [`[::1]:${port}`],
  http: `[::1]:${Number(port) + 1}`,
  workers,
}
const config = loadConfig({ file: null, flags, surroundings: surroundingsOfProcess() })
const ready = Promise.withResolvers<void>()
const log = pino({ level: 'info' }, { write: noteReady })
const server = await startServer(config, log, { makeSource: () => source })
await ready.promise
// The clock starts with the process: Node.js and reading the source code count.
process.send?.({ event: 'ready', ms: performance.now() })

function noteReady(line: string): void {
  if (line.includes('"event":"ready"')) ready.resolve()
}

process.on('message', (order: Order) => void obey(order))
// Also when the bench is killed: nobody would end this process then.
process.on('disconnect', () => process.exit())

async function obey(order: Order): Promise<void> {
  const at = process.hrtime.bigint()
  const before = performance.now()
  if (order.do === 'churn') source.churn(order.rate)
  else if (order.do === 'relist') source.relist(order.changed)
  else if (order.do === 'probe') source.probe(order.sequence)
  else if (order.do === 'change') await changeOneByOne(order.times)
  else if (order.do === 'stop') await stop()
  if (order.do === 'relist') await server.idle()
  process.send?.({
    event: order.do,
    at: String(at),
    ms: performance.now() - before,
    applied: source.applied,
    memory: process.memoryUsage(),
  })
  if (order.do === 'stop') process.disconnect?.()
}

async function changeOneByOne(times: number): Promise<void> {
  for (let i = 0; i < times; i++) {
    source.change()
    await server.idle()
  }
}

async function stop(): Promise<void> {
  await server.stop()
  if (directory === undefined) rmSync(folder, { recursive: true, force: true })
}
