/** The zone files of the repository. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { formatName } from '#src/wire/name.ts'
import { originOfFile } from '#src/zone/load.ts'
import type { Zone } from '#src/zone/zone.ts'
import { ROOT } from './source-tree.ts'
import { loadText } from './zone-text.ts'

const FOLDER = join(ROOT, 'zones')
const BODIES = ['empty-zone.inc', 'private-zone.inc']

/** The text of every file by its name, the included body too. */
export const shippedTexts: ReadonlyMap<string, string> = new Map(
  readdirSync(FOLDER).map(file => [file, readFileSync(join(FOLDER, file), 'latin1')]),
)

/** Zones of private addresses (RFC 1918, 6598, 4193): PTR records of a cluster can come into them at any time. */
const PRIVATE =
  /^(10|(1[6-9]|2\d|3[01])\.172|168\.192|(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.100)\.in-addr\.arpa\.$|^d\.f\.ip6\.arpa\.$/

/** Seconds for which "there is no such name" is kept in a shipped zone; the TTL of its SOA and NS, too. */
export function negativeTtlOf(apex: string): number {
  return PRIVATE.test(apex) ? 30 : 10_800
}

/** Every zone by its apex; throws when one has a fault or a warning. */
export function loadShippedZones(): ReadonlyMap<string, Zone> {
  const files = [...shippedTexts.keys()].filter(file => file.endsWith('.zone'))
  return new Map(files.map(file => load(file)).map(zone => [formatName(zone.apex), zone]))
}

function load(file: string): Zone {
  const files = Object.fromEntries(BODIES.map(body => [body, shippedTexts.get(body) ?? '']))
  const options = { origin: formatName(originOfFile(file)), files }
  const result = loadText(shippedTexts.get(file) ?? '', options)
  const fault = 'faults' in result ? result.faults[0] : result.warnings[0]
  if ('faults' in result || fault !== undefined) throw new Error(`${file}: ${fault?.line}: ${fault?.message}`)
  return result.zone
}
