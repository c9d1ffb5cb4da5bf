/** The running server: every part, started in order. */
import { setTimeout } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { Source } from '../cluster/source.ts'
import type { Config } from '../config.ts'
import { Control, indexSeed } from '../control/control.ts'
import type { CacheNotice } from '../dns/cache/setup.ts'
import type { UpstreamNotice } from '../dns/forward/forwarder.ts'
import { listenError } from '../dns/listen.ts'
import { type DataPlane, startDataPlane } from '../dns/plane.ts'
import { buildApi } from '../feed/api.ts'
import { RouteHub } from '../feed/hub.ts'
import { CONTROL, CONTROL_BYTES, STATE } from '../index/layout.ts'
import { IndexWriter } from '../index/writer.ts'
import { Health } from '../observe/health.ts'
import { createMetrics } from '../observe/registry.ts'
import type { MetricSources, StatusFigures } from '../observe/sources.ts'
import { Allocator } from '../pool/allocator.ts'
import { VERSION } from '../version.ts'
import { Admission } from './admission.ts'
import { makeAsk } from './ask.ts'
import { Backend } from './backend.ts'
import type { BoundAddresses } from './banner.ts'
import { DnsOptions } from './dns-options.ts'
import { Explainer } from './explain.ts'
import { appClaims } from './explain-names.ts'
import { figuresOf } from './figures.ts'
import { cacheOf, forwardingOf } from './forwarding.ts'
import { MemoryKeeper } from './memory.ts'
import { type Probes, startProbes } from './probes.ts'
import { contentOf } from './responder-options.ts'
import { namingOf, viewsOf } from './settings.ts'
import { type OpenClient, Sources } from './sources.ts'
import { StatusWriters, writtenNetworks } from './status.ts'
import { streamsOf } from './stream-options.ts'
import { wholly } from './wholly.ts'
import { ServedZones } from './zones.ts'

/** A server that runs. */
export interface RunningServer {
  readonly bound: BoundAddresses
  /** Resolves when a part failed in a way that cannot be mended while the process runs. */
  readonly failed: Promise<unknown>
  /** Resolves when everything that the sources have said so far is published. */
  idle(): Promise<void>
  /** Takes over what of a new configuration can change at run time. */
  reconfigure(config: Config): Promise<void>
  /** Ends everything within two seconds: not ready, watchers get their last sync, TCP its answers. */
  stop(): Promise<void>
}

/** Parts that a benchmark brings itself. */
export interface ReplaceableParts {
  /** In place of the configured source. */
  readonly makeSource?: (network: string) => Source
  /** In place of the client that the configuration describes. */
  readonly openClient?: OpenClient
}

/** Milliseconds that the DNS threads get to answer what is in flight. */
const STOP_DEADLINE = 1500
/** Of these, so long the API goes on; it needs up to a second to close. */
const NOT_READY_TIME = 500
/** Seconds of a reconcile step behind which memory is given back: many Services changed at once. */
const BULK_STEP = 0.1

/**
 * Starts everything; resolves when the sockets are bound.
 *
 * @throws WaypostError WAY_DATA_…, WAY_LEDGER_…, WAY_LISTEN.
 */
export async function startServer(config: Config, log: Logger, parts: ReplaceableParts = {}): Promise<RunningServer> {
  const allocator = Allocator.open({
    directory: config.data,
    clock: Date.now,
    restMs: config.pool.restMs,
    leaseMs: config.pool.leaseMs,
  })
  const undo: (() => unknown)[] = [() => allocator.close()]
  try {
    return await new Assembly(config, log, allocator, undo, parts).start()
  } catch (error) {
    for (const step of undo.reverse()) await step()
    throw error
  }
}

/** The parts while they are put together; `undo` grows with each that was started. */
class Assembly {
  readonly #config: Config
  readonly #log: Logger
  readonly #allocator: Allocator
  readonly #undo: (() => unknown)[]
  readonly #makeSource: (network: string) => Source
  readonly #sources: Sources
  readonly #health = new Health()
  readonly #words = new SharedArrayBuffer(CONTROL_BYTES)
  readonly #writer: IndexWriter
  readonly #hub: RouteHub
  readonly #admission: Admission
  readonly #control: Control
  readonly #zones: ServedZones
  readonly #metrics: ReturnType<typeof createMetrics>
  readonly #failure = Promise.withResolvers<unknown>()
  readonly #memory = new MemoryKeeper()
  readonly #dnsOptions: DnsOptions
  #isReady = false
  #plane: DataPlane | null = null
  #api: Awaited<ReturnType<typeof buildApi>> | null = null
  #probes: Probes | null = null
  readonly #status: StatusWriters

