/**
 * The webhook's own listener: one path, HTTPS, connections that live as long as an API server keeps them. It is apart
 * from the HTTP API because it is reached from elsewhere and by others: a control plane, which trusts its certificate.
 */
import { createServer as createHttp, type RequestListener, type Server } from 'node:http'
import { createServer as createHttps, Server as HttpsServer } from 'node:https'
import type { SecureContextOptions } from 'node:tls'
import fastify, { type FastifyError, type FastifyInstance } from 'fastify'
import { WaypostError } from '../errors.ts'
import type { Fields } from './review.ts'

/** Where the webhook is asked, on every listener. */
export const ADMISSION_PATH = '/admission/v1/services'

/** Octets of a review: an API server takes objects of up to 3 MiB, and an update has two of them. */
export const REVIEW_LIMIT: number = 4 * 1024 * 1024

/** What the listener needs. */
export interface ListenerOptions {
  /** null: without TLS. Else the certificate comes through {@link setCertificate}. */
  readonly tls: SecureContextOptions | null
  /** Gets defects only. */
  readonly logger: { error(fields: object, message: string): void }
  review(network: string | null, body: unknown): Promise<Fields>
}

/** Node.js closes idle connections after 5 s; an API server's client counts on at least 90 s. */
const KEEP_ALIVE_MS = 180_000
const REQUEST_MS = 15_000
const MAX_CONNECTIONS = 1024
/** How long closing waits for answers in flight. */
const CLOSE_MS = 500

/** The listener as a server that does not listen yet. */
export function buildListener({ tls, logger, review }: ListenerOptions): FastifyInstance {
  const app = fastify({
    bodyLimit: REVIEW_LIMIT,
    requestTimeout: REQUEST_MS,
    return503OnClosing: false,
    serverFactory: handler => makeServer(tls, handler as RequestListener),
  })
  app.server.maxConnections = MAX_CONNECTIONS
  app.addHook('preClose', async () => {
    setTimeout(() => app.server.closeAllConnections(), CLOSE_MS).unref()
  })
  app.setErrorHandler<FastifyError>((error, _request, reply) => {
    const refusal = refusalOf(error)
    if (refusal.code === 'WAY_INTERNAL') {
      logger.error({ event: 'admission_error', err: error }, 'An admission review failed')
    }
    return reply.code(refusal.status).send({ code: refusal.code, message: refusal.message })
  })
  app.setNotFoundHandler((_request, reply) => {
    const message = `There is nothing here; reviews go to POST ${ADMISSION_PATH}`
    return reply.code(404).send({ code: 'WAY_HTTP_NOT_FOUND', message })
  })
  app.removeContentTypeParser('text/plain')
  app.post(ADMISSION_PATH, async request => {
    const { network } = request.query as Record<string, unknown>
    return await review(typeof network === 'string' ? network : null, request.body)
  })
  return app
}

/** Takes another certificate into use: connections that exist go on, new ones get it. */
export function setCertificate(
  app: FastifyInstance,
  certificate: { readonly cert: string; readonly key: string },
): void {
  if (app.server instanceof HttpsServer) app.server.setSecureContext({ ...certificate, minVersion: 'TLSv1.2' })
}

function makeServer(tls: SecureContextOptions | null, handler: RequestListener): Server {
  const server = tls === null ? createHttp(handler) : createHttps({ ...tls, minVersion: 'TLSv1.2' }, handler)
  server.keepAliveTimeout = KEEP_ALIVE_MS
  server.headersTimeout = REQUEST_MS
  server.requestTimeout = REQUEST_MS
  return server
}

function refusalOf(error: FastifyError): { status: number; code: string; message: string } {
  if (error instanceof WaypostError) return { status: error.status, code: error.code, message: error.message }
  const status = error.statusCode ?? 500
  if (status === 413)
    return { status, code: 'WAY_HTTP_TOO_LARGE', message: 'Cannot read the review: the limit is 4 MiB' }
  if (status === 415) {
    const message = 'Cannot read the review: its Content-Type must be application/json'
    return { status, code: 'WAY_HTTP_MEDIA_TYPE', message }
  }
  if (status >= 400 && status < 500) {
    return { status: 400, code: 'WAY_ADMISSION_REVIEW', message: 'Cannot read the admission review: it is no JSON' }
  }
  return {
    status: 500,
    code: 'WAY_INTERNAL',
    message: 'The review failed by a defect of the server; its log says more',
  }
}
