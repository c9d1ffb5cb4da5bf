/** The zone files of the repository. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { formatName } from '#src/wire/name.ts'
import { originOfFile } from '#src/zone/load.ts'
import type { Zone } from '#src/zone/zone.ts'
import { ROOT } from './source-tree.ts'
import { loadText } from './zone-text.ts'

const FOLDER = join(ROOT, 'zones')
const BODY = 'empty-zone.inc'

/** The text of every file by its name, the included body too. */
export const shippedTexts: ReadonlyMap<string, string> = new Map(
  readdirSync(FOLDER).map(file => [file, readFileSync(join(FOLDER, file), 'latin1')]),
)

/** Every zone by its apex; throws when one has a fault or a warning. */
export function loadShippedZones(): ReadonlyMap<string, Zone> {
  const files = [...shippedTexts.keys()].filter(file => file.endsWith('.zone'))
  return new Map(files.map(file => load(file)).map(zone => [formatName(zone.apex), zone]))
}

function load(file: string): Zone {
  const options = { origin: formatName(originOfFile(file)), files: { [BODY]: shippedTexts.get(BODY) ?? '' } }
  const result = loadText(shippedTexts.get(file) ?? '', options)
  const fault = 'faults' in result ? result.faults[0] : result.warnings[0]
  if ('faults' in result || fault !== undefined) throw new Error(`${file}: ${fault?.line}: ${fault?.message}`)
  return result.zone
}
