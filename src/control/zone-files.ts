/**
 * The zone files of a folder, kept up to date. Level-triggered: an event of the file system only says that it is time to
 * look; what is read again is decided by comparing every file with what it was when it was read. So it does not matter
 * how an editor saves, and a ConfigMap volume, which swaps a symbolic link, works like any folder.
 *
 * ```
 *   event ──► wait a moment ──► compare stamps ──► read what changed ──► onChange / onProblems
 *                                                  wrong: the zone loaded before stays
 * ```
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { type FSWatcher, watch } from 'chokidar'
import { foldName, formatName, type NameKey } from '../wire/name.ts'
import type { ZoneFault } from '../zone/fault.ts'
import type { Zone } from '../zone/zone.ts'
import type { Log } from './log.ts'
import { areUnchanged, problemOf, type Stamps, ZoneFolder, type ZoneProblem } from './zone-folder.ts'

/** A zone and the file it came from. It is the same object for as long as the file stays as it is. */
export interface LoadedZone {
  readonly file: string
  readonly zone: Zone
  /** Records in the file, with what it includes. */
  readonly records: number
  /** What the zone is served without. */
  readonly warnings: readonly ZoneFault[]
}

/** What {@link ZoneFiles} needs. */
export interface ZoneFilesOptions {
  readonly directory: string
  readonly logger: Log
  /** All zones to serve from now on, one an apex, ordered by file. Awaited before the next one. */
  onChange(zones: readonly LoadedZone[]): void | Promise<void>
  /** All problems that there are now; called when they change. */
  onProblems(problems: readonly ZoneProblem[]): void
}

/** Milliseconds from an event to looking: one save is several events. */
const SETTLE = 20

/** Milliseconds before a file that is gone takes its zone along: some editors delete before they write. */
const REMOVAL_DELAY = 150

/** How deep folders are watched for included files. */
const WATCH_DEPTH = 8

interface FileState {
  readonly stamps: Stamps
  /** The last good content; null when there was none yet. */
  readonly loaded: LoadedZone | null
  readonly faults: readonly ZoneFault[]
  /** When it was first found to be gone. */
  goneSince: number | null
}

/** See the top of the file. Without {@link start}, {@link reload} reads the folder once, as `waypost check` does. */
export class ZoneFiles {
  readonly #options: ZoneFilesOptions
  readonly #folder: ZoneFolder
  readonly #files = new Map<string, FileState>()
  #folderProblem: ZoneProblem | null = null
  #zones: readonly LoadedZone[] = []
  #problems: readonly ZoneProblem[] = []
  #watcher: FSWatcher | null = null
  #timer: NodeJS.Timeout | null = null
  /** When the timer ends. */
  #dueAt = Number.POSITIVE_INFINITY
  /** The end of the last refresh; refreshes run one after the other. */
  #tail: Promise<void> = Promise.resolve()
  #isStopped = false

  constructor(options: ZoneFilesOptions) {
    this.#options = options
    this.#folder = new ZoneFolder(options.directory)
  }

  /** The zones that are served. */
  get zones(): readonly LoadedZone[] {
    return this.#zones
  }

  /** What is wrong now. */
  get problems(): readonly ZoneProblem[] {
    return this.#problems
  }

