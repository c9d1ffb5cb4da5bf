/** Which addresses a Service needs, by Kubernetes' rules on types, families and policies (KEP-563, KEP-1880). */
import type { Service } from '../cluster/objects.ts'
import { type Address, type Family, familyOf } from '../ip/address.ts'

/** What to claim for a Service. */
export type AddressNeed =
  /** Headless and ExternalName: no address at all. */
  | { readonly kind: 'none' }
  /** The addresses that the manifest names, and one of the pool when `place` is set. */
  | { readonly kind: 'claim'; readonly explicit: readonly Address[]; readonly place: boolean }
  /** There is none to be had; `message` is a whole sentence. */
  | { readonly kind: 'unavailable'; readonly code: 'WAY_POOL_FAMILY' | 'WAY_ADDRESS_PENDING'; readonly message: string }

/**
 * Who gives a Service its address: our pool, or an API server, whose word counts and beside which none is placed: names
 * must not show an address that the cluster does not have.
 */
export type AddressGiver = 'pool' | 'api-server'

/** See {@link AddressNeed}. Pools are IPv6; IPv4 addresses are taken only from the Service itself. */
export function addressNeed(service: Service, giver: AddressGiver): AddressNeed {
  if (service.type === 'ExternalName' || service.headless) return { kind: 'none' }
  const explicit = service.clusterIPs
  if (giver === 'api-server') {
    if (explicit.length > 0) return { kind: 'claim', explicit, place: false }
    const message = `Service "${service.key}" has no address yet: the API server has not given it one`
    return { kind: 'unavailable', code: 'WAY_ADDRESS_PENDING', message }
  }
  const wanted = familiesOf(service)
  const missing = wanted.filter(family => !explicit.some(address => familyOf(address) === family))
  const isIPv6 = wanted.includes('IPv6')
  if (isIPv6 && missing.includes('IPv4') && isRequired(service, 'IPv4')) {
    const message = `Cannot give Service "${service.key}" an IPv4 address: there is no IPv4 pool, so the manifest must name one in spec.clusterIPs`
    return { kind: 'unavailable', code: 'WAY_POOL_FAMILY', message }
  }
  return { kind: 'claim', explicit, place: missing.includes('IPv6') }
}

/** The addresses in the order in which the Service lists its families: the first one is `spec.clusterIP`. */
export function orderAddresses(service: Service, addresses: readonly Address[]): readonly Address[] {
  if (addresses.length < 2) return addresses
  const first =
    service.ipFamilies[0] ?? (service.clusterIPs[0] === undefined ? 'IPv6' : familyOf(service.clusterIPs[0]))
  return [...addresses].sort((a, b) => Number(familyOf(b) === first) - Number(familyOf(a) === first))
}

function familiesOf(service: Service): readonly Family[] {
  const explicit = service.clusterIPs.map(address => familyOf(address))
  const isDual = service.ipFamilyPolicy === 'PreferDualStack' || service.ipFamilyPolicy === 'RequireDualStack'
  if (isDual) return ['IPv6', 'IPv4']
  if (service.ipFamilies.length > 0) return service.ipFamilies
  return explicit.length > 0 ? explicit : ['IPv6']
}

/** PreferDualStack takes what there is, except for the family that the Service lists first. */
function isRequired(service: Service, family: Family): boolean {
  if (service.ipFamilyPolicy !== 'PreferDualStack') return true
  return service.ipFamilies[0] === family
}
