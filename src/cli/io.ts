/** What a command reads and writes; tests pass their own. */
import type { Surroundings } from '../config.ts'

/** The outside of a command. */
export interface Io {
  /** Writes to stdout. */
  out(text: string): void
  /** Writes to stderr. */
  error(text: string): void
  readonly surroundings: Surroundings
  /** Whether stdout is a terminal. */
  readonly terminal: boolean
  /** Aborted when the user wants the command to end. */
  readonly signal: AbortSignal
}
