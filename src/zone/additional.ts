/** Finds the addresses that answers carry in their additional section, as far as the zone itself has them. */
import { foldName, isInZone, type Name, type NameKey, parentKey } from '../wire/name.ts'
import { TYPE } from '../wire/record-type.ts'
import { type NodeDraft, type SetDraft, setOf, targetOffset } from './draft.ts'
import type { AdditionalRecord } from './rrset.ts'

/** The names of a zone, split by whether the zone is responsible for them. */
export interface Names {
  readonly apex: NameKey
  /** Authoritative names and cuts; null stands for an empty non-terminal. */
  readonly visible: ReadonlyMap<NameKey, NodeDraft | null>
  /** Names at and below cuts: nothing but glue counts there. */
  readonly hidden: ReadonlyMap<NameKey, NodeDraft>
}

const NONE: readonly AdditionalRecord[] = []
const WILDCARD = '\u0001*'

/** Looks up targets; remembers what it found, because many records name the same few targets. */
export class AdditionalFinder {
  /** Hidden names that were needed as glue. */
  readonly usedGlue: Set<NameKey> = new Set()
  readonly #names: Names
  readonly #found = new Map<NameKey, readonly AdditionalRecord[]>()

  constructor(names: Names) {
    this.#names = names
  }

  /** The address records of every target of a set, each target once. For the NS set of a cut this is its glue. */
  additionalOf(set: SetDraft, owner: Name, isCut: boolean): readonly AdditionalRecord[] {
    if (targetOffset(set.type) < 0 || !HAS_ADDITIONAL.has(set.type)) return NONE
    const records: AdditionalRecord[] = []
    const seen = new Set<NameKey>()
    for (const rdata of set.rdatas) {
      const target = targetOf(set.type, rdata, owner)
      if (target === null) continue
      const key = foldName(target)
      if (seen.has(key)) continue
      seen.add(key)
      for (const record of this.addresses(target, key, isCut)) records.push(record)
    }
    return records.length === 0 ? NONE : records
  }

  /** The address records of one name; `withGlue` also those that are not the zone's own. */
  addresses(target: Name, key: NameKey, withGlue: boolean): readonly AdditionalRecord[] {
    if (!isInZone(key, this.#names.apex)) return NONE
    const hidden = this.#names.hidden.get(key)
    if (hidden !== undefined) {
      if (!withGlue) return NONE
      this.usedGlue.add(key)
    }
    let records = this.#found.get(key)
    if (records === undefined) {
      records = addressRecords(target, hidden ?? this.#lookUp(key))
      this.#found.set(key, records)
    }
    return records
  }

  /** The node that answers for a name: its own, or the wildcard below its closest encloser (RFC 4592 section 3.3.1). */
  #lookUp(key: NameKey): NodeDraft | null {
    const { visible } = this.#names
    const own = visible.get(key)
    if (own !== undefined) return own
    let above = parentKey(key)
    // The apex ends the walk at the latest: it is visible, and the name is in the zone.
    while (!visible.has(above)) above = parentKey(above)
    return visible.get((WILDCARD + above) as NameKey) ?? null
  }
}

/** Types whose targets come with their addresses: RFC 1035 section 3.3, RFC 2782, RFC 9460 section 4.1. */
const HAS_ADDITIONAL = new Set<number>([TYPE.NS, TYPE.MX, TYPE.SRV, TYPE.SVCB, TYPE.HTTPS])

/** The name in the RDATA that clients will ask for next; null when there is none. */
export function targetOf(type: number, rdata: Uint8Array, owner: Name): Name | null {
  const offset = targetOffset(type)
  if (rdata[offset] !== 0) return nameAt(rdata, offset)
  // "." says "no such service" in MX (RFC 7505) and SRV (RFC 2782), but "the owner" in ServiceMode (RFC 9460 section 2.5).
  const isServiceMode = (type === TYPE.SVCB || type === TYPE.HTTPS) && (rdata[0] !== 0 || rdata[1] !== 0)
  return isServiceMode ? owner : null
}

function nameAt(rdata: Uint8Array, offset: number): Name {
  let end = offset
  for (let length = rdata[end] ?? 0; length !== 0; length = rdata[end] ?? 0) end += length + 1
  return rdata.slice(offset, end + 1) as Name
}

function addressRecords(name: Name, draft: NodeDraft | null): readonly AdditionalRecord[] {
  if (draft === null) return NONE
  const records: AdditionalRecord[] = []
  for (const type of [TYPE.A, TYPE.AAAA]) {
    const set = setOf(draft, type)
    for (const rdata of set?.rdatas ?? []) records.push({ name, type, ttl: set?.ttl ?? 0, rdata })
  }
  return records
}
