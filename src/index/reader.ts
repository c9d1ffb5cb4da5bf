/**
 * The reading side of the name index; one object for each thread. Nothing here waits or allocates. An entry is known by
 * its place (a word number in the arena), 0 for none, a row by its word number. What is read from one entry belongs
 * together, because entries never change.
 *
 * Loads are plain: `Atomics.load` is a call in optimised code, five of them for a query that misses. Nothing needs more.
 * The writer stores a place with `Atomics.store`, after the block that it leads to; here every address in the block is
 * computed from the place, and processors keep the order of loads that depend on each other. An aligned word is never
 * torn. And a block is not overwritten before this reader has taken a generation that is later, between two queries.
 */
import { foldWord, NameHash } from './hash.ts'
import {
  CONTROL,
  ENTRY,
  FREE,
  HEADER,
  type IndexBuffers,
  MAX_READERS,
  ROW_ADDITIONAL,
  ROW_GLUE,
  ZONE_RECORD,
  ZONE_ROW,
} from './layout.ts'

/** A wildcard's first label: one octet, `*`. */
const STAR_OCTETS = 2

/** See the top of the file. */
export class IndexReader {
  /** The name that is looked up. */
  readonly name: NameHash = new NameHash()
  /** The arena, for copying records and for reading names in it. */
  arena: DataView
  /** Number of the generation that is read. */
  generation = 0
  readonly #control: Int32Array
  readonly #number: number
  #words: Int32Array
  #slots: Int32Array
  #mask = 0
  #firstSlot = 0

  /**
   * @param control the control block (layout: `CONTROL`).
   * @param number this reader's number among those in other threads than the writer's (control word `readers`), for
   * acknowledging generations; −1: it reads in the writer's thread, or the writer has no control block.
   */
  constructor(buffers: IndexBuffers, control: SharedArrayBuffer, number = -1) {
    this.#control = new Int32Array(control)
    this.#number = number
    this.#slots = new Int32Array(buffers.slots)
    this.#words = new Int32Array(buffers.arena)
    this.arena = new DataView(buffers.arena)
    this.adopt(buffers)
  }

