/**
 * What a review asks of the allocator. Pure: the same review gives the same plan, and a plan says what to write for
 * whatever address it gets.
 *
 * ```
 *  CREATE                          UPDATE
 *   None, ExternalName ─► pass      no address before ─► as CREATE
 *   addresses named    ─► claim     none now          ─► those before
 *   IPv4 first         ─► pass      a family added    ─► claim, IPv6 placed
 *   else               ─► place     everything else   ─► pass
 * ```
 *
 * The rules are those of `initIPFamilyFields` and `patchAllocatedValues` in pkg/registry/core/service/storage. Whatever
 * the API server would refuse or complete by itself is passed on as it is: it says so best.
 */
import type { Address, Family } from '../ip/address.ts'
import type { OwnerRef } from '../pool/claims.ts'
import { ANNOTATION, type Change, CONFIGURED, textsOf } from './patch.ts'
import { type Fields, isFields, type Review } from './review.ts'
import { familiesHeld, needsAddress, readSpec, type ServiceSpec } from './service-spec.ts'

/** See the top of the file. */
export type Plan =
  | { readonly kind: 'pass' }
  /** The Service is wrong; `message` is whole and in Kubernetes' words. */
  | { readonly kind: 'deny'; readonly message: string }
  /** Nothing is to be allocated, only written. */
  | { readonly kind: 'write'; readonly change: Change }
  | {
      readonly kind: 'claim'
      readonly owner: OwnerRef
      /** The addresses that the Service names. */
      readonly explicit: readonly Address[]
      /** Whether it gets an IPv6 address besides. */
      readonly place: boolean
      /** What to write, given the explicit addresses and the placed one. */
      change(addresses: readonly Address[]): Change
    }

const PASS_ON: Plan = { kind: 'pass' }

/** The plan for a review. */
export function decide(review: Review): Plan {
  const { object, oldObject, operation } = review
  if (!review.isService || (operation !== 'CREATE' && operation !== 'UPDATE')) return PASS_ON
  if (object === null) return deny(review, ['Required value: the object is missing'])
  if (isDeleted(object)) return PASS_ON
  const read = readSpec(object)
  if (operation === 'UPDATE' && oldObject !== null) return decideUpdate(review, object, oldObject, read)
  return decideCreate(review, read)
}

function decideCreate(review: Review, read: ReturnType<typeof readSpec>): Plan {
  if (read.outcome === 'unknown') return PASS_ON
  if (read.outcome === 'faults') {
    return deny(
      review,
      read.faults.list.map(fault => `${fault.field}: ${fault.message}`),
    )
  }
  const { spec } = read
  if (!needsAddress(spec)) return PASS_ON
  return spec.clusterIPs.length > 0 ? claimNamed(review, spec) : placeNew(review, spec)
}

/** A Service without an address: IPv6 unless it lists IPv4 first. */
function placeNew(review: Review, spec: ServiceSpec): Plan {
  const { ipFamilies, ipFamilyPolicy } = spec
  if (ipFamilies[0] === 'IPv4') return PASS_ON
  // two families without a policy are refused by the API server
  if (ipFamilies.length === 2 && ipFamilyPolicy === null) return PASS_ON
  return {
    kind: 'claim',
    owner: ownerOf(review),
    explicit: [],
    place: true,
    change: addresses => ({
      clusterIPs: textsOf(addresses),
      // an API server with both families adds IPv4 behind this by itself, when the policy asks for it
      ipFamilies: ipFamilies.length > 0 ? ipFamilies : ['IPv6'],
      ipFamilyPolicy: ipFamilyPolicy ?? 'SingleStack',
      annotate: true,
    }),
  }
}

/** A Service that names addresses. Their texts stay as they are, because the API server compares texts later. */
function claimNamed(review: Review, spec: ServiceSpec): Plan {
  const { clusterIPs, ipFamilies, ipFamilyPolicy, texts } = spec
  const isDual = Math.max(clusterIPs.length, ipFamilies.length) > 1
  if (isDual && ipFamilyPolicy === null) return PASS_ON
  const held = familiesHeld(spec)
  const place = wantsSecond(spec, held)
  const families: readonly Family[] = place ? ['IPv4', 'IPv6'] : ipFamilies.length > held.length ? ipFamilies : held
  return {
    kind: 'claim',
    owner: ownerOf(review),
    explicit: clusterIPs,
    place,
    change: addresses => ({
      clusterIPs: [...texts, ...textsOf(addresses.slice(clusterIPs.length))],
      ipFamilies: families,
      ipFamilyPolicy: ipFamilyPolicy ?? 'SingleStack',
      annotate: true,
    }),
  }
}

