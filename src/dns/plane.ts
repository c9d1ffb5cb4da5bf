/**
 * The control thread's side of the data plane: starts its threads, hands them what is new, sums what they count.
 *
 * ```
 *   control thread ── publish: post, then move the generation word ──► udp-0 … udp-n   UDP, each with sockets of its own
 *                                                                 └──► tcp             TCP, an event loop
 * ```
 */
import { randomUUID } from 'node:crypto'
import { WaypostError } from '../errors.ts'
import { CONTROL, type IndexBuffers } from '../index/layout.ts'
import { type CacheSnapshot, readCacheFigures } from './cache/figures.ts'
import { type CacheNotice, type CacheOptions, type CacheSetup, makeCacheSetup } from './cache/setup.ts'
import type { CacheReply, CacheRequest } from './cache/write/inspection.ts'
import { allocateCounters, type CounterSnapshot, readCounters } from './counters.ts'
import { allocateFigures, type ForwardSnapshot, readFigures } from './forward/figures.ts'
import type { UpstreamNotice } from './forward/forwarder.ts'
import { allocateBell, allocateRing } from './forward/hand-over/ring.ts'
import type { ForwardOptions } from './forward/options.ts'
import { type ListenAddress, wasChosenPortTaken } from './listen.ts'
import type {
  Certificates,
  ForwardSetup,
  PublishedState,
  SecureAddresses,
  StreamListeners,
  WorkerRole,
} from './messages.ts'
import type { ResponderOptions } from './responder.ts'
import { SupervisedWorker } from './supervised-worker.ts'
import type { StreamLimits } from './tcp/stream-server.ts'
import { type OpenUdpSocket, openUdpSockets, probeUdp } from './udp/sockets.ts'
import { loadSystemCalls, type SystemCalls } from './udp/system-calls.ts'
import { packViews, type ViewPrefix } from './views.ts'

/** How UDP is served; see `udp/batched.ts` and `udp/portable.ts`. */
export type UdpTransportName = 'batched' | 'portable'

export interface DataPlaneOptions {
  /** Port 0: any port that is free for UDP and TCP. A wildcard means its own family only. */
  readonly listen: readonly ListenAddress[]
  /** UDP threads, 1 or more. */
  readonly workers: number
  /** `auto`: batched where it works. */
  readonly transport: UdpTransportName | 'auto'
  readonly responder: ResponderOptions
  readonly views: readonly ViewPrefix[]
  /** The control block (layout: `CONTROL`). The state word is the caller's; the others are set here. */
  readonly control: SharedArrayBuffer
  readonly index: IndexBuffers
  readonly tcp: StreamLimits
  /** What is served on connections beside DNS over TCP; nothing when left out. */
  readonly streams?: StreamListeners
  /** For the listeners of `streams`. */
  readonly certificates?: Certificates
  /** Bytes of the receive buffer of a UDP socket, best effort; 4 MiB by default. */
  readonly receiveBuffer?: number
  /** How names outside of the index are asked elsewhere; left out: they are REFUSED. `responder.forward` has their zones. */
  readonly forward?: ForwardOptions | null
  /** How their answers are kept; left out, or without `forward`: they are not. */
  readonly cache?: CacheOptions | null
  /** Hears what a person should know about upstreams. */
  onUpstream?(notice: UpstreamNotice): void
  /** Hears whether the cache was read from disk, and written to it. */
  onCacheFile?(notice: CacheNotice): void
  /** Hears of threads that died (they are started again) and of messages that could not be answered. */
  onError(error: Error): void
}

/** One thread, for a metric of its own. `block` is its label in the counters. */
export interface WorkerInfo {
  readonly name: string
  readonly block: number
  readonly restarts: number
}

export interface DataPlane {
  /** The addresses with the ports that were chosen, in the order of the options. */
  readonly bound: readonly ListenAddress[]
  readonly transport: UdpTransportName
  /** Where TLS and HTTPS are served. */
  readonly secure: SecureAddresses
  /** Hands another generation of the index to every thread. */
  publish(buffers: IndexBuffers): void
  setViews(views: readonly ViewPrefix[]): void
  setResponderOptions(options: ResponderOptions): void
  /** Takes other certificates; connections go on. */
  setCertificates(certificates: Certificates): void
  counters(): CounterSnapshot
  /** null: nothing is forwarded. */
  forwarding(): ForwardSnapshot | null
  /** null: nothing from outside is kept. */
  cache(): CacheSnapshot | null
  /** Looks at entries or takes them out. null: nothing is kept; `late`: the thread gives no answer. */
  askCache(request: CacheRequest): Promise<CacheReply | 'late' | null>
  workers(): readonly WorkerInfo[]
  /** Answers what was asked, and ends the threads; what is left after `deadlineMs` is cut off. */
  stop(deadlineMs: number): Promise<void>
}

