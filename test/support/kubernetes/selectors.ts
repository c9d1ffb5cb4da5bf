/** Label and field selectors, and what of an object a selector sees. */
import type { Obj } from './objects.ts'

/** Whether a list or watch sees the object. */
export type Filter = (object: Obj) => boolean

export function filterOf(namespace: string | null, query: URLSearchParams): Filter {
  const labels = clauses(query.get('labelSelector') ?? '').map(labelClause)
  const fields = clauses(query.get('fieldSelector') ?? '').map(fieldClause)
  const isHere: Filter = object => namespace === null || object.metadata.namespace === namespace
  return object => [isHere, ...labels, ...fields].every(filter => filter(object))
}

/** Split at the commas that stand outside of parentheses. */
function clauses(text: string): string[] {
  return text
    .split(/,(?![^(]*\))/)
    .map(part => part.trim())
    .filter(part => part !== '')
}

function labelClause(text: string): Filter {
  const set = /^(\S+) (in|notin) \(([^)]*)\)$/.exec(text)
  if (set !== null) {
    const values = (set[3] ?? '').split(',').map(value => value.trim())
    const isIn: Filter = object => values.includes(object.metadata.labels?.[set[1] ?? ''] ?? '\0')
    return set[2] === 'in' ? isIn : object => !isIn(object)
  }
  const equal = /^([^=!]+)(==|=|!=)(.*)$/.exec(text)
  if (equal !== null) {
    const isEqual: Filter = object => object.metadata.labels?.[equal[1] ?? ''] === equal[3]
    return equal[2] === '!=' ? object => !isEqual(object) : isEqual
  }
  if (text.startsWith('!')) return object => object.metadata.labels?.[text.slice(1)] === undefined
  return object => object.metadata.labels?.[text] !== undefined
}

/** `metadata.name=x` and other paths with a text at their end. */
function fieldClause(text: string): Filter {
  const [, path = '', operator, wanted] = /^([^=!]+)(==|=|!=)(.*)$/.exec(text) ?? []
  return object => {
    let value: unknown = object
    for (const key of path.split('.')) value = (value as Record<string, unknown> | undefined)?.[key]
    return (String(value ?? '') === wanted) === (operator !== '!=')
  }
}
