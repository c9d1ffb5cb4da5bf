/**
 * Who puts what at which name of one view. The name index itself is the only memory of it: the entry carries its
 * owner's tag. At a name that several owners share (the PTR of a pod that two Services select, a label path that two
 * namespaces use) stands what their nodes come to together, and the nodes themselves, the parts, stand at the same name
 * in views that no network has:
 *
 * ```
 *   view v            7.0.0.…ip6.arpa   shared   PTR a, PTR b
 *   view v + 65536    7.0.0.…ip6.arpa   owner 5  PTR a
 *   view v + 131072   7.0.0.…ip6.arpa   owner 9  PTR b          parts have no gaps
 * ```
 */
import type { IndexWriter } from '../index/writer.ts'
import { mergeNodes } from '../naming/merge.ts'
import { foldName, type NameKey } from '../wire/name.ts'
import type { ZoneNode } from '../zone/rrset.ts'
import type { ServedZone, ViewZones } from './view-zones.ts'

/** The tag of index entries that several owners share. */
const SHARED = 0xffff_ffff
/** Between the view of a name and those of its parts. There are fewer networks. */
const PART_STRIDE = 0x1_0000

/** See the top of the file. */
export class NameTable {
  readonly #writer: IndexWriter
  readonly #view: number
  readonly #zones: ViewZones

  constructor(writer: IndexWriter, view: number, zones: ViewZones) {
    this.#writer = writer
    this.#view = view
    this.#zones = zones
  }

  /** Puts the owner's node at its name, beside those of other owners; true when the owner had none there before. */
  set(owner: number, zone: ServedZone, node: ZoneNode): boolean {
    const present = this.#writer.setUnlessTaken(this.#view, zone.id, node, owner)
    if (present === null || present === owner) {
      this.#zones.touch(zone)
      return present === null
    }
    const key = foldName(node.name)
    const alone = present === SHARED ? null : this.#writer.nodeOf(this.#view, key)
    if (alone !== null) this.#setPart(1, zone, alone, present)
    const part = this.#findPart(key, owner)
    const isNew = this.#writer.ownerOf(this.#viewOf(part), key) === null
    this.#setPart(part, zone, node, owner)
    this.#unite(zone, key)
    return isNew
  }

  /** Takes the owner's node away from a name; false when it had none there. */
  remove(owner: number, zone: ServedZone, key: NameKey): boolean {
    const present = this.#writer.deleteOwn(this.#view, key, owner)
    if (present === owner) {
      this.#zones.touch(zone)
      return true
    }
    if (present !== SHARED || !this.#removePart(owner, zone, key)) return false
    this.#unite(zone, key)
    return true
  }

  #viewOf(part: number): number {
    return this.#view + part * PART_STRIDE
  }

  #setPart(part: number, zone: ServedZone, node: ZoneNode, owner: number): void {
    this.#writer.set(this.#viewOf(part), zone.id, node, owner)
  }

  /** Number of the owner's part, or of the first that there is not yet. */
  #findPart(key: NameKey, owner: number): number {
    for (let part = 1; ; part++) {
      const present = this.#writer.ownerOf(this.#viewOf(part), key)
      if (present === null || present === owner) return part
    }
  }

  /** The last part takes the place of the one that goes. False when the owner has none. */
  #removePart(owner: number, zone: ServedZone, key: NameKey): boolean {
    const gone = this.#findPart(key, owner)
    let last = gone
    while (this.#writer.ownerOf(this.#viewOf(last + 1), key) !== null) last++
    const node = this.#writer.nodeOf(this.#viewOf(last), key)
    const lastOwner = this.#writer.ownerOf(this.#viewOf(last), key)
    if (node === null || lastOwner === null) return false
    this.#writer.delete(this.#viewOf(last), key)
    if (last > gone) this.#setPart(gone, zone, node, lastOwner)
    return true
  }

  /** Puts what the parts come to where it is answered. A part that is alone is the whole and no part any more. */
  #unite(zone: ServedZone, key: NameKey): void {
    const parts: ZoneNode[] = []
    for (let part = 1; ; part++) {
      const node = this.#writer.nodeOf(this.#viewOf(part), key)
      if (node === null) break
      parts.push(node)
    }
    const alone = parts.length === 1 ? this.#writer.ownerOf(this.#viewOf(1), key) : null
    if (alone !== null) this.#writer.delete(this.#viewOf(1), key)
    this.#writer.set(this.#view, zone.id, mergeNodes(parts), alone ?? SHARED)
    this.#zones.touch(zone)
  }
}
