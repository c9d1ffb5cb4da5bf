/** Bytes on their way to one reader: what is ready, and how far the socket has taken it. */
import type { Clock } from './clock.ts'

/** Bytes handed to the socket in one call. */
const WRITE_BYTES = 65_536

/** Where a watcher writes; made by the HTTP side, and by tests. */
export interface WatchSink {
  /** Takes the bytes; false: no more until the hub is told that it has `drained`. */
  write(bytes: Buffer): boolean
  /** A number that changes whenever the reader has taken something of what was written. */
  unsent(): number
  /** Ends the stream after what was written. */
  end(): void
  /** Ends it at once. */
  destroy(): void
}

/** See the top of the file. */
export class Outbox {
  /** When something was last written. */
  writtenAt: number
  /** When the reader last took something, while the socket takes no more; null: it takes. */
  blockedSince: number | null = null
  readonly #sink: WatchSink
  readonly #clock: Clock
  readonly #counts: { bytes: number }
  /** Shared with other readers: never written into. */
  #ready: Buffer[] = []
  /** Next buffer of `#ready`, and the place in it. */
  #next = 0
  #offset = 0
  #unsent = 0

  constructor(sink: WatchSink, clock: Clock, counts: { bytes: number }) {
    this.#sink = sink
    this.#clock = clock
    this.#counts = counts
    this.writtenAt = clock.now()
  }

  /** Nothing is ready that the socket has not taken. */
  get isEmpty(): boolean {
    return this.#ready.length === 0
  }

  /** Makes bytes ready; {@link flush} writes them. */
  push(bytes: Buffer): void {
    this.#ready.push(bytes)
  }

  /** Writes until all is written or the socket takes no more. */
  flush(): void {
    while (this.#next < this.#ready.length && this.blockedSince === null) {
      const buffer = this.#ready[this.#next] as Buffer
      const isWhole = this.#offset === 0 && buffer.length <= WRITE_BYTES
      const slice = isWhole ? buffer : buffer.subarray(this.#offset, this.#offset + WRITE_BYTES)
      this.#offset += slice.length
      if (this.#offset >= buffer.length) {
        this.#offset = 0
        this.#next++
      }
      this.#counts.bytes += slice.length
      this.writtenAt = this.#clock.now()
      if (this.#sink.write(slice)) continue
      this.blockedSince = this.writtenAt
      this.#unsent = this.#sink.unsent()
    }
    if (this.#next < this.#ready.length) return
    this.#ready = []
    this.#next = 0
  }

  /** Whether the reader took nothing for `ms`; looks at the socket. */
  isStalled(now: number, ms: number): boolean {
    if (this.blockedSince === null) return false
    const unsent = this.#sink.unsent()
    if (unsent !== this.#unsent) {
      this.#unsent = unsent
      this.blockedSince = now
    }
    return now - this.blockedSince >= ms
  }
}
