/** Reviews as an API server sends them, and what it would make of the answer. */
import type { FindingSink } from '#src/admission/cluster/findings.ts'
import { RequestFigures } from '#src/admission/figures.ts'
import { type AdmissionNetwork, Webhook } from '#src/admission/webhook.ts'
import { type Fixture, NETWORK } from '../pool/support.ts'

export type Json = Record<string, unknown>

let uids = 0

/** A Service with this spec. */
export function service(name: string, spec: Json = {}, metadata: Json = {}): Json {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default', ...metadata },
    spec: { ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }], sessionAffinity: 'None', ...spec },
  }
}

/** A review of a Service; `request` overrides its fields. */
export function review(object: Json | null, oldObject: Json | null = null, request: Json = {}): Json {
  const metadata = (object?.['metadata'] ?? {}) as Json
  return {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: `705ab4f5-6393-11e8-b7cc-${String(uids++).padStart(12, '0')}`,
      kind: { group: '', version: 'v1', kind: 'Service' },
      resource: { group: '', version: 'v1', resource: 'services' },
      requestKind: { group: '', version: 'v1', kind: 'Service' },
      ...(metadata['name'] === undefined ? {} : { name: metadata['name'] }),
      namespace: 'default',
      operation: oldObject === null ? 'CREATE' : 'UPDATE',
      userInfo: { username: 'admin' },
      object,
      oldObject,
      dryRun: false,
      options: { apiVersion: 'meta.k8s.io/v1', kind: 'CreateOptions' },
      ...request,
    },
  }
}

/** The answer, and the object after its patch. */
export interface Answer {
  readonly response: Json
  readonly patch: readonly { op: string; path: string; value: unknown }[]
  readonly object: Json
}

/** The webhook of an allocator whose network's Services are known. */
export function webhookOf(
  fix: Fixture,
  isKnown: () => boolean = () => true,
  onFinding: FindingSink = () => undefined,
  secondLook: AdmissionNetwork['secondLook'] = null,
): Webhook {
  return new Webhook({
    networks: [{ name: NETWORK, isKnown, secondLook }],
    allocator: fix.allocator,
    figures: new RequestFigures(),
    onFinding,
    now: () => 0,
  })
}

/** Asks, and applies the answer's patch as RFC 6902 says. */
export async function ask(webhook: Webhook, body: Json): Promise<Answer> {
  const answer = (await webhook.review(null, structuredClone(body))) as Json
  const response = answer['response'] as Json
  const patch =
    typeof response['patch'] === 'string' ? JSON.parse(Buffer.from(response['patch'], 'base64').toString()) : []
  const object = structuredClone((body['request'] as Json)['object'] ?? {}) as Json
  for (const step of patch) apply(object, step)
  return { response, patch, object }
}

/** The spec of an answered object. */
export function specOf({ object }: Answer): Json {
  return object['spec'] as Json
}

/** The annotation of an answered object. */
export function annotationOf({ object }: Answer): unknown {
  const metadata = object['metadata'] as { annotations?: Json } | undefined
  return metadata?.annotations?.['fly.io/clusterip-allocator']
}

/** Section 4.1: the parent must exist; a member that exists is replaced. */
function apply(object: Json, { op, path, value }: { op: string; path: string; value: unknown }): void {
  if (op !== 'add') throw new Error(`an operation that is not expected: ${op}`)
  const names = path
    .split('/')
    .slice(1)
    .map(name => name.replaceAll('~1', '/').replaceAll('~0', '~'))
  const last = names.pop()
  let parent = object
  for (const name of names) {
    if (typeof parent[name] !== 'object' || parent[name] === null) throw new Error(`no parent for ${path}`)
    parent = parent[name] as Json
  }
  if (last === undefined) throw new Error('the whole document')
  parent[last] = value
}