  /** Takes another generation. Only between two queries: what was read of the one before may be overwritten now. */
  adopt(buffers: IndexBuffers): void {
    const slots = new Int32Array(buffers.slots)
    this.generation = buffers.generation
    this.arena = new DataView(buffers.arena)
    this.#words = new Int32Array(buffers.arena)
    this.#slots = slots
    this.#mask = slots[HEADER.mask] as number
    this.#firstSlot = HEADER.words + (slots[HEADER.zones] as number) * ZONE_ROW.words
    this.name.setKeys(slots.subarray(HEADER.keys, HEADER.keys + 4))
    if (this.#number >= 0 && this.#number < MAX_READERS) {
      Atomics.store(this.#control, CONTROL.taken + this.#number, buffers.generation)
    }
  }

  /** The state word of the control block. */
  state(): number {
    return this.#control[CONTROL.state] as number
  }

  /** Whether {@link name}, which stands at `at`, may be in a zone: false when no apex ends in its last label. */
  mayHold(bytes: DataView, at: number): boolean {
    const top = this.name.top(bytes, at)
    return (((this.#slots[HEADER.tops + (top >>> 5)] as number) >>> (top & 31)) & 1) !== 0
  }

  /** The entry of {@link name}, which stands at `at`, from its label `label` on; 0: none. */
  find(bytes: DataView, at: number, label: number, view: number): number {
    const { name } = this
    const start = name.starts[label] as number
    return this.#probe(name.hashes[label] as number, bytes, at + start, name.length - start, 0, view)
  }

  /** The entry of `*.` and {@link name} from its label `label` on; 0: none. */
  findWildcard(bytes: DataView, at: number, label: number, view: number): number {
    const { name } = this
    const start = name.starts[label] as number
    return this.#probe(name.wildcardBelow(label), bytes, at + start, name.length - start, STAR_OCTETS, view)
  }

  /** Octets of the entry's name in the low byte, then its flags (layout: `ENTRY_FLAG`). */
  shape(place: number): number {
    return this.#words[place + ENTRY.shape] as number
  }

  /** Number of the entry's zone. */
  zone(place: number): number {
    return this.#words[place + ENTRY.zone] as number
  }

  /** The row with the records of a type; 0: the entry has none. */
  row(place: number, type: number): number {
    const words = this.#words
    const rows = ((words[place + ENTRY.shape] as number) >>> 8) & 0xff
    const end = place + ENTRY.rows + rows * ENTRY.rowWords
    if (type === ROW_ADDITIONAL || type === ROW_GLUE) return 0
    for (let row = place + ENTRY.rows; row < end; row += ENTRY.rowWords) {
      if (((words[row] as number) & 0xffff) === type) return row
    }
    return 0
  }

  /** The row after `row`, when it is of this kind (layout: `ROW_ADDITIONAL`, `ROW_GLUE`); 0: it is not. */
  rowAfter(place: number, row: number, kind: number): number {
    const next = row + ENTRY.rowWords
    if (next >= this.#rowsEnd(place)) return 0
    return ((this.#words[next] as number) & 0xffff) === kind ? next : 0
  }

  /** How many records a row has. */
  count(row: number): number {
    return (this.#words[row] as number) >>> 16
  }

  /** Where a row's records begin in {@link arena}. */
  recordsStart(place: number, row: number): number {
    return place * 4 + (this.#words[row + 1] as number)
  }

  /** Where a row's records end in {@link arena}. */
  recordsEnd(place: number, row: number): number {
    const next = row + ENTRY.rowWords
    return place * 4 + (this.#words[next < this.#rowsEnd(place) ? next + 1 : place + ENTRY.bytes] as number)
  }

  /** Place of a zone's record; 0: the zone is not served any more. */
  zoneRecord(zone: number): number {
    return this.#slots[HEADER.words + zone * ZONE_ROW.words + ZONE_ROW.record] as number
  }

  /** Flags of a zone (layout: `ZONE`). */
  zoneFlags(zone: number): number {
    return this.#slots[HEADER.words + zone * ZONE_ROW.words + ZONE_ROW.flags] as number
  }

  /** Serial of a zone, as a signed number. */
  zoneSerial(zone: number): number {
    return this.#slots[HEADER.words + zone * ZONE_ROW.words + ZONE_ROW.serial] as number
  }

  /** A field of a zone record (layout: `ZONE_RECORD`). */
  zoneField(record: number, field: number): number {
    return this.#words[record + field] as number
  }

  /** Where a zone's SOA begins in {@link arena}, as an RR. */
  soaStart(record: number): number {
    return (record + ZONE_RECORD.soa) * 4
  }

  #rowsEnd(place: number): number {
    return place + ENTRY.rows + (((this.#words[place + ENTRY.shape] as number) >>> 8) & 0xff) * ENTRY.rowWords
  }

  /** @param skipped octets of the entry's name that the caller answers for: the label `*`. */
  #probe(hash: number, bytes: DataView, at: number, length: number, skipped: number, view: number): number {
    const slots = this.#slots
    const mask = this.#mask
    const first = this.#firstSlot
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const i = first + 2 * slot
      const place = slots[i + 1] as number
      if (place === FREE) return 0
      // A deleted slot may get another name's hash at this moment: only the entry itself tells what it is.
      if ((slots[i] as number) !== hash || place <= 0) continue
      if (
        skipped === 0 ? this.#isAt(place, bytes, at, length, view) : this.#isWildcardAt(place, bytes, at, length, view)
      )
        return place
    }
  }

  #isAt(place: number, bytes: DataView, at: number, length: number, view: number): boolean {
    const words = this.#words
    const shape = words[place + ENTRY.shape] as number
    if ((shape & 0xff) !== length || (words[place + ENTRY.view] as number) !== view) return false
    let word = place + ENTRY.rows + ((shape >>> 8) & 0xff) * ENTRY.rowWords
    let i = at
    let rest = length
    for (; rest >= 4; rest -= 4) {
      if (foldWord(bytes.getInt32(i, true)) !== (words[word++] as number)) return false
      i += 4
    }
    return rest === 0 || foldWord(bytes.getInt32(i, true) & ((1 << (rest << 3)) - 1)) === (words[word] as number)
  }

  #isWildcardAt(place: number, bytes: DataView, at: number, length: number, view: number): boolean {
    const words = this.#words
    const shape = words[place + ENTRY.shape] as number
    if ((shape & 0xff) !== length + STAR_OCTETS || (words[place + ENTRY.view] as number) !== view) return false
    const start = 4 * (place + ENTRY.rows + ((shape >>> 8) & 0xff) * ENTRY.rowWords)
    if (this.arena.getUint16(start) !== 0x012a) return false
    for (let i = 0; i < length; i++) {
      if (foldWord(bytes.getUint8(at + i)) !== this.arena.getUint8(start + STAR_OCTETS + i)) return false
    }
    return true
  }
}
