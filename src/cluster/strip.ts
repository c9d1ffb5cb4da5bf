/**
 * The door: an unknown JSON value, as a manifest or the API server has it, becomes one of the few object kinds that
 * Waypost keeps, stripped to what is used. Objects get the API server's defaults and are held to those of its rules
 * that matter here. One fault does not hide another.
 */
import type { ClusterObject, Namespace, Origin } from './objects.ts'
import { type Fault, Faults } from './strip/faults.ts'
import { type Fields, isFields } from './strip/fields.ts'
import { Interner } from './strip/intern.ts'
import { readMetadata, textOrNull } from './strip/metadata.ts'
import { stripPod } from './strip/pod.ts'
import { isLabel1123, MUST_BE_LABEL_1123 } from './strip/rules.ts'
import { stripService } from './strip/service.ts'
import { stripSlice } from './strip/slice.ts'

export { type Fault, Interner }

/** What became of a value. */
export type Stripped =
  /** An object; `faults` are of parts that were left out of it (endpoints of a slice, the app of a Namespace). */
  | { readonly outcome: 'object'; readonly object: ClusterObject; readonly faults: readonly Fault[] }
  /** An object of a kind that Waypost has no use for. */
  | { readonly outcome: 'ignored' }
  /** No valid object. */
  | { readonly outcome: 'refused'; readonly faults: readonly Fault[] }

const APP = 'fly.io/app'
const IGNORED: Stripped = { outcome: 'ignored' }

/**
 * Strips one object.
 *
 * @param origin where it was read, kept in the object for messages
 * @param interner one per source: what objects share is held once
 */
export function stripObject(value: unknown, origin: Origin, interner: Interner): Stripped {
  if (!isFields(value)) {
    return { outcome: 'refused', faults: [{ field: '', message: 'must be an object with apiVersion and kind' }] }
  }
  const faults = new Faults()
  const { apiVersion, kind } = value
  if (typeof apiVersion !== 'string' || apiVersion === '') faults.required('apiVersion')
  if (typeof kind !== 'string' || kind === '') faults.required('kind')
  if (faults.list.length > 0) return { outcome: 'refused', faults: faults.list }
  switch (`${apiVersion} ${kind}`) {
    case 'v1 Service':
      return result(stripService(value, origin, interner, faults), faults)
    case 'discovery.k8s.io/v1 EndpointSlice': {
      const { slice, leftOut } = stripSlice(value, origin, interner, faults)
      return result(slice, faults, leftOut)
    }
    case 'v1 Pod':
      return result(stripPod(value, origin, interner, faults), faults)
    case 'v1 Namespace':
      return stripNamespace(value, origin, interner, faults)
    default:
      return IGNORED
  }
}

/**
 * The items of a `List`, or of a typed list such as `ServiceList` whose items leave out apiVersion and kind; null when
 * the value is no list.
 */
export function listItems(value: unknown): readonly unknown[] | null {
  if (!isFields(value)) return null
  const { apiVersion, kind, items } = value
  if (typeof kind !== 'string' || !kind.endsWith('List') || !Array.isArray(items)) return null
  if (kind === 'List') return items
  const itemKind = kind.slice(0, -'List'.length)
  return items.map(item => (isFields(item) ? { apiVersion, kind: itemKind, ...item } : item))
}

/** `Service default/kuard`, as far as the value says: how messages name an object. */
export function describeObject(value: unknown): string {
  if (!isFields(value)) return 'document'
  const kind = typeof value['kind'] === 'string' ? value['kind'] : 'object'
  const metadata = isFields(value['metadata']) ? value['metadata'] : {}
  const name = metadata['name']
  if (typeof name !== 'string') return kind
  const namespace = typeof metadata['namespace'] === 'string' ? metadata['namespace'] : 'default'
  return kind === 'Namespace' ? `${kind} ${name}` : `${kind} ${namespace}/${name}`
}

function result(object: ClusterObject | null, faults: Faults, leftOut?: Faults): Stripped {
  if (object === null) return { outcome: 'refused', faults: faults.list }
  return { outcome: 'object', object, faults: leftOut?.list ?? [] }
}

/** A Namespace whose app is no DNS label stays, without its flycast names: its Services are none the worse. */
function stripNamespace(value: Fields, origin: Origin, interner: Interner, faults: Faults): Stripped {
  const metadata = readMetadata(value, isLabel1123, MUST_BE_LABEL_1123, interner, faults)
  if (faults.list.length > 0) return { outcome: 'refused', faults: faults.list }
  const app = textOrNull(metadata.labels, APP) ?? ''
  const isApp = isLabel1123(app)
  if (app !== '' && !isApp) faults.invalid(`metadata.labels.${APP}`, app, MUST_BE_LABEL_1123)
  const object: Namespace = {
    kind: 'Namespace',
    name: interner.string(metadata.name),
    app: isApp ? interner.string(app) : null,
    origin,
  }
  return { outcome: 'object', object, faults: faults.list }
}
