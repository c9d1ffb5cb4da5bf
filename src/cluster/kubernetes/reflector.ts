/**
 * Follows one resource of an API server as client-go's reflector does (tools/cache/reflector.go): a complete state
 * first, then every change, and after any failure the cheapest way back to both.
 *
 * ```
 *        ┌───────────────── 410, version too large, an error that is not known ◄────────────────┐
 *        ▼                                                                                      │
 *   watch that begins with the state ──(not offered)──► list in pages ──► watch ──(ends)──► watch from the last version
 * ```
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Follower } from './follower.ts'
import { ItemReader } from './json/item-reader.ts'
import { LineReader } from './json/line-reader.ts'
import { readInTurns } from './json/turns.ts'
import { BackOff } from './reflector/back-off.ts'
import { Failure, type FailureReason, failureOf } from './reflector/failure.ts'
import { isNotBefore, type Listed, listedOf, readRefusal, type WatchLine, watchLineOf } from './reflector/messages.ts'
import { failureFrom, type ReflectorOptions, unlessAborted } from './reflector/options.ts'
import { Watchdog } from './reflector/watchdog.ts'

/** Objects of a page. */
const PAGE = '500'
/** Refusals in a row after which an optional resource that was never seen counts as absent. */
const ABSENT_AFTER = 3
/** A watch lives 5 to 10 minutes, then the server ends it; so clients spread over the servers that there are. */
const WATCH_SECONDS = 300

/** See the top of the file. */
export class Reflector implements Follower {
  readonly name: string
  readonly #options: ReflectorOptions
  readonly #backOff: BackOff
  readonly #stopping = new AbortController()
  readonly #errors = new Map<FailureReason, number>()
  #running: Promise<void> = Promise.resolve()
  /** Where the next watch begins; null: a complete state is needed. */
  #version: string | null = null
  /** The last version seen, also when it is worth nothing any more. */
  #lastVersion = ''
  /** Least version of the next complete state: `0` whatever the server has at hand, '' the newest. */
  #leastVersion = '0'
  #hasWatchList = true
  #hasPages = true
  #trustsVersions = true
  #isSynced = false
  #isLive = false
  #isAbsent = false
  #lists = 0
  #lines = 0
  #lastSeen = 0
  /** Since the last success. */
  #failures = 0
  #failure: Failure | null = null
  /** The wait after failures may begin small again, once until the next success. */
  #mayHurry = true

  constructor(options: ReflectorOptions) {
    this.name = options.name
    this.#options = options
    this.#backOff = new BackOff(options.times.backOff, options.random)
  }

  /** Milliseconds since the epoch of the last event, bookmark, list or beginning of a watch; 0 when there was none. */
  get lastSeen(): number {
    return this.#lastSeen
  }

  /** Whether a watch is open or was ended by the server as planned, so that what is known is what is. */
  get isLive(): boolean {
    return this.#isLive
  }

  /** The server does not have the resource, or does not let us see it, and it is optional. */
  get isAbsent(): boolean {
    return this.#isAbsent
  }

