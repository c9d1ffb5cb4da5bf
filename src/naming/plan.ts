/** What a Service's names come to, before any record is written. */
import { parseAddress } from '../ip/address.ts'
import {
  foldName,
  isInZone,
  joinName,
  labelsOf,
  type Name,
  NameError,
  type NameKey,
  nameOfKey,
  parseName,
} from '../wire/name.ts'
import type { NamingContext, ServiceFacts, ZoneRole } from './context.ts'
import { Endpoints } from './endpoints.ts'
import { isLabel } from './labels.ts'
import { Targets } from './targets.ts'

/** One of the names of a Service. All that is below it is the same in each place. */
export interface Place {
  readonly role: Exclude<ZoneRole, 'reverse'>
  /** `<service>.<namespace>.svc.<domain>` or `<service>.svc.<app>.flycast` */
  readonly base: Name
}

/** How a Service is named: by an alias, by its own addresses, or by those of its endpoints. */
export type ServiceShape = 'external' | 'cluster' | 'headless'

/** A Service that has at least one name. */
export interface ServicePlan {
  readonly context: NamingContext
  readonly facts: ServiceFacts
  readonly shape: ServiceShape
  /** The cluster zone first. */
  readonly places: readonly Place[]
  /** Where the alias leads, for shape 'external'. */
  readonly alias: Name | null
  readonly targets: Targets
}

const NO_ENDPOINTS = new Targets(new Endpoints([]))

/**
 * The plan, or null when the Service has no name: a ClusterIP Service without an address, a headless one without a
 * ready endpoint (Kubernetes DNS specification 1.1.0 section 2.4.1), an ExternalName whose target is no host name.
 */
export function planService(context: NamingContext, facts: ServiceFacts): ServicePlan | null {
  const places = placesOf(context, facts)
  if (places.length === 0) return null
  const shape = shapeOf(facts)
  if (shape === 'external') {
    const alias = aliasOf(facts)
    return alias === null ? null : { context, facts, shape, places, alias, targets: NO_ENDPOINTS }
  }
  if (shape === 'cluster' && facts.addresses.length === 0) return null
  const targets = new Targets(new Endpoints(facts.slices))
  if (shape === 'headless' && targets.all.length === 0) return null
  return { context, facts, shape, places, alias: null, targets }
}

export function shapeOf({ service }: ServiceFacts): ServiceShape {
  if (service.type === 'ExternalName') return 'external'
  return service.headless ? 'headless' : 'cluster'
}

/** The names of the Service itself, whether or not they exist at the moment; those that cannot be names are left out. */
export function placesOf(context: NamingContext, { service, app }: ServiceFacts): Place[] {
  const places: Place[] = []
  const cluster = nameOf([service.name, service.namespace], context.svc)
  if (cluster !== null) places.push({ role: 'cluster', base: cluster })
  const flycast = app === null ? null : nameOf([service.name, 'svc', app], context.flycast)
  if (flycast !== null) places.push({ role: 'flycast', base: flycast })
  return places
}

/** The labels of a name before the Service's name, leftmost first, or null when it is not below it. */
export function labelsBefore(key: NameKey, { base }: Place): string[] | null {
  const baseKey = foldName(base)
  if (!isInZone(key, baseKey)) return null
  return labelsOf(nameOfKey(key)).slice(0, -labelsOf(base).length)
}

/** The name, lower-case, or null when a label is no label of a host name or the whole is longer than 255 octets. */
export function nameOf(labels: readonly string[], suffix: Name): Name | null {
  if (!labels.every(isLabel)) return null
  return joinOrNull(
    labels.map(label => label.toLowerCase()),
    suffix,
  )
}

/** `joinName`, with null for a name that is too long. */
export function joinOrNull(labels: readonly string[], suffix: Name): Name | null {
  try {
    return joinName(labels, suffix)
  } catch (error) {
    if (error instanceof NameError) return null
    throw error
  }
}

/** Like CoreDNS we make no alias of an address: there would be no name behind it. */
function aliasOf({ service }: ServiceFacts): Name | null {
  const target = service.externalName
  if (target === null || target === '' || parseAddress(target) !== null) return null
  try {
    return parseName(target.toLowerCase())
  } catch (error) {
    if (error instanceof NameError) return null
    throw error
  }
}
