/**
 * The source that reads a directory of manifests, every .yaml, .yml and .json below it, and follows its changes.
 *
 * ```
 *   chokidar ─► ChangeWatch ─(paths at rest)─┐
 *   a look each second, a full one each 10 s ┴► FileSet ─► Catalog ─(one atomic set)─► sink
 * ```
 *
 * It fails static: a file that cannot be read or parsed keeps what it held, an empty one too, and when the directory
 * itself is away everything stays as it was. Reading is synchronous: manifests are local files.
 */
import { statSync } from 'node:fs'
import { normalize } from 'node:path'
import { ChangeWatch, type Settled } from './manifests/change-watch.ts'
import type { FileContent } from './manifests/file-reader.ts'
import { FileSet } from './manifests/file-set.ts'
import { identityOf, readTree, reasonOf } from './manifests/tree.ts'
import type { Source, SourceProblem, SourceResource, SourceSink } from './source.ts'

/** The part of a pino logger that the source uses. */
export interface SourceLog {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
}

/** What a {@link ManifestSource} is made of. */
export interface ManifestSourceOptions {
  readonly directory: string
  readonly logger: SourceLog
  /** Milliseconds since the epoch. */
  readonly clock?: () => number
  /** How long a file must be quiet before it is read. */
  readonly settleMs?: number
  /** How often the directory is looked at without an event; a full look is ten times as rare. */
  readonly lookMs?: number
}

const DEFAULT_SETTLE_MS = 20
const DEFAULT_LOOK_MS = 1_000
const LOOKS_PER_FULL_LOOK = 10
/** Full looks may take this part of the time at most. */
const LARGEST_SHARE = 1 / 50

/** See the top of the file. Started once. */
export class ManifestSource implements Source {
  readonly #directory: string
  readonly #log: SourceLog
  readonly #clock: () => number
  readonly #lookMs: number
  readonly #watch: ChangeWatch
  readonly #files: FileSet
  readonly #started = Promise.withResolvers<void>()
  #sink: SourceSink | null = null
  #isSynced = false
  /** Of the directory whose content is held. */
  #identity: string | null = null
  #lost: SourceProblem | null = null
  #isWatching = false
  #reported: ReadonlyMap<string, SourceProblem> = new Map()
  #lastSeen = 0
  #timer: NodeJS.Timeout | null = null
  #nextFullLook = 0
  #startedAt = 0

