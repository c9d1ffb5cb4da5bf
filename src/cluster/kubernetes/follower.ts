/** Whoever follows one resource, as the source and its metrics see it. */
import type { Failure, FailureReason } from './reflector/failure.ts'

/** See the top of the file. */
export interface Follower {
  /** For people and logs: `services`, `services of team`. */
  readonly name: string
  /** Milliseconds since the epoch of the last event, bookmark or list; 0 when there was none. */
  readonly lastSeen: number
  /** What is known is what is: a watch is open, or it was ended as planned. */
  readonly isLive: boolean
  /** It is optional, and the server does not have it or does not let us see it. */
  readonly isAbsent: boolean
  /** Complete states taken after the first one. */
  readonly relists: number
  readonly errors: ReadonlyMap<FailureReason, number>
  /** Objects known. */
  readonly size: number
  /** What a person should know of; null: nothing. */
  readonly trouble: Failure | null
  start(): void
  stop(): Promise<void>
}
