/**
 * A small schema language: what a key means, what is allowed, and what holds when it is absent. It reads a document,
 * reporting every fault at once, and it prints the table of the documentation, so the two cannot disagree.
 */
import { type DocumentNode, EMPTY_MAP, type Fault } from './document.ts'
import type { Scalar } from './values.ts'

/** Reads one value. null: it is wrong, and why was added to `faults`. */
export interface Schema<T> {
  read(node: DocumentNode, path: string, faults: Fault[]): { readonly value: T } | null
  /** The rows of the table for this value's own keys; none for a value without keys. */
  rows(path: string): readonly Row[]
  /** What is allowed, in a few words. */
  readonly allowed: string
}

/** One line of the table in the documentation. */
export interface Row {
  readonly key: string
  readonly allowed: string
  readonly fallback: string
  readonly meaning: string
}

/** A key of a map. */
export interface Property<T> {
  readonly schema: Schema<T>
  readonly meaning: string
  /** What holds when the key is absent, and how the table says it; null: the key must be there. */
  readonly fallback: { readonly text: string; value(): T } | null
}

/** A plain value. */
export function value<T>(scalar: Scalar<T>): Schema<T> {
  return {
    allowed: scalar.allowed,
    rows: () => [],
    read: (node, path, faults) => {
      const parsed =
        node.kind === 'scalar' ? scalar.parse(node.value) : { reason: `must be one value, not a ${node.kind}` }
      if ('value' in parsed) return parsed
      faults.push({ path, line: node.line, reason: refusal(node, parsed.reason) })
      return null
    },
  }
}

/** A list of at least `minimum` items. */
export function list<T>(item: Schema<T>, minimum: number): Schema<readonly T[]> {
  return {
    allowed: `list of ${item.allowed}`,
    rows: path => item.rows(`${path}[]`),
    read: (node, path, faults) => {
      if (node.kind !== 'list' || node.items.length < minimum) {
        const reason = minimum > 0 ? `must be a list with at least ${minimum} item` : 'must be a list'
        faults.push({ path, line: node.line, reason })
        return null
      }
      const items = node.items.map((entry, i) => item.read(entry, `${path}[${i}]`, faults))
      const good = items.filter(entry => entry !== null)
      return good.length === items.length ? { value: good.map(entry => entry.value) } : null
    },
  }
}

/**
 * A map with these keys and no others. A key that is absent, or whose section is empty, takes its fallback.
 *
 * @param unavailable keys that are refused with a sentence of their own.
 */
export function object<T extends object>(
  properties: { readonly [K in keyof T]: Property<T[K]> },
  unavailable: Readonly<Record<string, string>> = {},
): Schema<T> {
  const known = Object.entries<Property<unknown>>(properties)
  return {
    allowed: 'map',
    rows: path => known.flatMap(([key, property]) => rowsOf(path === '' ? key : `${path}.${key}`, property)),
    read: (node, path, faults) => {
      const map = node.kind === 'scalar' && node.value === null ? { ...EMPTY_MAP, line: node.line } : node
      if (map.kind !== 'map') {
        faults.push({ path, line: node.line, reason: 'must be a map of keys and values' })
        return null
      }
      const before = faults.length
      const at = (key: string) => (path === '' ? key : `${path}.${key}`)
      for (const [key, entry] of map.entries) {
        if (Object.hasOwn(properties, key)) continue
        const reason = unavailable[key] ?? `is no known key${suggestion(key, Object.keys(properties))}`
        faults.push({ path: at(key), line: entry.line, reason })
      }
      // A key that cannot be used stands for others that are absent because of it.
      if (Object.keys(unavailable).some(key => map.entries.has(key))) return null
      const result = known.map(([key, property]) => [
        key,
        readProperty(map.entries.get(key), property, at(key), map.line, faults),
      ])
      return faults.length === before ? { value: Object.fromEntries(result) as T } : null
    },
  }
}

/** The value, or `null` for "none". */
export function orNull<T>(schema: Schema<T>): Schema<T | null> {
  return {
    allowed: `${schema.allowed}, or null`,
    rows: path => schema.rows(path),
    read: (node, path, faults) =>
      node.kind === 'scalar' && node.value === null ? { value: null } : schema.read(node, path, faults),
  }
}

/** A key that must be there. */
export function required<T>(schema: Schema<T>, meaning: string): Property<T> {
  return { schema, meaning, fallback: null }
}

/** A key with a default; `text` is how the table shows it. */
export function optional<T>(schema: Schema<T>, fallback: T, text: string, meaning: string): Property<T> {
  return { schema, meaning, fallback: { text, value: () => fallback } }
}

/** A section: a map all of whose keys have defaults. */
export function section<T>(schema: Schema<T>): Property<T> {
  const fallback = (): T => {
    const read = schema.read(EMPTY_MAP, '', [])
    if (read === null) throw new TypeError('a section must be readable from nothing')
    return read.value
  }
  return { schema, meaning: '', fallback: { text: '', value: fallback } }
}

function rowsOf(key: string, property: Property<unknown>): readonly Row[] {
  const below = property.schema.rows(key)
  if (below.length > 0) return below
  const { schema, meaning, fallback } = property
  return [{ key, allowed: schema.allowed, fallback: fallback?.text ?? 'required', meaning }]
}

function readProperty(
  node: DocumentNode | undefined,
  property: Property<unknown>,
  path: string,
  line: number,
  faults: Fault[],
): unknown {
  if (node !== undefined) return property.schema.read(node, path, faults)?.value
  if (property.fallback !== null) return property.fallback.value()
  faults.push({ path, line, reason: 'is missing' })
  return undefined
}

function refusal(node: DocumentNode, reason: string): string {
  return node.kind === 'scalar' && node.value !== null ? `${JSON.stringify(node.value)} ${reason}` : reason
}

/** ` (did you mean "x"?)` when a known word is at most two typing errors away. */
export function suggestion(word: string, known: readonly string[]): string {
  const ranked = known
    .map(candidate => ({ candidate, distance: editDistance(word.toLowerCase(), candidate.toLowerCase()) }))
    .filter(({ candidate, distance }) => distance <= Math.min(2, candidate.length - 1))
    .sort((a, b) => a.distance - b.distance)
  const best = ranked[0]
  return best === undefined ? `; the keys here are ${known.join(', ')}` : ` (did you mean "${best.candidate}"?)`
}

/** Levenshtein's distance. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}