  constructor(options: ManifestSourceOptions) {
    this.#directory = normalize(options.directory).replace(/(.)\/$/, '$1')
    this.#log = options.logger
    this.#clock = options.clock ?? Date.now
    this.#lookMs = options.lookMs ?? DEFAULT_LOOK_MS
    this.#watch = new ChangeWatch({
      directory: this.#directory,
      settleMs: options.settleMs ?? DEFAULT_SETTLE_MS,
      onSettled: settled => this.#onSettled(settled),
      onError: error => this.#onWatchError(error),
    })
    this.#files = new FileSet({
      again: path => this.#watch.note(path),
      onRead: (path, content) => this.#logIgnored(path, content),
    })
  }

  /** Resolves when what the directory holds was applied; one that is not there (yet), or is a file, is waited for. */
  async start(sink: SourceSink): Promise<void> {
    this.#sink = sink
    this.#startedAt = this.#clock()
    this.#lookAtEverything(true)
    this.#timer = setInterval(() => this.#look(), this.#lookMs)
    this.#timer.unref()
    void this.#followChanges()
    await this.#started.promise
  }

  async stop(): Promise<void> {
    this.#sink = null
    if (this.#timer !== null) clearInterval(this.#timer)
    await this.#watch.stop()
  }

  lastSeen(): number {
    return this.#lastSeen
  }

  staleSince(): number | null {
    return this.#lost === null ? null : this.#lastSeen || this.#startedAt
  }

  resources(): readonly SourceResource[] {
    return []
  }

  /** What changed between the first reading and the first event is found by a second look. */
  async #followChanges(): Promise<void> {
    try {
      await this.#watch.start()
      this.#isWatching = true
      this.#watch.noteEverything()
    } catch (error) {
      this.#onWatchError(error instanceof Error ? error : new Error(String(error)))
    }
  }

  #onWatchError(error: Error): void {
    this.#isWatching = false
    const fields = { event: 'manifest_watch_failed', directory: this.#directory, error: error.message }
    this.#log.warn(fields, 'The manifests cannot be watched; they are looked at instead')
  }

  #onSettled({ paths, everything, quiet }: Settled): void {
    const identity = this.#findDirectory()
    if (identity === null) return
    if (everything || this.#lost !== null || identity !== this.#identity) {
      this.#lookAtEverything(quiet)
      return
    }
    for (const path of paths) this.#files.lookAt(path, quiet)
    this.#publish()
  }

  /** Without an event: is the directory there and the same? Rarely, or when it cannot be watched: is all in it? */
  #look(): void {
    const identity = this.#findDirectory()
    if (identity === null) return
    const isDue = !this.#isWatching || performance.now() >= this.#nextFullLook
    if (isDue || this.#lost !== null || identity !== this.#identity) this.#lookAtEverything(this.#watch.isQuiet)
  }

  #lookAtEverything(quiet: boolean): void {
    const start = performance.now()
    const identity = this.#findDirectory()
    if (identity === null) return
    const tree = readTree(this.#directory)
    const isAnother = this.#lost !== null || (this.#identity !== null && this.#identity !== identity)
    if (isAnother && tree.files.size === 0 && this.#files.files > 0) {
      this.#lose('it is another directory now, without a manifest in it')
      return
    }
    this.#identity = identity
    this.#find()
    this.#files.update(tree, quiet)
    this.#publish()
    const took = performance.now() - start
    this.#nextFullLook = start + Math.max(this.#lookMs * LOOKS_PER_FULL_LOOK, took / LARGEST_SHARE)
  }

  /** Which directory is at the path; null (and everything is kept) when there is none. */
  #findDirectory(): string | null {
    if (this.#sink === null) return null
    try {
      const stats = statSync(this.#directory)
      if (!stats.isDirectory()) throw new Error('it is not a directory')
      if (this.#lost === null) this.#lastSeen = this.#clock()
      return identityOf(stats)
    } catch (error) {
      this.#lose(reasonOf(error))
      return null
    }
  }

  #lose(reason: string): void {
    const held = this.#isSynced ? ', and everything it held stays' : ''
    const message = `The folder of manifests cannot be used${held}: ${reason}`
    if (this.#lost?.message !== message) {
      this.#log.warn({ event: 'manifests_lost', directory: this.#directory }, message)
    }
    this.#lost = { code: 'WAY_MANIFEST_PARSE', file: this.#directory, line: null, field: null, message }
    this.#report()
  }

  #find(): void {
    this.#lastSeen = this.#clock()
    if (this.#lost === null) return
    this.#lost = null
    this.#log.info({ event: 'manifests_found', directory: this.#directory }, 'The manifests are there')
  }

  /** Problems first: a consumer that hears `synced` knows which files have not said what they hold. */
  #publish(): void {
    const sink = this.#sink
    if (sink === null) return
    const changes = this.#files.takeChanges()
    if (changes.length > 0) sink.apply(changes)
    this.#report()
    if (changes.length > 0 || !this.#isSynced) {
      const { files, objects } = this.#files
      const event = this.#isSynced ? 'manifests_changed' : 'manifests_loaded'
      const fields = { event, directory: this.#directory, files, objects, changes: changes.length }
      this.#log.info(fields, 'Manifests are read')
    }
    if (this.#isSynced) return
    this.#isSynced = true
    sink.synced()
    this.#started.resolve()
  }

  #report(): void {
    const list = [...(this.#lost === null ? [] : [this.#lost]), ...this.#files.problems()].sort(compareProblems)
    const reported = new Map(list.map(problem => [JSON.stringify(problem), problem]))
    if (reported.size === this.#reported.size && list.every(p => this.#reported.has(JSON.stringify(p)))) return
    for (const [text, problem] of reported) {
      if (this.#reported.has(text) || problem === this.#lost) continue
      const { message, ...fields } = problem
      this.#log.warn({ event: 'manifest_problem', ...fields }, message)
    }
    this.#reported = reported
    this.#sink?.problems(list)
  }

  #logIgnored(path: string, content: FileContent): void {
    for (const [kind, count] of content.ignored) {
      this.#log.debug({ event: 'manifest_kind_ignored', file: path, kind, count }, 'Objects of this kind are not used')
    }
  }
}

function compareProblems(a: SourceProblem, b: SourceProblem): number {
  if (a.file !== b.file) return (a.file ?? '') < (b.file ?? '') ? -1 : 1
  return (a.line ?? 0) - (b.line ?? 0)
}
