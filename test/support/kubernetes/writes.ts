/** POST, PUT, PATCH and DELETE, with `dryRun`, preconditions and field managers. */
import { isObject, type Obj, type ObjectStore } from './objects.ts'
import { apply, jsonPatch, mergePatch } from './patch.ts'
import type { Resource, Target } from './resources.ts'
import { Refusal } from './status.ts'

interface WriteRequest {
  readonly method: string
  readonly query: URLSearchParams
  readonly headers: { readonly 'content-type'?: string | undefined }
  readonly body: unknown
}

interface Written {
  readonly status: number
  readonly object: unknown
}

/** Does what a request asks. @throws Refusal */
export function write(store: ObjectStore, request: WriteRequest, target: Target): Written {
  const { resource, namespace, name } = target
  const dryRun = request.query.get('dryRun') === 'All'
  const { method, body } = request
  if (method === 'POST' && name === null) {
    if (!isObject(body)) throw new Refusal(400, 'BadRequest', 'the body is no object')
    return { status: 201, object: store.create(resource, namespace, body, dryRun) }
  }
  if (name === null) throw new Refusal(405, 'MethodNotAllowed', 'the server does not allow this method')
  if (method === 'DELETE') {
    const conditions = (body as { preconditions?: object } | undefined)?.preconditions ?? {}
    return { status: 200, object: store.delete(resource, namespace, name, conditions, dryRun) }
  }
  if (method === 'PATCH') return patch(store, request, target, name, dryRun)
  if (method !== 'PUT' || !isObject(body)) throw new Refusal(400, 'BadRequest', 'the body is no object')
  return { status: 200, object: store.update(resource, namespace, name, body, dryRun) }
}

function patch(
  store: ObjectStore,
  request: WriteRequest,
  { resource, namespace }: Target,
  name: string,
  dryRun: boolean,
): Written {
  const type = String(request.headers['content-type'])
  const before = store.get(resource, namespace, name)
  const isApply = type.startsWith('application/apply-patch')
  if (before === null && !isApply) throw new Refusal(404, 'NotFound', `${resource.plural} "${name}" not found`)
  const next = isApply
    ? applied(store, request, resource, namespace, name, before)
    : type.startsWith('application/json-patch')
      ? jsonPatch(before, request.body as Parameters<typeof jsonPatch>[1])
      : mergePatch(before, request.body)
  if (!isObject(next)) throw new Refusal(422, 'Invalid', 'the patch leaves no object')
  if (before === null) return { status: 201, object: store.create(resource, namespace, next, dryRun) }
  return { status: 200, object: store.update(resource, namespace, name, next, dryRun) }
}

function applied(
  store: ObjectStore,
  request: WriteRequest,
  resource: Resource,
  namespace: string | null,
  name: string,
  before: Obj | null,
): unknown {
  const manager = request.query.get('fieldManager') ?? ''
  if (manager === '')
    throw new Refusal(400, 'BadRequest', 'metadata.fieldManager: Required value: is required for apply patch')
  const owners = store.owners(resource, namespace, name)
  const base = before ?? { metadata: { name } }
  return apply(base, request.body, manager, owners, request.query.get('force') === 'true')
}
