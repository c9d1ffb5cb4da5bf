/** The nodes of a Service itself: its name, its ports, and the reverse names of its own addresses. */
import type { Address } from '../ip/address.ts'
import { joinName, type Name } from '../wire/name.ts'
import { nameRdata, srvRdata } from '../wire/rdata.ts'
import { TYPE } from '../wire/record-type.ts'
import type { AdditionalRecord, RRset } from '../zone/rrset.ts'
import type { OwnedNode } from './context.ts'
import { addressRecords, addressSets, equalBytes, ownedNode, pointerNode, rrset } from './nodes.ts'
import { type Packer, recordsOf } from './pack.ts'
import { joinOrNull, type Place, type ServicePlan } from './plan.ts'
import { clusterSrv, headlessSrv, type SrvTable, weightOf } from './srv.ts'

/**
 * What an answer may hold: the largest message (65,535 octets over TCP) without header, longest question and an OPT
 * record. Additional records are optional (RFC 2782, "Usage rules"), so those beyond it are not even kept: a headless
 * Service of N endpoints and M ports would hold N × M of them for nobody.
 */
const MESSAGE_ROOM = 65_535 - 12 - 259 - 11
/** Owner (a pointer), type, class, TTL and length of an answer record. */
const ANSWER_HEAD = 12
/** From so many records on the index gets them whole. */
const MANY = 16
/** Type, class, TTL and length of a record whose owner is written out. */
const RECORD_HEAD = 10

/** The Service's name, `_proto` and `_port._proto` in each place, and the PTRs of its ClusterIPs. */
export function headNodes(plan: ServicePlan, packer: Packer): OwnedNode[] {
  if (plan.shape === 'external') return plan.places.map(place => aliasNode(plan, place))
  if (plan.shape === 'cluster') {
    const table = clusterSrv(plan.facts.service.ports)
    return [...plan.places.flatMap(place => clusterNodes(plan, place, table)), ...reverseNodes(plan)]
  }
  const table = headlessSrv(plan.targets)
  const sets = endpointSets(plan)
  return plan.places.flatMap(place => headlessNodes(plan, place, table, sets, packer))
}

/** The reverse node of one of the Service's own addresses: PTR, the cluster name first, then the flycast name. */
export function reverseNode(plan: ServicePlan, address: Address): OwnedNode {
  return pointerNode(
    plan.context.ttl,
    address,
    plan.places.map(place => place.base),
  )
}

function reverseNodes(plan: ServicePlan): OwnedNode[] {
  const { addresses } = plan.facts
  const distinct = addresses.filter((address, i) => addresses.findIndex(other => equalBytes(other, address)) === i)
  return distinct.map(address => reverseNode(plan, address))
}

function aliasNode({ alias, context }: ServicePlan, { role, base }: Place): OwnedNode {
  return ownedNode(role, base, alias === null ? [] : [rrset(TYPE.CNAME, context.ttl, [nameRdata(alias)])])
}

function clusterNodes({ context, facts }: ServicePlan, place: Place, table: SrvTable): OwnedNode[] {
  const sets = addressSets(context.ttl, facts.addresses)
  const additional = addressRecords(place.base, sets)
  return portNodes(place, table, sets, rows => {
    const weight = weightOf(rows.length)
    const rdatas = rows.map(row => srvRdata(0, weight, table.ports[row] ?? 0, place.base))
    return rrset(TYPE.SRV, context.ttl, rdatas, additional)
  })
}

/** The Service's name with `sets` and all SRV rows, the empty non-terminals `_proto`, and each `_port._proto`. */
function portNodes(
  place: Place,
  table: SrvTable,
  sets: readonly RRset[],
  encode: (rows: readonly number[]) => RRset | null,
): OwnedNode[] {
  const bare = table.ports.length === 0 ? null : encode(table.ports.map((_, row) => row))
  const nodes = [ownedNode(place.role, place.base, bare === null ? sets : [...sets, bare])]
  const protocols = new Set<string>()
  for (const { port, protocol, rows } of table.sets) {
    const name = joinOrNull([port, protocol], place.base)
    const set = name === null ? null : encode(rows)
    if (name === null || set === null) continue
    if (!protocols.has(protocol)) nodes.push(ownedNode(place.role, joinName([protocol], place.base)))
    protocols.add(protocol)
    nodes.push(ownedNode(place.role, name, [set]))
  }
  return nodes
}