/**
 * Whether an IPv4 address is to be joined by one of IPv6. With PreferDualStack alone it is the API server that knows
 * whether the cluster has the family, and an address in a family that it lacks would be refused.
 */
function wantsSecond({ ipFamilies, ipFamilyPolicy }: ServiceSpec, held: readonly Family[]): boolean {
  if (held.length !== 1 || held[0] !== 'IPv4') return false
  if (ipFamilyPolicy === 'RequireDualStack') return true
  return ipFamilyPolicy === 'PreferDualStack' && ipFamilies[1] === 'IPv6'
}

function decideUpdate(review: Review, object: Fields, oldObject: Fields, read: ReturnType<typeof readSpec>): Plan {
  const oldRead = readSpec(oldObject)
  // what is stored was accepted once; what we cannot read of it is not ours to judge
  if (oldRead.outcome !== 'spec' || read.outcome === 'unknown') return PASS_ON
  const before = oldRead.spec
  if (before.type === 'ExternalName' || (!before.headless && before.clusterIPs.length === 0)) {
    return decideCreate(review, read)
  }
  if (!needsAddress(before) || read.outcome === 'faults' || !needsAddress(read.spec)) return PASS_ON
  const kept = keepTexts(read.spec, before)
  const now: ServiceSpec = { ...read.spec, ...kept }
  if (now.texts[0] !== before.texts[0]) return PASS_ON
  const ipFamilyPolicy = now.ipFamilyPolicy ?? before.ipFamilyPolicy
  const isGrown = now.texts.length > before.texts.length || wantsMore(now, before)
  if (isGrown && ipFamilyPolicy !== null && ipFamilyPolicy !== 'SingleStack') {
    const plan = growth(review, { ...now, ipFamilyPolicy })
    if (plan.kind !== 'pass') return plan
  }
  const change: Change = {
    ...(read.spec.texts.length === 0 ? { clusterIPs: before.texts } : {}),
    annotate: isAnnotated(oldObject),
  }
  return read.spec.texts.length === 0 || (isAnnotated(oldObject) && !isAnnotated(object))
    ? { kind: 'write', change }
    : PASS_ON
}

/** `patchAllocatedValues`: an update that names no address keeps those that are stored. */
function keepTexts(now: ServiceSpec, before: ServiceSpec): Pick<ServiceSpec, 'texts' | 'clusterIPs'> {
  const { texts, clusterIPs } = now.texts.length === 0 ? before : now
  return { texts, clusterIPs }
}

/** Whether a policy or a second family came, so that the Service wants an address more than it has. */
function wantsMore(now: ServiceSpec, before: ServiceSpec): boolean {
  if (now.texts.length !== 1 || before.texts.length !== 1) return false
  const isListed = now.ipFamilies.length > before.ipFamilies.length
  return isListed || (now.ipFamilyPolicy === 'RequireDualStack' && before.ipFamilyPolicy !== 'RequireDualStack')
}

/** A second address: named, or placed when it is the IPv6 one; IPv4 comes from the API server. */
function growth(review: Review, now: ServiceSpec): Plan {
  const held = familiesHeld(now)
  return held.length === 2 || wantsSecond(now, held) ? claimNamed(review, now) : PASS_ON
}

/**
 * Who the address is for. A name that the API server has yet to generate stands in braces with the request's uid: no
 * Service can be called that, and each request is for another Service.
 */
function ownerOf({ namespace, name, generateName, uid }: Review): OwnerRef {
  return { kind: 'Service', name: `${namespace}/${name === '' ? `${generateName}{${uid}}` : name}` }
}

function deny({ name, generateName }: Review, faults: readonly string[]): Plan {
  const list = faults.length === 1 ? faults[0] : `[${faults.join(', ')}]`
  return { kind: 'deny', message: `Service ${JSON.stringify(name || generateName)} is invalid: ${list}` }
}

function isDeleted(object: Fields): boolean {
  return isFields(object['metadata']) && typeof object['metadata']['deletionTimestamp'] === 'string'
}

function isAnnotated(object: Fields): boolean {
  const metadata = object['metadata']
  const annotations = isFields(metadata) ? metadata['annotations'] : null
  return isFields(annotations) && Object.hasOwn(annotations, ANNOTATION) && annotations[ANNOTATION] === CONFIGURED
}
