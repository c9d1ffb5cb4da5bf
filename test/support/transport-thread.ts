/** Starts one transport in a thread of its own, answering with the stub of `stub-answerer.ts`. */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { allocateCounters, type CounterSnapshot, readCounters } from '#src/dns/counters.ts'
import type { ListenAddress } from '#src/dns/listen.ts'
import type { WorkerRole } from '#src/dns/messages.ts'
import type { ProxySetting } from '#src/dns/proxy/setting.ts'
import { openUdpSockets, probeUdp } from '#src/dns/udp/sockets.ts'
import { loadSystemCalls } from '#src/dns/udp/system-calls.ts'
import { packViews, type ViewPrefix } from '#src/dns/views.ts'
import { CONTROL, CONTROL_BYTES } from '#src/index/layout.ts'
import type { StubMemory } from './stub-answerer.ts'

export interface ThreadSetup extends StubMemory {
  readonly role: UdpRole
}

type UdpRole = Exclude<WorkerRole, { kind: 'stream' }>

export interface TransportThread {
  readonly bound: readonly ListenAddress[]
  counters(): CounterSnapshot
  /** Resolves when the thread has ended. */
  stop(deadlineMs?: number): Promise<void>
}

/** Serves `listen` over UDP. `shared`: with SO_REUSEPORT; `trusted`: peers whose packets begin with a PROXY header. */
export async function startUdpThread(
  transport: 'batched' | 'portable',
  listen: readonly ListenAddress[],
  views: readonly ViewPrefix[],
  shared = false,
  trusted: readonly ViewPrefix[] | null = null,
): Promise<TransportThread> {
  const receiveBuffer = 1 << 20
  const proxyOn = (bound: readonly ListenAddress[]): ProxySetting | null =>
    trusted === null ? null : { listen: bound, trusted: packViews(trusted) }
  if (transport === 'portable') {
    const bound = await Promise.all(listen.map(probeUdp))
    return await startThread(
      { kind: 'portable', listen: bound, shared, receiveBuffer, proxy: proxyOn(bound) },
      bound,
      views,
    )
  }
  const calls = await loadSystemCalls()
  if (calls === null) throw new Error('The batched transport does not work here')
  const [sockets = [], ...others] = openUdpSockets(calls, listen, shared ? 2 : 1, receiveBuffer)
  // The other threads' sockets: only their port was to be shared.
  for (const { descriptor } of others.flat()) calls.close(descriptor)
  const bound = sockets.map(socket => socket.listen)
  const thread = await startThread({ kind: 'batched', sockets, proxy: proxyOn(bound) }, bound, views)
  let isOpen = true
  return {
    ...thread,
    stop: async deadlineMs => {
      await thread.stop(deadlineMs)
      if (isOpen) for (const { descriptor } of sockets) calls.close(descriptor)
      isOpen = false
    },
  }
}

async function startThread(
  role: UdpRole,
  bound: readonly ListenAddress[],
  views: readonly ViewPrefix[],
): Promise<TransportThread> {
  const control = new SharedArrayBuffer(CONTROL_BYTES)
  const counters = allocateCounters(1)
  const setup: ThreadSetup = { role, control, counters, views: packViews(views) }
  const worker = new Worker(new URL('./stub-dns-thread.ts', import.meta.url), { workerData: setup })
  const exited = once(worker, 'exit')
  await once(worker, 'message')
  return {
    bound,
    counters: () => readCounters(counters),
    stop: async (deadlineMs = 1000) => {
      Atomics.store(new Int32Array(control), CONTROL.stop, 1)
      worker.postMessage(deadlineMs)
      await exited
    },
  }
}
