/**
 * Who puts what at which name of one view. Nearly every name has one owner, and then the name index itself is the only
 * memory of it: the entry carries the owner's tag. Only a name that several owners share (the PTR of a pod that two
 * Services select, a label path that two namespaces use) is held here, so that it can be put together again when one
 * of them goes.
 */
import type { IndexWriter } from '../index/writer.ts'
import { mergeNodes } from '../naming/merge.ts'
import { foldName, type NameKey } from '../wire/name.ts'
import type { ZoneNode } from '../zone/rrset.ts'
import type { ServedZone, ViewZones } from './view-zones.ts'

/** The tag of index entries that several owners share. */
const SHARED = 0xffff_ffff

/** See the top of the file. */
export class NameTable {
  readonly #writer: IndexWriter
  readonly #view: number
  readonly #zones: ViewZones
  readonly #shared = new Map<NameKey, Map<number, ZoneNode>>()

  constructor(writer: IndexWriter, view: number, zones: ViewZones) {
    this.#writer = writer
    this.#view = view
    this.#zones = zones
  }

  /** Names that several owners share. */
  get sharedNames(): number {
    return this.#shared.size
  }

  /** Puts the owner's node at its name, beside those of other owners; true when the owner had none there before. */
  set(owner: number, zone: ServedZone, node: ZoneNode): boolean {
    const present = this.#writer.setUnlessTaken(this.#view, zone.id, node, owner)
    if (present === null || present === owner) {
      this.#zones.touch(zone)
      return present === null
    }
    const parts = this.#partsOf(foldName(node.name), present)
    const isNew = !parts.has(owner)
    parts.set(owner, node)
    this.#write(zone, mergeNodes([...parts.values()]), SHARED)
    return isNew
  }

  /** Takes the owner's node away from a name; false when it had none there. */
  remove(owner: number, zone: ServedZone, key: NameKey): boolean {
    const present = this.#writer.deleteOwn(this.#view, key, owner)
    if (present === owner) {
      this.#zones.touch(zone)
      return true
    }
    const parts = this.#shared.get(key)
    if (present !== SHARED || parts === undefined || !parts.delete(owner)) return false
    const [last] = parts
    if (parts.size === 1 && last !== undefined) {
      this.#shared.delete(key)
      this.#write(zone, last[1], last[0])
    } else {
      this.#write(zone, mergeNodes([...parts.values()]), SHARED)
    }
    return true
  }

  #write(zone: ServedZone, node: ZoneNode, owner: number): void {
    this.#writer.set(this.#view, zone.id, node, owner)
    this.#zones.touch(zone)
  }

  /** The nodes at a name that is about to be shared. The first owner's node is read back from the index. */
  #partsOf(key: NameKey, present: number): Map<number, ZoneNode> {
    const known = this.#shared.get(key)
    if (known !== undefined) return known
    const parts = new Map<number, ZoneNode>()
    const node = this.#writer.nodeOf(this.#view, key)
    if (node !== null) parts.set(present, node)
    this.#shared.set(key, parts)
    return parts
  }
}
