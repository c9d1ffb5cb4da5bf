/** One operation of the API: what OpenAPI says of it, what is validated, and what answers it. */
import type { FastifyReply, FastifyRequest } from 'fastify'

/** A JSON Schema (2020-12 as far as OpenAPI 3.1 and Ajv agree). */
export type Schema = Readonly<Record<string, unknown>>

/** A parameter in the path or the query. */
export interface Parameter {
  readonly description: string
  /** `type: array` in the query: may be repeated. */
  readonly schema: Schema
  readonly isRequired?: boolean
  /** Documented, but whatever is sent is taken: the endpoint has an answer to every value. */
  readonly isLenient?: boolean
}

/** What can come back. */
export interface Answer {
  readonly description: string
  /** By media type; none: no body. */
  readonly content?: Readonly<Record<string, Schema>>
  readonly headers?: Readonly<Record<string, string>>
}

export interface Endpoint {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** With parameters as OpenAPI writes them: `/v1/services/{namespace}/{name}`. */
  readonly path: string
  /** OpenAPI's `operationId`. */
  readonly id: string
  readonly summary: string
  readonly description?: string
  readonly parameters?: Readonly<Record<string, Parameter>>
  readonly query?: Readonly<Record<string, Parameter>>
  readonly headers?: Readonly<Record<string, Parameter>>
  readonly body?: Schema
  /** Octets of the body; absent: the API's usual limit. */
  readonly bodyLimit?: number
  readonly answers: Readonly<Record<number, Answer>>
  /** Changes something: needs the token, where one is needed. */
  readonly isWrite?: boolean
  /** Answers HEAD where making the body only to throw it away would cost too much: the checks and the header of GET. */
  head?(request: FastifyRequest, reply: FastifyReply): unknown
  /** Gives the body, or undefined when the reply was sent or hijacked. */
  handle(request: FastifyRequest, reply: FastifyReply): unknown
}

/** The media type of every answer but the watch's and the metrics'. */
export const JSON_TYPE = 'application/json; charset=utf-8'

/** The value of a query parameter that the schema lets be one string or nothing. */
export function textOf(request: FastifyRequest, name: string): string | null {
  const value = (request.query as Record<string, unknown>)[name]
  return typeof value === 'string' ? value : null
}

/** The values of a query parameter that may be repeated; null when it is not there. */
export function textsOf(request: FastifyRequest, name: string): readonly string[] | null {
  const value = (request.query as Record<string, unknown>)[name]
  return Array.isArray(value) ? value.map(String) : null
}

/** A path parameter, decoded. */
export function parameterOf(request: FastifyRequest, name: string): string {
  return String((request.params as Record<string, unknown>)[name])
}
