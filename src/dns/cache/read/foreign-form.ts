/** An entry in the form in which answers from outside are handed on (drawing in `forward/answer.ts`): for stale answers and the file. */
import { INFO_CODE } from '../../../wire/edns.ts'
import { ERROR_TEXT } from '../../edns/extended-errors.ts'
import { type ForeignAnswer, QUESTION_POINTER, RELATIVE_POINTER } from '../../forward/answer.ts'
import { ENTRY, KIND, SHAPE } from '../memory/layout.ts'
import { STALE_TTL } from '../rules.ts'
import type { CacheReader } from './reader.ts'

const HEADER_OCTETS = 12
const QUESTION_FIXED = 4
const TTL_TO_RDATA = 6
const POINTER_MASK = 0x3fff
const NO_TEXT = new Uint8Array(0)

/** The extended error of an answer that is out of date (RFC 8914 sections 4.4 and 4.20). */
export function staleCode(kind: number): number {
  return kind === KIND.nxdomain ? INFO_CODE.staleNxdomain : INFO_CODE.staleAnswer
}

/** The answer of an entry as it came, with the TTLs that it had then. */
export function foreignForm(reader: CacheReader, place: number): ForeignAnswer {
  const sections = reader.word(place, ENTRY.sections)
  const octets = new Uint8Array(reader.octets(place))
  const bytes = new DataView(octets.buffer)
  copyForeign(reader, place, octets, bytes, 0)
  return {
    bytes,
    start: 0,
    end: octets.length,
    answers: sections >>> 16,
    authorities: sections & 0xffff,
    rcode: reader.rcode(place),
    isAuthentic: (reader.word(place, ENTRY.shape) & SHAPE.authentic) !== 0,
    infoCode: reader.infoCode(place),
    infoText: NO_TEXT,
  }
}

/**
 * Copies the records of an entry, in the form in which they came, to `at`.
 *
 * @param target `view` in octets.
 * @returns where they end.
 */
export function copyForeign(
  reader: CacheReader,
  place: number,
  target: Uint8Array,
  view: DataView,
  at: number,
): number {
  const count = reader.count(place)
  const ttls = reader.ttlsStart(place)
  const octets = reader.octets(place)
  target.set(new Uint8Array(reader.arena.buffer, ttls + 4 * ((count + 1) >> 1), octets), at)
  const base = HEADER_OCTETS + (reader.word(place, ENTRY.shape) & SHAPE.name) + QUESTION_FIXED
  for (let record = 0, i = at; record < count; record++) {
    const owner = view.getUint16(i)
    if (owner > QUESTION_POINTER) view.setUint16(i, RELATIVE_POINTER | ((owner & POINTER_MASK) - base))
    const rdata = at + reader.arena.getUint16(ttls + 2 * record, true) + TTL_TO_RDATA
    i = rdata + view.getUint16(rdata - 2)
  }
  return at + octets
}

/** The answer of an entry as one that is out of date. */
export function staleForm(reader: CacheReader, place: number): ForeignAnswer {
  const answer = foreignForm(reader, place)
  const ttls = reader.ttlsStart(place)
  for (let record = 0; record < reader.count(place); record++) {
    answer.bytes.setUint32(reader.arena.getUint16(ttls + 2 * record, true), STALE_TTL)
  }
  return { ...answer, infoCode: staleCode(reader.kind(place)), infoText: ERROR_TEXT.stale }
}
