/** Every way in which a request can fail → the contract's error body. */
import type { Duplex } from 'node:stream'
import type { FastifyError } from 'fastify'
import { type ErrorCode, WaypostError } from '../../errors.ts'

/** An error as it is answered. */
export interface Refusal {
  readonly status: number
  readonly code: ErrorCode
  readonly message: string
  /** `retry-after` and the like. */
  readonly headers: Readonly<Record<string, string>>
}

/** Text from outside is cut to this in messages. */
const QUOTED = 200

const MEBIBYTE = 1024 * 1024

/**
 * What is answered to an error; anything unknown is a defect of ours, and its text stays inside.
 *
 * @param limit octets that the body might have had.
 */
export function refusalOf(error: unknown, limit: number): Refusal {
  if (error instanceof WaypostError) return refuse(error.status, error.code, error.message)
  const { statusCode = 500, message = '', validation, validationContext } = error as Partial<FastifyError>
  if (validation !== undefined) return refuse(400, 'WAY_HTTP_BODY', describe(validation[0], validationContext))
  if (statusCode === 413) {
    const allowed = limit < MEBIBYTE ? `${limit / 1024} KiB` : `${limit / MEBIBYTE} MiB`
    return refuse(413, 'WAY_HTTP_TOO_LARGE', `Cannot read the body: the limit is ${allowed}`)
  }
  if (statusCode === 415) return refuse(415, 'WAY_HTTP_MEDIA_TYPE', MEDIA_TYPE)
  if (statusCode >= 400 && statusCode < 500)
    return refuse(400, 'WAY_HTTP_BODY', `Cannot read the request: ${clean(message)}`)
  return refuse(500, 'WAY_INTERNAL', 'The request failed by a defect of the server; its log says more')
}

/** Said of a body that is not JSON by its own account. */
export const MEDIA_TYPE = 'Cannot read the body: its Content-Type must be application/json'

/** Text from a request, fit for a message. */
export function quote(text: string): string {
  return JSON.stringify(text.length > QUOTED ? `${text.slice(0, QUOTED)}…` : text)
}

/** Answers bytes that are no HTTP request, or one that never ends, and closes the connection. */
export function refuseConnection(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) {
    socket.destroy()
    return
  }
  const isLate = error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
  const refusal = isLate
    ? refuse(408, 'WAY_HTTP_BODY', 'Cannot read the request: it did not arrive in time')
    : refuse(400, 'WAY_HTTP_BODY', 'Cannot read the request: it is not well-formed HTTP, or its header is too large')
  const body = bodyOf(refusal)
  const status = isLate ? '408 Request Timeout' : '400 Bad Request'
  socket.end(
    `HTTP/1.1 ${status}\r\ncontent-type: application/json; charset=utf-8\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  )
}

/** The body of a refusal. */
export function bodyOf({ code, message }: Refusal): string {
  return JSON.stringify({ code, message })
}

function refuse(status: number, code: ErrorCode, message: string): Refusal {
  const headers: Record<string, string> = {}
  if (status === 503) headers['retry-after'] = '2'
  if (status === 401) headers['www-authenticate'] = 'Bearer'
  return { status, code, message, headers }
}

type Fault = NonNullable<FastifyError['validation']>[number]

/** `Cannot use the query parameter "type": must NOT have more than 32 characters`. */
function describe(fault: Fault | undefined, context: string | undefined): string {
  const where = context === 'querystring' ? 'query' : (context ?? 'body')
  const path = fault?.instancePath.split('/').slice(1).join('.') ?? ''
  const missing = fault?.keyword === 'required' ? String(fault.params['missingProperty']) : null
  const unknown = fault?.keyword === 'additionalProperties' ? String(fault.params['additionalProperty']) : null
  const field = missing ?? unknown ?? path
  const reason =
    missing !== null ? 'it must be there' : unknown !== null ? 'there is no such field' : `it ${fault?.message}`
  return field === '' ? `Cannot use the ${where}: ${reason}` : `Cannot use ${quote(field)} of the ${where}: ${reason}`
}

/** One line, without control characters, cut. */
function clean(message: string): string {
  return message.replace(/[\s\p{Cc}]+/gu, ' ').slice(0, QUOTED)
}
