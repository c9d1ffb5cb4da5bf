/** A client of an API server that keeps a few objects in memory: what the parts that write need, and no more. */
import type { KubernetesClient, KubernetesRequest, KubernetesResponse } from '#src/cluster/kubernetes/client.ts'
import { WaypostError } from '#src/errors.ts'
import type { Json } from './support.ts'

type Step = { op: string; path: string; value: unknown }

/** See the top of the file. Objects are kept by their path. */
export class FakeCluster implements KubernetesClient {
  readonly namespace = 'waypost-system'
  readonly objects: Map<string, Json> = new Map()
  /** `METHOD path`, in order. */
  readonly requests: string[] = []
  down = false
  /** Runs before each request is answered: another client may be faster. */
  before: (request: KubernetesRequest) => void = () => undefined
  #version = 1

  get(path: string): Json {
    const object = this.objects.get(path)
    if (object === undefined) throw new Error(`nothing at ${path}`)
    return object
  }

  put(path: string, object: Json): Json {
    const metadata = (object['metadata'] ?? {}) as Json
    const stored = structuredClone({
      ...object,
      metadata: { ...metadata, uid: `uid-${this.#version}`, resourceVersion: String(this.#version++) },
    })
    this.objects.set(path, stored)
    return stored
  }

  async request(request: KubernetesRequest): Promise<KubernetesResponse> {
    await Promise.resolve()
    if (this.down) throw new WaypostError('WAY_INTERNAL', 'no answer')
    this.before(request)
    const { method, path } = request
    this.requests.push(`${method} ${path}`)
    const [status, body] = this.#answer(request)
    return { status, body: structuredClone(body), retryAfterMs: null }
  }

  #answer({ method, path, query, body }: KubernetesRequest): [number, unknown] {
    const present = this.objects.get(path)
    if (method === 'POST') {
      const name = ((body as Json)['metadata'] as Json)['name']
      const place = `${path}/${String(name)}`
      if (this.objects.has(place))
        return [409, { reason: 'AlreadyExists', message: `"${String(name)}" already exists` }]
      return [201, this.put(place, body as Json)]
    }
    if (method === 'GET' && present === undefined) {
      const items = [...this.objects].filter(([at]) => at.startsWith(`${path}/`)).map(([, object]) => object)
      if (items.length === 0 && query === undefined) return [404, { message: 'not found' }]
      return [200, { items: items.filter(item => matches(item, query?.['labelSelector'] ?? '')) }]
    }
    if (present === undefined) return [404, { message: 'not found' }]
    if (method === 'GET') return [200, present]
    if (method === 'DELETE') {
      this.objects.delete(path)
      return [200, { status: 'Success' }]
    }
    if (method === 'PUT') {
      const wanted = ((body as Json)['metadata'] as Json)['resourceVersion']
      if (wanted !== undefined && wanted !== (present['metadata'] as Json)['resourceVersion']) return [409, {}]
      return [200, this.put(path, body as Json)]
    }
    const patched = structuredClone(present)
    for (const step of body as Step[]) if (!apply(patched, step)) return [422, { message: 'test failed' }]
    return [200, this.put(path, patched)]
  }

  stream(): never {
    throw new Error('not asked for here')
  }

  async close(): Promise<void> {
    await Promise.resolve()
  }
}

function matches(item: Json, selector: string): boolean {
  const labels = ((item['metadata'] as Json)['labels'] ?? {}) as Json
  return selector
    .split(',')
    .filter(part => part !== '')
    .every(part => labels[part.split('=')[0] ?? ''] === part.split('=')[1])
}

function apply(object: Json, { op, path, value }: Step): boolean {
  const names = path.split('/').slice(1)
  const last = names.pop() ?? ''
  let parent = object
  for (const name of names) parent = parent[name] as Json
  if (op === 'test') return parent[last] === value
  parent[last] = value
  return true
}
