/**
 * The zones of one view (the network's number in the name index): the cluster's domain, `flycast`, reverse zones, and
 * the zone files. A reverse record goes to the deepest zone that covers it, whoever serves that zone; where there is
 * none, a natural zone is opened and closed again with its last record.
 */
import type { IndexWriter } from '../index/writer.ts'
import { type Address, familyOf } from '../ip/address.ts'
import { addressOfReverseLabels, reverseZoneLabels } from '../ip/arpa.ts'
import { type Prefix, prefixOf } from '../ip/prefix.ts'
import { foldName, isInZone, joinName, labelsOf, type Name, type NameKey, parseName } from '../wire/name.ts'
import type { Soa, ZoneNode } from '../zone/rrset.ts'
import type { Zone } from '../zone/zone.ts'

/** One zone that is answered in the view. */
export interface ServedZone {
  id: number
  readonly apex: Name
  readonly key: NameKey
  /** What the cluster puts in it; null: only a zone file. */
  role: 'cluster' | 'flycast' | 'reverse' | null
  /** The zone file of the same apex, if any: its SOA and NS count. */
  file: Zone | null
  /** Reverse zones only: how many names of the cluster lie in it. */
  records: number
  /** Opened for a record that no other zone covers; closed with its last record. */
  natural: boolean
  soa: Soa
}

/** What the zones need from their surroundings. */
export interface ViewZonesOptions {
  readonly writer: IndexWriter
  readonly view: number
  /** SOA of a zone that the cluster fills. */
  soa(apex: Name, serial: number): Soa
  /** The apex node (NS set) of a reverse zone that the cluster fills. */
  apexNode(apex: Name): ZoneNode
  /** Owner tag of apex nodes in the index. */
  readonly owner: number
  /** Seconds since the epoch. */
  now(): number
}

/** See the top of the file. */
export class ViewZones {
  readonly #options: ViewZonesOptions
  readonly #zones = new Map<NameKey, ServedZone>()
  /** By the zone's number in the index. */
  readonly #byId: ServedZone[] = []
  readonly #dirty = new Set<ServedZone>()
  #unsynced = true

  constructor(options: ViewZonesOptions) {
    this.#options = options
  }

  /** Every served zone. */
  zones(): Iterable<ServedZone> {
    return this.#zones.values()
  }

  /** The zone with this apex. */
  get(key: NameKey): ServedZone | null {
    return this.#zones.get(key) ?? null
  }

  /** The deepest zone that holds the name. */
  find(name: Name | NameKey): ServedZone | null {
    const { writer, view } = this.#options
    return this.#byId[writer.zoneOf(view, name)] ?? null
  }

  /** Serves a zone that the cluster fills, for as long as the view exists. */
  open(apex: Name, role: 'cluster' | 'flycast' | 'reverse'): ServedZone {
    const existing = this.#zones.get(foldName(apex))
    if (existing !== undefined) {
      existing.role = role
      existing.natural = false
      this.#write(existing)
      return existing
    }
    return this.#add(apex, role, null, false)
  }

  /** The zone for a reverse record; opens the natural one when nothing covers the name. */
  reverseZoneOf(name: Name): ServedZone {
    return this.find(name) ?? this.#add(naturalZone(name), 'reverse', null, true)
  }

  /** Counts a reverse record in or out of its zone. */
  countRecord(zone: ServedZone, difference: 1 | -1): void {
    zone.records += difference
    if (zone.records === 0 && zone.natural) this.#remove(zone)
    else if (zone.file !== null && zone.records === (difference === 1 ? 1 : 0)) this.#write(zone)
  }

  /** Notes that the zone's content changed, so that its serial moves with the next {@link commit}. */
  touch(zone: ServedZone): void {
    this.#dirty.add(zone)
  }

  /** Serves a zone file; false when the cluster's own domain or flycast has this apex. */
  setFile(file: Zone): ServedZone | null {
    const existing = this.#zones.get(foldName(file.apex))
    if (existing === undefined) return this.#add(file.apex, null, file, false)
    if (existing.role === 'cluster' || existing.role === 'flycast') return null
    // The apex is the file's from now on: its NS set replaces ours.
    if (existing.file === null) this.#options.writer.delete(this.#options.view, existing.key)
    existing.file = file
    this.#write(existing)
    return existing
  }

  /** Stops serving a zone file. */
  removeFile(key: NameKey): void {
    const zone = this.#zones.get(key)
    if (zone === undefined || zone.file === null) return
    zone.file = null
    if (zone.role === null) this.#remove(zone)
    else this.#write(zone)
  }

