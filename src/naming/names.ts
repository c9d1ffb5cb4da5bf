/** The names of a Service as text, and what about it cannot be named. */
import type { EndpointMeta } from '../cluster/objects.ts'
import { formatName } from '../wire/name.ts'
import type { NamingContext, ServiceFacts } from './context.ts'
import { isLabel } from './labels.ts'
import { nameOf, placesOf, planService, shapeOf } from './plan.ts'
import { portLabel } from './srv.ts'

/**
 * The Service's own names as they exist now, without the final dot: the cluster name, then the flycast name. Empty
 * when it has none, see `planService`.
 */
export function namesOf(context: NamingContext, facts: ServiceFacts): string[] {
  const exists = shapeOf(facts) === 'cluster' ? facts.addresses.length > 0 : planService(context, facts) !== null
  return exists ? placesOf(context, facts).map(({ base }) => formatName(base).slice(0, -1)) : []
}

/** Why the Service can have no name at all, a whole sentence; null when it can have one. */
export function nameProblem(context: NamingContext, facts: ServiceFacts): string | null {
  const { service } = facts
  if (placesOf(context, facts).length === 0) {
    return `Service "${service.key}" has no name: its labels do not fit below ${formatName(context.svc)}`
  }
  if (service.type !== 'ExternalName' || planService(context, facts) !== null) return null
  return `Service "${service.key}" has no name: its external name "${service.externalName}" must be a host name and no address`
}

/**
 * What is left out of the names of a Service that has one, because it cannot be a name; whole sentences, empty when all
 * is well.
 */
export function nameFaults(context: NamingContext, facts: ServiceFacts): string[] {
  const { service, app } = facts
  const faults: string[] = []
  if (nameOf([service.name, service.namespace], context.svc) === null) {
    faults.push(`Service "${service.key}" has no cluster name: its labels do not fit below ${formatName(context.svc)}`)
  }
  if (app !== null && !isLabel(app)) {
    faults.push(
      `Service "${service.key}" has no flycast name: app "${app}" must be one label of letters, digits and inner hyphens, at most 63`,
    )
  } else if (app !== null && nameOf([service.name, 'svc', app], context.flycast) === null) {
    faults.push(`Service "${service.key}" has no flycast name: it would be longer than 255 octets`)
  }
  for (const { name } of service.ports) {
    if (name === '' || portLabel(name) !== null) continue
    faults.push(`Port "${name}" of Service "${service.key}" has no SRV name: it must be a label of at most 62 octets`)
  }
  return faults.concat(hostnameFaults(facts))
}

function hostnameFaults({ service, slices }: ServiceFacts): string[] {
  const wrong = new Set<string>()
  let last: EndpointMeta | null = null
  for (const { meta } of slices) {
    for (const endpoint of meta) {
      // Endpoints on one node share theirs.
      if (endpoint === last) continue
      last = endpoint
      const { hostname } = endpoint
      if (hostname !== null && !isLabel(hostname)) wrong.add(hostname)
    }
  }
  return [...wrong].map(hostname => {
    return `Hostname "${hostname}" of an endpoint of Service "${service.key}" is no label: its dashed address is used`
  })
}
