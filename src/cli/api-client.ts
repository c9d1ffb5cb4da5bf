/** Requests to the HTTP API of a running server. */
import { formatListen, listenAddress } from '../config/values.ts'
import { ERRORS, type ErrorCode, WaypostError } from '../errors.ts'
import type { Io } from './io.ts'

/** Where `waypost serve` has its API unless told otherwise. */
export const DEFAULT_API = '[::1]:8053'

const TIMEOUT_MS = 10_000

/**
 * `http://[::1]:8053` of `[::1]:8053`, or an `http:` or `https:` URL as it is.
 *
 * @throws WaypostError WAY_USAGE when the text is neither.
 */
export function apiUrl(text: string): string {
  if (/^https?:\/\/\S+$/.test(text) && URL.canParse(text)) return text.replace(/\/+$/, '')
  const parsed = listenAddress.parse(text)
  if ('value' in parsed) return `http://${formatListen(parsed.value)}`
  throw new WaypostError('WAY_USAGE', `Cannot use --http "${text}": it ${parsed.reason}`)
}

/**
 * Gets a JSON document.
 *
 * @throws WaypostError with the server's code and sentence when it refuses, WAY_API_UNREACHABLE when it does not answer.
 */
export async function getJson(base: string, path: string, io: Io): Promise<unknown> {
  const headers = tokenHeaders(io)
  let response: Response
  let text: string
  try {
    const signal = AbortSignal.any([io.signal, AbortSignal.timeout(TIMEOUT_MS)])
    response = await fetch(`${base}${path}`, { headers, signal })
    text = await response.text()
  } catch (error) {
    throw new WaypostError(
      'WAY_API_UNREACHABLE',
      `Cannot reach ${base}: ${reasonOf(error)}; is "waypost serve" running?`,
    )
  }
  const body = parseJson(text)
  if (response.ok && body !== undefined) return body
  throw refusal(`${base}${path}`, response.status, body)
}

/** The bearer token of WAYPOST_TOKEN, as request headers. */
export function tokenHeaders(io: Io): Record<string, string> {
  const token = io.surroundings.env['WAYPOST_TOKEN'] ?? ''
  return token === '' ? {} : { authorization: `Bearer ${token}` }
}

/** The fields of an object of unknown shape; empty for anything else. */
export function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

/** The elements of an array of unknown shape; empty for anything else. */
export function itemsOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function refusal(url: string, status: number, body: unknown): WaypostError {
  const { code, message } = fieldsOf(body)
  if (typeof code === 'string' && typeof message === 'string' && Object.hasOwn(ERRORS, code)) {
    return new WaypostError(code as ErrorCode, message)
  }
  return new WaypostError(
    'WAY_API_UNREACHABLE',
    `Cannot read ${url}: it answered ${status} in a form that is not Waypost's`,
  )
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** fetch hides why behind "fetch failed". */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.name === 'TimeoutError') return `no answer within ${TIMEOUT_MS / 1000} s`
  return error.cause instanceof Error ? error.cause.message : error.message
}
