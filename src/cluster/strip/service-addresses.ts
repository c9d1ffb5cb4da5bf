/**
 * `clusterIP`, `clusterIPs`, `ipFamilies` and `ipFamilyPolicy` of a Service
 * (`ValidateServiceClusterIPsRelatedFields` in pkg/apis/core/validation).
 */
import { type Address, type Family, familyOf, parseAddress } from '../../ip/address.ts'
import type { Service, ServiceType } from '../objects.ts'
import type { Faults } from './faults.ts'
import { arrayAt, choiceAt, type Fields, textAt } from './fields.ts'
import { EMPTY } from './intern.ts'
import { MUST_BE_ADDRESS, specialAddress } from './rules.ts'

/** The address fields of a Service, canonical. */
export type ServiceAddresses = Pick<Service, 'headless' | 'clusterIPs' | 'ipFamilies' | 'ipFamilyPolicy'>

const FAMILIES: readonly Family[] = ['IPv4', 'IPv6']
const FAMILY_POLICIES = ['SingleStack', 'PreferDualStack', 'RequireDualStack'] as const
const PATH = 'spec.clusterIPs'
const NONE = 'None'

/** Reads and checks the fields together; `None` alone makes the Service headless, '' is the same as absent. */
export function readServiceAddresses(spec: Fields, type: ServiceType, faults: Faults): ServiceAddresses {
  const texts = readTexts(spec, faults)
  const ipFamilies = readFamilies(spec, faults)
  const ipFamilyPolicy = choiceAt(spec, 'ipFamilyPolicy', 'spec', FAMILY_POLICIES, faults)
  if (type === 'ExternalName') {
    forbidAddresses(texts, ipFamilies, ipFamilyPolicy, faults)
    return { headless: false, clusterIPs: EMPTY, ipFamilies: EMPTY, ipFamilyPolicy: null }
  }
  const headless = texts.length === 1 && texts[0] === NONE
  if (headless && type !== 'ClusterIP') {
    faults.invalid(`${PATH}[0]`, NONE, `may not be set to 'None' for ${type} services`)
  }
  const clusterIPs = headless ? [] : parseTexts(texts, faults)
  for (let i = 0; i < Math.min(clusterIPs.length, ipFamilies.length); i++) {
    if (familyOf(clusterIPs[i] as Address) === ipFamilies[i]) continue
    faults.invalid(`${PATH}[${i}]`, texts[i], `expected an ${ipFamilies[i]} value as indicated by \`ipFamilies[${i}]\``)
  }
  if (ipFamilyPolicy === 'SingleStack' && Math.max(clusterIPs.length, ipFamilies.length) > 1) {
    const what = clusterIPs.length > 1 ? 'cluster IPs' : 'IP families'
    const why = `must be 'RequireDualStack' or 'PreferDualStack' when multiple ${what} are specified`
    faults.invalid('spec.ipFamilyPolicy', ipFamilyPolicy, why)
  }
  return {
    headless,
    clusterIPs: clusterIPs.length === 0 ? EMPTY : clusterIPs,
    ipFamilies: ipFamilies.length === 0 ? EMPTY : ipFamilies,
    ipFamilyPolicy,
  }
}

/** `clusterIPs`, or `clusterIP` alone; both must agree on the first. */
function readTexts(spec: Fields, faults: Faults): readonly string[] {
  const first = textAt(spec, 'clusterIP', 'spec', faults) ?? ''
  const items = arrayAt(spec, 'clusterIPs', 'spec', faults)
  const texts: string[] = []
  for (const [i, item] of items.entries()) {
    if (typeof item !== 'string') faults.invalid(`${PATH}[${i}]`, item, 'must be a string')
    else if (item !== '' || items.length > 1) texts.push(item)
  }
  if (texts.length === 0) return first === '' ? [] : [first]
  if (first === '') faults.invalid(PATH, items, 'must be empty when `clusterIP` is not specified')
  else if (!isSame(first, texts[0] as string)) faults.invalid(PATH, items, 'first value must match `clusterIP`')
  return texts
}

/** The API server compares the texts; two texts of one address are no reason to refuse a manifest. */
function isSame(a: string, b: string): boolean {
  if (a === b) return true
  const [left, right] = [parseAddress(a), parseAddress(b)]
  return left !== null && right !== null && left.every((byte, i) => byte === right[i])
}

function parseTexts(texts: readonly string[], faults: Faults): Address[] {
  if (texts.includes(NONE)) {
    faults.invalid(PATH, texts, "'None' must be the first and only value")
    return []
  }
  if (texts.length > 2) faults.invalid(PATH, texts, 'may only hold up to 2 values')
  const addresses: Address[] = []
  for (const [i, text] of texts.entries()) {
    const address = parseAddress(text)
    const why = address === null ? MUST_BE_ADDRESS : specialAddress(address)
    if (why !== null) faults.invalid(`${PATH}[${i}]`, text, why)
    if (address !== null) addresses.push(address)
  }
  const [first, second] = addresses
  if (first !== undefined && second !== undefined && familyOf(first) === familyOf(second)) {
    faults.invalid(PATH, texts, 'may specify no more than one IP for each IP family')
  }
  return addresses
}

function readFamilies(spec: Fields, faults: Faults): Family[] {
  const families: Family[] = []
  for (const [i, item] of arrayAt(spec, 'ipFamilies', 'spec', faults).entries()) {
    const family = FAMILIES.find(known => known === item)
    if (family === undefined) faults.notSupported(`spec.ipFamilies[${i}]`, item, FAMILIES)
    else if (families.includes(family)) faults.duplicate(`spec.ipFamilies[${i}]`, item)
    else families.push(family)
  }
  return families
}

function forbidAddresses(
  texts: readonly string[],
  families: readonly Family[],
  policy: string | null,
  faults: Faults,
): void {
  if (texts.length > 0) faults.forbidden(PATH, 'may not be set for ExternalName services')
  if (families.length > 0) faults.forbidden('spec.ipFamilies', 'may not be set for ExternalName services')
  if (policy !== null) faults.forbidden('spec.ipFamilyPolicy', 'may not be set for ExternalName services')
}