  /** Complete states taken after the first one. */
  get relists(): number {
    return Math.max(this.#lists - 1, 0)
  }

  get errors(): ReadonlyMap<FailureReason, number> {
    return this.#errors
  }

  /** Objects known. */
  get size(): number {
    return this.#options.receiver.size
  }

  /** What keeps it from working, when the second attempt failed too or a person must mend it; null: nothing does. */
  get trouble(): Failure | null {
    if (this.#failure === null || this.#isAbsent || this.#failure.isExpected) return null
    return this.#failures > 1 || this.#failure.needsPerson ? this.#failure : null
  }

  start(): void {
    this.#running = this.#run()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      try {
        if (this.#version !== null) await this.#watch(this.#version)
        else if (this.#hasWatchList) await this.#watchList()
        else await this.#list()
      } catch (error) {
        if (this.#stopping.signal.aborted) return
        const failure = failureFrom(error)
        if (failure.reason === 'idle' && this.#version !== null) this.#goOn(failure)
        else await this.#recover(failure)
      }
    }
  }

  /** A watch that begins with the objects that are there. A server that does not know it is listed from now on. */
  async #watchList(): Promise<void> {
    const least = this.#leastVersion === '0' ? '' : this.#leastVersion
    const query = { sendInitialEvents: 'true', resourceVersionMatch: 'NotOlderThan', resourceVersion: least }
    try {
      await this.#stream(query, true)
    } catch (error) {
      const failure = failureFrom(error)
      if (this.#version !== null || (failure.reason !== 'refused' && failure.reason !== 'idle')) throw failure
      this.#hasWatchList = false
      const fields = { event: 'kubernetes_watch_list_refused', resource: this.name, error: failure.message }
      this.#options.log.debug(fields, 'The server has no watch that begins with the state; the resource is listed')
    }
  }

  async #watch(version: string): Promise<void> {
    await this.#stream({ resourceVersion: version }, false)
  }

  /** One watch; resolves when the server ended it as planned. */
  async #stream(query: Readonly<Record<string, string>>, isInitial: boolean): Promise<void> {
    const { clock, random, receiver, times } = this.#options
    using watchdog = new Watchdog(times.idleMs, this.#stopping.signal)
    const started = clock()
    const timeoutSeconds = String(Math.round(WATCH_SECONDS * (1 + random())))
    const common = { watch: 'true', allowWatchBookmarks: 'true', timeoutSeconds }
    if (isInitial) receiver.begin(this.#trustsVersions)
    const chunks = await this.#open({ ...common, ...query }, watchdog)
    if (!isInitial) this.#enter()
    const lines = this.#lines
    await this.#read(chunks, new LineReader(), watchdog, value => this.#take(watchLineOf(value)))
    if (this.#version === null) throw new Failure('connection', 'list', 'the watch ended before all initial events')
    if (this.#lines === lines && clock() - started < times.shortMs) {
      throw new Failure('short', 'watch', 'the watch ended at once, without an event')
    }
  }

  /** Lists page by page. */
  async #list(): Promise<void> {
    const { receiver, times } = this.#options
    receiver.begin(this.#trustsVersions)
    // Pages of a state that is not the newest would be read past the server's cache.
    const hasPages = this.#hasPages && (this.#leastVersion === '0' || this.#leastVersion === '')
    const limit: Record<string, string> = hasPages ? { limit: PAGE } : {}
    let page: Listed = { version: '', next: '' }
    do {
      const from: Record<string, string> = page.next === '' ? this.#leastQuery() : { continue: page.next }
      using watchdog = new Watchdog(times.idleMs, this.#stopping.signal)
      try {
        const chunks = await this.#open({ ...limit, ...from }, watchdog)
        const reader = new ItemReader()
        await this.#read(chunks, reader, watchdog, item => receiver.put(item))
        page = listedOf(reader.end())
      } catch (error) {
        const failure = failureFrom(error)
        // The pages grew old before they were read: the next list is one answer.
        if (failure.reason === 'gone' && page.next !== '') this.#hasPages = false
        throw failure
      }
    } while (page.next !== '')
    this.#commit(page.version)
  }

  #leastQuery(): Record<string, string> {
    return this.#leastVersion === '' ? {} : { resourceVersion: this.#leastVersion }
  }

  async #open(query: Readonly<Record<string, string>>, watchdog: Watchdog): Promise<AsyncIterable<Uint8Array>> {
    const { client, path, query: selectors, times } = this.#options
    const request = { path, query: { ...selectors, ...query }, timeoutMs: times.answerMs, signal: watchdog.signal }
    const opened = await unlessAborted(client(), watchdog.signal)
    const stream = await opened.stream({ method: 'GET', ...request })
    watchdog.start()
    if (stream.status === 200) return stream.chunks
    throw failureOf(stream.status, await readRefusal(stream.chunks), stream.retryAfterMs)
  }

  /** Reads a body to its end. What came before it broke counts. */
  async #read(
    chunks: AsyncIterable<Uint8Array>,
    reader: LineReader | ItemReader,
    watchdog: Watchdog,
    take: (value: unknown) => void,
  ): Promise<void> {
    const { receiver } = this.#options
    const turn = (): void => {
      watchdog.pat()
      if (this.#version !== null) receiver.flush()
    }
    try {
      await readInTurns(chunks, reader, { take, turn })
    } catch (error) {
      if (this.#version !== null) receiver.flush()
      if (watchdog.hasBitten) throw new Failure('idle', 'watch', 'the connection said nothing for too long')
      throw error
    }
  }

  #take(line: WatchLine): void {
    const { clock, receiver } = this.#options
    if (line.type === 'ERROR') throw failureOf(0, line.object, null)
    this.#lastSeen = clock()
    this.#lines++
    if (line.type === 'DELETED') receiver.remove(line.object)
    else if (line.type !== 'BOOKMARK') receiver.put(line.object)
    else if (line.endsInitial && this.#version === null) this.#commit(line.version)
    if (this.#version === null || line.version === '') return
    this.#version = line.version
    this.#lastVersion = line.version
    this.#failures = 0
  }

  /** A complete state is there. */
  #commit(version: string): void {
    const { receiver } = this.#options
    if (this.#trustsVersions && this.#lastVersion !== '' && !isNotBefore(version, this.#lastVersion)) {
      this.#trustsVersions = false
      throw new Failure(
        'gone',
        'list_newest',
        `the server's versions went back from ${this.#lastVersion} to ${version}`,
      )
    }
    receiver.commit()
    this.#lists++
    this.#version = version
    this.#lastVersion = version
    this.#hasPages = true
    this.#trustsVersions = true
    this.#failures = 0
    this.#enter()
    this.#sync()
  }

  /** What is known is what is: a complete state came, or the server took the version that a watch begins with. */
  #enter(): void {
    this.#lastSeen = this.#options.clock()
    this.#isLive = true
    this.#isAbsent = false
    this.#mayHurry = true
    this.#failure = null
    this.#options.onState()
  }

  #sync(): void {
    if (this.#isSynced) {
      this.#options.onRelisted()
      return
    }
    this.#isSynced = true
    this.#options.onSynced()
  }

  /**
   * A server sends no bookmark for a resource of which nothing has changed since it started, so silence alone is no
   * failure: the watch goes on over another connection, and when that cannot be made, it is one.
   */
  #goOn(idle: Failure): void {
    this.#count(idle)
    const fields = { event: 'kubernetes_watch_idle', resource: this.name }
    this.#options.log.debug(fields, 'The watch said nothing for long; it goes on over another connection')
  }

  async #recover(failure: Failure): Promise<void> {
    const { clock, isOptional, onState, times } = this.#options
    const before = this.#failure
    this.#isLive = false
    this.#failure = failure
    this.#failures++
    this.#count(failure)
    if (failure.restart !== 'watch') this.#version = null
    if (failure.restart === 'list_newest') this.#leastVersion = ''
    else if (this.#lastVersion !== '') this.#leastVersion = this.#lastVersion
    const isRefused = failure.reason === 'absent' || failure.reason === 'forbidden'
    // A server that has just started may refuse for a moment what it grants; what was there once is not absent.
    this.#isAbsent = isOptional && isRefused && this.#lists === 0 && this.#failures >= ABSENT_AFTER
    if (failure.isAnswer && this.#mayHurry) {
      // The server is back, or it answers for the first time: that is worth another look soon.
      this.#mayHurry = false
      this.#backOff.reset()
    }
    const wait = this.#isAbsent ? times.absentMs : this.#backOff.after(clock(), failure.retryAfterMs)
    this.#report(failure, before, wait)
    if (this.#isAbsent) this.#sync()
    onState()
    await sleep(wait, undefined, { signal: this.#stopping.signal }).catch(() => undefined)
  }

  #count({ reason }: Failure): void {
    this.#errors.set(reason, (this.#errors.get(reason) ?? 0) + 1)
  }

  /** A failure that goes on is said once. */
  #report({ reason, message }: Failure, before: Failure | null, waitMs: number): void {
    const { log } = this.#options
    const fields = { event: 'kubernetes_watch_failed', resource: this.name, reason, error: message, waitMs }
    if (this.#isAbsent) log.debug(fields, 'The resource is not there')
    else if (reason === before?.reason) log.debug(fields, 'The resource can still not be followed')
    else if (reason === 'gone') log.info(fields, 'The watch is too old; the resource is listed again')
    else log.warn(fields, 'The resource cannot be followed; what is known of it stays')
  }
}
