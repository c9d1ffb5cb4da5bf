/** Joins a UDP thread to the one that forwards. Apart from it, so that such a thread loads nothing that speaks to upstreams. */
import type { ForwardSetup } from '../../messages.ts'
import type { SystemCalls } from '../../udp/system-calls.ts'
import type { WorkerContext } from '../../worker-context.ts'
import { RemoteForward } from './remote.ts'
import { HandOverWriter } from './ring.ts'

/** How often a thread that runs its event loop says that it holds nothing of the cache, milliseconds. */
const CACHE_ACKNOWLEDGE_MS = 50

/** Makes `context.handOver` work in batched UDP thread number `block`. */
export function joinBatched(context: WorkerContext, setup: ForwardSetup, block: number, calls: SystemCalls): void {
  const { handOver } = setup
  const ring = handOver?.rings[block]
  if (handOver === null || ring === undefined) return
  const { bell, writeEnd } = handOver
  context.handOver = new HandOverWriter(ring, bell, () => calls.ring(writeEnd))
}

/** Makes `context.defer` work in portable UDP thread number `block`. */
export function joinPortable(context: WorkerContext, setup: ForwardSetup, block: number): void {
  const remote = new RemoteForward(setup.channel, String(block))
  context.deferral = (asked, reply) => remote.defer(asked, reply)
  // A thread that waits for events holds no place of the cache: memory that it could have seen comes free.
  const idle = setInterval(() => context.cacheReader?.refresh(), CACHE_ACKNOWLEDGE_MS)
  void context.stopped.then(() => {
    clearInterval(idle)
    remote.close()
  })
}
