/**
 * The cache on disk, from a stop to the next start.
 *
 * ```
 *   file    │ "waypost cache 1\n" │ saved at: float64, ms │ entry │ entry │ … │ SHA-256 of all before │
 *   entry   │ octets: u32 │ type: u16 │ flags: u8 │ rcode: u8 │ frequency: u8 │ octets of the name: u8 │
 *           │ answers: u16 │ authorities: u16 │ age: u32, s │ name │ records, as in forward/answer.ts │
 * ```
 *
 * Numbers are big-endian. TTLs go on while the server is down, by the clock on the wall. Failures are not written.
 */
import { createHash } from 'node:crypto'
import { closeSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { setImmediate as nextLoop } from 'node:timers/promises'
import { NameHash } from '../../../index/hash.ts'
import type { ForeignAnswer } from '../../forward/answer.ts'
import { questionFlags } from '../key.ts'
import { ENTRY, KIND, SHAPE, USE } from '../memory/layout.ts'
import { copyForeign } from '../read/foreign-form.ts'
import type { CacheService } from './service.ts'

const MAGIC = new TextEncoder().encode('waypost cache 1\n')
const HEADER = MAGIC.length + 8
const DIGEST = 32
const ENTRY_HEADER = 18
/** Octets that are written at once. */
const CHUNK = 1 << 18
/** The longest entry, and more. */
const MOST_ENTRY = 1 << 15
/** Entries that are read in one turn of the loop. */
const SLICE = 2000
/** Longer than any TTL and stale time that can be configured, in seconds; the clock of the cache counts up to six years. */
const LONGEST_AGE = 30 * 86_400
const NO_TEXT = new Uint8Array(0)

/** Flags of an entry in the file. */
const FLAG = { dnssecOk: 1, checkingDisabled: 2, authentic: 4 } as const

/**
 * Writes the cache. The file is there as a whole or as it was before.
 *
 * @param now milliseconds of the clock on the wall.
 * @param isLate whether there is no more time: what was not written until then is left out.
 * @returns how many entries it has. @throws Error when it cannot be written.
 */
export function saveCache(
  { writer }: CacheService,
  path: string,
  now: number,
  isLate: () => boolean = () => false,
): number {
  const draft = `${path}.new`
  const descriptor = openSync(draft, 'w', 0o600)
  const hash = createHash('sha256')
  const chunk = new Uint8Array(CHUNK)
  const view = new DataView(chunk.buffer)
  let used = 0
  let entries = 0
  const flush = (): void => {
    const part = chunk.subarray(0, used)
    hash.update(part)
    for (let written = 0; written < used; ) written += writeSync(descriptor, part, written)
    used = 0
  }
  try {
    chunk.set(MAGIC)
    view.setFloat64(MAGIC.length, now)
    used = HEADER
    writer.reader.refresh()
    for (let slot = 0; slot < writer.slots; slot++) {
      const place = writer.placeAt(slot)
      if (place === 0 || writer.reader.kind(place) === KIND.failure || !writer.isOfUse(place)) continue
      if (used + MOST_ENTRY > CHUNK) {
        flush()
        if (isLate()) break
      }
      used = putEntry(writer.reader, place, chunk, view, used)
      entries++
    }
    flush()
    writeSync(descriptor, hash.digest())
  } catch (error) {
    closeSync(descriptor)
    rmSync(draft, { force: true })
    throw error
  }
  closeSync(descriptor)
  renameSync(draft, path)
  return entries
}

/** @returns where the entry ends. */
function putEntry(
  reader: CacheService['writer']['reader'],
  place: number,
  chunk: Uint8Array,
  view: DataView,
  start: number,
): number {
  const shape = reader.word(place, ENTRY.shape)
  const sections = reader.word(place, ENTRY.sections)
  const nameOctets = shape & SHAPE.name
  view.setUint16(start + 4, reader.word(place, ENTRY.question) >>> 16)
  view.setUint8(
    start + 6,
    ((shape & SHAPE.dnssecOk) === 0 ? 0 : FLAG.dnssecOk) |
      ((shape & SHAPE.checkingDisabled) === 0 ? 0 : FLAG.checkingDisabled) |
      ((shape & SHAPE.authentic) === 0 ? 0 : FLAG.authentic),
  )
  view.setUint8(start + 7, reader.rcode(place))
  view.setUint8(start + 8, reader.use(place, USE.frequency))
  view.setUint8(start + 9, nameOctets)
  view.setUint16(start + 10, sections >>> 16)
  view.setUint16(start + 12, sections & 0xffff)
  view.setUint32(start + 14, reader.age(place))
  const at = start + ENTRY_HEADER
  chunk.set(new Uint8Array(reader.arena.buffer, reader.nameStart(place), nameOctets), at)
  const end = copyForeign(reader, place, chunk, view, at + nameOctets)
  view.setUint32(start, end - start)
  return end
}

/** A file that is not a cache of ours, or not whole any more. */
export class CacheFileError extends Error {
  override readonly name: string = 'CacheFileError'
}

/**
 * Reads a cache back, a part in each turn of the loop. What is there already stays.
 *
 * @param maxBytes more than this is not read.
 * @returns how many entries were taken; null: there is no file.
 * @throws CacheFileError when it is damaged: nothing was taken; or an error of the system.
 */
export async function loadCache(
  service: CacheService,
  path: string,
  maxBytes: number,
  now: number,
): Promise<number | null> {
  const size = await stat(path).then(
    ({ size: octets }) => octets,
    error => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
      throw error
    },
  )
  if (size === null) return null
  if (size > maxBytes) throw new CacheFileError(`it has ${size} octets, more than ${maxBytes}`)
  const bytes = await readFile(path)
  const end = bytes.length - DIGEST
  if (end < HEADER || !MAGIC.every((octet, i) => bytes[i] === octet)) throw new CacheFileError('it is no cache file')
  const digest = createHash('sha256').update(bytes.subarray(0, end)).digest()
  if (!digest.equals(bytes.subarray(end))) throw new CacheFileError('it is damaged')
  const view = new DataView(bytes.buffer, bytes.byteOffset, end)
  // A clock that was set back does not make answers younger.
  const down = Math.max(0, Math.ceil((now - view.getFloat64(MAGIC.length)) / 1000))
  let entries = 0
  let at = HEADER
  for (let read = 1; at + ENTRY_HEADER <= end; read++) {
    const octets = view.getUint32(at)
    if (octets < ENTRY_HEADER || at + octets > end) break
    if (takeEntry(service, view, at, octets, down)) entries++
    at += octets
    if (read % SLICE === 0) await nextLoop()
  }
  return entries
}