  /** Watches the folder and loads it; resolves when `onChange` has taken the zones. A wrong file is a problem, no error. */
  async start(): Promise<void> {
    const watcher = watch(this.#options.directory, { ignoreInitial: true, atomic: false, depth: WATCH_DEPTH })
    this.#watcher = watcher
    watcher.on('all', () => this.#refreshIn(SETTLE))
    // Watched paths that are links themselves show only here (the `..data` of a ConfigMap volume).
    watcher.on('raw', () => this.#refreshIn(SETTLE))
    const watching = Promise.withResolvers<void>()
    watcher.once('ready', () => watching.resolve())
    watcher.on('error', error => {
      const message = 'The zone files are not watched; changes show after a reload'
      this.#options.logger.error({ event: 'zone_watch_failed', error: String(error) }, message)
      watching.resolve()
    })
    // Watching first: what changes while the folder is read is then seen.
    await watching.promise
    await this.reload()
  }

  /** Reads every file again, changed or not, and forgets at once those that are gone. */
  reload(): Promise<void> {
    return this.#enqueue(() => this.#refresh(true))
  }

  /** Stops watching; nothing is called any more when it resolves. */
  async stop(): Promise<void> {
    this.#isStopped = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    await this.#watcher?.close()
    await this.#tail.catch(() => {})
  }

  #enqueue(work: () => Promise<void>): Promise<void> {
    const result = this.#tail.then(async () => {
      if (!this.#isStopped) await work()
    })
    this.#tail = result.catch(() => {})
    return result
  }

  #refreshIn(milliseconds: number): void {
    const dueAt = performance.now() + milliseconds
    if (dueAt >= this.#dueAt || this.#isStopped) return
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#dueAt = dueAt
    this.#timer = setTimeout(() => {
      this.#timer = null
      this.#dueAt = Number.POSITIVE_INFINITY
      this.#enqueue(() => this.#refresh(false)).catch((error: unknown) => {
        this.#options.logger.error({ event: 'zone_reload_failed', error: String(error) }, 'The zones were not reloaded')
      })
    }, milliseconds)
  }

  async #refresh(isForced: boolean): Promise<void> {
    const files = this.#list()
    if (files !== null) {
      this.#dropGone(new Set(files), isForced)
      for (const file of files) {
        const state = this.#files.get(file)
        if (state !== undefined) state.goneSince = null
        if (!isForced && state !== undefined && areUnchanged(state.stamps)) continue
        this.#readFile(file, state ?? null)
        // A large folder must not hold up the rest of the control thread.
        await nextTurn()
      }
    }
    await this.#publish(isForced)
  }

  /** Null, and a problem, when the folder cannot be read: then everything stays as it is. */
  #list(): string[] | null {
    try {
      this.#folderProblem = null
      return this.#folder.list()
    } catch (error) {
      const { directory } = this.#options
      const reason = (error as NodeJS.ErrnoException).code ?? String(error)
      const message = `Cannot read the folder of zone files "${directory}": ${reason}`
      this.#folderProblem = problemOf({ file: directory, line: 0, message })
      return null
    }
  }

  #dropGone(files: ReadonlySet<string>, isForced: boolean): void {
    const now = performance.now()
    for (const [file, state] of this.#files) {
      if (files.has(file)) continue
      state.goneSince ??= now
      if (isForced || now - state.goneSince >= REMOVAL_DELAY) this.#files.delete(file)
      else this.#refreshIn(REMOVAL_DELAY)
    }
  }

  #readFile(file: string, before: FileState | null): void {
    const { result, stamps } = this.#folder.read(file)
    if ('faults' in result) {
      this.#files.set(file, { stamps, loaded: before?.loaded ?? null, faults: result.faults, goneSince: null })
      return
    }
    const { zone, records, warnings } = result
    this.#files.set(file, { stamps, loaded: { file, zone, records, warnings }, faults: [], goneSince: null })
    for (const { message, ...where } of warnings) {
      this.#options.logger.warn({ event: 'zone_warning', ...where }, message)
    }
  }

  async #publish(isForced: boolean): Promise<void> {
    const problems = this.#folderProblem === null ? [] : [this.#folderProblem]
    const zones = this.#chooseZones(problems)
    const isChanged = zones.length !== this.#zones.length || zones.some((zone, i) => zone !== this.#zones[i])
    const hasNews = JSON.stringify(problems) !== JSON.stringify(this.#problems)
    this.#zones = zones
    this.#problems = problems
    if (hasNews) this.#options.onProblems(problems)
    if (!isChanged && !isForced) return
    const records = zones.reduce((sum, loaded) => sum + loaded.records, 0)
    this.#options.logger.info({ event: 'zones_loaded', zones: zones.length, records }, 'Zone files are loaded')
    await this.#options.onChange(zones)
  }

  /** One zone an apex, the first file wins; the faults of all files go to `problems`. */
  #chooseZones(problems: ZoneProblem[]): LoadedZone[] {
    const winners = new Map<NameKey, LoadedZone>()
    const files = [...this.#files].sort(([a], [b]) => (a < b ? -1 : 1))
    for (const [file, state] of files) {
      for (const fault of state.faults) problems.push(problemOf(fault))
      if (state.loaded === null) continue
      const apex = foldName(state.loaded.zone.apex)
      const winner = winners.get(apex)
      if (winner === undefined) winners.set(apex, state.loaded)
      else problems.push(problemOf({ file, line: 0, message: secondMessage(state.loaded, winner) }))
    }
    return [...winners.values()]
  }
}

function secondMessage(loaded: LoadedZone, winner: LoadedZone): string {
  return `Cannot load ${formatName(loaded.zone.apex)} a second time: it comes from ${winner.file}`
}
