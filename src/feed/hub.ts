/** The route feed: every publish to every watcher, and the whole table to whoever asks. */
import { WaypostError } from '../errors.ts'
import type { Route } from '../route/route.ts'
import { Batches } from './batches.ts'
import { type Clock, systemClock } from './clock.ts'
import { Lines } from './lines.ts'
import type { WatchSink } from './outbox.ts'
import { assembleTable, type TableSnapshot } from './snapshot.ts'
import { type RouteChange, type Unit, Versions } from './versions.ts'
import { Watcher, type WatchFilter, type WatchHost, type WatchRequest } from './watcher.ts'

export interface RouteHubOptions {
  /** New at every start of the process; without "-". */
  readonly epoch: string
  readonly networks: readonly string[]
  /**
   * The routes of a Service **as they were last published**, not as the store may have them by now: both a watcher's
   * line and the table are made from this, at different times, under one version. Called often and lazily.
   */
  routesOf(network: string, service: string): readonly Route[]
  /**
   * true: the table is not whole before {@link RouteHub.open} is called; watchers wait for their snapshot (a proxy must
   * not swap in half a table) and the table is refused. Default false.
   */
  readonly isHeld?: boolean
  /** Watch streams at a time, default 2,000. */
  readonly maxWatchers?: number
  /** Default 10 s. */
  readonly heartbeatMs?: number
  /** How long a reader may take nothing, default 60 s. */
  readonly stallMs?: number
  /** How long deletions are remembered, default 10 minutes, */
  readonly tombstoneMs?: number
  /** and how many, default 10,000. */
  readonly maxTombstones?: number
  /** Changed Services that are noted for one watcher, default 1,024; above, it runs over all versions again. */
  readonly maxDirty?: number
  /** Encoded lines that are kept, default 64 MiB; they go when nobody asked for them for a minute. */
  readonly cacheBytes?: number
  readonly clock?: Clock
}

/** What the metrics page shows of the feed. */
export interface HubFigures {
  readonly version: number
  readonly watchers: number
  readonly watcherLimit: number
  /** Publishes that the slowest watcher is behind. */
  readonly lag: number
  readonly lines: number
  readonly bytes: number
  /** Watch streams that were closed by us, by reason. */
  readonly closed: readonly { readonly labels: readonly string[]; readonly value: number }[]
}

/** Milliseconds of feed work in one turn of the event loop. */
const SLICE_MS = 8
const TICK_MS = 250
const IDLE_MS = 60_000

/** See the top of the file. */
export class RouteHub {
  readonly epoch: string
  readonly maxWatchers: number
  readonly #clock: Clock
  readonly #versions: Versions
  readonly #lines: Lines
  readonly #heartbeatMs: number
  readonly #stallMs: number
  readonly #host: WatchHost & { isOpen: boolean }
  readonly #watchers = new Set<Watcher>()
  /** Watchers with work that can be done now. */
  readonly #runnable = new Set<Watcher>()
  readonly #assemblies = new Map<string, Promise<TableSnapshot>>()
  readonly #closed = { slow: 0, shutdown: 0 }
  readonly #stopTicking: () => void
  #isPumping = false
  #closing: PromiseWithResolvers<void> | null = null

