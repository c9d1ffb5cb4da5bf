/** Where the observed state of one cluster comes from. Level-triggered: a source reports what is, not what happened. */
import type { ErrorCode } from '../errors.ts'
import type { ObjectChange } from './objects.ts'

/** Something wrong with the input that a person must mend; the source goes on with what it has. */
export interface SourceProblem {
  /** Stable code. */
  readonly code: ErrorCode & `WAY_${'MANIFEST' | 'KUBERNETES'}_${string}`
  /** null: it did not come from a file. */
  readonly file: string | null
  readonly line: number | null
  /** Path of the field, `spec.ports[0].port`, or null when the whole text is meant. */
  readonly field: string | null
  /** The object, when the source is an API server that has it; its key is `namespace/name`, or a name alone. */
  readonly object?: { readonly kind: string; readonly key: string }
  /** One sentence that names the object; file, line and field are not in it. */
  readonly message: string
}

/** What a source tells its consumer. All calls come from the control thread, one at a time. */
export interface SourceSink {
  /** An atomic set of changes: either all of them are visible or none. */
  apply(changes: readonly ObjectChange[]): void
  /** The first complete state has been applied; everything that was known before and was not in it is gone. */
  synced(): void
  /** The present list of problems, whole; called when it changes. */
  problems(list: readonly SourceProblem[]): void
  /** A complete state was read once more, whatever it changed: what reading has left in memory may be given back. */
  relisted?(): void
}

/** A running list and watch. */
export interface Source {
  /** Resolves when the first complete state was applied. Rejects only when the source can never work. */
  start(sink: SourceSink): Promise<void>
  stop(): Promise<void>
  /** Milliseconds since the epoch of the last proof that the source is alive; 0 when it never was. */
  lastSeen(): number
  /** Milliseconds since the epoch since when what is held may be out of date; null: it is what is. */
  staleSince(): number | null
  /** What is followed, one by one; nothing when the source is one thing. */
  resources(): readonly SourceResource[]
}

/** One followed resource of a cluster, for the metrics. */
export interface SourceResource {
  /** `services` */
  readonly name: string
  /** Milliseconds since the epoch of the last event or bookmark; 0: there was none; null: the cluster has no such resource. */
  readonly lastSeen: number | null
  /** Complete states taken after the first one. */
  readonly relists: number
  /** Ends of watches and lists that were not planned, by reason. */
  readonly errors: ReadonlyMap<string, number>
  readonly objects: number
}
