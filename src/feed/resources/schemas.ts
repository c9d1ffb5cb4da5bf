/** The shapes of the API as JSON Schema: the answers' for OpenAPI, the requests' also for validation. */
import type { Answer, Parameter, Schema } from './endpoint.ts'

const text = { type: 'string' }
const texts = { type: 'array', items: text }
const nullableText = { type: ['string', 'null'] }

/** One lower-case RFC 1123 label. */
const LABEL = '^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$'
/** `namespace/name`; a Service's name is a label, but a filter may name what does not exist yet. */
const SERVICE_KEY = '^[^/\\s]{1,253}/[^/\\s]{1,253}$'

/** Everything that other parts refer to by name. */
export const COMPONENTS: Readonly<Record<string, Schema>> = {
  Error: object({
    code: { type: 'string', pattern: '^WAY_[A-Z_]+$', description: 'Stable; scripts match on it.' },
    message: { type: 'string', description: 'One sentence for a person.' },
  }),
  Readiness: object({
    ready: { type: 'boolean' },
    reasons: { ...texts, description: 'What is missing, one sentence each.' },
    details: { description: 'Whatever helps an operator; its shape may change.' },
  }),
  Backend: object({
    address: { ...text, description: 'RFC 5952 text.' },
    port: port(),
    state: { enum: ['ready', 'draining'], description: 'Send to draining ones only when none is ready.' },
    zone: nullableText,
    node: nullableText,
    forZones: texts,
    forNodes: texts,
  }),
  Route: object(
    {
      network: { ...text, description: 'Only where there are several networks.' },
      service: { ...text, description: 'namespace/name' },
      port: { ...nullableText, description: "The Service port's name." },
      protocol: { enum: ['TCP', 'UDP', 'SCTP'] },
      address: { ...text, description: 'RFC 5952 text.' },
      number: port(),
      appProtocol: nullableText,
      syncVersion: { ...text, pattern: '^[0-9]+$', description: '64-bit hash of everything else, network apart.' },
      sessionAffinity: { anyOf: [{ type: 'null' }, object({ timeoutSeconds: { type: 'integer' } })] },
      internalTrafficPolicy: { enum: ['Cluster', 'Local'] },
      externalTrafficPolicy: { enum: ['Cluster', 'Local', null] },
      trafficDistribution: nullableText,
      annotations: { type: 'object', additionalProperties: text, description: 'service.fly.io/*' },
      backends: { type: 'array', items: ref('Backend'), description: 'Sorted by address bytes, then port.' },
    },
    ['network'],
  ),
  RouteTable: object({
    epoch: { ...text, description: 'New at every start of the process.' },
    version: { type: 'integer', description: 'Counter of publishes.' },
    routes: { type: 'array', items: ref('Route') },
  }),
  WatchLine: {
    description: 'One line of the watch.',
    oneOf: [
      object({ type: { const: 'reset' } }),
      object({ type: { const: 'put' }, network: text, service: text, routes: { type: 'array', items: ref('Route') } }, [
        'network',
      ]),
      object({ type: { const: 'delete' }, network: text, service: text }, ['network']),
      object({ type: { enum: ['sync', 'heartbeat'] }, version: { ...text, description: '<epoch>-<n>' } }),
    ],
  },
  Service: object({
    service: { ...text, description: 'namespace/name' },
    network: text,
    type: { enum: ['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName'] },
    addresses: texts,
    names: texts,
    syncVersion: nullableText,
    routes: { type: 'array', items: ref('Route') },
    problem: { anyOf: [{ type: 'null' }, ref('Error')] },
  }),
  Address: object({
    address: text,
    network: text,
    owner: object({ kind: { enum: ['Service', 'App'] }, name: text }),
    state: { enum: ['bound', 'reserved', 'resting'] },
    until: { type: ['string', 'null'], format: 'date-time' },
  }),
  AppAddress: object({ network: text, app: text, address: text, names: texts }),
  AppRequest: object(
    {
      network: { ...text, description: 'May be left out when there is only one.' },
      app: { type: 'string', pattern: LABEL, description: 'One lower-case RFC 1123 label.' },
    },
    ['network'],
  ),
  CacheEntry: object({
    name: text,
    type: text,
    kind: { enum: ['positive', 'nodata', 'nxdomain', 'failure'], description: 'What it says.' },
    dnssecOk: { type: 'boolean', description: 'Asked with DO.' },
    checkingDisabled: { type: 'boolean', description: 'Asked with CD.' },
    authentic: { type: 'boolean', description: 'The upstream has validated it (AD).' },
    ttl: { type: 'integer', description: 'Seconds until it is out of date.' },
    stale: { type: 'boolean', description: 'It is out of date.' },
    age: { type: 'integer', description: 'Seconds since it was stored.' },
    bytes: { type: 'integer', description: 'Octets of its records.' },
    records: { type: 'integer' },
    hits: { type: 'integer', description: 'Answers since it was stored; 255: that many or more.' },
  }),
  Explanation: object({
    name: text,
    type: nullableText,
    from: nullableText,
    lines: { ...texts, description: 'One sentence a line, in the order of the decision.' },
  }),
}

/** `?network=` of a list. */
export const NETWORK: Parameter = {
  description: 'Only this network; without it, all.',
  schema: text,
}

/** `?service=` of a route table. */
export const SERVICES: Parameter = {
  description: 'Only this Service (namespace/name). May be repeated, and may name Services that do not exist yet.',
  schema: { type: 'array', items: { type: 'string', pattern: SERVICE_KEY } },
}

/** A reference to a component. */
export function ref(name: string): Schema {
  return { $ref: `#/components/schemas/${name}` }
}

/** An answer with a JSON body. */
export function json(description: string, schema: Schema): Answer {
  return { description, content: { 'application/json': schema } }
}

/** An error answer, said shortly. */
export function error(description: string): Answer {
  return json(description, ref('Error'))
}

/** An object with exactly these fields, all of them there but the optional ones. */
export function object(properties: Readonly<Record<string, Schema>>, optional: readonly string[] = []): Schema {
  const required = Object.keys(properties).filter(name => !optional.includes(name))
  return { type: 'object', properties, required, additionalProperties: false }
}

function port(): Schema {
  return { type: 'integer', minimum: 1, maximum: 65_535 }
}
