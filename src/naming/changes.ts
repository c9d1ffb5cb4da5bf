/**
 * What a change of a Service does to its names, without building the names that stay. Both states are resolved to
 * endpoint tables (tens of nanoseconds an endpoint); nodes are built for what differs. In a headless Service of 10,000
 * endpoints one endpoint more changes the Service's own name and its SRV sets, one endpoint name in each zone, and one
 * PTR: a dozen of 30,000 nodes.
 */
import { foldName, joinName } from '../wire/name.ts'
import { endpointReverseNode, ownPositions, pushNode, pushTarget, targetName } from './below.ts'
import { planNodes } from './compile.ts'
import type { NodeChanges, OwnedNode } from './context.ts'
import { diffNodes } from './diff.ts'
import type { Endpoints, Position } from './endpoints.ts'
import { headNodes } from './head.ts'
import { equalBytes } from './nodes.ts'
import { Packer } from './pack.ts'
import type { ServicePlan } from './plan.ts'
import { headlessPorts, portsOf } from './srv.ts'
import type { Target, Targets } from './targets.ts'

/** Longest octets of a hostname label with its length. */
const LABEL_ROOM = 64

/** The changes from one plan of a Service to another under one context; null: no names. See `diffService`. */
export function diffPlans(old: ServicePlan | null, now: ServicePlan | null): NodeChanges {
  if (old === null || now === null || !isSameSkeleton(old, now)) {
    return diffNodes(old === null ? [] : planNodes(old), now === null ? [] : planNodes(now))
  }
  const changes = headChanges(old, now)
  new EndpointChanges(old, now, changes).collect()
  return changes
}

/** Whether all names but the head's and the endpoints' are the same, so that the two can be compared part by part. */
function isSameSkeleton(old: ServicePlan, now: ServicePlan): boolean {
  return (
    now.shape !== 'external' &&
    old.shape === now.shape &&
    sameLists(old.places, now.places, (a, b) => a.role === b.role && equalBytes(a.base, b.base)) &&
    sameLists(old.facts.addresses, now.facts.addresses, equalBytes) &&
    // Where a label may not fit, a name's absence has more reasons than this comparison knows.
    now.places.every(({ base }) => base.length + LABEL_ROOM <= 255)
  )
}

function headChanges(old: ServicePlan, now: ServicePlan): NodeChanges {
  const packer = new Packer()
  if (now.shape === 'cluster') {
    const isSame = sameLists(old.facts.service.ports, now.facts.service.ports, samePort)
    return isSame ? { set: [], removed: [] } : diffNodes(headNodes(old, packer), headNodes(now, packer))
  }
  if (sameEndpoints(old.targets, now.targets)) return { set: [], removed: [] }
  const set = headNodes(now, packer)
  const kept = new Set(set.map(({ role, node }) => `${role} ${foldName(node.name)}`))
  const removed = headNames(old).filter(({ role, key }) => !kept.has(`${role} ${key}`))
  return { set, removed }
}

function headNames(plan: ServicePlan): NodeChanges['removed'] {
  const sets = headlessPorts(plan.targets)
  const protocols = [...new Set(sets.map(({ protocol }) => protocol))]
  const below = [...protocols.map(protocol => [protocol]), ...sets.map(({ port, protocol }) => [port, protocol])]
  return plan.places.flatMap(({ role, base }) => below.map(labels => ({ role, key: foldName(joinName(labels, base)) })))
}

/** Whether two headless Services have the same addresses, labels and ports in the same order. */
function sameEndpoints(old: Targets, now: Targets): boolean {
  const samePorts = portComparer(old.endpoints, now.endpoints)
  return sameLists(old.endpoints.ready, now.endpoints.ready, (a, b) => {
    return now.endpoints.sameAddress(b, old.endpoints, a) && old.hostnameOf(a) === now.hostnameOf(b) && samePorts(a, b)
  })
}

