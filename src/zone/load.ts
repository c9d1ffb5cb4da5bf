/** From a zone file's text to a zone. */
import { type Name, parseName, ROOT } from '../wire/name.ts'
import { buildZone, type ZoneResult } from './build.ts'
import { type MasterFileOptions, parseMasterFile } from './master-file.ts'

/** What the name of a zone file ends in. */
export const ZONE_FILE_SUFFIX = '.zone'

/** Reads and builds a zone. A file that cannot be read whole is not built: its faults would be followed by false ones. */
export function loadZone(options: MasterFileOptions): ZoneResult {
  const { records, faults } = parseMasterFile(options)
  return faults.length > 0 ? { faults } : buildZone(options.file, records)
}

/**
 * The origin that a file's name gives: `example.org.` for `example.org.zone`. A name that is no domain name gives the
 * root, so that the file needs an `$ORIGIN`.
 */
export function originOfFile(fileName: string): Name {
  try {
    return parseName(fileName.slice(0, -ZONE_FILE_SUFFIX.length))
  } catch {
    return ROOT
  }
}
