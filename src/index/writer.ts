/**
 * The writing side of the name index: one object, in the control thread. Every change is one entry appended and one
 * slot stored; how memory is found for it, see memory.ts.
 */
import { foldName, type Name, type NameKey, nameOfKey } from '../wire/name.ts'
import type { ZoneNode } from '../zone/rrset.ts'
import { decodeEntry } from './decoder.ts'
import { entryBound } from './encoder.ts'
import { ENTRY, ENTRY_FLAG, type IndexBuffers, ZONE, ZONE_ROW } from './layout.ts'
import { LookUp } from './look-up.ts'
import { IndexMemory } from './memory.ts'
import { encodeZoneRecord, ZONE_RECORD_BOUND, type ZoneSpec, zoneFlags } from './zone-record.ts'
import { type ZoneState, Zones } from './zones.ts'

/** How to make a writer. */
export interface IndexWriterOptions {
  /** 32 bits from a random source: they key the hash, so that nobody can choose names that collide. */
  readonly seed: number
  /** Called, inside of the call that brought it about, when a fresh generation replaces the present one. */
  readonly onGeneration: (buffers: IndexBuffers) => void
  /**
   * The control block. With it, memory that entries have left is used again when every reader has acknowledged; without
   * it, and with readers that have no number, only a fresh arena takes the place of one that is used up.
   */
  readonly control?: SharedArrayBuffer
  /** Least size of the arena; 512 MiB. Pages that are never written cost no memory, only address space. */
  readonly initialArenaBytes?: number
  /** Least number of slots, a power of two; 65,536. */
  readonly initialSlots?: number
}

/** Figures of the index; bytes are octets of the present arena. */
export interface IndexStats {
  /** Entries, apexes included. */
  readonly names: number
  readonly zones: number
  /** Address space of the arena. */
  readonly arenaBytes: number
  /** Octets of it that are written, which is what it costs. */
  readonly usedBytes: number
  /** Written octets that nothing points to. */
  readonly garbageBytes: number
  readonly slots: number
  /** Slots that hold an entry or held one. */
  readonly usedSlots: number
  readonly generation: number
}

/** Owner tag of the entry that an apex has of itself. */
const NO_OWNER = 0
/** Octets of the root's name. */
const ROOT_OCTETS = 1

/** See the top of the file. */
export class IndexWriter {
  readonly #memory: IndexMemory
  readonly #lookUp: LookUp
  readonly #zones = new Zones()
  readonly #record = new Uint8Array(ZONE_RECORD_BOUND)
  readonly #recordWords = new Int32Array(this.#record.buffer)