function endpointSets({ context, targets: { endpoints } }: ServicePlan): RRset[] {
  const v4: Uint8Array[] = []
  const v6: Uint8Array[] = []
  for (const endpoint of endpoints.ready) {
    const rdatas = endpoints.typeAt(endpoint) === TYPE.A ? v4 : v6
    rdatas.push(endpoints.rdataAt(endpoint))
  }
  const sets: RRset[] = []
  if (v4.length > 0) sets.push(rrset(TYPE.A, context.ttl, v4))
  if (v6.length > 0) sets.push(rrset(TYPE.AAAA, context.ttl, v6))
  return sets
}

function headlessNodes(
  plan: ServicePlan,
  place: Place,
  table: SrvTable,
  sets: readonly RRset[],
  packer: Packer,
): OwnedNode[] {
  const encoder = new EndpointSrv(plan, place, table, packer)
  return portNodes(place, table, sets, rows => encoder.encode(rows))
}

/** Encodes SRV sets whose targets are endpoint names; rows that several sets have in one weight are written once. */
class EndpointSrv {
  readonly #plan: ServicePlan
  readonly #place: Place
  readonly #table: SrvTable
  readonly #packer: Packer
  readonly #written: (Uint8Array<ArrayBuffer> | null | undefined)[] = []
  #writtenWeight = 0

  constructor(plan: ServicePlan, place: Place, table: SrvTable, packer: Packer) {
    this.#plan = plan
    this.#place = place
    this.#table = table
    this.#packer = packer
  }

  /** The set, or null when no target of the rows has a name that fits. */
  encode(rows: readonly number[]): RRset | null {
    const weight = weightOf(rows.length)
    if (this.#writtenWeight !== weight) this.#written.length = 0
    this.#writtenWeight = weight
    const rdatas: Uint8Array<ArrayBuffer>[] = []
    let octets = 0
    for (const row of rows) {
      const rdata = this.#rdata(row, weight)
      if (rdata === null) continue
      rdatas.push(rdata)
      octets += ANSWER_HEAD + rdata.length
    }
    if (rdatas.length === 0) return null
    const additional = this.#additional(rows, MESSAGE_ROOM - octets)
    return rrset(
      TYPE.SRV,
      this.#plan.context.ttl,
      rdatas,
      additional,
      rdatas.length < MANY ? undefined : recordsOf(rdatas),
    )
  }

  #rdata(row: number, weight: number): Uint8Array<ArrayBuffer> | null {
    const known = this.#written[row]
    if (known !== undefined) return known
    const { context, targets } = this.#plan
    const label = targets.wireLabelAt(this.#table.targets[row] as number)
    const port = this.#table.ports[row] as number
    const rdata = this.#packer.srvBelow({ ttl: context.ttl, weight, port }, targets.wireLabels, label, this.#place.base)
    this.#written[row] = rdata
    return rdata
  }

  /** The addresses of the rows' targets, each target once, as many as `room` octets hold. */
  #additional(rows: readonly number[], room: number): AdditionalRecord[] {
    const records: AdditionalRecord[] = []
    const { targets, context } = this.#plan
    const { endpoints } = targets
    const seen = new Set<number>()
    let left = room
    for (const row of rows) {
      if (left < RECORD_HEAD) break
      const target = this.#table.targets[row] as number
      const rdata = this.#written[row]
      if (rdata === null || rdata === undefined || seen.has(target)) continue
      seen.add(target)
      const name = rdata.subarray(6) as Name
      for (let member = target; member >= 0; member = targets.next(member)) {
        const address = endpoints.rdataAt(member)
        left -= name.length + RECORD_HEAD + address.length
        if (left < 0) break
        records.push({ name, type: endpoints.typeAt(member), ttl: context.ttl, rdata: address })
      }
    }
    return records
  }
}
