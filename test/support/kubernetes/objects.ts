/** What the fake API server holds: objects by resource, one counter of versions, and the events of all that changed. */
import { randomUUID } from 'node:crypto'
import { isMap, type Json, type Owners } from './patch.ts'
import { apiVersionOf, type Resource } from './resources.ts'
import { Refusal } from './status.ts'

export interface Metadata {
  name: string
  namespace?: string
  generateName?: string
  uid?: string
  resourceVersion?: string
  labels?: Record<string, string>
  annotations?: Record<string, string>
  finalizers?: string[]
  deletionTimestamp?: string
  [key: string]: unknown
}

export type Obj = Json & { metadata: Metadata }

/** One change. `before` is null for what is new, `after` for what is gone. */
export interface StoreEvent {
  readonly version: number
  readonly resource: Resource
  readonly before: Obj | null
  readonly after: Obj | null
}

/** What an object may still have to pass before it is stored, such as the addresses of a Service. */
export interface Rule {
  readonly resource: Resource
  /** Gives the object to store. @throws Refusal */
  admit(next: Obj, before: Obj | null, dryRun: boolean): Obj
  removed(object: Obj): void
}

interface Conditions {
  readonly uid?: string
  readonly resourceVersion?: string
}

export class ObjectStore {
  /** Events of all that changed since the last compaction. */
  readonly events: StoreEvent[] = []
  readonly rules: Rule[] = []
  readonly #tables = new Map<Resource, Map<string, Obj>>()
  readonly #owners = new Map<string, Owners>()
  #version = 100
  #compacted = 0
  #listeners = new Set<(event: StoreEvent) => void>()

  get version(): number {
    return this.#version
  }

  /** Versions below this one are forgotten. */
  get compacted(): number {
    return this.#compacted
  }

  /** Forgets all events so far, as etcd's compaction does. */
  compact(): void {
    this.#compacted = ++this.#version
    this.events.length = 0
  }

  /** As from a backup: versions begin again behind this one, and nothing of before is remembered but the objects of before. */
  restore(version: number): void {
    this.#version = version
    this.#compacted = version
    this.events.length = 0
    for (const table of this.#tables.values()) {
      for (const [key, object] of table) if (Number(object.metadata.resourceVersion) > version) table.delete(key)
    }
  }

