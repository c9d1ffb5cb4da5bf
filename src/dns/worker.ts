/**
 * Entry of every thread of the data plane, where its parts are put together.
 *
 * A batched UDP thread blocks and never runs its event loop: it takes messages when the generation word has moved. The
 * others take them as events.
 */
import { setTimeout } from 'node:timers/promises'
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { listenBytes, listenFailureOf } from './listen.ts'
import type { SecureAddresses, WorkerRole, WorkerSetup } from './messages.ts'
import { WorkerContext } from './worker-context.ts'

/** How often a thread looks whether it may begin, milliseconds. */
const STATE_POLL = 2

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
    if (setup.role.kind === 'batched') await lastStatePublished(context)
    await service.run()
  } catch (error) {
    const failure = listenFailureOf(error)
    if (failure === null) throw error
    context.tell({ type: 'listen-failed', message: (error as Error).message, failure })
    // What was started before, forwarding for example, would keep the thread, and who waits for its end, for ever.
    process.exit()
  }
  port.close()
}

/** Until then queries wait in the socket's buffer, about a second at the most, rather than fail. */
async function lastStatePublished(context: WorkerContext): Promise<void> {
  while (context.isStarting() && !context.isStopping()) await setTimeout(STATE_POLL)
}

/** Loads what the thread's role needs and no more: each module is in the memory of every thread that loads it. */
async function serviceOf({ role, forward, block, cache }: WorkerSetup, context: WorkerContext): Promise<Service> {
  if (role.kind === 'stream') return await streamService(role, { forward, cache }, context)
  const joining = forward === null ? null : await import('./forward/hand-over/join.ts')
  if (role.kind === 'portable') {
    if (forward !== null) joining?.joinPortable(context, forward, block)
    const { PortableUdp } = await import('./udp/portable.ts')
    return new PortableUdp(context, role)
  }
  const { loadSystemCalls } = await import('./udp/system-calls.ts')
  const calls = await loadSystemCalls()
  if (calls === null) throw new Error('The batched transport does not work in this thread')
  if (forward !== null) joining?.joinBatched(context, forward, block, calls)
  const { BatchedUdp } = await import('./udp/batched.ts')
  return new BatchedUdp(
    calls,
    context,
    role.sockets.map(({ descriptor, listen }) => ({ descriptor, address: listenBytes(listen), port: listen.port })),
    role.proxy,
  )
}

async function streamService(
  role: WorkerRole & { kind: 'stream' },
  { forward, cache }: Pick<WorkerSetup, 'forward' | 'cache'>,
  context: WorkerContext,
): Promise<Service> {
  const caching = cache === null ? null : (await import('./cache/write/assembly.ts')).startCaching(context, cache)
  const { StreamThread } = await import('./stream-thread.ts')
  if (forward === null) return await StreamThread.make(context, role, null, caching)
  const { startForwarding } = await import('./forward/assembly.ts')
  const calls = forward.handOver === null ? null : await (await import('./udp/system-calls.ts')).loadSystemCalls()
  const forwarding = startForwarding(context, forward, caching?.service ?? null, role.listen, calls)
  return await StreamThread.make(context, role, forwarding, caching)
}

/**
 * This thread allocates next to nothing from now on: what loading has left behind would never be collected. And
 * `workerData` lives as long as the thread, but its generation of the index must not.
 */
function forgetStart(): void {
  Object.assign(workerData, { state: null })
  globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' })
}