function portComparer(old: Endpoints, now: Endpoints): (a: Position, b: Position) => boolean {
  let oldSlice = -1
  let nowSlice = -1
  let answer = false
  return (a, b) => {
    if (old.copies.has(a) || now.copies.has(b)) return sameLists(portsOf(old, a), portsOf(now, b), samePort)
    if (old.sliceOf(a) !== oldSlice || now.sliceOf(b) !== nowSlice) {
      oldSlice = old.sliceOf(a)
      nowSlice = now.sliceOf(b)
      answer = sameLists(old.sliceAt(a).ports, now.sliceAt(b).ports, samePort)
    }
    return answer
  }
}

/** Finds the endpoint names and reverse names that are not as they were. */
class EndpointChanges {
  readonly #old: ServicePlan
  readonly #now: ServicePlan
  readonly #changes: NodeChanges
  readonly #packer = new Packer()
  /** Labels that have other endpoints than before. Dashed ones are in it only where a hostname may spell them. */
  readonly #labels = new Set<string>()

  constructor(old: ServicePlan, now: ServicePlan, changes: NodeChanges) {
    this.#old = old
    this.#now = now
    this.#changes = changes
  }

  collect(): void {
    this.#collectNew()
    this.#collectGone()
    for (const label of this.#labels) {
      const target = this.#now.targets.find(label)
      if (target >= 0) this.#setTarget(target)
      else this.#removeTarget(this.#old.targets.find(label))
    }
  }

  #collectNew(): void {
    const old = this.#old.targets
    const now = this.#now.targets
    const own = ownPositions(this.#now)
    const finder = new Finder(old, now)
    for (const endpoint of now.endpoints.ready) {
      const previous = finder.find(endpoint)
      const hostname = now.hostnameOf(endpoint)
      if (previous >= 0 && old.hostnameOf(previous) === hostname) continue
      if (!own.has(endpoint)) pushNode(this.#changes.set, endpointReverseNode(this.#now, endpoint, this.#packer))
      if (hostname !== null || old.hasHostnames) this.#labels.add(now.labelOf(endpoint))
      else this.#setTarget(endpoint)
      if (previous >= 0) this.#labels.add(old.labelOf(previous))
    }
  }

  #collectGone(): void {
    const old = this.#old.targets
    const now = this.#now.targets
    const own = ownPositions(this.#old)
    const finder = new Finder(now, old)
    for (const endpoint of old.endpoints.ready) {
      if (finder.find(endpoint) >= 0) continue
      if (!own.has(endpoint)) this.#remove(endpointReverseNode(this.#old, endpoint, this.#packer))
      if (old.hasHostnames || now.hasHostnames) this.#labels.add(old.labelOf(endpoint))
      else this.#removeTarget(endpoint)
    }
  }

  #setTarget(target: Target): void {
    pushTarget(this.#changes.set, this.#now, target, this.#packer)
  }

  #removeTarget(target: Target): void {
    if (target < 0) return
    for (const place of this.#old.places) {
      const name = targetName(this.#old, place, target, this.#packer)
      if (name !== null) this.#changes.removed.push({ role: place.role, key: foldName(name) })
    }
  }

  #remove(owned: OwnedNode | null): void {
    if (owned !== null) this.#changes.removed.push({ role: owned.role, key: foldName(owned.node.name) })
  }
}

/** Finds the ready endpoint with the same address in another state; neighbours mostly stay neighbours. */
class Finder {
  readonly #among: Endpoints
  readonly #from: Endpoints
  #last: Position = -1

  constructor(among: Targets, from: Targets) {
    this.#among = among.endpoints
    this.#from = from.endpoints
  }

  /** −1 when there is none. */
  find(position: Position): Position {
    const among = this.#among
    const guess = this.#last + 1
    const isGuess = among.copies.size === 0 && guess < among.total && among.sameAddress(guess, this.#from, position)
    const found = isGuess ? guess : among.findSame(this.#from, position)
    if (found < 0) return -1
    this.#last = found
    return among.isReady(found) ? found : -1
  }
}

interface ComparedPort {
  readonly name: string | null
  readonly port: number | null
  readonly protocol: string
}

function samePort(a: ComparedPort, b: ComparedPort): boolean {
  return a.port === b.port && a.name === b.name && a.protocol === b.protocol
}

function sameLists<T>(a: readonly T[], b: readonly T[], same: (a: T, b: T) => boolean): boolean {
  if (a === b) return true
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (!same(a[i] as T, b[i] as T)) return false
  return true
}
