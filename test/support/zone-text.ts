/** Zones and records from text, without files. */
import { foldName, formatName, parseName } from '#src/wire/name.ts'
import { formatRdata } from '#src/wire/rdata-text.ts'
import { typeName } from '#src/wire/record-type.ts'
import type { ZoneResult } from '#src/zone/build.ts'
import { loadZone } from '#src/zone/load.ts'
import { parseMasterFile, type ZoneRecord } from '#src/zone/master-file.ts'
import type { AdditionalRecord, ZoneNode } from '#src/zone/rrset.ts'
import type { Zone } from '#src/zone/zone.ts'

/** What a test zone is read with. */
export interface TestFiles {
  /** `example.org.` unless told otherwise. */
  readonly origin?: string
  /** Files that can be included, by path; the zone itself is `main`. */
  readonly files?: Readonly<Record<string, string>>
}

/** SOA and NS of `example.org.`, for tests that are about something else; two lines. */
export const APEX = '@ 3600 SOA ns hostmaster 1 7200 1800 1209600 300\n@ 3600 NS ns.example.net.\n'

function optionsOf(text: string, { origin = 'example.org.', files = {} }: TestFiles) {
  const include = (path: string) => {
    const included = files[path]
    return included === undefined ? { reason: 'there is no such file' } : { file: path, text: included }
  }
  return { file: 'main', text, origin: parseName(origin), include }
}

/** The records of a master file as lines `name ttl type rdata`; throws when it has faults. */
export function recordLines(text: string, options: TestFiles = {}): string[] {
  const { records, faults } = parseMasterFile(optionsOf(text, options))
  if (faults.length > 0) throw new Error(faults.map(fault => `${fault.line}: ${fault.message}`).join('\n'))
  return records.map(recordLine)
}

/** `name ttl type rdata` */
export function recordLine(record: Pick<ZoneRecord, 'name' | 'ttl' | 'type' | 'rdata'>): string {
  const { name, ttl, type, rdata } = record
  return `${formatName(name)} ${ttl} ${typeName(type)} ${formatRdata(type, rdata)}`
}

/** Faults of a master file as `file:line: message`, without building the zone. */
export function parseFaults(text: string, options: TestFiles = {}): string[] {
  return parseMasterFile(optionsOf(text, options)).faults.map(fault => `${fault.file}:${fault.line}: ${fault.message}`)
}

/** Reads and builds. */
export function loadText(text: string, options: TestFiles = {}): ZoneResult {
  return loadZone(optionsOf(text, options))
}

/** Reads and builds; throws when there are faults. */
export function zoneOf(text: string, options: TestFiles = {}): Zone {
  const result = loadText(text, options)
  if ('faults' in result) throw new Error(result.faults.map(fault => `${fault.line}: ${fault.message}`).join('\n'))
  return result.zone
}

/** `line: message` of the faults, or of the warnings when there are none. */
export function messagesOf(text: string, options: TestFiles = {}): string[] {
  const result = loadText(text, options)
  const list = 'faults' in result ? result.faults : result.warnings
  return list.map(({ line, message }) => `${line}: ${message}`)
}

/** The node of a name. */
export function nodeOf(zone: Zone, name: string): ZoneNode | undefined {
  const key = foldName(parseName(name))
  return zone.nodes.find(node => foldName(node.name) === key)
}

/** Every record of a node as lines; undefined when there is no such node. */
export function linesAt(zone: Zone, name: string): string[] | undefined {
  const node = nodeOf(zone, name)
  return node?.rrsets.flatMap(({ type, ttl, rdatas }) =>
    rdatas.map(rdata => recordLine({ name: node.name, ttl, type, rdata })),
  )
}

/** The additional records of one set as lines. */
export function additionalAt(zone: Zone, name: string, type: number): string[] {
  const set = nodeOf(zone, name)?.rrsets.find(candidate => candidate.type === type)
  return (set?.additional ?? []).map((record: AdditionalRecord) => recordLine(record))
}

/** Names of the nodes, sorted. */
export function namesOf(zone: Zone): string[] {
  return zone.nodes.map(node => formatName(node.name)).sort()
}
