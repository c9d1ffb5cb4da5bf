/**
 * Zone nodes to entries of the index (drawing in layout.ts). Owners of additional records that share a suffix with the
 * entry's own name end in a pointer into the question (RFC 1035 section 4.1.4); below a wildcard they are spelled out,
 * because the question has another name there.
 */
import { TYPE } from '../wire/record-type.ts'
import {
  type AdditionalRecord,
  type NodeKind,
  RECORD_HEAD,
  RECORD_OWNER,
  type RRset,
  type ZoneNode,
} from '../zone/rrset.ts'
import type { NameHash } from './hash.ts'
import { ENTRY, ENTRY_FLAG, ROW_ADDITIONAL, ROW_GLUE } from './layout.ts'

/** Where the question's name stands in every message. */
const QUESTION_NAME = 12
const POINTER = 0xc000
const CLASS_IN = 1
const MAX_NAME_OCTETS = 256
/** The label `*` and its length octet. */
const WILDCARD = 0x012a
const MAX_ROWS = 255
/** A count in a message has 16 bits, and so has the one in a row. */
const MAX_RECORDS = 0xffff

const KIND_FLAGS: Readonly<Record<NodeKind, number>> = {
  plain: 0,
  cut: ENTRY_FLAG.cut,
  dname: ENTRY_FLAG.dname,
  'dashed-addresses': ENTRY_FLAG.dashed,
}

/** What an entry has besides its node. */
export interface EntryHead {
  readonly view: number
  readonly zone: number
  readonly owner: number
  /** `ENTRY_FLAG.apex` and `ENTRY_FLAG.bare`; the rest follows from the node. */
  readonly flags: number
}

/** Octets that the entry of a node needs at most. */
export function entryBound(node: ZoneNode): number {
  let octets = 4 * ENTRY.rows + MAX_NAME_OCTETS
  for (const rrset of node.rrsets) {
    octets += 3 * 4 * ENTRY.rowWords
    if (rrset.records === undefined) for (const rdata of rrset.rdatas) octets += RECORD_HEAD + rdata.length
    else for (const piece of rrset.records) octets += piece.length
    for (const { name, rdata } of rrset.additional) octets += RECORD_HEAD + name.length + rdata.length
  }
  return octets
}

/** Writes entries into one arena. */
export class EntryEncoder {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #words: Int32Array
  /** Where the next octet goes. */
  #at = 0
  #nextRow = 0

  constructor(arena: SharedArrayBuffer) {
    this.#bytes = new Uint8Array(arena)
    this.#view = new DataView(arena)
    this.#words = new Int32Array(arena)
  }

  /**
   * Writes the entry of `node` at `place`, where {@link entryBound} octets are free.
   *
   * @param name the labels of the node's name; `folded` the name itself, folded, zeros behind it.
   * @returns its octets.
   * @throws RangeError when the node has more record sets than an entry has room for (85).
   */
  encode(place: number, head: EntryHead, node: ZoneNode, name: NameHash, folded: Int32Array): number {
    const words = this.#words
    const sets = node.rrsets.filter(rrset => rrset.rdatas.length > 0 && rrset.type !== TYPE.SOA)
    const rows = countRows(node, sets)
    const nameWord = place + ENTRY.rows + rows * ENTRY.rowWords
    const nameWords = (name.length + 3) >> 2
    let flags = head.flags | KIND_FLAGS[node.kind]
    for (let i = 0; i < nameWords; i++) words[nameWord + i] = folded[i] as number
    this.#at = 4 * (nameWord + nameWords)
    this.#nextRow = place + ENTRY.rows
    for (const rrset of sets) {
      if (rrset.type === TYPE.CNAME) flags |= ENTRY_FLAG.cname
      this.#addRow(place, rrset.type, Math.min(rrset.rdatas.length, MAX_RECORDS))
      this.#addRecords(rrset)
      if (rrset.additional.length > 0) this.#addAdditional(place, node, rrset, name, 4 * nameWord)
    }
    const octets = this.#at - 4 * place
    words[place + ENTRY.bytes] = octets
    words[place + ENTRY.owner] = head.owner
    words[place + ENTRY.view] = head.view
    words[place + ENTRY.zone] = head.zone
    words[place + ENTRY.shape] = name.length | (rows << 8) | flags
    // Two entries that say the same are the same words.
    for (; (this.#at & 3) !== 0; this.#at++) this.#bytes[this.#at] = 0
    return octets
  }

  #addRow(place: number, type: number, count: number): void {
    this.#words[this.#nextRow] = type | (count << 16)
    this.#words[this.#nextRow + 1] = this.#at - 4 * place
    this.#nextRow += ENTRY.rowWords
  }

  #addRecords({ type, ttl, rdatas, records }: RRset): void {
    if (records !== undefined && rdatas.length <= MAX_RECORDS) {
      for (const piece of records) {
        this.#bytes.set(piece, this.#at)
        this.#at += piece.length
      }
      return
    }
    const count = Math.min(rdatas.length, MAX_RECORDS)
    for (let i = 0; i < count; i++) {
      this.#view.setUint16(this.#at, RECORD_OWNER)
      this.#at += 2
      this.#addBody(type, ttl, rdatas[i] as Uint8Array)
    }
  }