const NO_STREAMS: StreamListeners = { tls: [], https: { listen: [], path: '' }, proxy: null }
/** 4 MiB hold more than a tenth of a second at full load. */
const RECEIVE_BUFFER = 4 << 20
/** Where several sockets of one port share its packets (dgram's `reusePort`); elsewhere one thread serves UDP. */
const SHARING_PLATFORMS: readonly string[] = ['linux', 'freebsd', 'sunos', 'aix']
/** How many free UDP ports are tried that turn out to be taken for TCP. */
const PORT_ATTEMPTS = 20

/**
 * Starts the data plane. Resolves when every socket is open.
 *
 * @throws WaypostError `WAY_LISTEN` with address, port and reason; nothing is left open then.
 */
export async function startDataPlane(options: DataPlaneOptions): Promise<DataPlane> {
  // From here on the threads may have what `options.index` leads to: its memory waits for their acknowledgements.
  Atomics.store(new Int32Array(options.control), CONTROL.readers, options.workers + 1)
  const calls = options.transport === 'portable' ? null : await loadSystemCalls()
  if (calls === null && options.transport === 'batched') {
    const need = 'it needs Linux on x86-64 or arm64 and the package koffi; the portable one runs everywhere'
    throw new WaypostError('WAY_LISTEN', `Cannot use the batched transport: ${need}`)
  }
  for (let attempt = 1; ; attempt++) {
    try {
      return await Plane.start(options, calls)
    } catch (error) {
      if (attempt === PORT_ATTEMPTS || !wasChosenPortTaken(options.listen, error)) throw error
    }
  }
}

class Plane implements DataPlane {
  readonly bound: readonly ListenAddress[]
  readonly transport: UdpTransportName
  readonly #calls: SystemCalls | null
  readonly #sockets: readonly OpenUdpSocket[]
  readonly #control: Int32Array
  readonly #counters: SharedArrayBuffer
  readonly #forward: ForwardSetup | null
  readonly #cache: CacheSetup | null
  readonly #workers: readonly SupervisedWorker[]
  #state: PublishedState
  #secure: SecureAddresses = { tls: [], https: [] }
  #stopped: Promise<void> | null = null

  static async start(options: DataPlaneOptions, calls: SystemCalls | null): Promise<Plane> {
    const { listen, workers, receiveBuffer = RECEIVE_BUFFER } = options
    if (calls !== null) {
      calls.runHelpersLater()
      const sockets = openUdpSockets(calls, listen, workers, receiveBuffer)
      const bound = sockets[0]?.map(socket => socket.listen) ?? []
      const { proxy } = renameProxied(options.streams ?? NO_STREAMS, listen, bound)
      const roles = sockets.map((list): WorkerRole => ({ kind: 'batched', sockets: list, proxy }))
      return await new Plane(options, calls, sockets.flat(), bound, roles).#start()
    }
    const bound: ListenAddress[] = []
    for (const address of listen) bound.push(await probeUdp(address))
    const threads = SHARING_PLATFORMS.includes(process.platform) ? workers : 1
    const { proxy } = renameProxied(options.streams ?? NO_STREAMS, listen, bound)
    const role: WorkerRole = { kind: 'portable', listen: bound, shared: threads > 1, receiveBuffer, proxy }
    return await new Plane(options, null, [], bound, Array(threads).fill(role)).#start()
  }

