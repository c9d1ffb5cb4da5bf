/**
 * Tells when files below a directory have changed and come to rest. Saving is rarely one step (truncate, write,
 * rename; or a hundred files of a checkout), so changes are gathered until a path has been quiet for a moment.
 */
import { type FSWatcher, watch } from 'chokidar'
import { isManifestName } from './file.ts'
import { isHidden } from './tree.ts'

/** What has changed. */
export interface Settled {
  /** Manifests that were written, created or removed. */
  readonly paths: ReadonlySet<string>
  /** Directories came or went: look at everything. */
  readonly everything: boolean
  /** Nothing else is changing at this moment. */
  readonly quiet: boolean
}

/** What a watch needs. */
export interface ChangeWatchOptions {
  readonly directory: string
  /** How long a path must be quiet, in milliseconds. */
  readonly settleMs: number
  onSettled(settled: Settled): void
  /** Watching does not work (any more): changes must be looked for. */
  onError(error: Error): void
}

/** While other paths go on changing, one that has come to rest is reported after this many times `settleMs`. */
const PATIENCE = 3
/** A path that never comes to rest is reported after this many milliseconds. */
const LONGEST_WAIT_MS = 1_000

interface Pending {
  readonly first: number
  readonly last: number
}

/** See the top of the file. Made once, started once. */
export class ChangeWatch {
  readonly #options: ChangeWatchOptions
  readonly #pending = new Map<string, Pending>()
  /** When directories changed. */
  #everything: Pending | null = null
  #timer: NodeJS.Timeout | null = null
  #watcher: FSWatcher | null = null

  constructor(options: ChangeWatchOptions) {
    this.#options = options
  }

  /** Whether nothing is changing, as far as is known. */
  get isQuiet(): boolean {
    return this.#pending.size === 0 && this.#everything === null
  }

  /** Starts watching; resolves when no change can be missed any more. */
  async start(): Promise<void> {
    const { directory } = this.#options
    const watcher = watch(directory, {
      ignoreInitial: true,
      atomic: false,
      ignorePermissionErrors: true,
      ignored: (path, stats) =>
        path !== directory && (isForeign(path) || (stats?.isFile() === true && !isManifestName(path))),
    })
    this.#watcher = watcher
    watcher.on('all', (event, path) => {
      if (event === 'addDir' || event === 'unlinkDir') this.noteEverything()
      else if (!path.includes('..data')) this.note(path)
    })
    watcher.on('error', error => this.#options.onError(error instanceof Error ? error : new Error(String(error))))
    await new Promise<void>(resolve => watcher.once('ready', resolve))
  }

  async stop(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    await this.#watcher?.close()
  }

  /** A path has changed, or is to be looked at again. */
  note(path: string): void {
    const last = performance.now()
    this.#pending.set(path, { first: this.#pending.get(path)?.first ?? last, last })
    this.#arm(this.#options.settleMs)
  }

  /** Anything may have changed. */
  noteEverything(): void {
    const last = performance.now()
    this.#everything = { first: this.#everything?.first ?? last, last }
    this.#arm(this.#options.settleMs)
  }

  #arm(delay: number): void {
    if (this.#timer !== null) return
    this.#timer = setTimeout(() => {
      this.#timer = null
      this.#settle()
    }, delay)
  }

  #settle(): void {
    const { settleMs } = this.#options
    const now = performance.now()
    const all = [...this.#pending.values(), ...(this.#everything === null ? [] : [this.#everything])]
    const first = Math.min(...all.map(pending => pending.first))
    const last = Math.max(...all.map(pending => pending.last))
    const isQuiet = now - last >= settleMs
    if (!isQuiet && now - first < PATIENCE * settleMs) {
      this.#arm(settleMs - (now - last))
      return
    }
    const isReady = ({ first, last }: Pending): boolean => now - last >= settleMs || now - first >= LONGEST_WAIT_MS
    const paths = new Set<string>()
    for (const [path, pending] of this.#pending) if (isReady(pending)) paths.add(path)
    for (const path of paths) this.#pending.delete(path)
    const everything = this.#everything !== null && isReady(this.#everything)
    if (everything) this.#everything = null
    if (this.#pending.size > 0 || this.#everything !== null) this.#arm(settleMs)
    if (paths.size > 0 || everything) this.#options.onSettled({ paths, everything, quiet: isQuiet })
  }
}

/** Hidden, except for `..data`, whose change is a new version of a mounted ConfigMap. */
function isForeign(path: string): boolean {
  return isHidden(path) && !path.endsWith('..data')
}
