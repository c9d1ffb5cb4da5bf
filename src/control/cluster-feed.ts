/**
 * Brings one network to life: the last state from disk first, then the source. While the source is away the last
 * state goes on; when the source has given its first complete state, what it did not name is gone.
 */
import type { ClusterObject, ObjectChange, ObjectKind, Service } from '../cluster/objects.ts'
import type { Source, SourceProblem, SourceResource, SourceSink } from '../cluster/source.ts'
import type { LastState } from './last-state.ts'
import type { Log } from './log.ts'
import type { Network } from './network.ts'

/** What a feed needs. */
export interface ClusterFeedOptions {
  readonly network: Network
  readonly source: Source
  readonly lastState: LastState
  readonly log: Log
  /** The first state (from disk or from the source) is published. */
  onServing(): void
  /** The source's first complete state is published. */
  onSynced(): void
  /** The list of problems is another one. */
  onProblems(): void
  /** Much was read or changed at once, and is done. */
  onBulk(): void
}

/** So many changes in one step are a bulk. */
const BULK = 1000

/** See the top of the file. */
export class ClusterFeed implements SourceSink {
  readonly #options: ClusterFeedOptions
  #restoredAt: number | null = null
  #serving = false
  #synced = false
  /** The source's first state is held back until it is whole, so that it replaces the restored one in one step. */
  #initial: ObjectChange[] | null = []
  #problems: readonly SourceProblem[] = []
  /** Restored objects of files that do not parse: their last good content, by file. The source knows nothing of them. */
  readonly #kept = new Map<string, Map<string, ObjectChange>>()

  constructor(options: ClusterFeedOptions) {
    this.#options = options
  }

  /** Whether anything is served: a state from disk or from the source. */
  get serving(): boolean {
    return this.#serving
  }

  /** Whether the source has given a complete state in this run. */
  get hasSynced(): boolean {
    return this.#synced
  }

  /** When the state restored from disk was saved (milliseconds since the epoch); null once the source has synced. */
  get restoredAt(): number | null {
    return this.#synced ? null : this.#restoredAt
  }

  /** What a person must mend in the source. */
  get problemList(): readonly SourceProblem[] {
    return this.#problems
  }

  /** Milliseconds since the epoch of the source's last sign of life; 0 when there was none. */
  lastSeen(): number {
    return this.#options.source.lastSeen()
  }

  /** Since when what is held may be out of date (milliseconds since the epoch); null: it is what is. */
  staleSince(): number | null {
    return this.#options.source.staleSince()
  }

  /** What the source follows, one by one. */
  resources(): readonly SourceResource[] {
    return this.#options.source.resources()
  }

  /** Publishes the state on disk, if there is one. */
  async restore(): Promise<void> {
    const { lastState, network, log } = this.#options
    const saved = lastState.load()
    if (saved === null) return
    this.#restoredAt = saved.savedAt
    // A Service that was deleted after the last save has given its address back in the ledger already. It would take the
    // address again, and its rest would begin anew when the source says that it is gone.
    const released = network.releasedServices()
    const objects = saved.objects.filter(object => !(takesAddress(object) && released.has(object.key)))
    network.apply(objects.map(object => ({ kind: object.kind, key: keyOf(object), object })))
    await network.idle()
    this.#serve()
    const fields = { event: 'last_state_restored', network: network.name, objects: saved.objects.length }
    log.info(fields, 'The last state from disk is served until the source has synced')
  }

  /** Starts the source; resolves when its first complete state is published. */
  async start(): Promise<void> {
    await this.#options.source.start(this)
  }

  async stop(): Promise<void> {
    await this.#options.source.stop()
    await this.#options.network.stop()
    await this.#options.lastState.close()
  }

  apply(changes: readonly ObjectChange[]): void {
    if (this.#initial !== null) {
      for (const change of changes) this.#initial.push(change)
      return
    }
    for (const change of changes) for (const objects of this.#kept.values()) objects.delete(idOf(change))
    this.#options.network.apply(changes)
    this.#options.lastState.touch()
    if (changes.length >= BULK) void this.#options.network.idle().then(() => this.#options.onBulk())
  }

  relisted(): void {
    this.#options.onBulk()
  }

  synced(): void {
    const { network, lastState, onSynced } = this.#options
    const changes = this.#initial
    if (changes === null) return
    this.#initial = null
    network.apply([...changes, ...this.#missing(changes)])
    lastState.touch()
    void network.idle().then(() => {
      this.#synced = true
      this.#serve()
      onSynced()
    })
  }

  problems(list: readonly SourceProblem[]): void {
    this.#problems = list
    this.#options.onProblems()
    const broken = brokenFiles(list)
    for (const [file, objects] of this.#kept) {
      if (broken.has(file)) continue
      this.#kept.delete(file)
      if (objects.size > 0) this.apply(Array.from(objects.values(), ({ kind, key }) => ({ kind, key, object: null })))
    }
  }

  #serve(): void {
    if (this.#serving) return
    this.#serving = true
    this.#options.network.beginServing()
    this.#options.onServing()
  }

  /**
   * Deletions of what was restored from disk and is not in the source. A file that does not parse keeps its last good
   * content, and after a restart the restored state is where that is.
   */
  #missing(changes: readonly ObjectChange[]): ObjectChange[] {
    const present = new Set(changes.map(idOf))
    const broken = brokenFiles(this.#problems)
    const missing: ObjectChange[] = []
    for (const object of this.#options.network.store.objects()) {
      const change = { kind: object.kind, key: keyOf(object), object: null }
      if (present.has(idOf(change))) continue
      const file = object.origin.slice(0, object.origin.lastIndexOf(':'))
      if (broken.has(file)) this.#keep(file, change)
      else missing.push(change)
    }
    return missing
  }

  #keep(file: string, change: ObjectChange): void {
    const objects = this.#kept.get(file) ?? new Map<string, ObjectChange>()
    this.#kept.set(file, objects.set(idOf(change), change))
  }
}

function takesAddress(object: ClusterObject): object is Service {
  return object.kind === 'Service' && object.type !== 'ExternalName' && !object.headless
}

function brokenFiles(problems: readonly SourceProblem[]): Set<string | null> {
  return new Set(problems.filter(problem => problem.code === 'WAY_MANIFEST_PARSE').map(problem => problem.file))
}

function idOf(change: ObjectChange): string {
  return `${change.kind} ${change.key}`
}

function keyOf(object: { kind: ObjectKind; name: string; namespace?: string }): string {
  return object.kind === 'Namespace' ? object.name : `${object.namespace}/${object.name}`
}
