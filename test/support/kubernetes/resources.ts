/** The resources that the fake API server has, and how its paths name them. */

export interface Resource {
  readonly group: string
  readonly version: string
  readonly plural: string
  readonly kind: string
  readonly namespaced: boolean
}

/** What a path means. `name` null: the collection. */
export interface Target {
  readonly resource: Resource
  /** null: all namespaces, or a resource without them. */
  readonly namespace: string | null
  readonly name: string | null
  readonly subresource: string | null
}

const RESOURCES: readonly Resource[] = [
  row('', 'v1', 'services', 'Service', true),
  row('', 'v1', 'namespaces', 'Namespace', false),
  row('', 'v1', 'pods', 'Pod', true),
  row('', 'v1', 'secrets', 'Secret', true),
  row('', 'v1', 'configmaps', 'ConfigMap', true),
  row('', 'v1', 'events', 'Event', true),
  row('events.k8s.io', 'v1', 'events', 'Event', true),
  row('discovery.k8s.io', 'v1', 'endpointslices', 'EndpointSlice', true),
  row('coordination.k8s.io', 'v1', 'leases', 'Lease', true),
  row('networking.k8s.io', 'v1', 'ipaddresses', 'IPAddress', false),
  row('networking.k8s.io', 'v1', 'servicecidrs', 'ServiceCIDR', false),
  row('admissionregistration.k8s.io', 'v1', 'mutatingwebhookconfigurations', 'MutatingWebhookConfiguration', false),
]

/** By plural name, for tests: `resource('services')`. */
export function resource(plural: string): Resource {
  const found = RESOURCES.find(candidate => candidate.plural === plural)
  if (found === undefined) throw new Error(`The fake API server has no resource "${plural}"`)
  return found
}

/** By what an object says of itself. */
export function resourceOf(object: Readonly<Record<string, unknown>>): Resource {
  const found = RESOURCES.find(r => r.kind === object['kind'] && apiVersionOf(r) === object['apiVersion'])
  if (found === undefined)
    throw new Error(`The fake API server has no resource for ${object['apiVersion']} ${object['kind']}`)
  return found
}

export function apiVersionOf({ group, version }: Resource): string {
  return group === '' ? version : `${group}/${version}`
}

/** null: no such path. */
export function parsePath(path: string): Target | null {
  const parts = path.split('/').slice(1).map(decodeURIComponent)
  const [root, ...rest] = parts
  const [group, version, ...segments] = root === 'api' ? ['', ...rest] : root === 'apis' ? rest : []
  const at = (index: number): string | null => segments[index] ?? null
  const find = (plural: string | null): Resource | undefined =>
    RESOURCES.find(r => r.plural === plural && r.group === group && r.version === version)
  const inner = segments[0] === 'namespaces' && segments.length > 2 ? find(at(2)) : undefined
  if (inner?.namespaced === true) return { resource: inner, namespace: at(1), name: at(3), subresource: at(4) }
  const outer = find(at(0))
  return outer === undefined ? null : { resource: outer, namespace: null, name: at(1), subresource: at(2) }
}

function row(group: string, version: string, plural: string, kind: string, namespaced: boolean): Resource {
  return { group, version, plural, kind, namespaced }
}
