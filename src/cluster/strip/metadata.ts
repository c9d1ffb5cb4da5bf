/** `metadata` of any object: what Waypost reads of it, with the API server's defaults. */
import type { ObjectKey } from '../objects.ts'
import type { Faults } from './faults.ts'
import { type Fields, objectAt, textAt } from './fields.ts'
import { detach, type Interner } from './intern.ts'
import {
  isLabel1123,
  isLabelValue,
  isQualifiedName,
  MUST_BE_LABEL_1123,
  MUST_BE_LABEL_VALUE,
  MUST_BE_QUALIFIED_NAME,
} from './rules.ts'

/** The parts of `metadata` that some kind of object needs. */
export interface Metadata {
  readonly namespace: string
  readonly name: string
  /** `namespace/name`. */
  readonly key: ObjectKey
  /** Label and annotation values are texts, checked. */
  readonly labels: Fields
  readonly annotations: Fields
  /** Set by the API server, or null. */
  readonly uid: string | null
  /** Milliseconds since the epoch. */
  readonly created: number | null
  /** Whether a deletionTimestamp is set. */
  readonly terminating: boolean
}

const RFC_3339 = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[-+]\d\d:\d\d)$/

/**
 * Reads `metadata` of a namespaced object. A missing namespace is `default`, as kubectl has it.
 *
 * @param isName the name's syntax rule, and `mustBe` its words
 */
export function readMetadata(
  object: Fields,
  isName: (text: string) => boolean,
  mustBe: string,
  interner: Interner,
  faults: Faults,
): Metadata {
  const metadata = objectAt(object, 'metadata', '', faults)
  const name = textAt(metadata, 'name', 'metadata', faults) ?? ''
  if (name !== '') {
    if (!isName(name)) faults.invalid('metadata.name', name, mustBe)
  } else if (!metadata['name']) {
    faults.required('metadata.name', 'name is required')
  }
  const written = textAt(metadata, 'namespace', 'metadata', faults)
  const namespace = interner.string(written === null || written === '' ? 'default' : written)
  if (!isLabel1123(namespace)) faults.invalid('metadata.namespace', namespace, MUST_BE_LABEL_1123)
  const key = detach(`${namespace}/${name}`)
  return {
    namespace,
    name: key.slice(namespace.length + 1),
    key,
    labels: labelsAt(metadata, 'labels', 'metadata', faults),
    annotations: textsAt(metadata, 'annotations', 'metadata', faults),
    uid: textAt(metadata, 'uid', 'metadata', faults) || null,
    created: timeAt(metadata, 'creationTimestamp', faults),
    terminating: timeAt(metadata, 'deletionTimestamp', faults) !== null,
  }
}

/** The labels or the selector at `fields[name]`. */
export function labelsAt(fields: Fields, name: string, path: string, faults: Faults): Fields {
  const labels = textsAt(fields, name, path, faults)
  for (const key in labels) {
    const value = textOf(labels[key])
    if (!isLabelValue(value)) faults.invalid(`${path}.${name}.${key}`, value, MUST_BE_LABEL_VALUE)
  }
  return labels
}

/** The object at `fields[name]`, whose values must all be texts under qualified names. */
function textsAt(fields: Fields, name: string, path: string, faults: Faults): Fields {
  const texts = objectAt(fields, name, path, faults)
  for (const key in texts) {
    if (!isQualifiedName(key)) faults.invalid(`${path}.${name}`, key, MUST_BE_QUALIFIED_NAME)
    const value = texts[key]
    if (typeof value !== 'string' && value !== null) faults.invalid(`${path}.${name}.${key}`, value, 'must be a string')
  }
  return texts
}

/** A copy of checked texts that keeps nothing of the parsed file; a null value is '' as in the API server. */
export function internTexts(texts: Fields, interner: Interner): Record<string, string> {
  const copy: Record<string, string> = {}
  for (const key in texts) copy[interner.string(key)] = interner.string(textOf(texts[key]))
  return copy
}

/** The label or annotation, or null when it is not there. */
export function textOrNull(texts: Fields, key: string): string | null {
  return Object.hasOwn(texts, key) ? textOf(texts[key]) : null
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function timeAt(metadata: Fields, name: string, faults: Faults): number | null {
  const text = textAt(metadata, name, 'metadata', faults)
  if (text === null || text === '') return null
  const time = RFC_3339.test(text) ? Date.parse(text) : Number.NaN
  if (!Number.isNaN(time)) return time
  faults.invalid(`metadata.${name}`, text, 'must be a time as RFC 3339 writes it (e.g. 2026-11-20T08:00:00Z)')
  return null
}
