/** What the API server's answer to a write means for who wrote. */
import type { KubernetesClient, KubernetesRequest, KubernetesResponse } from '../cluster/kubernetes/client.ts'

/**
 * - `done`: written.
 * - `gone`: the object, or its namespace, is not there any more.
 * - `conflict`: somebody else was faster; what is known of the object is old.
 * - `invalid`: the server will never take this write.
 * - `forbidden`: the credentials do not allow it.
 * - `throttled`: later, after `retryAfterMs`.
 * - `failed`: no answer, or the server's own fault.
 */
export type Result = 'done' | 'gone' | 'conflict' | 'invalid' | 'forbidden' | 'throttled' | 'failed'

/** A classified answer. */
export interface Answer {
  readonly result: Result
  readonly body: unknown
  readonly retryAfterMs: number | null
  /** The server's own words, or why there was no answer; '' when it is done. */
  readonly message: string
}

/** For answers of which no more than the metadata is used. */
export const METADATA_ONLY = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json'

/** Every result, for counters. */
export const RESULTS: readonly Result[] = ['done', 'gone', 'conflict', 'invalid', 'forbidden', 'throttled', 'failed']

/** Sends and classifies; never throws. */
export async function send(client: KubernetesClient, request: KubernetesRequest): Promise<Answer> {
  try {
    return classify(await client.request(request))
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    return { result: 'failed', body: null, retryAfterMs: null, message }
  }
}

/** See {@link Result}. */
export function classify({ status, body, retryAfterMs }: KubernetesResponse): Answer {
  const result = resultOf(status, body)
  return { result, body, retryAfterMs, message: result === 'done' ? '' : messageOf(status, body) }
}

function resultOf(status: number, body: unknown): Result {
  if (status >= 200 && status < 300) return 'done'
  if (status === 404 || status === 410) return 'gone'
  if (status === 409) return 'conflict'
  if (status === 401 || status === 403) return 'forbidden'
  if (status === 429) return 'throttled'
  // A write that names the uid of an object that was deleted and made again.
  if (status === 422) return /\bmetadata\.uid\b/.test(messageOf(status, body)) ? 'conflict' : 'invalid'
  return status >= 400 && status < 500 ? 'invalid' : 'failed'
}

function messageOf(status: number, body: unknown): string {
  const message = fieldOf(body, 'message')
  return typeof message === 'string' && message !== '' ? message : `HTTP status ${status}`
}

/** `value[key]` of what may be no object. */
export function fieldOf(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined
}

/** `value[key]` when it is a text. */
export function textOf(value: unknown, key: string): string | null {
  const field = fieldOf(value, key)
  return typeof field === 'string' ? field : null
}
