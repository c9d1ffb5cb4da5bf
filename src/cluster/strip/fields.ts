/**
 * Typed reading of an unknown JSON value. A field that is absent or null reads as null; a field of another type is a
 * fault and reads as null too, so that all faults of an object are found in one pass. Nothing is converted: a number
 * where a text belongs is refused, as the API server does.
 */
import type { Faults } from './faults.ts'

/** A JSON object. */
export type Fields = Readonly<Record<string, unknown>>

const NO_FIELDS: Fields = Object.freeze({})
const NO_ITEMS: readonly unknown[] = Object.freeze([])

/** Whether the value is a JSON object. */
export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The object at `fields[name]`; an empty one when absent. */
export function objectAt(fields: Fields, name: string, path: string, faults: Faults): Fields {
  const value = fields[name]
  if (value === undefined || value === null) return NO_FIELDS
  if (isFields(value)) return value
  faults.invalid(join(path, name), value, 'must be an object')
  return NO_FIELDS
}

/** The array at `fields[name]`; an empty one when absent. */
export function arrayAt(fields: Fields, name: string, path: string, faults: Faults): readonly unknown[] {
  const value = fields[name]
  if (value === undefined || value === null) return NO_ITEMS
  if (Array.isArray(value)) return value
  faults.invalid(join(path, name), value, 'must be an array')
  return NO_ITEMS
}

/** The text at `fields[name]`; '' stays ''. */
export function textAt(fields: Fields, name: string, path: string, faults: Faults): string | null {
  const value = fields[name]
  if (typeof value === 'string') return value
  if (value !== undefined && value !== null) faults.invalid(join(path, name), value, 'must be a string')
  return null
}

/** The boolean at `fields[name]`. */
export function booleanAt(fields: Fields, name: string, path: string, faults: Faults): boolean | null {
  const value = fields[name]
  if (typeof value === 'boolean') return value
  if (value !== undefined && value !== null) faults.invalid(join(path, name), value, 'must be a boolean')
  return null
}

/** The whole number at `fields[name]`. */
export function integerAt(fields: Fields, name: string, path: string, faults: Faults): number | null {
  const value = fields[name]
  if (typeof value === 'number' && Number.isInteger(value)) return value
  if (value !== undefined && value !== null) faults.invalid(join(path, name), value, 'must be an integer')
  return null
}

/** One of `allowed` at `fields[name]`; absent, null and '' are null. */
export function choiceAt<T extends string>(
  fields: Fields,
  name: string,
  path: string,
  allowed: readonly T[],
  faults: Faults,
): T | null {
  const value = fields[name]
  if (value === undefined || value === null || value === '') return null
  const index = allowed.indexOf(value as T)
  if (index >= 0) return allowed[index] as T
  faults.notSupported(join(path, name), value, [...allowed].sort())
  return null
}

/** The path of a field of the object at `path`. */
export function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`
}
