/** `/openapi.json`: the endpoints, described from the same schemas that validate them. */
import type { Answer, Endpoint, Parameter, Schema } from './endpoint.ts'
import { COMPONENTS, json } from './schemas.ts'

/** The document's version: that of the API, not of the program. */
const VERSION = '1.0.0'

/** The endpoint of the document; it describes itself too. */
export function openapiEndpoint(others: readonly Endpoint[]): Endpoint {
  let document: Schema | null = null
  const endpoint: Endpoint = {
    method: 'GET',
    path: '/openapi.json',
    id: 'openapi',
    summary: 'This document',
    answers: { 200: json('OpenAPI 3.1.', { type: 'object', required: ['openapi', 'info', 'paths'] }) },
    handle: () => {
      document ??= describeApi([...others, endpoint])
      return document
    },
  }
  return endpoint
}

function describeApi(endpoints: readonly Endpoint[]): Schema {
  const paths: Record<string, Record<string, Schema>> = {}
  for (const endpoint of endpoints) {
    paths[endpoint.path] = { ...paths[endpoint.path], [endpoint.method.toLowerCase()]: describeEndpoint(endpoint) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Waypost',
      version: VERSION,
      summary: 'Addresses, names and routes of Kubernetes Services',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    paths,
    components: { schemas: COMPONENTS, securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
  }
}

function describeEndpoint(endpoint: Endpoint): Schema {
  const parameters = [
    ...describeParameters('path', endpoint.parameters),
    ...describeParameters('query', endpoint.query),
    ...describeParameters('header', endpoint.headers),
  ]
  const answers = Object.entries(endpoint.answers).map(([status, answer]) => [status, describeAnswer(answer)])
  return {
    operationId: endpoint.id,
    summary: endpoint.summary,
    ...(endpoint.description === undefined ? {} : { description: endpoint.description }),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(endpoint.body === undefined
      ? {}
      : { requestBody: { required: true, content: { 'application/json': { schema: endpoint.body } } } }),
    responses: Object.fromEntries(answers) as Schema,
    // The empty object: on loopback no token may be needed.
    ...(endpoint.isWrite === true ? { security: [{ bearer: [] }, {}] } : {}),
  }
}

function describeParameters(place: string, list: Readonly<Record<string, Parameter>> = {}): Schema[] {
  return Object.entries(list).map(([name, { description, schema, isRequired }]) => ({
    name,
    in: place,
    description,
    required: place === 'path' || isRequired === true,
    schema,
  }))
}

function describeAnswer({ description, content = {}, headers = {} }: Answer): Schema {
  const media = Object.entries(content).map(([type, schema]) => [type, { schema }])
  const described = Object.entries(headers).map(([name, text]) => [
    name,
    { description: text, schema: { type: 'string' } },
  ])
  return {
    description,
    ...(media.length === 0 ? {} : { content: Object.fromEntries(media) as Schema }),
    ...(described.length === 0 ? {} : { headers: Object.fromEntries(described) as Schema }),
  }
}
