/**
 * Entry of every thread of the data plane, where its parts are put together.
 *
 * A batched UDP thread blocks and never runs its event loop: it takes messages when the generation word has moved. The
 * others take them as events.
 */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { startCaching } from './cache/write/assembly.ts'
import { joinBatched, joinPortable, startForwarding } from './forward/assembly.ts'
import { listenBytes, listenFailureOf } from './listen.ts'
import type { SecureAddresses, WorkerSetup } from './messages.ts'
import { StreamThread } from './stream-thread.ts'
import { BatchedUdp } from './udp/batched.ts'
import { PortableUdp } from './udp/portable.ts'
import { loadSystemCalls } from './udp/system-calls.ts'
import { WorkerContext } from './worker-context.ts'

/** The service of one thread: sockets first, then answers until the thread is to stop. */
interface Service {
  /** @returns what the system chose and nobody knows yet. */
  open(): Promise<SecureAddresses | undefined>
  run(): Promise<void>
}

if (parentPort !== null) await serve(workerData as WorkerSetup, parentPort)

async function serve(setup: WorkerSetup, port: MessagePort): Promise<void> {
  const context = new WorkerContext(setup, port)
  if (setup.role.kind !== 'batched') context.listen()
  try {
    const service = await serviceOf(setup, context)
    const secure = await service.open()
    context.tell(secure === undefined ? { type: 'listening' } : { type: 'listening', secure })
    forgetStart()
    await service.run()
  } catch (error) {
    const failure = listenFailureOf(error)
    if (failure === null) throw error
    context.tell({ type: 'listen-failed', message: (error as Error).message, failure })
  }
  port.close()
}

async function serviceOf({ role, forward, block, cache }: WorkerSetup, context: WorkerContext): Promise<Service> {
  if (role.kind === 'stream') {
    const calls = forward?.handOver == null ? null : await loadSystemCalls()
    const caching = cache === null ? null : startCaching(context, cache)
    const forwarding =
      forward === null
        ? null
        : startForwarding(context, forward, caching === null ? null : caching.service, role.listen, calls)
    return new StreamThread(context, role, forwarding, caching)
  }
  if (role.kind === 'portable') {
    if (forward !== null) joinPortable(context, forward, block)
    return new PortableUdp(context, role)
  }
  const calls = await loadSystemCalls()
  if (calls === null) throw new Error('The batched transport does not work in this thread')
  if (forward !== null) joinBatched(context, forward, block, calls)
  return new BatchedUdp(
    calls,
    context,
    role.sockets.map(({ descriptor, listen }) => ({ descriptor, address: listenBytes(listen), port: listen.port })),
    role.proxy,
  )
}

/**
 * This thread allocates next to nothing from now on: what loading has left behind would never be collected. And
 * `workerData` lives as long as the thread, but its generation of the index must not.
 */
function forgetStart(): void {
  Object.assign(workerData, { state: null })
  globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' })
}
