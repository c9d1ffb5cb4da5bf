/** The few resources of an API server that the status writes, in memory, with faults on demand. */
import type {
  KubernetesClient,
  KubernetesRequest,
  KubernetesResponse,
  KubernetesStream,
} from '#src/cluster/kubernetes/client.ts'
import { WaypostError } from '#src/errors.ts'

export interface FakeService {
  uid: string
  annotations: Record<string, string>
}

type Json = Record<string, unknown>

const LEASES = /^\/apis\/coordination\.k8s\.io\/v1\/namespaces\/([^/]+)\/leases(?:\/([^/]+))?$/
const SERVICE = /^\/api\/v1\/namespaces\/([^/]+)\/services\/([^/]+)$/
const EVENTS = /^\/apis\/events\.k8s\.io\/v1\/namespaces\/([^/]+)\/events(?:\/([^/]+))?$/
const SYNC_VERSION = 'service.fly.io/sync-version'

export class FakeApi {
  readonly leases: Map<string, Json> = new Map()
  readonly services: Map<string, FakeService> = new Map()
  readonly events: Map<string, Json> = new Map()
  /** Every request that arrived, also those that were answered with a fault. */
  readonly requests: KubernetesRequest[] = []
  /** Answers in place of the server; null: the server itself does. */
  fault: (request: KubernetesRequest) => KubernetesResponse | null = () => null
  /** Called when a Service was written: a watch would see it. */
  onWrite: (key: string, service: FakeService) => void = () => undefined
  #version = 1

  /** A client of it, as one process has it; `reach` says what becomes of its requests on the way. */
  client(reach: () => 'through' | 'refused' | 'silence' = () => 'through'): KubernetesClient {
    return {
      namespace: 'waypost',
      request: async request => {
        if (reach() === 'silence') return await new Promise<never>(() => undefined)
        if (reach() === 'refused') throw new WaypostError('WAY_INTERNAL', 'connect ECONNREFUSED')
        await Promise.resolve()
        this.requests.push(request)
        return this.fault(request) ?? this.#answer(request)
      },
      stream: (): Promise<KubernetesStream> => Promise.reject(new Error('the status streams nothing')),
      close: () => Promise.resolve(),
    }
  }

  /** Requests that wrote a Service. */
  get writes(): readonly KubernetesRequest[] {
    return this.requests.filter(request => SERVICE.test(request.path))
  }

  syncVersion(key: string): string | null {
    return this.services.get(key)?.annotations[SYNC_VERSION] ?? null
  }

  /** `holderIdentity` of the only Lease. */
  get holder(): unknown {
    const [lease] = this.leases.values()
    return (lease?.['spec'] as Json | undefined)?.['holderIdentity']
  }

  #answer(request: KubernetesRequest): KubernetesResponse {
    const lease = LEASES.exec(request.path)
    if (lease !== null) return this.#lease(request, `${lease[1]}/${lease[2] ?? nameOf(request.body)}`)
    const service = SERVICE.exec(request.path)
    if (service !== null) return this.#service(request, `${service[1]}/${service[2]}`)
    const event = EVENTS.exec(request.path)
    if (event !== null) return this.#event(request, `${event[1]}/${event[2] ?? nameOf(request.body)}`)
    return status(404, 'the server could not find the requested resource')
  }

  #lease({ method, body }: KubernetesRequest, key: string): KubernetesResponse {
    const stored = this.leases.get(key)
    if (method === 'GET') return stored === undefined ? status(404, 'not found') : ok(stored)
    if (method === 'POST' && stored !== undefined) return status(409, 'already exists')
    if (method === 'PUT' && stored === undefined) return status(404, 'not found')
    const metadata = (body as Json)['metadata'] as Json
    if (method === 'PUT' && metadata['resourceVersion'] !== versionOf(stored)) {
      return status(409, 'the object has been modified; please apply your changes to the latest version and try again')
    }
    const next = { ...(body as Json), metadata: { ...metadata, resourceVersion: String(this.#version++) } }
    this.leases.set(key, next)
    return ok(next)
  }

  #service({ body, contentType, method, query }: KubernetesRequest, key: string): KubernetesResponse {
    const stored = this.services.get(key)
    if (method === 'GET') return stored === undefined ? status(404, 'not found') : ok({ metadata: { uid: stored.uid } })
    const metadata = (body as Json)['metadata'] as Json
    const uid = metadata['uid']
    const isApply = contentType === 'application/apply-patch+yaml'
    if (isApply && query?.['fieldManager'] === undefined) return status(400, 'fieldManager is required for apply patch')
    if (stored === undefined) {
      return isApply && uid !== undefined
        ? status(409, `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`)
        : status(404, 'not found')
    }
    if (uid !== undefined && uid !== stored.uid) {
      return status(422, `metadata.uid: Invalid value: "${uid}": field is immutable`)
    }
    for (const [name, value] of Object.entries(metadata['annotations'] as Json)) {
      if (value === null) delete stored.annotations[name]
      else stored.annotations[name] = String(value)
    }
    this.onWrite(key, stored)
    return ok({ metadata: { ...metadata, annotations: { ...stored.annotations } } })
  }

  #event({ method, body }: KubernetesRequest, key: string): KubernetesResponse {
    const stored = this.events.get(key)
    if (method === 'POST') {
      if (stored !== undefined) return status(409, 'already exists')
      this.events.set(key, structuredClone(body) as Json)
      return ok(body)
    }
    if (stored === undefined) return status(404, 'not found')
    Object.assign(stored, structuredClone(body))
    return ok(stored)
  }
}

export function status(code: number, message: string, retryAfterMs: number | null = null): KubernetesResponse {
  return { status: code, body: { kind: 'Status', apiVersion: 'v1', status: 'Failure', message, code }, retryAfterMs }
}

function ok(body: unknown): KubernetesResponse {
  return { status: 200, body: structuredClone(body), retryAfterMs: null }
}

function versionOf(object: Json | undefined): unknown {
  return ((object?.['metadata'] ?? {}) as Json)['resourceVersion']
}

function nameOf(body: unknown): string {
  return String(((body as Json)['metadata'] as Json)['name'])
}
