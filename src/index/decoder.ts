/** Entries of the index back to zone nodes, for the control thread. */
import { type Name, ROOT } from '../wire/name.ts'
import type { AdditionalRecord, NodeKind, RRset, ZoneNode } from '../zone/rrset.ts'
import { ENTRY, ENTRY_FLAG, ROW_ADDITIONAL, ROW_GLUE } from './layout.ts'

const POINTER = 0xc0
const QUESTION_NAME = 12

/** Where the reading of records is. */
interface Cursor {
  readonly bytes: Uint8Array
  readonly view: DataView
  /** The entry's name. */
  readonly name: Name
  at: number
}

/** The node of the entry at `place`. Names are folded; record sets are in the order in which they were set. */
export function decodeEntry(arena: SharedArrayBuffer, place: number): ZoneNode {
  const words = new Int32Array(arena, 4 * place)
  const shape = words[ENTRY.shape] as number
  const rows = (shape >>> 8) & 0xff
  const bytes = new Uint8Array(arena, 4 * place, words[ENTRY.bytes])
  const nameAt = 4 * (ENTRY.rows + rows * ENTRY.rowWords)
  const name = bytes.slice(nameAt, nameAt + (shape & 0xff)) as Name
  const cursor: Cursor = { bytes, view: new DataView(arena, 4 * place, bytes.length), name, at: 0 }
  const rrsets: RRset[] = []
  for (let row = 0; row < rows; row++) {
    const word = words[ENTRY.rows + row * ENTRY.rowWords] as number
    cursor.at = words[ENTRY.rows + row * ENTRY.rowWords + 1] as number
    const records = Array.from({ length: word >>> 16 }, () => readRecord(cursor))
    addRow(rrsets, word & 0xffff, records)
  }
  return { name, kind: kindOf(shape), rrsets }
}

function addRow(rrsets: RRset[], type: number, records: readonly AdditionalRecord[]): void {
  const before = rrsets.at(-1)
  if (type !== ROW_ADDITIONAL && type !== ROW_GLUE) {
    rrsets.push({ type, ttl: records[0]?.ttl ?? 0, rdatas: records.map(record => record.rdata), additional: [] })
  } else if (before !== undefined) {
    rrsets[rrsets.length - 1] = { ...before, additional: [...before.additional, ...records] }
  }
}

function readRecord(cursor: Cursor): AdditionalRecord {
  const name = readOwner(cursor)
  const { view, bytes, at } = cursor
  const end = at + 10 + view.getUint16(at + 8)
  cursor.at = end
  return { name, type: view.getUint16(at), ttl: view.getUint32(at + 4), rdata: bytes.slice(at + 10, end) }
}

function readOwner(cursor: Cursor): Name {
  const { bytes, view, name } = cursor
  const start = cursor.at
  let at = start
  while ((bytes[at] as number) !== 0 && (bytes[at] as number) < POINTER) at += (bytes[at] as number) + 1
  const isPointer = bytes[at] !== 0
  cursor.at = at + (isPointer ? 2 : 1)
  const rest = isPointer ? name.subarray((view.getUint16(at) & 0x3fff) - QUESTION_NAME) : ROOT
  const owner = new Uint8Array(at - start + rest.length)
  owner.set(bytes.subarray(start, at))
  owner.set(rest, at - start)
  return owner as Name
}

function kindOf(shape: number): NodeKind {
  if ((shape & ENTRY_FLAG.cut) !== 0) return 'cut'
  if ((shape & ENTRY_FLAG.dname) !== 0) return 'dname'
  return (shape & ENTRY_FLAG.dashed) !== 0 ? 'dashed-addresses' : 'plain'
}