  constructor(options: RouteHubOptions) {
    this.epoch = options.epoch
    this.maxWatchers = options.maxWatchers ?? 2000
    this.#clock = options.clock ?? systemClock
    this.#heartbeatMs = options.heartbeatMs ?? 10_000
    this.#stallMs = options.stallMs ?? 60_000
    this.#versions = new Versions({
      tombstoneMs: options.tombstoneMs ?? 600_000,
      maxTombstones: options.maxTombstones ?? 10_000,
    })
    this.#lines = new Lines({ ...options, cacheBytes: options.cacheBytes ?? 67_108_864 })
    this.#host = {
      networks: options.networks,
      versions: this.#versions,
      lines: this.#lines,
      clock: this.#clock,
      isOpen: options.isHeld !== true,
      maxDirty: options.maxDirty ?? 1024,
      counts: { lines: 0, bytes: 0 },
    }
    this.#stopTicking = this.#clock.every(TICK_MS, () => this.#tick())
  }

  /** `<epoch>-<n>` of the last publish. */
  get version(): string {
    return `${this.epoch}-${this.#versions.current}`
  }

  /** Whether the table is whole, see {@link RouteHubOptions.isHeld}. */
  get isOpen(): boolean {
    return this.#host.isOpen
  }

  /** @throws WaypostError WAY_NOT_READY before the table is whole. */
  checkOpen(): void {
    if (!this.isOpen) throw new WaypostError('WAY_NOT_READY', 'The route table is not whole yet: see /ready')
  }

  /** Says that the table is whole from now on. Versions of before are of no use to a reader that comes back. */
  open(): void {
    if (this.#host.isOpen) return
    this.#host.isOpen = true
    this.#versions.current++
    this.#versions.floor = this.#versions.current
    for (const watcher of this.#watchers) this.#wake(watcher)
  }

  /**
   * Tells every watcher what changed, as one atomic batch. `routesOf` must give the new routes already.
   *
   * @returns the version after it; the same as before when nothing was to tell.
   */
  publish(changes: Iterable<RouteChange>): string {
    const now = this.#clock.now()
    const units = this.#versions.apply(changes, now)
    if (units.length === 0) return this.version
    for (const unit of units) this.#lines.drop(unit)
    const batches = new Batches(this.#lines, units, this.#versions.current, now)
    for (const watcher of this.#watchers) this.#tell(watcher, units, batches)
    // Last: what this publish itself deletes and is one too many must be noted before it is forgotten.
    this.#expireTombstones(now)
    return this.version
  }

  /**
   * Starts a watch. The caller must tell {@link drained} and {@link remove}.
   *
   * @throws WaypostError WAY_HTTP_BUSY at the limit, or when the hub is closing.
   */
  watch(sink: WatchSink, request: WatchRequest): Watcher {
    if (this.#closing !== null) throw new WaypostError('WAY_HTTP_BUSY', 'The server is stopping')
    if (this.#watchers.size >= this.maxWatchers) {
      throw new WaypostError(
        'WAY_HTTP_BUSY',
        `Cannot start another watch: there are ${this.maxWatchers}, which is the limit`,
      )
    }
    const watcher = new Watcher(this.#host, sink, request)
    this.#watchers.add(watcher)
    this.#wake(watcher)
    return watcher
  }

  /** The watcher's socket takes bytes again. */
  drained(watcher: Watcher): void {
    watcher.drained()
    this.#wake(watcher)
  }

  /** The watcher's connection is gone. */
  remove(watcher: Watcher): void {
    watcher.isClosed = true
    this.#watchers.delete(watcher)
    this.#runnable.delete(watcher)
    if (this.#watchers.size === 0) this.#closing?.resolve()
  }

  /**
   * The version that a reader may go on from, of the text that it sent; null: it needs a snapshot, because the text is
   * malformed, of another start of the process, of the future, or older than the deletions that are remembered.
   */
  parseSince(text: string): number | null {
    if (!this.isOpen) return null
    const dash = text.lastIndexOf('-')
    const digits = text.slice(dash + 1)
    if (dash < 0 || text.slice(0, dash) !== this.epoch || !/^(0|[1-9][0-9]{0,15})$/.test(digits)) return null
    const number = Number(digits)
    return number < this.#versions.floor || number > this.#versions.current ? null : number
  }

  /**
   * The whole table, or what the filter lets through. Readers that ask for the same at the same time share the work.
   *
   * @throws WaypostError WAY_NOT_READY before the table is whole.
   */
  async table(filter: WatchFilter): Promise<TableSnapshot> {
    this.checkOpen()
    const host = { ...this.#host, epoch: this.epoch, sliceMs: SLICE_MS }
    if (filter.services !== null) return await assembleTable(host, filter)
    const key = filter.network ?? ''
    const running = this.#assemblies.get(key)
    if (running !== undefined) return await running
    const assembly = assembleTable(host, filter).finally(() => this.#assemblies.delete(key))
    this.#assemblies.set(key, assembly)
    return await assembly
  }

  /** What the metrics page shows. */
  figures(): HubFigures {
    const { current } = this.#versions
    let lag = 0
    for (const watcher of this.#watchers) if (!watcher.isSettled) lag = Math.max(lag, current - watcher.synced)
    return {
      version: current,
      watchers: this.#watchers.size,
      watcherLimit: this.maxWatchers,
      lag,
      ...this.#host.counts,
      closed: Object.entries(this.#closed).map(([reason, value]) => ({ labels: [reason], value })),
    }
  }

  /** Sends every watcher its last sync and ends it; those that have not taken it after `deadlineMs` are cut off. */
  async close(deadlineMs = 500): Promise<void> {
    if (this.#closing !== null) return await this.#closing.promise
    const closing = Promise.withResolvers<void>()
    this.#closing = closing
    this.#closed.shutdown += this.#watchers.size
    for (const watcher of [...this.#watchers]) this.#finish(watcher)
    if (this.#watchers.size === 0) closing.resolve()
    const cancel = this.#clock.after(deadlineMs, () => {
      for (const watcher of [...this.#watchers]) watcher.sink.destroy()
      closing.resolve()
    })
    await closing.promise
    cancel()
    this.#stopTicking()
  }

  #finish(watcher: Watcher): void {
    if (!this.isOpen) {
      watcher.sink.end()
      return
    }
    watcher.finish()
    if (watcher.step(this.#clock.now() + SLICE_MS)) this.#wake(watcher)
  }

  /** A reader that keeps up gets its batch at once, the others are told when they can take it. */
  #tell(watcher: Watcher, units: readonly Unit[], batches: Batches): void {
    if (!units.some(unit => watcher.wants(unit))) return
    const batch = watcher.isSettled ? batches.for(watcher) : null
    if (batch !== null) {
      watcher.send(batch.buffers, batch.lines, this.#versions.current)
      return
    }
    watcher.mark(units)
    this.#wake(watcher)
  }

  #wake(watcher: Watcher): void {
    this.#runnable.add(watcher)
    if (this.#isPumping) return
    this.#isPumping = true
    this.#clock.soon(() => this.#pump())
  }

  /** Gives the runnable watchers turns, for a slice of the event loop. */
  #pump(): void {
    const deadline = this.#clock.now() + SLICE_MS
    for (const watcher of this.#runnable) {
      this.#runnable.delete(watcher)
      if (watcher.step(deadline)) this.#runnable.add(watcher)
      if (this.#clock.now() >= deadline) break
    }
    this.#isPumping = this.#runnable.size > 0
    if (this.#isPumping) this.#clock.soon(() => this.#pump())
  }

  #tick(): void {
    const now = this.#clock.now()
    this.#expireTombstones(now)
    this.#lines.dropIdle(now - IDLE_MS)
    for (const watcher of [...this.#watchers]) {
      if (watcher.isStalled(now, this.#stallMs)) {
        this.#closed.slow++
        watcher.sink.destroy()
        this.remove(watcher)
      } else if (now - watcher.lineAt >= this.#heartbeatMs) {
        watcher.heartbeat()
      }
    }
  }

  #expireTombstones(now: number): void {
    const expired = this.#versions.expire(now)
    if (expired.length === 0) return
    for (const watcher of this.#watchers) for (const unit of expired) watcher.markExpired(unit)
  }
}
