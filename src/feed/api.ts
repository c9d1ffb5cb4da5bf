/** The HTTP API: the resources, put onto one server with one way of refusing. */
import fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { WaypostError } from '../errors.ts'
import type { ApiBackend, ProbeBackend } from './backend.ts'
import type { RouteHub } from './hub.ts'
import { addressEndpoints } from './resources/addresses.ts'
import { admissionEndpoints } from './resources/admission.ts'
import { cacheEndpoints } from './resources/cache.ts'
import { type Endpoint, JSON_TYPE, type Parameter, type Schema } from './resources/endpoint.ts'
import { explainEndpoints } from './resources/explain.ts'
import { checkMediaType, makeGuard } from './resources/guard.ts'
import { healthEndpoints } from './resources/health.ts'
import { openapiEndpoint } from './resources/openapi.ts'
import { bodyOf, quote, refusalOf, refuseConnection } from './resources/refusal.ts'
import { routeEndpoints } from './resources/routes.ts'
import { serviceEndpoints } from './resources/services.ts'
import { watchEndpoints } from './resources/watch.ts'

export interface ApiOptions {
  /** The bearer token for writes; null: none is configured. */
  readonly token: string | null
  /** What the API will listen on: decides whether writes need a token. */
  readonly listen: { readonly address: string; readonly port: number }
  /** Gets defects only: no request, no body and no token is ever logged. */
  readonly logger: { error(fields: object, message: string): void } | null
}

/** Bytes of a request body. */
const BODY_LIMIT = 65_536
/** How long closing waits for answers in flight: the whole process has two seconds. */
const CLOSE_MS = 500
/** Sockets beside the watchers'. */
const OTHER_CONNECTIONS = 1024
/** Sockets of a listener for probes. */
const PROBE_CONNECTIONS = 128

/**
 * The API as a server that does not listen yet. Closing it ends the watches (`hub.close()`), answers what is in flight
 * and closes idle connections; what still hangs half a second later is cut off.
 */
export function buildApi(backend: ApiBackend, hub: RouteHub, options: ApiOptions): FastifyInstance {
  const app = makeServer(options)
  app.server.maxConnections = hub.maxWatchers + OTHER_CONNECTIONS
  app.addHook('preClose', async () => {
    setTimeout(() => app.server.closeAllConnections(), CLOSE_MS).unref()
    await hub.close()
  })
  const guard = makeGuard({ token: options.token, address: options.listen.address })
  const endpoints = [
    ...healthEndpoints(backend),
    ...serviceEndpoints(backend),
    ...addressEndpoints(backend),
    ...routeEndpoints(hub, backend.networks),
    ...watchEndpoints(hub, backend.networks),
    ...explainEndpoints(backend),
    ...cacheEndpoints(backend),
    ...admissionEndpoints(backend),
  ]
  for (const endpoint of [...endpoints, openapiEndpoint(endpoints)]) addEndpoint(app, endpoint, guard)
  return app
}

/** A server with `/health`, `/ready` and `/metrics` alone, for supervisors and scrapers. */
export function buildProbes(backend: ProbeBackend, logger: ApiOptions['logger']): FastifyInstance {
  const app = makeServer({ logger })
  app.server.maxConnections = PROBE_CONNECTIONS
  app.addHook('preClose', async () => {
    setTimeout(() => app.server.closeAllConnections(), CLOSE_MS).unref()
  })
  for (const endpoint of healthEndpoints(backend)) addEndpoint(app, endpoint, () => undefined)
  return app
}

