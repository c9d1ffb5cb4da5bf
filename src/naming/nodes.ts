/** Small makers of record sets and nodes. */
import { type Address, familyOf } from '../ip/address.ts'
import type { Name } from '../wire/name.ts'
import { addressRdata, nameRdata } from '../wire/rdata.ts'
import { TYPE } from '../wire/record-type.ts'
import type { AdditionalRecord, NodeKind, RRset } from '../zone/rrset.ts'
import type { OwnedNode, ZoneRole } from './context.ts'
import { reverseName } from './pack.ts'

const NONE: readonly never[] = []

export function rrset(
  type: number,
  ttl: number,
  rdatas: readonly Uint8Array[],
  additional: readonly AdditionalRecord[] = NONE,
  records?: readonly Uint8Array[],
): RRset {
  return { type, ttl, rdatas, additional, records }
}

export function ownedNode(
  role: ZoneRole,
  name: Name,
  rrsets: readonly RRset[] = NONE,
  kind: NodeKind = 'plain',
): OwnedNode {
  return { role, node: { name, kind, rrsets } }
}

/** A and AAAA sets of the addresses, as far as there are any of the family; duplicates are dropped. */
export function addressSets(ttl: number, addresses: readonly Address[]): RRset[] {
  const sets: RRset[] = []
  for (const type of [TYPE.A, TYPE.AAAA]) {
    const rdatas: Uint8Array[] = []
    for (const address of addresses) {
      if (addressType(address) !== type) continue
      const rdata = addressRdata(address, 0)
      if (!rdatas.some(other => equalBytes(other, rdata))) rdatas.push(rdata)
    }
    if (rdatas.length > 0) sets.push(rrset(type, ttl, rdatas))
  }
  return sets
}

/** The same as records of the additional section. */
export function addressRecords(name: Name, sets: readonly RRset[]): AdditionalRecord[] {
  return sets.flatMap(({ type, ttl, rdatas }) => rdatas.map(rdata => ({ name, type, ttl, rdata })))
}

/** NS of a zone's apex, with the addresses of the name server. */
export function nameServerSet(ttl: number, nameServer: Name, addresses: readonly Address[]): RRset {
  return rrset(TYPE.NS, ttl, [nameRdata(nameServer)], addressRecords(nameServer, addressSets(ttl, addresses)))
}

/** The full reverse name of an address, with a PTR to each name in this order. */
export function pointerNode(ttl: number, address: Address, names: readonly Name[]): OwnedNode {
  return ownedNode('reverse', reverseName(address), [rrset(TYPE.PTR, ttl, names.map(nameRdata))])
}

/** A or AAAA. */
export function addressType(address: Address): number {
  return familyOf(address) === 'IPv4' ? TYPE.A : TYPE.AAAA
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** Order of RDATA as unsigned octets, the shorter first where one is a prefix of the other (RFC 4034 section 6.3). */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const difference = (a[i] as number) - (b[i] as number)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}
