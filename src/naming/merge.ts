/**
 * One node of several: a Pod's address has a PTR from each Service it is behind, two namespaces may have one app, and
 * an app's address meets the empty non-terminal of its Services.
 */
import { TYPE } from '../wire/record-type.ts'
import type { AdditionalRecord, NodeKind, RRset, ZoneNode } from '../zone/rrset.ts'
import { compareBytes } from './nodes.ts'

const KINDS: readonly NodeKind[] = ['cut', 'dname', 'dashed-addresses', 'plain']

/**
 * The union of nodes of one name, the same whatever their order: sets united by type, duplicates dropped, the lowest
 * TTL of a set for all of it (RFC 2181 section 5.2). Records are sorted by their octets, except PTR records: those that
 * are first in their own node come first, so that the cluster name of an address stays before its flycast name. A CNAME
 * allows no other data and no second one (RFC 2181 section 10.1): it yields to any other set, and the first of several
 * stays. A single node is returned as it is.
 *
 * @throws RangeError without a node.
 */
export function mergeNodes(nodes: readonly ZoneNode[]): ZoneNode {
  const [first] = nodes
  if (first === undefined) throw new RangeError('Cannot merge nodes: there is none')
  if (nodes.length === 1) return first
  const byType = new Map<number, RRset[]>()
  for (const node of nodes) {
    for (const set of node.rrsets) {
      const sets = byType.get(set.type)
      if (sets === undefined) byType.set(set.type, [set])
      else sets.push(set)
    }
  }
  if (byType.size > 1) byType.delete(TYPE.CNAME)
  const rrsets = [...byType.keys()].sort((a, b) => a - b).map(type => mergeSets(type, byType.get(type) ?? []))
  const names = nodes.map(node => node.name).sort(compareBytes)
  const kind = KINDS.find(candidate => nodes.some(node => node.kind === candidate)) ?? 'plain'
  return { name: names[0] ?? first.name, kind, rrsets }
}

function mergeSets(type: number, sets: readonly RRset[]): RRset {
  const ttl = Math.min(...sets.map(set => set.ttl))
  const rdatas = type === TYPE.PTR ? mergePointers(sets) : distinct(sets.flatMap(set => set.rdatas))
  const additional = mergeAdditional(sets.flatMap(set => set.additional))
  return { type, ttl, rdatas: type === TYPE.CNAME ? rdatas.slice(0, 1) : rdatas, additional }
}

/** First records of all sets in the order of octets, then the second ones, and so on. */
function mergePointers(sets: readonly RRset[]): Uint8Array[] {
  const longest = Math.max(...sets.map(set => set.rdatas.length))
  const ordered: Uint8Array[] = []
  for (let i = 0; i < longest; i++) {
    for (const rdata of distinct(sets.flatMap(set => set.rdatas.slice(i, i + 1)))) {
      if (!ordered.some(known => compareBytes(known, rdata) === 0)) ordered.push(rdata)
    }
  }
  return ordered
}

function distinct(rdatas: readonly Uint8Array[]): Uint8Array[] {
  const sorted = rdatas.toSorted(compareBytes)
  return sorted.filter((rdata, i) => i === 0 || compareBytes(sorted[i - 1] ?? rdata, rdata) !== 0)
}

function mergeAdditional(records: readonly AdditionalRecord[]): AdditionalRecord[] {
  const sorted = records.toSorted(compareRecords)
  return sorted.filter((record, i) => i === 0 || compareIdentity(sorted[i - 1] ?? record, record) !== 0)
}

function compareIdentity(a: AdditionalRecord, b: AdditionalRecord): number {
  return compareBytes(a.name, b.name) || a.type - b.type || compareBytes(a.rdata, b.rdata)
}

function compareRecords(a: AdditionalRecord, b: AdditionalRecord): number {
  return compareIdentity(a, b) || a.ttl - b.ttl
}
