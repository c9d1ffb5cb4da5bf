/** Records gathered into names and record sets, before the rules of a zone are applied. */
import { foldName, foldOctet, formatName, type Name, type NameKey } from '../wire/name.ts'
import { TYPE, typeName } from '../wire/record-type.ts'
import type { FaultList } from './fault.ts'
import type { ZoneRecord } from './master-file.ts'

/** The records of one type at one name, without duplicates. */
export interface SetDraft {
  readonly type: number
  /** The lowest of its records. */
  ttl: number
  readonly rdatas: Uint8Array[]
  /** The first record, for messages. */
  readonly record: ZoneRecord
  /** Canonical RDATA, once there is more than one. */
  keys: Set<string> | null
  /** A warning says that the TTLs differ. */
  isUneven: boolean
}

/** All records of one name, in the order of the file. */
export interface NodeDraft {
  readonly key: NameKey
  readonly name: Name
  readonly sets: SetDraft[]
}

/** Where the name begins that the RDATA of a type ends with. */
const TARGET_OFFSETS: ReadonlyMap<number, number> = new Map([
  [TYPE.NS, 0],
  [TYPE.CNAME, 0],
  [TYPE.PTR, 0],
  [TYPE.DNAME, 0],
  [TYPE.MX, 2],
  [TYPE.SRV, 6],
  [TYPE.SVCB, 2],
  [TYPE.HTTPS, 2],
])

/** Where the target name is in the RDATA of a type, or −1 when the type has none. */
export function targetOffset(type: number): number {
  return TARGET_OFFSETS.get(type) ?? -1
}

/** Gathers records by name and type; a set whose TTLs differ gets the lowest and a warning. */
export function gather(records: readonly ZoneRecord[], warnings: FaultList): Map<NameKey, NodeDraft> {
  const drafts = new Map<NameKey, NodeDraft>()
  let last: NodeDraft | null = null
  let lastName: Name | null = null
  for (const record of records) {
    // Records without an owner of their own share the Name object of the record before.
    if (last === null || record.name !== lastName) {
      last = draftOf(drafts, record.name)
      lastName = record.name
    }
    addRecord(last, record, warnings)
  }
  return drafts
}

/** The set of a type, if the name has it. */
export function setOf(draft: NodeDraft, type: number): SetDraft | null {
  for (const set of draft.sets) if (set.type === type) return set
  return null
}

function draftOf(drafts: Map<NameKey, NodeDraft>, name: Name): NodeDraft {
  const key = foldName(name)
  const existing = drafts.get(key)
  if (existing !== undefined) return existing
  const draft: NodeDraft = { key, name, sets: [] }
  drafts.set(key, draft)
  return draft
}

function addRecord(draft: NodeDraft, record: ZoneRecord, warnings: FaultList): void {
  const set = setOf(draft, record.type)
  if (set === null) {
    const { type, ttl, rdata } = record
    draft.sets.push({ type, ttl, rdatas: [rdata], record, keys: null, isUneven: false })
    return
  }
  set.keys ??= new Set(set.rdatas.map(rdata => rdataKey(record.type, rdata)))
  const key = rdataKey(record.type, record.rdata)
  if (!set.keys.has(key)) {
    set.keys.add(key)
    set.rdatas.push(record.rdata)
  }
  if (record.ttl !== set.ttl) equaliseTtl(set, record, warnings)
}

/** RFC 2181 section 5.2: one TTL for all, and a server that finds several takes the lowest. */
function equaliseTtl(set: SetDraft, record: ZoneRecord, warnings: FaultList): void {
  set.ttl = Math.min(record.ttl, set.ttl)
  if (set.isUneven) return
  set.isUneven = true
  const what = `The ${typeName(record.type)} records of ${formatName(record.name)}`
  warnings.add(record.file, record.line, `${what} have different TTLs; all get the lowest`)
}

/** RDATA as a string that is equal when the records are: names in the old types are compared without case (RFC 4343). */
function rdataKey(type: number, rdata: Uint8Array): string {
  const isFolded = type !== TYPE.SVCB && type !== TYPE.HTTPS
  const from = isFolded ? targetOffset(type) : -1
  let key = ''
  for (let i = 0; i < rdata.length; i++) {
    const octet = rdata[i] as number
    key += String.fromCharCode(from >= 0 && i >= from ? foldOctet(octet) : octet)
  }
  return key
}
