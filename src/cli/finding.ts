/** What `waypost check` finds. */
import type { ErrorCode } from '../errors.ts'

/** One fault. */
export interface Finding {
  readonly file: string
  /** From 1; null when the whole file is meant. */
  readonly line: number | null
  readonly message: string
  readonly code: ErrorCode
}

/** What one part of the input holds, in one line, and what is wrong with it. */
export interface Report {
  readonly found: string
  readonly findings: readonly Finding[]
}
