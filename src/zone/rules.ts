/** What one name of a zone may hold. */
import { formatName, isInZone, type NameKey } from '../wire/name.ts'
import { TYPE } from '../wire/record-type.ts'
import { type NodeDraft, type SetDraft, setOf } from './draft.ts'
import type { FaultList } from './fault.ts'

/** Types that may stand beside a CNAME: KEY, RRSIG, NSEC (RFC 4034 section 3, 4; RFC 2535 section 2.3.5). */
const BESIDE_CNAME = new Set([25, 46, 47])

/** Checks one name. Every fault is one that would make answers depend on who reads the zone. */
export function checkNode(draft: NodeDraft, apex: NameKey, faults: FaultList): void {
  const name = formatName(draft.name)
  const fail = (set: SetDraft, message: string): void => faults.add(set.record.file, set.record.line, message)
  const first = draft.sets[0] as SetDraft
  if (!isInZone(draft.key, apex)) {
    fail(first, `Cannot load ${name}: it is outside of the zone`)
    return
  }
  const isApex = draft.key === apex
  for (const set of draft.sets) {
    const message = (isApex ? apexFault(set, name) : innerFault(set, draft, name)) ?? setFault(set, draft, name)
    if (message !== null) fail(set, message)
  }
}

function apexFault(set: SetDraft, name: string): string | null {
  // RFC 4035 section 2.4
  if (set.type === TYPE.DS) return `Cannot load ${name}: a DS record at the apex belongs into the parent zone`
  if (set.type === TYPE.SOA && set.rdatas.length > 1) return `Cannot load ${name}: it has more than one SOA record`
  return null
}

function innerFault(set: SetDraft, draft: NodeDraft, name: string): string | null {
  if (set.type === TYPE.SOA) return `Cannot load ${name}: a SOA record can only be at the apex`
  // RFC 6672 section 2.3
  if (set.type === TYPE.DNAME && setOf(draft, TYPE.NS) !== null) {
    return `Cannot load ${name}: a name other than the apex cannot have both DNAME and NS`
  }
  return null
}

function setFault(set: SetDraft, draft: NodeDraft, name: string): string | null {
  if (set.type === TYPE.CNAME || set.type === TYPE.DNAME) {
    const type = set.type === TYPE.CNAME ? 'CNAME' : 'DNAME'
    // RFC 1034 section 3.6.2, RFC 6672 section 2.4
    if (set.rdatas.length > 1) return `Cannot load ${name}: it has more than one ${type} record`
  }
  if (set.type === TYPE.CNAME && draft.sets.some(other => other !== set && !BESIDE_CNAME.has(other.type))) {
    return `Cannot load ${name}: a name with a CNAME record can have no other records`
  }
  // RFC 4592 sections 4.2 and 4.4 leave their meaning open.
  if ((set.type === TYPE.NS || set.type === TYPE.DNAME) && draft.key.startsWith('\u0001*')) {
    return `Cannot load ${name}: a wildcard cannot have NS or DNAME records`
  }
  return null
}