const labels = new NameHash()

function takeEntry(service: CacheService, view: DataView, at: number, octets: number, down: number): boolean {
  const nameOctets = view.getUint8(at + 9)
  const nameAt = at + ENTRY_HEADER
  if (ENTRY_HEADER + nameOctets > octets || !labels.scan(view, nameAt, nameAt + nameOctets)) return false
  if (labels.length !== nameOctets) return false
  const name = new Uint8Array(view.buffer, view.byteOffset + nameAt, nameOctets)
  const type = view.getUint16(at + 4)
  const flags = view.getUint8(at + 6)
  const age = view.getUint32(at + 14) + down
  if (age > LONGEST_AGE) return false
  const key = questionFlags((flags & FLAG.dnssecOk) !== 0, (flags & FLAG.checkingDisabled) !== 0)
  const { writer } = service
  if (!service.open(name, type, key) || writer.reader.find() !== 0) return false
  const records = view.buffer.slice(view.byteOffset + nameAt + nameOctets, view.byteOffset + at + octets)
  const answer: ForeignAnswer = {
    bytes: new DataView(records as ArrayBuffer),
    start: 0,
    end: records.byteLength,
    answers: view.getUint16(at + 10),
    authorities: view.getUint16(at + 12),
    rcode: view.getUint8(at + 7),
    isAuthentic: (flags & FLAG.authentic) !== 0,
    infoCode: -1,
    infoText: NO_TEXT,
  }
  const place = service.keep(type, answer, age)
  if (place === 0) return false
  if (!writer.isOfUse(place)) {
    writer.forget(place)
    return false
  }
  writer.setFrequency(place, view.getUint8(at + 8))
  return true
}
