/**
 * Builds a zone from the records of its master file: checks it, finds delegations and what they hide, makes empty
 * non-terminals explicit, and attaches additional addresses.
 *
 * ```
 *   example.            SOA NS        apex
 *   a.b.example.        A             plain; b.example. becomes an empty non-terminal (RFC 8020)
 *   sub.example.        NS DS         cut: NS, DS and the glue are kept …
 *   ns.sub.example.     A             … hidden: glue, because the NS set names it
 *   www.sub.example.    A             … hidden: dropped with a warning
 *   old.example.        DNAME         dname: a record below it would be a fault (RFC 6672 section 2.4)
 * ```
 */
import { foldName, formatName, isInZone, type Name, type NameKey, parentKey } from '../wire/name.ts'
import { OctetReader } from '../wire/octets.ts'
import { TYPE, typeName } from '../wire/record-type.ts'
import { AdditionalFinder, targetOf } from './additional.ts'
import { gather, type NodeDraft, type SetDraft, setOf } from './draft.ts'
import { FaultList, type ZoneFault } from './fault.ts'
import type { ZoneRecord } from './master-file.ts'
import type { NodeKind, RRset, Soa, ZoneNode } from './rrset.ts'
import { checkNode } from './rules.ts'
import type { Zone } from './zone.ts'

/** A zone, or why it is none. Warnings are things that the zone is served without. */
export type ZoneResult =
  | { readonly zone: Zone; readonly records: number; readonly warnings: readonly ZoneFault[] }
  | { readonly faults: readonly ZoneFault[] }

/** Builds the zone whose apex is the owner of the (first) SOA record. `file` is named when there is no such record. */
export function buildZone(file: string, records: readonly ZoneRecord[]): ZoneResult {
  const soa = records.find(record => record.type === TYPE.SOA)
  if (soa === undefined) {
    return { faults: [{ file, line: 0, message: 'Cannot load the zone: it has no SOA record' }] }
  }
  const faults = new FaultList()
  const warnings = new FaultList()
  const drafts = gather(records, warnings)
  const builder = new Builder(drafts, soa, faults, warnings)
  const nodes = builder.build()
  if (!faults.isEmpty) return { faults: faults.list() }
  const zone: Zone = { apex: soa.name, soa: soaOf(soa.rdata, builder.apexDraft), nodes }
  return { zone, records: records.length, warnings: warnings.list() }
}

class Builder {
  readonly apexDraft: NodeDraft
  readonly #apex: NameKey
  readonly #drafts: ReadonlyMap<NameKey, NodeDraft>
  readonly #faults: FaultList
  readonly #warnings: FaultList
  readonly #visible = new Map<NameKey, NodeDraft | null>()
  readonly #hidden = new Map<NameKey, NodeDraft>()
  /** Names of the empty non-terminals. */
  readonly #empty = new Map<NameKey, Name>()

