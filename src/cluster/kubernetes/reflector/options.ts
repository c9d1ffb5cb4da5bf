/** What a reflector is made of. */
import { WaypostError } from '../../../errors.ts'
import type { KubernetesClient } from '../client.ts'
import type { Receiver } from '../collection.ts'
import { BACK_OFF, type BackOffTimes } from './back-off.ts'
import { Failure } from './failure.ts'

/** Times of a reflector, in milliseconds. */
export interface ReflectorTimes {
  readonly backOff: BackOffTimes
  /** A body that says nothing for so long may belong to a dead connection. Mostly there is a bookmark each minute. */
  readonly idleMs: number
  /** Until the first byte of an answer. A list may be long in coming. */
  readonly answerMs: number
  /** A watch that ends sooner and says nothing is a failure. */
  readonly shortMs: number
  /** Until a resource that the server does not have, or does not let us see, is asked for again. */
  readonly absentMs: number
  /** Between two readings of what cannot be watched. */
  readonly pollMs: number
}

/** The usual times. */
export const REFLECTOR_TIMES: ReflectorTimes = {
  backOff: BACK_OFF,
  idleMs: 120_000,
  answerMs: 60_000,
  shortMs: 1_000,
  absentMs: 60_000,
  pollMs: 60_000,
}

/** The part of a pino logger that is used. */
export interface ReflectorLog {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
}

/** What is followed, and who hears of it. */
export interface ReflectorOptions {
  /** For people and logs: `services`, `services of team`. */
  readonly name: string
  /** Rejects while the credentials cannot be read. */
  readonly client: () => Promise<KubernetesClient>
  /** Of the collection: `/api/v1/services`. */
  readonly path: string
  /** Selectors. */
  readonly query: Readonly<Record<string, string>>
  /** The source works without it: it may be absent (404) or forbidden (403). */
  readonly isOptional: boolean
  readonly receiver: Receiver
  /** The first complete state was given, or it is known that there is none. */
  onSynced(): void
  /** A later complete state was given. */
  onRelisted(): void
  /** The connection was made or lost. */
  onState(): void
  readonly log: ReflectorLog
  /** Milliseconds since the epoch. */
  readonly clock: () => number
  /** From 0 to 1. */
  readonly random: () => number
  readonly times: ReflectorTimes
}

/** The promise, or a rejection when the signal fires before. */
export async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const onAbort = (): void => reject(signal.reason)
  if (signal.aborted) onAbort()
  signal.addEventListener('abort', onAbort)
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/** The failure that an error means. */
export function failureFrom(error: unknown): Failure {
  if (error instanceof Failure) return error
  const message = error instanceof Error ? error.message : String(error)
  if (error instanceof SyntaxError) return new Failure('malformed', 'list', message)
  if (error instanceof WaypostError && error.code === 'WAY_KUBERNETES_CONFIG') {
    return new Failure('credentials', 'watch', message)
  }
  return new Failure('connection', 'watch', message)
}
