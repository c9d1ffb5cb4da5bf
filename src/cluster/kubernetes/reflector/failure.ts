/** Why a list or watch ended, and what follows from it (client-go's tools/cache/reflector.go decides alike). */
import type { ErrorCode } from '../../../errors.ts'
import { isFields } from '../../strip/fields.ts'

/** Label of the metric of errors. */
export type FailureReason =
  | 'gone'
  | 'version_too_large'
  | 'throttled'
  | 'unauthorized'
  | 'forbidden'
  | 'absent'
  | 'credentials'
  | 'server'
  | 'refused'
  | 'malformed'
  | 'idle'
  | 'short'
  | 'connection'

/**
 * How to go on: watch from the last version; list what the server has at hand; list the newest state, because the
 * version that is known is worth nothing.
 */
export type Restart = 'watch' | 'list' | 'list_newest'

const REFUSALS: readonly FailureReason[] = ['unauthorized', 'forbidden', 'absent', 'refused']

/** An expected end. */
export class Failure extends Error {
  readonly reason: FailureReason
  readonly restart: Restart
  /** The server asks for that long a wait. */
  readonly retryAfterMs: number | null

  constructor(reason: FailureReason, restart: Restart, message: string, retryAfterMs: number | null = null) {
    super(message)
    this.reason = reason
    this.restart = restart
    this.retryAfterMs = retryAfterMs
  }

  /** It does not go away by itself. */
  get needsPerson(): boolean {
    return REFUSALS.includes(this.reason) || this.reason === 'credentials'
  }

  /** It comes of itself and goes of itself. */
  get isExpected(): boolean {
    return this.reason === 'gone' || this.reason === 'version_too_large'
  }

  /** The server is there and has said something of this resource. */
  get isAnswer(): boolean {
    return this.isExpected || REFUSALS.includes(this.reason)
  }

  get code(): ErrorCode & `WAY_KUBERNETES_${string}` {
    if (this.reason === 'credentials') return 'WAY_KUBERNETES_CONFIG'
    return REFUSALS.includes(this.reason) ? 'WAY_KUBERNETES_REFUSED' : 'WAY_KUBERNETES_UNREACHABLE'
  }
}

/** The failure that an HTTP status and its body, or the object of an ERROR event, mean. */
export function failureOf(status: number, body: unknown, retryAfterMs: number | null): Failure {
  const fields = isFields(body) ? body : {}
  const code = typeof fields['code'] === 'number' ? fields['code'] : status
  const word = typeof fields['reason'] === 'string' ? fields['reason'] : ''
  const text = typeof fields['message'] === 'string' ? fields['message'] : ''
  const message = `${code}${word === '' ? '' : ` ${word}`}${text === '' ? '' : `: ${text}`}`
  const wait = retryAfterMs ?? secondsOf(fields['details'])
  if (code === 410 || word === 'Expired' || word === 'Gone') return new Failure('gone', 'list_newest', message, wait)
  if (isTooLarge(fields, text)) return new Failure('version_too_large', 'list_newest', message, wait)
  if (code === 429) return new Failure('throttled', 'watch', message, wait)
  if (code === 401) return new Failure('unauthorized', 'watch', message, wait)
  if (code === 403) return new Failure('forbidden', 'watch', message, wait)
  if (code === 404) return new Failure('absent', 'list', message, wait)
  if (code === 400 || code === 422) return new Failure('refused', 'list', message, wait)
  if (code === 500 || code === 503 || code === 504) return new Failure('server', 'watch', message, wait)
  return new Failure(code >= 500 ? 'server' : 'refused', 'list', message, wait)
}

/** `apierrors.HasStatusCause(err, metav1.CauseTypeResourceVersionTooLarge)`, or its message from older servers. */
function isTooLarge(fields: Readonly<Record<string, unknown>>, text: string): boolean {
  const details = isFields(fields['details']) ? fields['details'] : {}
  const causes = Array.isArray(details['causes']) ? details['causes'] : []
  const isCause = (cause: unknown): boolean =>
    isFields(cause) &&
    (cause['reason'] === 'ResourceVersionTooLarge' || cause['message'] === 'Too large resource version')
  return causes.some(isCause) || text.startsWith('Too large resource version')
}

function secondsOf(details: unknown): number | null {
  const seconds = isFields(details) ? details['retryAfterSeconds'] : null
  return typeof seconds === 'number' && seconds > 0 ? seconds * 1000 : null
}
