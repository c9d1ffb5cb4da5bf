/** The kinds of PATCH, as far as tests need them: lists are replaced whole. */
import { Refusal } from './status.ts'

export type Json = Record<string, unknown>

export function isMap(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** RFC 7396, also for strategic merge patches. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isMap(patch)) return patch
  const result: Json = isMap(target) ? { ...target } : {}
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key]
    else result[key] = mergePatch(result[key], value)
  }
  return result
}

interface Operation {
  readonly op: 'add' | 'replace' | 'remove' | 'test'
  readonly path: string
  readonly value?: unknown
}

/** RFC 6902 without move and copy. */
export function jsonPatch(target: unknown, operations: readonly Operation[]): unknown {
  const root: Json = { '': structuredClone(target) }
  for (const { op, path, value } of operations) {
    const keys = path.split('/').map(key => key.replaceAll('~1', '/').replaceAll('~0', '~'))
    const last = keys.pop() ?? ''
    let parent: unknown = root
    for (const key of keys) parent = isMap(parent) || Array.isArray(parent) ? (parent as Json)[key] : undefined
    if (!isMap(parent) && !Array.isArray(parent)) throw new Refusal(422, 'Invalid', `the path ${path} does not exist`)
    const holder = parent as Json
    if (op === 'test') {
      if (JSON.stringify(holder[last]) !== JSON.stringify(value))
        throw new Refusal(422, 'Invalid', `test of ${path} failed`)
    } else if (op === 'remove') {
      if (!(last in holder)) throw new Refusal(422, 'Invalid', `the path ${path} does not exist`)
      if (Array.isArray(parent)) parent.splice(Number(last), 1)
      else delete holder[last]
    } else if (Array.isArray(parent) && op === 'add')
      parent.splice(last === '-' ? parent.length : Number(last), 0, value)
    else holder[last] = value
  }
  return root['']
}

/** Which manager applied which leaf, by the leaf's path as JSON. */
export type Owners = Map<string, string>

/**
 * Server-side apply: leaves that the manager applied before and no longer names go away, leaves of other managers
 * conflict unless `force`.
 */
export function apply(target: unknown, patch: unknown, manager: string, owners: Owners, force: boolean): unknown {
  const leaves = new Map(leavesOf(patch, []))
  const result = structuredClone(target ?? {}) as Json
  for (const [path, owner] of owners) {
    if (owner === manager && !leaves.has(path)) {
      setAt(result, JSON.parse(path) as string[], undefined)
      owners.delete(path)
    }
  }
  const conflicts = [...leaves].filter(([path, value]) => {
    const owner = owners.get(path)
    const isSame = JSON.stringify(getAt(target, JSON.parse(path) as string[])) === JSON.stringify(value)
    return owner !== undefined && owner !== manager && !isSame
  })
  if (conflicts.length > 0 && !force) {
    const where = conflicts.map(([path]) => `.${(JSON.parse(path) as string[]).join('.')}`).join(', ')
    const plural = conflicts.length === 1 ? '1 conflict' : `${conflicts.length} conflicts`
    throw new Refusal(409, 'Conflict', `Apply failed with ${plural}: ${where}`)
  }
  for (const [path, value] of leaves) {
    setAt(result, JSON.parse(path) as string[], value)
    owners.set(path, manager)
  }
  return result
}

const IDENTITY = [
  'apiVersion',
  'kind',
  'metadata.name',
  'metadata.namespace',
  'metadata.resourceVersion',
  'metadata.uid',
]

function leavesOf(value: unknown, path: readonly string[]): [path: string, value: unknown][] {
  if (IDENTITY.includes(path.join('.'))) return []
  if (!isMap(value)) return [[JSON.stringify(path), value]]
  return Object.entries(value).flatMap(([key, part]) => leavesOf(part, [...path, key]))
}

function getAt(target: unknown, path: readonly string[]): unknown {
  let value = target
  for (const key of path) value = isMap(value) ? value[key] : undefined
  return value
}

function setAt(target: Json, path: readonly string[], value: unknown): void {
  let holder = target
  for (const key of path.slice(0, -1)) {
    const next = isMap(holder[key]) ? (holder[key] as Json) : {}
    holder[key] = next
    holder = next
  }
  const last = path.at(-1) ?? ''
  if (value === undefined) delete holder[last]
  else holder[last] = value
}