function makeServer(options: Pick<ApiOptions, 'logger'>): FastifyInstance {
  const refuse = (error: unknown, _request: FastifyRequest, reply: FastifyReply): void => {
    sendRefusal(error, reply, options)
  }
  const app = fastify({
    bodyLimit: BODY_LIMIT,
    // A whole request within 15 s, its header within 10 s; a reader of an answer may not stand still for 60 s.
    requestTimeout: 15_000,
    connectionTimeout: 60_000,
    keepAliveTimeout: 30_000,
    // Node.js refuses a request without a Host header with an empty body; we do it in the API's own words.
    http: { headersTimeout: 10_000, connectionsCheckingInterval: 5000, requireHostHeader: false },
    return503OnClosing: false,
    routerOptions: { maxParamLength: 1024 },
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, allErrors: false } },
    frameworkErrors: refuse,
    clientErrorHandler: refuseConnection,
  })
  app.addHook('onRequest', async ({ headers, raw }, reply) => {
    if (headers.host !== undefined || raw.httpVersion === '1.0') return
    // RFC 9112 section 3.2.
    reply.header('connection', 'close')
    throw new WaypostError('WAY_HTTP_BODY', 'Cannot read the request: it has no Host header')
  })
  app.setErrorHandler<FastifyError>(refuse)
  app.setNotFoundHandler((request, reply) => {
    const message = `There is nothing at ${quote(`${request.method} ${request.url.split('?')[0]}`)}`
    return reply.code(404).send({ code: 'WAY_HTTP_NOT_FOUND', message })
  })
  acceptJson(app)
  return app
}

/** JSON is the only body. An empty one is none: some clients send the type with every DELETE. */
function acceptJson(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error')
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body.length === 0) done(null, undefined)
    else void parse(request, String(body), done)
  })
}

function sendRefusal(error: unknown, reply: FastifyReply, { logger }: Pick<ApiOptions, 'logger'>): void {
  const refusal = refusalOf(error, reply.request.routeOptions.bodyLimit ?? BODY_LIMIT)
  if (refusal.status === 500) logger?.error({ event: 'api_error', err: error }, 'An API request failed')
  reply
    .code(refusal.status)
    .headers(refusal.headers)
    .removeHeader('content-length')
    .removeHeader('etag')
    .type(JSON_TYPE)
    .send(bodyOf(refusal))
}

function addEndpoint(app: FastifyInstance, endpoint: Endpoint, guard: (request: FastifyRequest) => void): void {
  const repeatable = Object.entries(endpoint.query ?? {})
    .filter(([, parameter]) => parameter.schema['type'] === 'array')
    .map(([name]) => name)
  const shared = {
    url: endpoint.path.replace(/\{(\w+)\}/g, ':$1'),
    bodyLimit: endpoint.bodyLimit ?? BODY_LIMIT,
    schema: {
      params: schemaOf(endpoint.parameters, true),
      querystring: schemaOf(endpoint.query, false),
      ...(endpoint.body === undefined ? {} : { body: endpoint.body }),
    },
    onRequest: async (request: FastifyRequest) => {
      if (endpoint.isWrite === true) guard(request)
      if (endpoint.body !== undefined) checkMediaType(request)
    },
    preValidation: async (request: FastifyRequest) => {
      const query = request.query as Record<string, unknown>
      for (const name of repeatable) if (typeof query[name] === 'string') query[name] = [query[name]]
    },
  }
  app.route({
    ...shared,
    method: endpoint.method,
    exposeHeadRoute: endpoint.method === 'GET' && endpoint.head === undefined,
    handler: async (request, reply) => await endpoint.handle(request, reply),
  })
  const { head } = endpoint
  if (head === undefined) return
  app.route({ ...shared, method: 'HEAD', handler: async (request, reply) => await head(request, reply) })
}

/** Unknown query parameters are let through, as HTTP servers do. */
function schemaOf(parameters: Readonly<Record<string, Parameter>> = {}, isPath: boolean): Schema {
  const entries = Object.entries(parameters).filter(([, parameter]) => parameter.isLenient !== true)
  return {
    type: 'object',
    properties: Object.fromEntries(entries.map(([name, { schema }]) => [name, schema])),
    required: entries.filter(([, { isRequired }]) => isPath || isRequired === true).map(([name]) => name),
  }
}