  constructor(options: IndexWriterOptions) {
    this.#memory = new IndexMemory({
      seed: options.seed,
      control: options.control ?? null,
      arenaBytes: options.initialArenaBytes ?? 1 << 29,
      slots: options.initialSlots ?? 1 << 16,
      onGeneration: options.onGeneration,
    })
    this.#lookUp = new LookUp(this.#memory)
  }

  /** The present generation. */
  get buffers(): IndexBuffers {
    return this.#memory.buffers
  }

  /**
   * Serves a zone, or changes one that is served (same view and apex). The SOA at the apex is answered from `spec`;
   * record sets of type SOA in nodes are ignored. A new serial alone is one word stored. Nodes at and below the apex
   * that belong to an enclosing zone must be set again with the new zone's number.
   *
   * @returns the zone's number, for {@link set}.
   */
  defineZone(view: number, spec: ZoneSpec): number {
    const key = zoneKey(view, spec.apex)
    const zone = this.#zones.find(key) ?? this.#zones.open(key, spec.apex.length)
    const memory = this.#memory
    memory.reserve(ZONE_RECORD_BOUND, zone.id)
    this.#noteTop(view, spec.apex)
    zone.flags = zoneFlags(spec) | (zone.wildcards > 0 ? ZONE.wildcards : 0)
    memory.table.setZone(zone.id, ZONE_ROW.flags, zone.flags)
    memory.table.setZone(zone.id, ZONE_ROW.serial, spec.soa.serial | 0)
    this.#putRecord(zone, spec)
    const place = this.#lookUp.find(view, spec.apex)
    if (place === 0) {
      this.#put(view, zone, { name: spec.apex, kind: 'plain', rrsets: [] }, NO_OWNER, ENTRY_FLAG.bare)
    } else if (this.#zoneOf(place) !== zone) {
      const owner = memory.words[place + ENTRY.owner] as number
      this.#put(view, zone, { ...decodeEntry(memory.buffers.arena, place), kind: 'plain' }, owner, 0)
    }
    return zone.id
  }

  /** Stops serving a zone: its names are REFUSED. Its apex goes with it; its other entries are the caller's to delete. */
  removeZone(view: number, apex: NameKey): void {
    const name = nameOfKey(apex)
    const zone = this.#zones.find(zoneKey(view, name))
    if (zone === null) return
    const { table } = this.#memory
    const place = this.#lookUp.find(view, name)
    if (place !== 0 && this.#zoneOf(place) === zone) this.#remove(place)
    this.#memory.discard(table.zone(zone.id, ZONE_ROW.record))
    table.setZone(zone.id, ZONE_ROW.record, 0)
    this.#zones.close(zone)
  }

  /**
   * Puts a node, in the place of the one that its name has. At the apex of another zone it is ignored: there the zone
   * below the cut is authoritative (RFC 1034 section 4.2.1). Setting what is there already changes nothing.
   *
   * @param owner any unsigned 32-bit tag, see {@link ownerOf}.
   * @throws RangeError when the zone is unknown or the node has more than 85 record sets.
   */
  set(view: number, zoneId: number, node: ZoneNode, owner: number): void {
    this.#put(view, this.#zones.servedAt(zoneId), node, owner, 0)
  }

  /**
   * {@link set}, unless the name has a node of another owner: then nothing is done.
   *
   * @returns the tag of the node that was there; null: there was none.
   */
  setUnlessTaken(view: number, zoneId: number, node: ZoneNode, owner: number): number | null {
    const zone = this.#zones.servedAt(zoneId)
    this.#memory.reserve(entryBound(node), zone.id)
    const place = this.#lookUp.find(view, node.name)
    const present = this.#ownerAt(place)
    if (present === null || present === owner) this.#replace(place, view, zone, node, owner, 0)
    return present
  }

  /** Takes a name's node away; false when it has none. The apex of a zone keeps its SOA. */
  delete(view: number, name: NameKey): boolean {
    const place = this.#lookUp.find(view, name)
    if (this.#ownerAt(place) === null) return false
    this.#clear(place, view, name)
    return true
  }

  /**
   * {@link delete}, unless the node is another owner's: then nothing is done.
   *
   * @returns the tag of the node that was there; null: there was none.
   */
  deleteOwn(view: number, name: NameKey, owner: number): number | null {
    const place = this.#lookUp.find(view, name)
    const present = this.#ownerAt(place)
    if (present === owner) this.#clear(place, view, name)
    return present
  }

  /** The number of the deepest zone that holds a name; −1: none. */
  zoneOf(view: number, name: Name | NameKey): number {
    this.#lookUp.read(view, name)
    const { reader } = this.#memory
    const { starts, labels, length } = reader.name
    for (let label = 0; label <= labels; label++) {
      if (!this.#zones.mayBeApex(length - (starts[label] as number))) continue
      const place = this.#lookUp.findFrom(label, view)
      if (place !== 0 && this.#isApex(place)) return reader.zone(place)
    }
    return -1
  }

  /** The tag that the name's node was set with; null: there is none. */
  ownerOf(view: number, name: NameKey): number | null {
    return this.#ownerAt(this.#lookUp.find(view, name))
  }

  /** The name's node as it is answered, its name folded; null: there is none. */
  nodeOf(view: number, name: NameKey): ZoneNode | null {
    const place = this.#lookUp.find(view, name)
    return place === 0 || this.#isBare(place) ? null : decodeEntry(this.#memory.buffers.arena, place)
  }

  /** Figures for metrics. */
  stats(): IndexStats {
    const { table, usedBytes, garbageBytes, buffers } = this.#memory
    return {
      names: table.live,
      zones: this.#zones.served,
      arenaBytes: buffers.arena.byteLength,
      usedBytes,
      garbageBytes,
      slots: table.slots,
      usedSlots: table.used,
      generation: buffers.generation,
    }
  }

  /** Readers need not look for names whose last label is that of no apex. */
  #noteTop(view: number, apex: Name): void {
    if (apex.length === ROOT_OCTETS) {
      this.#memory.table.addEveryTop()
    } else {
      this.#lookUp.read(view, apex)
      this.#memory.table.addTop(this.#lookUp.top())
    }
  }

  #put(view: number, zone: ZoneState, node: ZoneNode, owner: number, flags: number): void {
    this.#memory.reserve(entryBound(node), zone.id)
    this.#replace(this.#lookUp.find(view, node.name), view, zone, node, owner, flags)
  }

  /** Puts a node in the place of the entry at `old` (0: none), which was the last to be looked up. */
  #replace(old: number, view: number, zone: ZoneState, node: ZoneNode, owner: number, flags: number): void {
    const memory = this.#memory
    const oldZone = old === 0 ? null : this.#zoneOf(old)
    if (oldZone !== null && oldZone !== zone && this.#isApex(old)) return
    const { name } = memory.reader
    const head = { view, zone: zone.id, owner, flags }
    if (name.length === zone.apexLength && zone.key === zoneKey(view, node.name)) head.flags |= ENTRY_FLAG.apex
    const octets = memory.encoder.encode(memory.end, head, node, name, this.#lookUp.words)
    if (old !== 0 && memory.isSame(old, memory.end)) return
    const place = memory.keep(octets)
    this.#count(zone, 1)
    if (oldZone === null) {
      memory.add(name.hashes[0] as number, place)
      return
    }
    memory.table.replace(name.hashes[0] as number, old, place)
    memory.discard(old)
    this.#count(oldZone, -1)
  }

  /** Takes away the node of the entry at `place`, whose name was the last to be looked up. */
  #clear(place: number, view: number, name: NameKey): void {
    const zone = this.#zoneOf(place)
    if (!this.#isApex(place)) this.#remove(place)
    else this.#put(view, zone, { name: nameOfKey(name), kind: 'plain', rrsets: [] }, NO_OWNER, ENTRY_FLAG.bare)
  }

  /** Takes away the entry at `place`, whose name was the last to be looked up. */
  #remove(place: number): void {
    const zone = this.#zoneOf(place)
    this.#memory.table.remove(this.#memory.reader.name.hashes[0] as number, place)
    this.#memory.discard(place)
    this.#count(zone, -1)
    this.#zones.freeIfEmpty(zone)
  }

  /** Counts an entry with the name that was looked up last in or out. */
  #count(zone: ZoneState, difference: 1 | -1): void {
    zone.entries += difference
    if (!this.#lookUp.isWildcard) return
    zone.wildcards += difference
    zone.flags = zone.wildcards > 0 ? zone.flags | ZONE.wildcards : zone.flags & ~ZONE.wildcards
    this.#memory.table.setZone(zone.id, ZONE_ROW.flags, zone.flags)
  }

  /** Writes the zone's record, when it says something new. */
  #putRecord(zone: ZoneState, spec: ZoneSpec): void {
    const memory = this.#memory
    const octets = encodeZoneRecord(spec, zone.id, this.#record)
    memory.words.set(this.#recordWords.subarray(0, (octets + 3) >> 2), memory.end)
    const old = memory.table.zone(zone.id, ZONE_ROW.record)
    if (old !== 0 && memory.isSame(old, memory.end)) return
    memory.table.setZone(zone.id, ZONE_ROW.record, memory.keep(octets))
    if (old !== 0) memory.discard(old)
  }

  #ownerAt(place: number): number | null {
    return place === 0 || this.#isBare(place) ? null : (this.#memory.words[place + ENTRY.owner] as number) >>> 0
  }

  #zoneOf(place: number): ZoneState {
    return this.#zones.at(this.#memory.reader.zone(place))
  }

  #isApex(place: number): boolean {
    return (this.#memory.reader.shape(place) & ENTRY_FLAG.apex) !== 0
  }

  #isBare(place: number): boolean {
    return (this.#memory.reader.shape(place) & ENTRY_FLAG.bare) !== 0
  }
}

function zoneKey(view: number, apex: Name): string {
  return `${view} ${foldName(apex)}`
}