  /** Until the first complete state is there, every name that the cluster may fill is SERVFAIL (law 5). */
  setUnsynced(unsynced: boolean): void {
    if (unsynced === this.#unsynced) return
    this.#unsynced = unsynced
    for (const zone of this.#zones.values()) if (this.#mayHoldNames(zone)) this.#write(zone)
  }

  /** Writes new serials and whatever depends on the options (TTL) of every zone. */
  rewrite(): void {
    for (const zone of this.#zones.values()) this.#write(zone)
  }

  /** Closes natural zones that have lost all their records. */
  closeEmpty(): void {
    for (const zone of [...this.#zones.values()]) if (zone.natural && zone.records === 0) this.#remove(zone)
  }

  /** Moves the serials of the touched zones. */
  commit(): void {
    for (const zone of this.#dirty) if (zone.file === null) this.#write(zone)
    this.#dirty.clear()
  }

  /** Whether the cluster puts names in the zone, or may. */
  #mayHoldNames(zone: ServedZone): boolean {
    if (mayHoldRecords(zone)) return true
    const outer = Iterator.from(this.#zones.values()).filter(({ role }) => role === 'cluster' || role === 'flycast')
    return outer.some(({ key }) => isInZone(zone.key, key))
  }

  #add(apex: Name, role: ServedZone['role'], file: Zone | null, natural: boolean): ServedZone {
    const zone: ServedZone = {
      id: -1,
      apex,
      key: foldName(apex),
      role,
      file,
      records: 0,
      natural,
      soa: this.#options.soa(apex, 0),
    }
    this.#zones.set(zone.key, zone)
    this.#write(zone)
    return zone
  }

  #remove(zone: ServedZone): void {
    const { writer, view } = this.#options
    writer.delete(view, zone.key)
    writer.removeZone(view, zone.key)
    this.#zones.delete(zone.key)
    this.#dirty.delete(zone)
  }

  #write(zone: ServedZone): void {
    const { writer, view, owner, now } = this.#options
    const serial = Math.max(zone.soa.serial, Math.floor(now()))
    zone.soa = zone.file?.soa ?? this.#options.soa(zone.apex, serial)
    const id = writer.defineZone(view, {
      apex: zone.apex,
      soa: zone.soa,
      // A zone file of RFC 6303 is empty on purpose; only with records of the cluster it has names between.
      kind: zone.role === 'reverse' || zone.records > 0 ? 'reverse' : 'forward',
      unsynced: this.#unsynced && this.#mayHoldNames(zone),
    })
    zone.id = id
    this.#byId[id] = zone
    if (zone.role === 'reverse' && zone.file === null) writer.set(view, id, this.#options.apexNode(zone.apex), owner)
  }
}

/** Whether the zone is the cluster's, or may get reverse records: these go to whichever zone file covers them. */
function mayHoldRecords({ key, role }: ServedZone): boolean {
  if (role !== null) return true
  return REVERSE_TREES.some(tree => isInZone(key, tree)) && !LOOPBACK.some(zone => isInZone(key, zone))
}

const REVERSE_TREES: readonly NameKey[] = [keyOf('in-addr.arpa'), keyOf('ip6.arpa')]
/** Addresses that nothing in a cluster can have. */
const LOOPBACK: readonly NameKey[] = [keyOf('127.in-addr.arpa'), keyOf(`1.${'0.'.repeat(31)}ip6.arpa`)]

function keyOf(text: string): NameKey {
  return foldName(parseName(text))
}

/** RFC 6303 zones and RFC 6598 space for private IPv4, /24 for other IPv4; /48 for ULA (RFC 4193), /64 for other IPv6. */
function naturalZone(name: Name): Name {
  const address = addressOfReverseLabels(labelsOf(name).map(label => label.toLowerCase()))
  if (address === null) throw new Error('Cannot place a reverse record: its name is no full reverse name')
  return joinName(reverseZoneLabels(naturalPrefix(address)))
}

function naturalPrefix(address: Address): Prefix {
  if (familyOf(address) === 'IPv6') return prefixOf(address, ((address[0] as number) & 0xfe) === 0xfc ? 48 : 64)
  const first = address[12] as number
  const second = address[13] as number
  if (first === 10 || first === 127) return prefixOf(address, 8)
  if ((first === 172 && (second & 0xf0) === 16) || (first === 100 && (second & 0xc0) === 64))
    return prefixOf(address, 16)
  if ((first === 192 && second === 168) || (first === 169 && second === 254)) return prefixOf(address, 16)
  return prefixOf(address, 24)
}