  private constructor(
    options: DataPlaneOptions,
    calls: SystemCalls | null,
    sockets: readonly OpenUdpSocket[],
    bound: readonly ListenAddress[],
    udpRoles: readonly WorkerRole[],
  ) {
    const { control, responder, index, views, tcp, onError } = options
    const { onUpstream = () => {}, onCacheFile = () => {} } = options
    const { forward = null, cache = null } = options
    const also = renameProxied(options.streams ?? NO_STREAMS, options.listen, bound)
    const roles: readonly WorkerRole[] = [...udpRoles, { kind: 'stream', listen: bound, limits: tcp, also }]
    const counters = allocateCounters(roles.length)
    this.bound = bound
    this.transport = calls === null ? 'portable' : 'batched'
    this.#calls = calls
    this.#sockets = sockets
    this.#control = new Int32Array(control)
    this.#counters = counters
    this.#forward = forward === null ? null : makeForwardSetup(forward, calls, udpRoles.length)
    this.#cache = forward === null || cache === null ? null : makeCacheSetup(cache, udpRoles.length)
    this.#state = {
      index,
      views: packViews(views),
      responder,
      ...(options.certificates && { certificates: options.certificates }),
    }
    Atomics.store(this.#control, CONTROL.readers, roles.length)
    this.#workers = roles.map(
      (role, block) =>
        new SupervisedWorker({
          name: role.kind === 'stream' ? 'tcp' : `udp-${block}`,
          setup: () => ({
            role: this.#roleNow(role),
            state: this.#stateFor(role),
            control,
            counters,
            block,
            forward: this.#forward,
            cache: this.#cache,
          }),
          onError,
          onUpstream,
          onCacheFile,
          onListening: secure => {
            this.#secure = secure
          },
        }),
    )
  }

  get secure(): SecureAddresses {
    return this.#secure
  }

  publish(index: IndexBuffers): void {
    this.#publish({ index })
  }

  setViews(views: readonly ViewPrefix[]): void {
    this.#publish({ views: packViews(views) })
  }

  setResponderOptions(responder: ResponderOptions): void {
    this.#publish({ responder })
  }

  setCertificates(certificates: Certificates): void {
    this.#state = { ...this.#state, certificates }
    this.#workers.at(-1)?.post({ type: 'publish', state: { certificates } })
  }

  counters(): CounterSnapshot {
    return readCounters(this.#counters)
  }

  forwarding(): ForwardSnapshot | null {
    if (this.#forward === null) return null
    const { figures, options } = this.#forward
    return readFigures(
      figures,
      options.upstreams.map(({ label }) => label),
    )
  }

  cache(): CacheSnapshot | null {
    return this.#cache === null ? null : readCacheFigures(this.#cache.figures)
  }

  async askCache(request: CacheRequest): Promise<CacheReply | 'late' | null> {
    // The thread that writes comes last.
    return this.#cache === null ? null : ((await this.#workers.at(-1)?.askCache(request)) ?? 'late')
  }

  workers(): WorkerInfo[] {
    return this.#workers.map(({ name, restarts }, block) => ({ name, block, restarts }))
  }

  stop(deadlineMs: number): Promise<void> {
    this.#stopped ??= this.#stop(deadlineMs)
    return this.#stopped
  }

  async #start(): Promise<this> {
    Atomics.store(this.#control, CONTROL.stop, 0)
    const starts = await Promise.allSettled(this.#workers.map(worker => worker.start()))
    const failure = starts.find(start => start.status === 'rejected')
    if (failure === undefined) return this
    await this.stop(1000)
    throw failure.reason
  }

  /** A thread that is started again has the ports that were chosen at first. */
  #roleNow(role: WorkerRole): WorkerRole {
    if (role.kind !== 'stream') return role
    const { tls, https } = this.#secure
    if (tls.length === 0 && https.length === 0) return role
    const before = [...role.also.tls, ...role.also.https.listen]
    const also = renameProxied(role.also, before, [...tls, ...https])
    return { ...role, also: { ...also, tls, https: { ...also.https, listen: https } } }
  }

  /** Private keys stay where they are needed. */
  #stateFor(role: WorkerRole): PublishedState {
    if (role.kind === 'stream') return this.#state
    const { index, views, responder } = this.#state
    return { index, views, responder }
  }

  /** Post first: a thread that sees the word move finds the message. */
  #publish(state: Partial<PublishedState>): void {
    this.#state = { ...this.#state, ...state }
    for (const worker of this.#workers) worker.post({ type: 'publish', state })
    Atomics.add(this.#control, CONTROL.generation, 1)
  }

  async #stop(deadlineMs: number): Promise<void> {
    Atomics.store(this.#control, CONTROL.stop, 1)
    await Promise.all(this.#workers.map(worker => worker.stop(deadlineMs)))
    for (const { descriptor } of this.#sockets) this.#calls?.close(descriptor)
    const handOver = this.#forward?.handOver ?? null
    if (handOver === null) return
    this.#calls?.close(handOver.readEnd)
    this.#calls?.close(handOver.writeEnd)
  }
}

/** Memory and pipe of the threads that hand queries over. Channels are known to the whole process, so each gets a name of its own. */
function makeForwardSetup(options: ForwardOptions, calls: SystemCalls | null, udpThreads: number): ForwardSetup {
  const handOver =
    calls === null
      ? null
      : { rings: Array.from({ length: udpThreads }, allocateRing), bell: allocateBell(), ...calls.openPipe() }
  const figures = allocateFigures(options.upstreams.length)
  return { options, figures, handOver, channel: `waypost-forward-${randomUUID()}` }
}

/** Listeners that take PROXY headers, by the addresses that the system made of the ones that were asked for. */
function renameProxied(
  streams: StreamListeners,
  asked: readonly ListenAddress[],
  bound: readonly ListenAddress[],
): StreamListeners {
  const { proxy } = streams
  if (proxy === null) return streams
  const listen = proxy.listen.map(({ address, port }) => {
    const place = asked.findIndex(other => other.address === address && other.port === port)
    return bound[place] ?? { address, port }
  })
  return { ...streams, proxy: { ...proxy, listen } }
}