  listen(listener: (event: StoreEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** All objects of a resource, by namespace and name. */
  list(resource: Resource): Obj[] {
    const table = [...this.#table(resource)].sort(([a], [b]) => (a < b ? -1 : 1))
    return table.map(([, object]) => object)
  }

  get(resource: Resource, namespace: string | null, name: string): Obj | null {
    return this.#table(resource).get(keyOf(namespace, name)) ?? null
  }

  /** Leaves that server-side apply gave managers, of one object. */
  owners(resource: Resource, namespace: string | null, name: string): Owners {
    const key = `${resource.plural} ${keyOf(namespace, name)}`
    const owners = this.#owners.get(key) ?? new Map<string, string>()
    this.#owners.set(key, owners)
    return owners
  }

  /** @throws Refusal AlreadyExists, or what a rule says */
  create(resource: Resource, namespace: string | null, input: Obj, dryRun = false): Obj {
    const metadata: Metadata = { ...input.metadata }
    if (!metadata.name && metadata.generateName) metadata.name = metadata.generateName + randomUUID().slice(0, 5)
    if (!metadata.name)
      throw new Refusal(
        422,
        'Invalid',
        `${resource.kind} "" is invalid: metadata.name: Required value: name or generateName is required`,
      )
    if (resource.namespaced) metadata.namespace = namespace ?? metadata.namespace ?? 'default'
    const scope = resource.namespaced ? (metadata.namespace ?? null) : null
    if (this.get(resource, scope, metadata.name) !== null) {
      throw new Refusal(409, 'AlreadyExists', `${resource.plural} "${metadata.name}" already exists`)
    }
    metadata.uid = randomUUID()
    metadata['creationTimestamp'] = new Date().toISOString().replace(/\.\d+/, '')
    const object: Obj = { apiVersion: apiVersionOf(resource), kind: resource.kind, ...input, metadata }
    return this.#put(resource, null, object, dryRun)
  }

  /** Replaces an object. @throws Refusal NotFound, or Conflict when it names another resourceVersion or uid */
  update(resource: Resource, namespace: string | null, name: string, next: Obj, dryRun = false): Obj {
    const before = this.#need(resource, namespace, name)
    this.#checkConditions(resource, before, next.metadata)
    const { uid, creationTimestamp, deletionTimestamp } = before.metadata
    const kept = { name, uid, creationTimestamp, ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }) }
    const scope = resource.namespaced ? { namespace: namespace ?? 'default' } : {}
    const metadata = { ...next.metadata, ...scope, ...kept } as Metadata
    const object: Obj = { ...next, apiVersion: apiVersionOf(resource), kind: resource.kind, metadata }
    const isFinalized = deletionTimestamp !== undefined && (metadata.finalizers ?? []).length === 0
    if (isFinalized && !dryRun) return this.#remove(resource, object)
    return this.#put(resource, before, object, dryRun)
  }

  /** @throws Refusal NotFound, Conflict */
  delete(resource: Resource, namespace: string | null, name: string, conditions: Conditions = {}, dryRun = false): Obj {
    const before = this.#need(resource, namespace, name)
    this.#checkConditions(resource, before, conditions)
    if (dryRun) return before
    if ((before.metadata.finalizers ?? []).length === 0) return this.#remove(resource, before)
    const metadata = { ...before.metadata, deletionTimestamp: new Date().toISOString() }
    return this.#put(resource, before, { ...before, metadata }, false)
  }

  #put(resource: Resource, before: Obj | null, input: Obj, dryRun: boolean): Obj {
    let object = input
    for (const rule of this.rules) if (rule.resource === resource) object = rule.admit(object, before, dryRun)
    if (before !== null && sameContent(before, object)) return before
    if (dryRun) return object
    const version = ++this.#version
    const after = { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } }
    this.#table(resource).set(keyOf(after.metadata.namespace ?? null, after.metadata.name), after)
    this.#emit({ version, resource, before, after })
    return after
  }

  #remove(resource: Resource, object: Obj): Obj {
    const { namespace, name } = object.metadata
    const before = this.#need(resource, namespace ?? null, name)
    this.#table(resource).delete(keyOf(namespace ?? null, name))
    this.#owners.delete(`${resource.plural} ${keyOf(namespace ?? null, name)}`)
    const version = ++this.#version
    const last = { ...before, metadata: { ...before.metadata, resourceVersion: String(version) } }
    this.#emit({ version, resource, before: last, after: null })
    for (const rule of this.rules) if (rule.resource === resource) rule.removed(before)
    return last
  }

  #emit(event: StoreEvent): void {
    this.events.push(event)
    for (const listener of this.#listeners) listener(event)
  }

  #need(resource: Resource, namespace: string | null, name: string): Obj {
    const object = this.get(resource, namespace, name)
    if (object === null) throw new Refusal(404, 'NotFound', `${resource.plural} "${name}" not found`)
    return object
  }

  #checkConditions(resource: Resource, before: Obj, { uid, resourceVersion }: Conditions): void {
    const { metadata } = before
    const isOther = (asked: string | undefined, present: unknown): boolean => Boolean(asked) && asked !== present
    if (!isOther(uid, metadata.uid) && !isOther(resourceVersion, metadata.resourceVersion)) return
    const message = `Operation cannot be fulfilled on ${resource.plural} "${metadata.name}": the object has been modified; please apply your changes to the latest version and try again`
    throw new Refusal(409, 'Conflict', message)
  }

  #table(resource: Resource): Map<string, Obj> {
    const table = this.#tables.get(resource) ?? new Map<string, Obj>()
    this.#tables.set(resource, table)
    return table
  }
}

/** Whether a body is an object with metadata; everything else is refused before it comes here. */
export function isObject(value: unknown): value is Obj {
  return isMap(value) && isMap(value['metadata'])
}

function keyOf(namespace: string | null, name: string): string {
  return `${namespace ?? ''}/${name}`
}

function sameContent(a: Obj, b: Obj): boolean {
  const text = ({ metadata, ...rest }: Obj): string =>
    JSON.stringify([{ ...metadata, resourceVersion: '' }, rest], sorted)
  return text(a) === text(b)
}

/** Keys in one order. */
function sorted(_key: string, value: unknown): unknown {
  return isMap(value) ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) : value
}
