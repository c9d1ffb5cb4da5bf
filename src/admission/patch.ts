/** JSON Patch (RFC 6902) as far as a Service needs it: members are added, and `add` replaces one that is there. */
import type { Address } from '../ip/address.ts'
import { formatAddress } from '../ip/address.ts'

/** One step. */
export interface Operation {
  readonly op: 'add'
  /** JSON Pointer (RFC 6901). */
  readonly path: string
  readonly value: unknown
}

/** The annotation that says who chose the address. */
export const ANNOTATION = 'fly.io/clusterip-allocator'
/** Its value. */
export const CONFIGURED = 'configured'

/** What is to be set on a Service; absent: stays as it is. */
export interface Change {
  /** Texts, the first of which is `clusterIP` too. */
  readonly clusterIPs?: readonly string[]
  readonly ipFamilies?: readonly string[]
  readonly ipFamilyPolicy?: string
  /** Whether the annotation is to be there. */
  readonly annotate?: boolean
}

/** The texts of addresses, for {@link Change}. */
export function textsOf(addresses: readonly Address[]): readonly string[] {
  return addresses.map(address => formatAddress(address))
}

/** The steps that make a change on an object; none for what is so already. */
export function patchService(object: Readonly<Record<string, unknown>>, change: Change): readonly Operation[] {
  const { clusterIPs, ipFamilies, ipFamilyPolicy, annotate } = change
  const fields: Record<string, unknown> = {
    ...(clusterIPs === undefined ? {} : { clusterIP: clusterIPs[0], clusterIPs }),
    ...(ipFamilies === undefined ? {} : { ipFamilies }),
    ...(ipFamilyPolicy === undefined ? {} : { ipFamilyPolicy }),
  }
  const patch = addMembers(object, ['spec'], fields)
  if (annotate !== true) return patch
  return [...patch, ...addMembers(object, ['metadata', 'annotations'], { [ANNOTATION]: CONFIGURED })]
}

/** The patch as the answer holds it: JSON in base64. */
export function patchText(patch: readonly Operation[]): string {
  return Buffer.from(JSON.stringify(patch)).toString('base64')
}

/** Adds members to the object at a path. RFC 6902 makes no parents, so a missing one is added with all that is in it. */
function addMembers(
  object: Readonly<Record<string, unknown>>,
  path: readonly string[],
  members: Readonly<Record<string, unknown>>,
): readonly Operation[] {
  let parent: Readonly<Record<string, unknown>> = object
  for (const [depth, name] of path.entries()) {
    const child = Object.hasOwn(parent, name) ? parent[name] : undefined
    if (typeof child === 'object' && child !== null) {
      parent = child as Readonly<Record<string, unknown>>
      continue
    }
    if (Object.keys(members).length === 0) return []
    const value = path.slice(depth + 1).reduceRight<unknown>((inner, key) => ({ [key]: inner }), members)
    return [{ op: 'add', path: pointer(path.slice(0, depth + 1)), value }]
  }
  const changed = Object.entries(members).filter(([name, value]) => !isEqual(parent[name], value))
  return changed.map(([name, value]) => ({ op: 'add', path: pointer([...path, name]), value }))
}

/** RFC 6901 section 3: `~` is `~0` and `/` is `~1`. */
function pointer(path: readonly string[]): string {
  return path.map(name => `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}

function isEqual(a: unknown, b: unknown): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b)
}
