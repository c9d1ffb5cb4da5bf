/**
 * One reader of the watch. It holds no queue of messages: what it has not been told yet is a set of Services, or the
 * place of a cursor that runs over all of them, and a Service's bytes are taken when there is room to write them. So a
 * slow reader coalesces, and its memory is bounded by {@link BATCH_BYTES} and the number of Services.
 *
 * ```
 *          cursor ──► │ u1 u2 u3 │ u4 u5 …    a change behind the cursor goes into `dirty`, one before it will be met
 *          dirty      { u2 }
 *            │ refill, while there is room
 *            ▼
 *          out        [bytes bytes │ sync]    the sync is written when nothing is left to tell: at that moment the
 *            │ write, while the socket takes   reader's table is the table of the present version
 *            ▼
 *          sink
 * ```
 */
import type { Clock } from './clock.ts'
import type { Format, Lines } from './lines.ts'
import type { Unit, Versions } from './versions.ts'

/** Bytes that are made ready for one reader at a time. What is ready is sent as it is, so a batch below this size is
 * finished by its sync however fast the Services change. */
export const BATCH_BYTES = 262_144
/** Bytes handed to the socket in one call. */
const WRITE_BYTES = 65_536

/** Where a watcher writes; made by the HTTP side, and by tests. */
export interface WatchSink {
  /** Takes the bytes; false: no more until `Watcher.drained` is called. */
  write(bytes: Buffer): boolean
  /** A number that changes whenever the reader has taken something of what was written. */
  unsent(): number
  /** Ends the stream after what was written. */
  end(): void
  /** Ends it at once. */
  destroy(): void
}

/** What a watcher wants to see. */
export interface WatchFilter {
  /** null: every network. */
  readonly network: string | null
  /** null: every Service. */
  readonly services: ReadonlySet<string> | null
}

/** What a watcher asks for. */
export interface WatchRequest {
  readonly format: Format
  readonly filter: WatchFilter
  /** The version that the reader has, already checked, or null: reset and snapshot. */
  readonly since: number | null
}

/** What all watchers of one hub share. */
export interface WatchHost {
  readonly networks: readonly string[]
  readonly versions: Versions
  readonly lines: Lines
  readonly clock: Clock
  /** false: the table is not whole yet; nothing but heartbeats may be sent after the reset. */
  readonly isOpen: boolean
  readonly counts: { lines: number; bytes: number }
}

/** See the top of the file. */
export class Watcher {
  readonly sink: WatchSink
  readonly request: WatchRequest
  /** The version of the last sync that was written. */
  synced: number
  /** When the last line was written. */
  lineAt: number
  /** When the reader last took something, while the socket takes no more; null: it takes. */
  blockedSince: number | null = null
  isClosed = false
  readonly #host: WatchHost
  readonly #dirty = new Set<Unit>()
  #cursor: Iterator<Unit> | null = null
  /** Sequence of the last unit that the cursor has passed. */
  #passed = 0
  #isSyncDue = true
  #isEnding = false
  #unsent = 0
  #out: Buffer[] = []
  /** Next buffer of `#out`, and the place in it. */
  #next = 0
  #offset = 0

  constructor(host: WatchHost, sink: WatchSink, request: WatchRequest) {
    this.sink = sink
    this.request = request
    this.#host = host
    this.synced = request.since ?? 0
    this.lineAt = host.clock.now()
    if (request.filter.services === null) this.#cursor = host.versions.units()
    else this.#markNamed(request.filter.services)
    if (request.since === null) this.#push(host.lines.reset(request.format))
  }

  /** Everything was told and taken: a change can be written at once. */
  get isSettled(): boolean {
    return !this.#hasWork && this.#out.length === 0 && this.blockedSince === null && this.#host.isOpen
  }

  /** Whether the filter lets the Service through. */
  wants(unit: Unit): boolean {
    const { network, services } = this.request.filter
    return (network === null || network === unit.network) && (services === null || services.has(unit.service))
  }

