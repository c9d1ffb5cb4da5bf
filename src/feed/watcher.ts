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
import { Outbox, type WatchSink } from './outbox.ts'
import type { Unit, Versions } from './versions.ts'

/** Bytes that are made ready for one reader at a time. What is ready is sent as it is, so a batch below this size is
 * finished by its sync however fast the Services change. */
export const BATCH_BYTES = 262_144
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
  /** Services that a watcher notes one by one; more, and it runs over all of them again instead. */
  readonly maxDirty: number
  readonly counts: { lines: number; bytes: number }
}

/** See the top of the file. */
export class Watcher {
  readonly sink: WatchSink
  readonly request: WatchRequest
  /** The version of the last sync that was written. */
  synced: number
  isClosed = false
  readonly #host: WatchHost
  readonly #dirty = new Set<Unit>()
  #cursor: Iterator<Unit> | null = null
  /** The cursor tells what is newer than this; null: everything that has routes. */
  #since: number | null
  /** Sequence of the last unit that the cursor has passed. */
  #passed = 0
  /** Every change up to this version was told, or is met by the cursor, or is in `#dirty`. */
  #base: number
  /** Too much changed behind the cursor: it will run again, over what is newer than `#base`. */
  #isOverrun = false
  #isSyncDue = true
  #isEnding = false
  readonly #out: Outbox

  constructor(host: WatchHost, sink: WatchSink, request: WatchRequest) {
    this.sink = sink
    this.request = request
    this.#host = host
    this.synced = request.since ?? 0
    this.#out = new Outbox(sink, host.clock, host.counts)
    this.#since = request.since
    this.#base = host.versions.current
    if (request.filter.services === null) this.#cursor = host.versions.units()
    else this.#markNamed(request.filter.services)
    if (request.since === null) this.#push(host.lines.reset(request.format))
  }

  /** Everything was told and taken: a change can be written at once. */
  get isSettled(): boolean {
    return !this.#hasWork && this.#out.isEmpty && this.#out.blockedSince === null && this.#host.isOpen
  }

  /** Whether the filter lets the Service through. */
  wants(unit: Unit): boolean {
    const { network, services } = this.request.filter
    return (network === null || network === unit.network) && (services === null || services.has(unit.service))
  }

  /** Notes that the Services changed. */
  mark(units: readonly Unit[]): void {
    for (const unit of units) {
      // A cursor at its start meets every one of them.
      if (this.#isOverrun || (this.#cursor !== null && this.#passed === 0)) return
      if (!this.wants(unit) || (this.#cursor !== null && unit.sequence > this.#passed)) continue
      this.#dirty.add(unit)
      this.#isSyncDue = true
      if (this.#dirty.size > this.#host.maxDirty && this.request.filter.services === null) this.#overrun()
    }
  }

  /** Notes that a tombstone goes away that would have been met by the cursor, in this run or in the next one. */
  markExpired(unit: Unit): void {
    const isAhead = this.#cursor !== null && this.#since !== null && unit.version > this.#since
    const isMet = isAhead && unit.sequence > this.#passed
    if ((isMet || (this.#isOverrun && unit.version > this.#base)) && this.wants(unit)) this.#dirty.add(unit)
  }

  /** Writes a finished batch to a settled reader. */
  send(batch: readonly Buffer[], lines: number, version: number): void {
    this.#host.counts.lines += lines
    for (const buffer of batch) this.#out.push(buffer)
    this.synced = version
    this.#base = version
    this.#out.flush()
  }

  /** When the last line was written. */
  get lineAt(): number {
    return this.#out.writtenAt
  }

  /** Tells that the connection is alive, when nothing was said for a while. */
  heartbeat(): void {
    if (!this.#out.isEmpty || this.#out.blockedSince !== null || (this.#hasWork && this.#host.isOpen)) return
    this.#push(this.#host.lines.mark('heartbeat', this.#host.versions.current, this.request.format))
    this.#out.flush()
  }

  /** The socket takes bytes again. */
  drained(): void {
    this.#out.blockedSince = null
  }

  /**
   * Does some work: writes what is ready, or makes the next batch.
   *
   * @returns whether there is more to do now.
   */
  step(deadline: number): boolean {
    const out = this.#out
    if (this.isClosed || out.blockedSince !== null) return false
    out.flush()
    if (!out.isEmpty || !this.#host.isOpen) return false
    if (this.#hasWork) {
      this.#refill(deadline)
      out.flush()
    }
    if (this.#isEnding && out.isEmpty && !this.#hasWork) this.sink.end()
    return out.blockedSince === null && this.#hasWork
  }

  /** Ends the stream with a last sync: now when the reader is settled, else when it has been told the rest. */
  finish(): void {
    this.#isEnding = true
    this.#isSyncDue = true
  }

  /** Whether the reader took nothing for `ms`. */
  isStalled(now: number, ms: number): boolean {
    return this.#out.isStalled(now, ms)
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
        this.#base = versions.current
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
    while (this.#cursor !== null) {
      const step = this.#cursor.next()
      if (step.done === true) {
        this.#cursor = null
        if (this.#isOverrun) this.#runAgain()
        continue
      }
      this.#passed = step.value.sequence
      if (this.#isNews(step.value)) return step.value
    }
    for (const unit of this.#dirty) {
      this.#dirty.delete(unit)
      // A tombstone may have been forgotten and the Service come back as another unit: what is told is its state now.
      return versions.get(unit.network, unit.service) ?? unit
    }
    return null
  }

  /** Too many to be noted one by one. Only forgotten tombstones stay noted: the cursor cannot meet them. */
  #overrun(): void {
    const { versions } = this.#host
    for (const unit of this.#dirty) if (versions.get(unit.network, unit.service) === unit) this.#dirty.delete(unit)
    this.#isOverrun = true
    if (this.#cursor === null) this.#runAgain()
  }

  #runAgain(): void {
    const { versions } = this.#host
    this.#isOverrun = false
    this.#cursor = versions.units()
    this.#passed = 0
    this.#since = this.#base
    this.#base = versions.current
  }

  /** Whether the reader may not know the Service's present state. */
  #isNews(unit: Unit): boolean {
    return this.wants(unit) && (this.#since === null ? unit.present : unit.version > this.#since)
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
}
