/** What differs between two lists of nodes. */
import { foldName } from '../wire/name.ts'
import type { AdditionalRecord, RRset } from '../zone/rrset.ts'
import type { NodeChanges, OwnedNode, RemovedName } from './context.ts'
import { equalBytes } from './nodes.ts'

/**
 * The changes that make `after` of `before`, compared by content. In each list a name occurs once per role. Lists that
 * mostly agree and have one order are compared without making a key of each name.
 */
export function diffNodes(before: readonly OwnedNode[], after: readonly OwnedNode[]): NodeChanges {
  let start = 0
  const shorter = Math.min(before.length, after.length)
  while (start < shorter && sameNode(before[start] as OwnedNode, after[start] as OwnedNode)) start++
  let end = 0
  while (end < shorter - start && sameNode(fromEnd(before, end), fromEnd(after, end))) end++
  return diffByName(before.slice(start, before.length - end), after.slice(start, after.length - end))
}

/** Whether two nodes are the same in name, role and records, in the same order. */
export function sameNode(a: OwnedNode, b: OwnedNode): boolean {
  if (a === b) return true
  if (a.role !== b.role || a.node.kind !== b.node.kind || !equalBytes(a.node.name, b.node.name)) return false
  return sameList(a.node.rrsets, b.node.rrsets, sameSet)
}

function diffByName(before: readonly OwnedNode[], after: OwnedNode[]): NodeChanges {
  if (before.length === 0) return { set: after, removed: [] }
  if (after.length === 0) return { set: [], removed: before.map(removedName) }
  const changes: NodeChanges = { set: [], removed: [] }
  const known = new Map(before.map(node => [keyOf(node), node]))
  for (const node of after) {
    const key = keyOf(node)
    const old = known.get(key)
    known.delete(key)
    if (old === undefined || !sameNode(old, node)) changes.set.push(node)
  }
  for (const gone of known.values()) changes.removed.push(removedName(gone))
  return changes
}

function removedName({ role, node }: OwnedNode): RemovedName {
  return { role, key: foldName(node.name) }
}

function keyOf({ role, node }: OwnedNode): string {
  return `${role} ${foldName(node.name)}`
}

function fromEnd(nodes: readonly OwnedNode[], back: number): OwnedNode {
  return nodes[nodes.length - 1 - back] as OwnedNode
}

function sameSet(a: RRset, b: RRset): boolean {
  return (
    a.type === b.type &&
    a.ttl === b.ttl &&
    sameList(a.rdatas, b.rdatas, equalBytes) &&
    sameList(a.additional, b.additional, sameAdditional)
  )
}

function sameAdditional(a: AdditionalRecord, b: AdditionalRecord): boolean {
  return a.type === b.type && a.ttl === b.ttl && equalBytes(a.rdata, b.rdata) && equalBytes(a.name, b.name)
}

function sameList<T>(a: readonly T[], b: readonly T[], same: (a: T, b: T) => boolean): boolean {
  if (a === b) return true
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (!same(a[i] as T, b[i] as T)) return false
  return true
}
