/** The zone files, read once. */
import type { Surroundings } from '../config.ts'
import { ZoneFiles } from '../control/zone-files.ts'
import { refusedZones } from '../control/zone-folder.ts'
import type { Finding, Report } from './finding.ts'

/** Reads every zone file of the folder as the server would; the networks fill the zones of their domains themselves. */
export async function checkZones(
  directory: string,
  domains: readonly string[],
  surroundings: Surroundings,
): Promise<Report> {
  if (!surroundings.isFolder(directory)) {
    const message = 'there is no such folder of zone files'
    return {
      found: `zones: ${directory}`,
      findings: [{ file: directory, line: null, message, code: 'WAY_ZONE_PARSE' }],
    }
  }
  const silent = (): void => undefined
  const logger = { debug: silent, info: silent, warn: silent, error: silent }
  const files = new ZoneFiles({ directory, logger, onChange: silent, onProblems: silent })
  await files.reload()
  const filled = [...domains, 'flycast'].map(domain => domain.replace(/\.?$/, '.'))
  const findings: Finding[] = [...files.problems, ...refusedZones(files.zones, filled)].map(problem => ({
    ...problem,
    line: problem.line === 0 ? null : problem.line,
  }))
  for (const loaded of files.zones) {
    for (const { file, line, message } of loaded.warnings)
      findings.push({ file, line: line || null, message, code: 'WAY_ZONE_PARSE' })
  }
  const records = files.zones.reduce((sum, loaded) => sum + loaded.records, 0)
  return {
    found: `zones: ${count(files.zones.length, 'zone')} with ${count(records, 'record')} in ${directory}`,
    findings,
  }
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}