  /** Notes that the Service changed. */
  mark(unit: Unit): void {
    if (!this.wants(unit) || (this.#cursor !== null && unit.sequence > this.#passed)) return
    this.#dirty.add(unit)
    this.#isSyncDue = true
  }

  /** Notes that a tombstone goes away that the cursor of a returning reader has not met yet. */
  markExpired(unit: Unit): void {
    const { since } = this.request
    if (this.#cursor === null || since === null || unit.version <= since || unit.sequence <= this.#passed) return
    if (this.wants(unit)) this.#dirty.add(unit)
  }

  /** Writes a finished batch to a settled reader. */
  send(batch: readonly Buffer[], lines: number, version: number): void {
    this.#host.counts.lines += lines
    this.#out.push(...batch)
    this.synced = version
    this.#flush()
  }

  /** Tells that the connection is alive, when nothing was said for a while. */
  heartbeat(): void {
    if (this.#out.length > 0 || this.blockedSince !== null || (this.#hasWork && this.#host.isOpen)) return
    this.#push(this.#host.lines.mark('heartbeat', this.#host.versions.current, this.request.format))
    this.#flush()
  }

  /** The socket takes bytes again. */
  drained(): void {
    this.blockedSince = null
  }

  /**
   * Does some work: writes what is ready, or makes the next batch.
   *
   * @returns whether there is more to do now.
   */
  step(deadline: number): boolean {
    if (this.isClosed || this.blockedSince !== null) return false
    this.#flush()
    if (this.#out.length > 0 || !this.#host.isOpen) return false
    if (this.#hasWork) {
      this.#refill(deadline)
      this.#flush()
    }
    if (this.#isEnding && this.#out.length === 0 && !this.#hasWork) this.sink.end()
    return this.blockedSince === null && this.#hasWork
  }

  /** Ends the stream with a last sync: now when the reader is settled, else when it has been told the rest. */
  finish(): void {
    this.#isEnding = true
    this.#isSyncDue = true
  }

  /** Whether the reader took nothing for `ms`; looks at the socket. */
  isStalled(now: number, ms: number): boolean {
    if (this.blockedSince === null) return false
    const unsent = this.sink.unsent()
    if (unsent !== this.#unsent) {
      this.#unsent = unsent
      this.blockedSince = now
    }
    return now - this.blockedSince >= ms
  }

  get #hasWork(): boolean {
    return this.#cursor !== null || this.#dirty.size > 0 || this.#isSyncDue
  }

  #refill(deadline: number): void {
    const { versions, lines, clock, counts } = this.#host
    let bytes = 0
    while (bytes < BATCH_BYTES) {
      const unit = this.#take()
      if (unit === null) {
        this.#push(lines.mark('sync', versions.current, this.request.format))
        this.#isSyncDue = false
        this.synced = versions.current
        return
      }
      const now = clock.now()
      for (const piece of lines.frame(unit, this.request.format, now)) {
        this.#out.push(piece)
        bytes += piece.length
      }
      counts.lines++
      if (now >= deadline) return
    }
  }

  /** The next Service to tell, or null when all is told. */
  #take(): Unit | null {
    const { versions } = this.#host
    for (;;) {
      const step = this.#cursor?.next()
      if (step === undefined || step.done === true) break
      this.#passed = step.value.sequence
      if (this.#isNews(step.value)) return step.value
    }
    this.#cursor = null
    for (const unit of this.#dirty) {
      this.#dirty.delete(unit)
      // A tombstone may have been forgotten and the Service come back as another unit: what is told is its state now.
      return versions.get(unit.network, unit.service) ?? unit
    }
    return null
  }

  /** Whether the reader, as it came, does not know the Service's present state. */
  #isNews(unit: Unit): boolean {
    const { since } = this.request
    return this.wants(unit) && (since === null ? unit.present : unit.version > since)
  }

  /** Services that do not exist yet are met when they are published: the filter holds then. */
  #markNamed(services: ReadonlySet<string>): void {
    const { versions, networks } = this.#host
    for (const service of services) {
      for (const network of networks) {
        const unit = versions.get(network, service)
        if (unit !== null && this.#isNews(unit)) this.#dirty.add(unit)
      }
    }
  }

  #push(line: Buffer): void {
    this.#host.counts.lines++
    this.#out.push(line)
  }

  /** Writes until all is written or the socket takes no more. */
  #flush(): void {
    const { clock, counts } = this.#host
    while (this.#next < this.#out.length && this.blockedSince === null) {
      const buffer = this.#out[this.#next] as Buffer
      const isWhole = this.#offset === 0 && buffer.length <= WRITE_BYTES
      const slice = isWhole ? buffer : buffer.subarray(this.#offset, this.#offset + WRITE_BYTES)
      this.#offset += slice.length
      if (this.#offset >= buffer.length) {
        this.#offset = 0
        this.#next++
      }
      counts.bytes += slice.length
      this.lineAt = clock.now()
      if (this.sink.write(slice)) continue
      this.blockedSince = this.lineAt
      this.#unsent = this.sink.unsent()
    }
    if (this.#next < this.#out.length) return
    this.#out = []
    this.#next = 0
  }
}
