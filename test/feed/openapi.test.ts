import { fastify } from 'fastify'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildApi } from '#src/feed/api.ts'
import type { Endpoint, Schema } from '#src/feed/resources/endpoint.ts'
import { backend, route } from '../route/fixtures.ts'
import { FakeBackend, serviceView, startServer, type TestServer } from './server.ts'
import { World } from './world.ts'

interface Operation {
  readonly operationId: string
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly schema: Schema }[]
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> }
  readonly responses: Readonly<
    Record<
      string,
      { readonly description: string; readonly content?: Readonly<Record<string, { readonly schema: Schema }>> }
    >
  >
  readonly security?: readonly unknown[]
}

interface Document {
  readonly openapi: string
  readonly info: { readonly title: string; readonly version: string }
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> }
}

let server: TestServer
let document: Document

beforeAll(async () => {
  server = await startServer()
  document = (await (await fetch(`${server.url}/openapi.json`)).json()) as Document
})
afterAll(async () => await server.close())

function operations(): { path: string; method: string; operation: Operation }[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  )
}

/** Every value of a key, anywhere in the document. */
function valuesOf(key: string, value: unknown = document): unknown[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, inner]) => (name === key ? [inner] : valuesOf(key, inner)))
}

/** Checks with the validator that the server itself uses. */
async function expectValid(schema: Schema, value: unknown): Promise<void> {
  const checker = fastify({ ajv: { customOptions: { coerceTypes: false, removeAdditional: false, strict: false } } })
  checker.post('/', { schema: { body: { ...schema, components: document.components } } }, () => 'valid')
  const { statusCode, body } = await checker.inject({
    method: 'POST',
    url: '/',
    headers: { 'content-type': 'application/json' },
    payload: JSON.stringify(value),
  })
  expect({ statusCode, body }).toEqual({ statusCode: 200, body: 'valid' })
}

function schemaFor(path: string, method: string, status: number, type = 'application/json'): Schema {
  const schema = document.paths[path]?.[method]?.responses[status]?.content?.[type]?.schema
  if (schema === undefined) throw new Error(`${method} ${path} does not document ${status} ${type}`)
  return schema
}

describe('the document', () => {
  it('is OpenAPI 3.1, complete in itself', () => {
    expect(document.openapi).toMatch(/^3\.1\.[0-9]+$/)
    expect(document.info).toMatchObject({ title: expect.any(String), version: expect.any(String) })
    for (const reference of valuesOf('$ref')) {
      const name = String(reference).replace('#/components/schemas/', '')
      expect(document.components.schemas).toHaveProperty(name)
    }
    const used = new Set(valuesOf('$ref').map(String))
    const inline = ['AppRequest']
    expect(Object.keys(document.components.schemas).filter(name => !used.has(`#/components/schemas/${name}`))).toEqual(
      inline,
    )
  })

  it('names every path parameter, once, and every operation by an id of its own', () => {
    const ids = operations().map(({ operation }) => operation.operationId)
    expect(new Set(ids).size).toBe(ids.length)
    for (const { path, operation } of operations()) {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
      const declared = (operation.parameters ?? []).filter(parameter => parameter.in === 'path').map(({ name }) => name)
      expect(declared).toEqual(inPath)
    }
  })

  it('describes every answer, says what an error looks like, and that writes may need a token', () => {
    for (const { method, operation } of operations()) {
      for (const [status, response] of Object.entries(operation.responses)) {
        expect(response.description).not.toBe('')
        const hasBody = !['204', '304'].includes(status)
        expect(response.content !== undefined).toBe(hasBody)
      }
      expect(operation.security !== undefined).toBe(method !== 'get')
    }
  })

  it('has the routes that are served, no more and no fewer', async () => {
    const world = new World()
    const app = buildApi(new FakeBackend(), world.hub, {
      token: null,
      listen: { address: '::1', port: 0 },
      logger: null,
    })
    await app.ready()
    const documented = operations().map(({ path, method }) => `${method.toUpperCase()} ${path}`)
    for (const entry of documented) {
      const [method = '', path = ''] = entry.split(' ')
      expect([
        entry,
        app.hasRoute({ method: method as Endpoint['method'], url: path.replace(/\{(\w+)\}/g, ':$1') }),
      ]).toEqual([entry, true])
    }
    const served = app.printRoutes({ commonPrefix: false }).match(/\b(GET|POST|DELETE|PUT|PATCH)\b/g) ?? []
    expect(served.length).toBe(documented.length)
    await app.close()
  })
})

describe('what the server answers is what the document says', () => {
  const spread = route({
    sessionAffinity: { timeoutSeconds: 10_800 },
    externalTrafficPolicy: 'Local',
    port: null,
    annotations: { 'service.fly.io/a': 'b' },
    backends: [backend({ zone: 'iad', node: 'n', forZones: ['iad'], forNodes: ['n'], state: 'draining' })],
  })

  it.each([
    '/health',
    '/ready',
    '/v1/services',
    '/v1/addresses',
    '/v1/routes',
    '/v1/explain?name=a',
    '/v1/cache?name=a',
    '/openapi.json',
  ])('GET %s', async path => {
    server.backend.list = [
      serviceView({ routes: [spread] }),
      serviceView({
        problem: { code: 'WAY_POOL_EXHAUSTED', message: 'Full.' },
        syncVersion: null,
        routes: [],
        addresses: [],
      }),
    ]
    server.backend.claims = [
      {
        address: '10.0.0.1',
        network: 'default',
        owner: { kind: 'Service', name: 'a/b' },
        state: 'bound',
        until: null,
      },
      {
        address: 'fdaa::1',
        network: 'default',
        owner: { kind: 'App', name: 'a' },
        state: 'resting',
        until: '2026-11-21T05:00:00.000Z',
      },
    ]
    server.world.publish('a', 'b')
    const response = await fetch(`${server.url}${path}`)
    await expectValid(schemaFor(path.split('?')[0] ?? '', 'get', 200), await response.json())
  })

  it('GET /v1/services/{namespace}/{name}, POST /v1/addresses, and errors', async () => {
    server.backend.list = [serviceView({ routes: [spread] })]
    const one = await fetch(`${server.url}/v1/services/default/kuard`)
    await expectValid(schemaFor('/v1/services/{namespace}/{name}', 'get', 200), await one.json())
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"app":"web"}' }
    const given = await fetch(`${server.url}/v1/addresses`, init)
    await expectValid(schemaFor('/v1/addresses', 'post', 201), await given.json())
    const missing = await fetch(`${server.url}/v1/services/a/b`)
    await expectValid(schemaFor('/v1/services/{namespace}/{name}', 'get', 404), await missing.json())
  })

  it('every line of the watch, in one network and in several', async () => {
    for (const networks of [['default'], ['default', 'other']]) {
      const world = new World({ networks })
      const reader = world.watch()
      world.clock.settle()
      world.publish('a', 'b')
      world.publish('-a')
      world.clock.advance(11_000)
      expect(new Set(reader.lines.map(line => line['type']))).toEqual(
        new Set(['reset', 'put', 'delete', 'sync', 'heartbeat']),
      )
      const schema = schemaFor('/v1/routes/watch', 'get', 200, 'application/x-ndjson')
      for (const line of reader.lines) await expectValid(schema, line)
    }
  })
})