  /** Of a delegation, glue inside the delegated zone comes first: without it nobody can ask there. */
  #addAdditional(place: number, node: ZoneNode, rrset: RRset, name: NameHash, nameAt: number): void {
    if (!isDelegation(node, rrset)) {
      this.#addOthers(place, ROW_ADDITIONAL, rrset.additional, name, nameAt)
      return
    }
    const isGlue = (record: AdditionalRecord): boolean => this.#isBelow(record.name, name.length, nameAt)
    this.#addOthers(place, ROW_GLUE, rrset.additional.filter(isGlue), name, nameAt)
    this.#addOthers(
      place,
      ROW_ADDITIONAL,
      rrset.additional.filter(record => !isGlue(record)),
      name,
      nameAt,
    )
  }

  #addOthers(place: number, row: number, records: readonly AdditionalRecord[], name: NameHash, nameAt: number): void {
    const count = Math.min(records.length, MAX_RECORDS)
    const isWildcard = this.#view.getUint16(nameAt) === WILDCARD
    this.#addRow(place, row, count)
    for (let i = 0; i < count; i++) {
      const record = records[i] as AdditionalRecord
      if (isWildcard) this.#addOctets(record.name)
      else this.#addName(record.name, name, nameAt)
      this.#addBody(record.type, record.ttl, record.rdata)
    }
  }

  #addBody(type: number, ttl: number, rdata: Uint8Array): void {
    const at = this.#at
    this.#view.setUint16(at, type)
    this.#view.setUint16(at + 2, CLASS_IN)
    this.#view.setUint32(at + 4, ttl)
    this.#view.setUint16(at + 8, rdata.length)
    this.#at = at + 10
    this.#addOctets(rdata)
  }

  #addOctets(octets: Uint8Array): void {
    const bytes = this.#bytes
    const at = this.#at
    const { length } = octets
    for (let i = 0; i < length; i++) bytes[at + i] = octets[i] as number
    this.#at = at + length
  }

  /** The labels that the name does not share with the entry's, then a pointer; all of them when nothing is shared. */
  #addName(name: Uint8Array, entry: NameHash, nameAt: number): void {
    for (let label = 0; (name[label] as number) !== 0; label += (name[label] as number) + 1) {
      const shared = name.length - label
      const from = entry.length - shared
      if (from < 0 || !isLabelStart(entry, from) || !this.#isSame(name, label, nameAt + from, shared)) continue
      this.#addOctets(name.subarray(0, label))
      this.#view.setUint16(this.#at, POINTER | (QUESTION_NAME + from))
      this.#at += 2
      return
    }
    this.#addOctets(name)
  }

  /** Whether a name is the entry's or below it. */
  #isBelow(name: Uint8Array, entryLength: number, nameAt: number): boolean {
    let label = 0
    while (name.length - label > entryLength) label += (name[label] as number) + 1
    return name.length - label === entryLength && this.#isSame(name, label, nameAt, entryLength)
  }

  #isSame(name: Uint8Array, from: number, foldedAt: number, octets: number): boolean {
    for (let i = 0; i < octets; i++) {
      const octet = name[from + i] as number
      const folded = octet >= 0x41 && octet <= 0x5a ? octet + 0x20 : octet
      if (folded !== (this.#bytes[foldedAt + i] as number)) return false
    }
    return true
  }
}

function countRows(node: ZoneNode, sets: readonly RRset[]): number {
  let rows = sets.length
  for (const rrset of sets) if (rrset.additional.length > 0) rows += isDelegation(node, rrset) ? 2 : 1
  if (rows > MAX_ROWS) throw new RangeError(`Cannot index a name with ${sets.length} record sets: at most 85 fit`)
  return rows
}

function isDelegation(node: ZoneNode, rrset: RRset): boolean {
  return node.kind === 'cut' && rrset.type === TYPE.NS
}

function isLabelStart(name: NameHash, from: number): boolean {
  for (let label = 0; label < name.labels; label++) if (name.starts[label] === from) return true
  return false
}
