/** The fields of a Service that decide about its addresses, as a review has them. */
import type { ServiceType } from '../cluster/objects.ts'
import { Faults } from '../cluster/strip/faults.ts'
import { choiceAt, type Fields, objectAt } from '../cluster/strip/fields.ts'
import { readServiceAddresses, type ServiceAddresses } from '../cluster/strip/service-addresses.ts'
import { type Family, familyOf } from '../ip/address.ts'

/** See the top of the file. */
export interface ServiceSpec extends ServiceAddresses {
  readonly type: ServiceType
  /** The texts of `clusterIPs`, or `clusterIP` alone, as written. */
  readonly texts: readonly string[]
}

/** What a spec is, what is wrong with it, or that only the API server can tell. */
export type ReadSpec =
  | { readonly outcome: 'spec'; readonly spec: ServiceSpec }
  | { readonly outcome: 'faults'; readonly faults: Faults }
  | { readonly outcome: 'unknown' }

const TYPES: readonly ServiceType[] = ['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName']

/** Dotted IPv4 with leading zeros, which older API servers take (`ParseIPSloppy`). */
const SLOPPY_IPV4 = /^(?=.*\b0[0-9])[0-9]{1,10}(\.[0-9]{1,10}){3}$/

/** Reads the address fields of a Service; other fields are none of our business. */
export function readSpec(object: Fields): ReadSpec {
  const faults = new Faults()
  objectAt(object, 'metadata', '', faults)
  const spec = objectAt(object, 'spec', '', faults)
  const texts = textsOf(spec)
  if (texts.some(text => SLOPPY_IPV4.test(text))) return { outcome: 'unknown' }
  const type = choiceAt(spec, 'type', 'spec', TYPES, faults) ?? 'ClusterIP'
  // what else stands there is the API server's to clear or to refuse: it does either, depending on what was before
  if (type === 'ExternalName' || texts[0] === 'None') {
    const headless = type !== 'ExternalName'
    return { outcome: 'spec', spec: { type, texts, headless, clusterIPs: [], ipFamilies: [], ipFamilyPolicy: null } }
  }
  const addresses = readServiceAddresses(spec, type, faults)
  if (faults.list.length > 0) return { outcome: 'faults', faults }
  return { outcome: 'spec', spec: { ...addresses, type, texts } }
}

/** The families of the addresses that a Service has, in its order. */
export function familiesHeld(spec: ServiceSpec): readonly Family[] {
  return spec.clusterIPs.map(address => familyOf(address))
}

/** Whether it has or wants addresses of its own. */
export function needsAddress({ type, headless }: ServiceSpec): boolean {
  return type !== 'ExternalName' && !headless
}

function textsOf(spec: Fields): readonly string[] {
  const { clusterIP, clusterIPs } = spec
  const list = Array.isArray(clusterIPs) ? clusterIPs.filter(item => typeof item === 'string' && item !== '') : []
  if (list.length > 0) return list
  return typeof clusterIP === 'string' && clusterIP !== '' ? [clusterIP] : []
}
