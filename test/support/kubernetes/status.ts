/** v1 Status, the API server's way to say no. */

export interface Status {
  readonly kind: 'Status'
  readonly apiVersion: 'v1'
  readonly status: 'Failure'
  readonly code: number
  readonly reason: string
  readonly message: string
  readonly details?: object
}

/** A refusal: thrown by the store, answered by the server. */
export class Refusal extends Error {
  readonly status: Status

  constructor(code: number, reason: string, message: string, details?: object) {
    super(message)
    const extra = details === undefined ? {} : { details }
    this.status = { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message, ...extra }
  }
}

export function gone(): Refusal {
  return new Refusal(410, 'Expired', 'The resourceVersion for the provided watch is too old.')
}

export function tooLarge(asked: number, present: number): Refusal {
  const message = `Too large resource version: ${asked}, current: ${present}`
  const causes = [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }]
  return new Refusal(504, 'Timeout', message, { causes, retryAfterSeconds: 1 })
}