  constructor(
    config: Config,
    log: Logger,
    allocator: Allocator,
    undo: (() => unknown)[],
    { makeSource, openClient }: ReplaceableParts,
  ) {
    this.#config = config
    this.#sources = new Sources(config, log, name => this.#admission.sinkOf(name), openClient)
    this.#makeSource = makeSource ?? (name => this.#sources.make(name))
    this.#dnsOptions = new DnsOptions(config, log)
    this.#log = log
    this.#allocator = allocator
    this.#undo = undo
    this.#writer = new IndexWriter({
      seed: indexSeed(),
      control: this.#words,
      onGeneration: buffers => this.#plane?.publish(buffers),
    })
    this.#hub = new RouteHub({
      epoch: Date.now().toString(36),
      networks: config.networks.map(network => network.name),
      maxWatchers: config.http.maxWatchers,
      isHeld: true,
      routesOf: (network, service) => this.#control.find(network)?.network.routesOf(service) ?? [],
    })
    this.#admission = new Admission({
      config,
      control: () => this.#control,
      allocator,
      clientOf: name => (makeSource === undefined ? this.#sources.client(name) : null),
      onFinding: ({ kind, message, network, reason, service }) => {
        if (kind === 'exhausted') this.#status.poolExhausted(network, service, reason, message)
      },
      log,
      onReady: () => {
        this.#health.met('admission')
        this.#noteState()
      },
    })
    this.#control = this.#makeControl()
    this.#zones = new ServedZones(config.dns.zones, this.#control, log)
    const zones = (): ReturnType<MetricSources['zones']> => this.#zones.figures()
    const status = (): readonly StatusFigures[] => this.#status.figures()
    const certificates = (): ReturnType<MetricSources['certificates']> => this.#dnsOptions.certificates.expiry
    const admission = this.#admission
    const parts = { allocator, writer: this.#writer, hub: this.#hub, status, zones, admission, certificates }
    const build = { version: VERSION, node: process.version }
    this.#metrics = createMetrics(
      figuresOf({ ...parts, control: this.#control, plane: () => this.#needPlane() }),
      build,
    )
    this.#status = new StatusWriters(writtenNetworks(this.#control, config, this.#sources), log)
    this.#declareHealth()
  }

  async start(): Promise<RunningServer> {
    this.#undo.push(
      () => this.#sources.close(),
      () => this.#control.stop(),
      () => this.#dnsOptions.stop(),
    )
    await this.#zones.start()
    this.#undo.push(() => this.#zones.stop())
    // The threads load their code while the last state is published here; until it is, nothing but SERVFAIL is answered.
    const [plane] = await wholly([this.#startPlane(), this.#control.restore()])
    Atomics.store(new Int32Array(this.#words), CONTROL.state, STATE.serving)
    // A generation that came while the threads started had nobody to go to.
    plane.publish(this.#writer.buffers)
    this.#dnsOptions.tell(plane)
    const http = await this.#startApi()
    this.#undo.push(() => this.#admission.stop())
    const admission = await this.#admission.start()
    this.#log.info(
      {
        event: 'listening',
        dns: plane.bound,
        ...plane.secure,
        http,
        probes: this.#probes?.bound,
        admission,
        transport: plane.transport,
        workers: this.#config.dns.workers,
      },
      'DNS and HTTP are bound',
    )
    this.#health.met('listeners')
    this.#noteState()
    this.#control.start()
    return {
      bound: { dns: plane.bound, ...plane.secure, http, admission },
      failed: this.#failure.promise,
      idle: async () => {
        for (const { network } of this.#control.networks) await network.idle()
      },
      reconfigure: config => this.#reconfigure(config),
      stop: () => this.#stop(),
    }
  }

  #makeControl(): Control {
    const { networks, data, routes } = this.#config
    return new Control({
      networks,
      naming: namingOf(this.#config),
      proxyName: routes.proxyName,
      directory: data,
      allocator: this.#allocator,
      writer: this.#writer,
      log: this.#log,
      makeSource: this.#makeSource,
      onPublish: changes => {
        this.#hub.publish(changes)
        this.#status.routesChanged(changes)
      },
      onTrouble: (network, service) => this.#status.troubleChanged(network, service),
      onReconciled: seconds => {
        this.#metrics.observeReconcile(seconds)
        if (seconds > BULK_STEP) this.#noteBulk()
      },
      onProgrammed: seconds => this.#metrics.observeProgrammed(seconds),
      onState: () => this.#noteState(),
      onBulk: () => this.#noteBulk(),
      onError: error => this.#log.error({ event: 'internal_error', error: String(error) }, 'A step failed'),
    })
  }

  #declareHealth(): void {
    const health = this.#health
    health.unmet('listeners', 'The listeners are not bound yet')
    const { listen } = this.#config.admission
    if (listen !== null) health.unmet('admission', 'The admission listener has no certificate yet')
    for (const { settings, feed } of this.#control.networks) {
      health.unmet(
        `network ${settings.name}`,
        `Network "${settings.name}" has no state from its source or from disk yet`,
      )
      health.detail(`network ${settings.name}`, () => ({
        synced: feed.hasSynced,
        restoredAt: feed.restoredAt === null ? null : new Date(feed.restoredAt).toISOString(),
        problems: feed.problemList,
      }))
    }
    health.detail('zones', () => ({ problems: this.#zones.problems() }))
  }

  /** Called whenever something about readiness changed; says once that the server is ready. */
  #noteState(): void {
    for (const { settings, feed } of this.#control.networks) {
      if (feed.serving) this.#health.met(`network ${settings.name}`)
    }
    if (this.#control.serving) this.#hub.open()
    this.#status.start()
    this.#admission.noteState()
    if (!this.#isReady && this.#health.readiness().ready) {
      this.#isReady = true
      this.#log.info({ event: 'ready' }, 'Ready')
    }
    this.#noteBulk()
  }

  /** Nothing holds the start up, so memory waits for it. */
  #noteBulk(): void {
    if (this.#isReady) this.#memory.afterBulk()
  }

  async #startPlane(): Promise<DataPlane> {
    const { dns } = this.#config
    const plane = await startDataPlane({
      listen: dns.listen,
      workers: dns.workers,
      transport: dns.transport,
      responder: this.#dnsOptions.responder,
      views: viewsOf(this.#config.networks),
      control: this.#words,
      index: this.#writer.buffers,
      tcp: dns.tcp,
      streams: streamsOf(dns),
      certificates: this.#dnsOptions.certificates.present,
      forward: forwardingOf(this.#config),
      cache: cacheOf(this.#config),
      onUpstream: notice => this.#noteUpstream(notice),
      onCacheFile: notice => this.#noteCacheFile(notice),
      onError: error => this.#log.error({ event: 'dns_thread_failed', error: String(error) }, 'A DNS thread failed'),
    })
    this.#plane = plane
    this.#undo.push(() => plane.stop(STOP_DEADLINE))
    return plane
  }

  #noteUpstream({ event, upstream, message }: UpstreamNotice): void {
    const level = event === 'upstream_recovered' ? 'info' : event === 'upstream_suspect' ? 'warn' : 'error'
    this.#log[level]({ event, upstream }, message)
  }

  #noteCacheFile({ event, message }: CacheNotice): void {
    this.#log[event === 'cache_loaded' || event === 'cache_saved' ? 'info' : 'warn']({ event }, message)
  }

  async #startApi(): Promise<string> {
    const { http, networks } = this.#config
    const ask = makeAsk(() => this.#writer.buffers, this.#words, contentOf(this.#config))
    const explainer = new Explainer({
      networks: this.#control.networks,
      sources: viewsOf(networks),
      ask,
      apps: appClaims(this.#allocator),
      fileOf: apex => this.#zones.fileOf(apex),
    })
    const backend = new Backend({
      control: this.#control,
      allocator: this.#allocator,
      explainer,
      admission: this.#admission,
      readiness: () => this.#health.readiness(),
      metrics: () => this.#metrics.page(),
      askCache: request => this.#needPlane().askCache(request),
    })
    const api = buildApi(backend, this.#hub, { token: http.token, listen: http.listen, logger: this.#log })
    this.#api = api
    this.#undo.push(() => api.close())
    this.#probes = await startProbes(backend, http.probes, this.#log)
    this.#undo.push(() => this.#probes?.close())
    return await api.listen({ host: http.listen.address, port: http.listen.port }).catch(error => {
      throw listenError(http.listen, 'TCP', String((error as NodeJS.ErrnoException).code))
    })
  }

  async #reconfigure(config: Config): Promise<void> {
    await this.#zones.reload()
    this.#dnsOptions.reconfigure(config)
    // Only the TTL can change at run time; listeners and pod records are what they were at the start.
    await this.#control.setNaming({ ...namingOf(this.#config), ttl: config.dns.ttl })
  }

  async #stop(): Promise<void> {
    this.#dnsOptions.stop()
    this.#health.unmet('stopping', 'The server is stopping')
    this.#memory.stop()
    // First, so that another replica goes on while this one ends.
    const statusStopped = this.#status.stop()
    await this.#hub.close()
    const planeStopped = this.#plane?.stop(STOP_DEADLINE)
    // While DNS answers what is in flight, /ready says why no more should come.
    await Promise.race([planeStopped, setTimeout(NOT_READY_TIME, undefined, { ref: false })])
    await Promise.all([this.#api?.close(), this.#probes?.close(), this.#admission.stop(), planeStopped, statusStopped])
    await this.#zones.stop()
    await this.#control.stop()
    await this.#sources.close()
    this.#allocator.close()
  }

  #needPlane(): DataPlane {
    if (this.#plane === null) throw new Error('The DNS threads are not started')
    return this.#plane
  }
}
