/** Copies what the name index has for an entry into the sections of a reply. */
import { ROW_ADDITIONAL, ROW_GLUE, SOA_SERIAL_FROM_END, SOA_TTL_AT, ZONE_RECORD } from '../index/layout.ts'
import type { IndexReader } from '../index/reader.ts'
import { TYPE } from '../wire/record-type.ts'
import type { Reply } from './reply.ts'

const POINTER = 0xc000
/** Owner (a pointer), type, class, TTL and length. */
const RR_OCTETS = 12
/** The golden ratio in 32 bits: its multiples are spread evenly, and so is every second or third of them. */
const ROTATION_STEP = 0x9e3779b9

/** See the top of the file. `shift` is what pointers in the records are moved by, see `Reply.append`. */
export class Sections {
  readonly #reader: IndexReader
  readonly #reply: Reply
  #rotation = 0

  constructor(reader: IndexReader, reply: Reply) {
    this.#reader = reader
    this.#reply = reply
  }

  /** A record set as the answer, with its additional records as far as they fit. */
  answer(place: number, row: number, type: number, shift: number): void {
    const reader = this.#reader
    const reply = this.#reply
    const { arena } = reader
    const start = reader.recordsStart(place, row)
    const end = reader.recordsEnd(place, row)
    const count = reader.count(row)
    reply.isAuthoritative = true
    if (count > 1 && (type === TYPE.AAAA || type === TYPE.A)) {
      // Addresses are of one size, so any of them can be the first: no client's first choice is everybody's.
      this.#rotation = (this.#rotation + ROTATION_STEP) | 0
      const first = Math.floor((this.#rotation >>> 0) * 2 ** -32 * count)
      const fitting = reply.appendRotated(arena, start, (end - start) / count, count, first, shift)
      reply.answers += fitting
      if (fitting < count) reply.isTruncated = true
      return
    }
    if (!reply.append(arena, start, end, shift)) {
      reply.answers += reply.appendSome(arena, start, count, shift)
      reply.isTruncated = true
      return
    }
    reply.answers += count
    const additional = reader.rowAfter(place, row, ROW_ADDITIONAL)
    if (additional !== 0) this.#addAdditional(place, additional, shift)
  }

  /** A delegation: name servers in the authority section, their addresses behind (RFC 1034 section 4.3.2, 3b). */
  referral(place: number, shift: number): void {
    const reader = this.#reader
    const reply = this.#reply
    const row = reader.row(place, TYPE.NS)
    if (row === 0) return
    const count = reader.count(row)
    reply.authorities = reply.appendSome(reader.arena, reader.recordsStart(place, row), count, shift)
    const glue = reader.rowAfter(place, row, ROW_GLUE)
    if (reply.authorities < count) reply.isTruncated = true
    if (reply.isTruncated || glue === 0) return
    const needed = reader.count(glue)
    reply.additionals = reply.appendSome(reader.arena, reader.recordsStart(place, glue), needed, shift)
    // Without the glue the resolver would be lost, so it must know that some is missing (RFC 9471 section 3.1).
    if (reply.additionals < needed) reply.isTruncated = true
    const other = reader.rowAfter(place, glue, ROW_ADDITIONAL)
    if (other !== 0 && !reply.isTruncated) this.#addAdditional(place, other, shift)
  }

  /** The zone's SOA, whose owner is the zone's apex at `position` in the message; false when it does not fit. */
  soa(zone: number, record: number, position: number, ttl: number): boolean {
    const reader = this.#reader
    const reply = this.#reply
    const start = reader.soaStart(record)
    const end = record * 4 + reader.zoneField(record, ZONE_RECORD.bytes)
    const at = reply.at
    if (!reply.append(reader.arena, start, end, 0)) {
      reply.isTruncated = true
      return false
    }
    const { bytes } = reply
    const pointers = reader.zoneField(record, ZONE_RECORD.pointers)
    const apex = POINTER | position
    bytes.setUint16(at, apex)
    bytes.setUint32(at + SOA_TTL_AT, ttl)
    if ((pointers & 0xffff) !== 0) bytes.setUint16(at + (pointers & 0xffff), apex)
    if (pointers >>> 16 !== 0) bytes.setUint16(at + (pointers >>> 16), apex)
    bytes.setInt32(reply.at - SOA_SERIAL_FROM_END, reader.zoneSerial(zone))
    return true
  }

  /** A record that is made for the query, in the answer section; false when it does not fit. */
  made(position: number, type: number, recordClass: number, ttl: number, rdata: Uint8Array, octets: number): boolean {
    const reply = this.#reply
    if (RR_OCTETS + octets > reply.room()) {
      reply.isTruncated = true
      return false
    }
    const { bytes, at } = reply
    bytes.setUint16(at, POINTER | position)
    bytes.setUint16(at + 2, type)
    bytes.setUint16(at + 4, recordClass)
    bytes.setUint32(at + 6, ttl)
    bytes.setUint16(at + 10, octets)
    for (let i = 0; i < octets; i++) bytes.setUint8(at + RR_OCTETS + i, rdata[i] as number)
    reply.at = at + RR_OCTETS + octets
    reply.answers++
    reply.isAuthoritative = true
    return true
  }

  #addAdditional(place: number, row: number, shift: number): void {
    const reader = this.#reader
    const reply = this.#reply
    const start = reader.recordsStart(place, row)
    const count = reader.count(row)
    if (reply.append(reader.arena, start, reader.recordsEnd(place, row), shift)) reply.additionals += count
    else reply.additionals += reply.appendSets(reader.arena, start, count, shift)
  }
}
