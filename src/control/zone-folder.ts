/** Reads zone files from a folder: which there are, what they say, and which other files that depends on. */
import { readdirSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path'
import type { ErrorCode } from '../errors.ts'
import { formatName, type Name } from '../wire/name.ts'
import type { ZoneResult } from '../zone/build.ts'
import type { ZoneFault } from '../zone/fault.ts'
import { loadZone, originOfFile, ZONE_FILE_SUFFIX } from '../zone/load.ts'
import type { Included } from '../zone/master-file.ts'

/** A fault of the zone files; `message` is a whole sentence. */
export interface ZoneProblem {
  readonly code: ErrorCode
  readonly file: string
  /** 0 when it is about the whole file. */
  readonly line: number
  readonly message: string
}

/** What is said of files whose apex is among `apexes` (lower case or as written, with the final dot). */
export function refusedZones(
  zones: readonly { readonly file: string; readonly zone: { readonly apex: Name } }[],
  apexes: readonly string[],
): ZoneProblem[] {
  const taken = new Set(apexes.map(apex => apex.toLowerCase()))
  return zones.flatMap(({ file, zone }) => {
    const apex = formatName(zone.apex)
    const message = `Zone ${apex} is not served from its file, because the cluster itself fills it`
    return taken.has(apex.toLowerCase()) ? [{ code: 'WAY_NAME_TAKEN' as const, file, line: 0, message }] : []
  })
}

/** What a path looked like when it was read: its stamp changes with its content, and is '' when there is no file. */
export type Stamps = ReadonlyMap<string, string>

/** One zone file after reading. */
export interface ZoneReading {
  readonly result: ZoneResult
  /** The file itself and everything it includes or tried to include. */
  readonly stamps: Stamps
}

/** Larger files are refused, because a zone is held in memory several times over while it is read. */
const MAX_FILE_BYTES = 128 * 1024 * 1024

const OUTSIDE = 'it must lie inside of the folder of zone files'

/** A folder of zone files. */
export class ZoneFolder {
  readonly directory: string

  constructor(directory: string) {
    this.directory = directory
  }

  /** Paths of the zone files, sorted. Hidden files are left out: editors and ConfigMap volumes keep theirs so. */
  list(): string[] {
    return readdirSync(this.directory)
      .filter(name => name.endsWith(ZONE_FILE_SUFFIX) && !name.startsWith('.'))
      .sort()
      .map(name => join(this.directory, name))
      .filter(isZoneFile)
  }

  /** Reads a zone file and what it includes. Never throws for what is on the disk. */
  read(file: string): ZoneReading {
    const stamps = new Map<string, string>()
    const text = readText(file, stamps)
    if ('reason' in text) {
      return { result: { faults: [{ file, line: 0, message: `Cannot read the zone file: ${text.reason}` }] }, stamps }
    }
    const include = (path: string, from: string): Included => this.#include(path, from, stamps)
    const result = loadZone({ ...text, origin: originOfFile(basename(file)), include })
    return { result: readable(result), stamps }
  }

  /**
   * The file that an `$INCLUDE` means: relative to the file that it stands in. Symbolic links are followed before the
   * check, so that nothing outside of the folder can be read, and whether it exists outside is not told.
   */
  #include(path: string, from: string, stamps: Map<string, string>): Included {
    const target = resolve(dirname(from), utf8(path))
    const file = join(this.directory, relative(resolve(this.directory), target))
    const isNear = isInside(resolve(this.directory), target)
    try {
      const real = realpathSync(target)
      if (!isInside(realpathSync(this.directory), real)) return { reason: OUTSIDE }
    } catch {
      if (isNear) stamps.set(file, stampOf(file))
      return { reason: isNear ? 'there is no such file' : OUTSIDE }
    }
    return readText(file, stamps)
  }
}

/** Folders are left out, and links that lead nowhere. What cannot be looked at stays in, so that reading it says why. */
function isZoneFile(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() === false
  } catch {
    return true
  }
}

/** Whether every file looks as it did when it was read. */
export function areUnchanged(stamps: Stamps): boolean {
  return stamps.entries().every(([path, stamp]) => stampOf(path) === stamp)
}

/** The problem that a fault is. */
export function problemOf(fault: ZoneFault): ZoneProblem {
  return { code: 'WAY_ZONE_PARSE', ...fault }
}

function readText(file: string, stamps: Map<string, string>): Included {
  // The stamp first: a change while reading is then seen as a change.
  stamps.set(file, stampOf(file))
  try {
    const stat = statSync(file)
    if (!stat.isFile()) return { reason: 'it is no regular file' }
    if (stat.size > MAX_FILE_BYTES) return { reason: `it has ${stat.size} bytes, more than ${MAX_FILE_BYTES}` }
    return { file, text: readFileSync(file, 'latin1') }
  } catch (error) {
    return { reason: (error as NodeJS.ErrnoException).code ?? String(error) }
  }
}

function stampOf(path: string): string {
  try {
    const stat = statSync(path, { bigint: true })
    return `${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeNs}:${stat.ctimeNs}`
  } catch {
    return ''
  }
}

function isInside(directory: string, path: string): boolean {
  const way = relative(directory, path)
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way)
}

/** Files are read one octet a character; people read their messages as UTF-8. */
function readable(result: ZoneResult): ZoneResult {
  const convert = (faults: readonly ZoneFault[]): ZoneFault[] =>
    faults.map(fault => ({ ...fault, message: utf8(fault.message) }))
  if ('faults' in result) return { faults: convert(result.faults) }
  return { ...result, warnings: convert(result.warnings) }
}

function utf8(latin1: string): string {
  return Buffer.from(latin1, 'latin1').toString('utf8')
}