  constructor(drafts: ReadonlyMap<NameKey, NodeDraft>, soa: ZoneRecord, faults: FaultList, warnings: FaultList) {
    this.#drafts = drafts
    this.#apex = foldName(soa.name)
    this.apexDraft = drafts.get(this.#apex) as NodeDraft
    this.#faults = faults
    this.#warnings = warnings
    if (setOf(this.apexDraft, TYPE.NS) === null) {
      faults.add(soa.file, soa.line, `Cannot load ${formatName(soa.name)}: it has no NS record at the apex`)
    }
  }

  build(): ZoneNode[] {
    for (const draft of this.#drafts.values()) checkNode(draft, this.#apex, this.#faults)
    this.#visible.set(this.#apex, this.apexDraft)
    const inside = [...this.#drafts.values()].filter(draft => isInZone(draft.key, this.#apex))
    const hasBlockers = inside.some(draft => this.#kindOf(draft) !== 'plain')
    for (const draft of inside) this.#place(draft, hasBlockers)
    for (const draft of this.#visible.values()) if (draft !== null) this.#addEmptyAbove(draft)
    return this.#faults.isEmpty ? this.#makeNodes() : []
  }

  #kindOf(draft: NodeDraft): NodeKind {
    if (setOf(draft, TYPE.DNAME) !== null) return 'dname'
    return draft.key !== this.#apex && setOf(draft, TYPE.NS) !== null ? 'cut' : 'plain'
  }

  /** Sorts a name into visible and hidden ones. What counts is the cut or DNAME nearest to the apex. */
  #place(draft: NodeDraft, hasBlockers: boolean): void {
    const blocker = hasBlockers ? this.#blockerOf(draft) : null
    if (blocker === null) {
      this.#visible.set(draft.key, draft)
      if (this.#kindOf(draft) === 'cut') this.#hidden.set(draft.key, draft)
    } else if (this.#kindOf(blocker) === 'cut') {
      this.#hidden.set(draft.key, draft)
    } else {
      const { file, line } = (draft.sets[0] as SetDraft).record
      const dname = formatName(blocker.name)
      this.#faults.add(
        file,
        line,
        `Cannot load ${formatName(draft.name)}: ${dname} has a DNAME, so nothing can be below it`,
      )
    }
  }

  #blockerOf(draft: NodeDraft): NodeDraft | null {
    let blocker: NodeDraft | null = null
    for (let key = draft.key; key !== this.#apex; ) {
      key = parentKey(key)
      const above = this.#drafts.get(key)
      if (above !== undefined && this.#kindOf(above) !== 'plain') blocker = above
    }
    return blocker
  }

  #addEmptyAbove(draft: NodeDraft): void {
    let { key, name } = draft
    // Most names are children of the apex, which the lengths tell without making the parent's key.
    while (key.length - key.charCodeAt(0) - 1 > this.#apex.length) {
      name = name.slice((name[0] as number) + 1) as Name
      key = parentKey(key)
      if (this.#visible.has(key)) return
      this.#visible.set(key, null)
      this.#empty.set(key, name)
    }
  }

  #makeNodes(): ZoneNode[] {
    const names = { apex: this.#apex, visible: this.#visible, hidden: this.#hidden }
    const finder = new AdditionalFinder(names)
    const nodes: ZoneNode[] = []
    for (const [key, draft] of this.#visible) {
      if (draft !== null) nodes.push(this.#makeNode(draft, finder))
      else nodes.push({ name: this.#empty.get(key) as Name, kind: 'plain', rrsets: [] })
    }
    this.#warnOfHidden(finder)
    return nodes
  }

  #makeNode(draft: NodeDraft, finder: AdditionalFinder): ZoneNode {
    const kind = this.#kindOf(draft)
    const rrsets: RRset[] = []
    for (const set of draft.sets) {
      const { type, ttl, rdatas } = set
      if (type === TYPE.SOA || (kind === 'cut' && type !== TYPE.NS && type !== TYPE.DS)) continue
      if (type === TYPE.NS) this.#checkServers(set, draft, kind, finder)
      if (type === TYPE.DS && kind !== 'cut') this.#warn(set, 'there is no delegation for this DS record')
      rrsets.push({ type, ttl, rdatas, additional: finder.additionalOf(set, draft.name, kind === 'cut') })
    }
    return { name: draft.name, kind, rrsets }
  }

  /** A server that lies in the zone needs an address there. The apex may name itself without one (RFC 6303 section 3). */
  #checkServers(set: SetDraft, draft: NodeDraft, kind: NodeKind, finder: AdditionalFinder): void {
    for (const rdata of set.rdatas) {
      const target = targetOf(TYPE.NS, rdata, draft.name)
      if (target === null) continue
      const key = foldName(target)
      if (key === this.#apex || !isInZone(key, this.#apex)) continue
      if (finder.addresses(target, key, kind === 'cut').length > 0) continue
      this.#warn(set, `its name server ${formatName(target)} has no address in this zone`)
    }
  }

  #warnOfHidden(finder: AdditionalFinder): void {
    for (const draft of this.#hidden.values()) {
      const isCut = this.#visible.has(draft.key)
      for (const set of draft.sets) {
        const isGlue = finder.usedGlue.has(draft.key) && (set.type === TYPE.A || set.type === TYPE.AAAA)
        if (isGlue || (isCut && (set.type === TYPE.NS || set.type === TYPE.DS))) continue
        this.#warn(set, 'it is not served, because the name is delegated to other servers')
      }
    }
  }

  #warn(set: SetDraft, what: string): void {
    const { file, line, name, type } = set.record
    this.#warnings.add(file, line, `The ${typeName(type)} record of ${formatName(name)}: ${what}`)
  }
}

function soaOf(rdata: Uint8Array, apex: NodeDraft): Soa {
  const octets = new OctetReader(rdata)
  return {
    mname: octets.wireName(),
    rname: octets.wireName(),
    serial: octets.uint32(),
    refresh: octets.uint32(),
    retry: octets.uint32(),
    expire: octets.uint32(),
    minimum: octets.uint32(),
    ttl: setOf(apex, TYPE.SOA)?.ttl ?? 0,
  }
}
