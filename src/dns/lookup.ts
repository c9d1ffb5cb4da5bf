/**
 * From a name and a type to the records of a reply: RFC 1034 section 4.3.2 over the name index, with wildcards
 * (RFC 4592), DNAME (RFC 6672), negative answers (RFC 2308) and empty non-terminals (RFC 8020, they are entries).
 *
 * Records in the index are written for a name at offset 12 of the message. A CNAME's target stands elsewhere, in the
 * CNAME's RDATA, and so does the name of a delegation, at the end of the question: then every pointer is shifted by
 * the distance.
 */
import { ENTRY_FLAG, ZONE, ZONE_RECORD } from '../index/layout.ts'
import type { IndexReader } from '../index/reader.ts'
import { INFO_CODE } from '../wire/edns.ts'
import { CLASS, RCODE, TYPE } from '../wire/record-type.ts'
import { ANSWER } from './counters.ts'
import { ERROR_TEXT } from './edns/extended-errors.ts'
import { type ForwardZones, NO_ZONE } from './forward/zones.ts'
import type { Reply } from './reply.ts'
import { Sections } from './sections.ts'
import { isInnerNibbleName, isInnerOctetName, readDashedAddress } from './synthesis.ts'

/** A chain of CNAME and DNAME records is followed this far. */
export const MAX_LINKS = 16

/** {@link Lookup.answer}: there is no answer, the response code says why. */
export const NO_ANSWER = -1

const QUESTION_NAME = 12
/** From the start of a record with a pointer as its owner to its TTL and its RDATA. */
const TTL_AT = 6
const RDATA_AT = 12
const MAX_NAME = 255
/** RFC 6672 section 2.2: the name after the substitution is too long. */
const YXDOMAIN = 6
/** RFC 8482 section 4.2: CPU "RFC8482", OS empty; the TTL keeps the same client from asking soon again. */
const HINFO_RDATA: Uint8Array = Uint8Array.of(7, ...new TextEncoder().encode('RFC8482'), 0)
const HINFO_TTL = 3600
/** A name, and three octets that reading it in words may touch. */
const SCRATCH = MAX_NAME + 3

/** See the top of the file. One for each thread. */
export class Lookup {
  readonly #reader: IndexReader
  readonly #reply: Reply
  readonly #sections: Sections
  /** Hashes of the names of this chain. */
  readonly #visited = new Int32Array(MAX_LINKS)
  /** Names made by DNAME; the one before is read while the next is made. */
  readonly #scratch: readonly [Uint8Array, Uint8Array] = [new Uint8Array(SCRATCH), new Uint8Array(SCRATCH)]
  readonly #scratchViews: readonly [DataView, DataView]
  readonly #address = new Uint8Array(16)
  #type = 0
  #view = 0
  #links = 0
  /** The name: where it is read, and its position in the message. */
  #bytes: DataView
  #at = 0
  #position = 0
  #encloserLabel = 0
  /** Whether the name has become another one, which is to be looked up. */
  #isFollowing = false
  #zones: ForwardZones | null = null
  #mayForward = false
  /** Octets of the apex of the forward zone that holds the name; 0: none, or it is the root. */
  #stubLength = 0
  /** Forward zone of the name that {@link answer} has ended at because it is not ours; {@link NO_ZONE}: it has not. */
  zone: number = NO_ZONE

  constructor(reader: IndexReader, reply: Reply) {
    this.#reader = reader
    this.#reply = reply
    this.#sections = new Sections(reader, reply)
    const [even, odd] = this.#scratch
    this.#scratchViews = [new DataView(even.buffer), new DataView(odd.buffer)]
    this.#bytes = this.#scratchViews[0]
  }

  /** Where the name stands that is in forward zone {@link zone}; its labels are the reader's. */
  get bytes(): DataView {
    return this.#bytes
  }

  get at(): number {
    return this.#at
  }

  /** Position of that name in the message. */
  get position(): number {
    return this.#position
  }

  /** Whether CNAME records of ours have led to that name. */
  get hasFollowed(): boolean {
    return this.#links > 0
  }

  /** Takes the zones whose names are asked elsewhere; null: there are none. */
  configure(zones: ForwardZones | null): void {
    this.#zones = zones
    this.#stubLength = 0
  }

  /**
   * Answers for the name that the reader has scanned at `at`, which the question asks for.
   *
   * @param mayForward whether a name that is not ours may be asked elsewhere; then {@link zone} says where, and the
   *   reply has what leads to it.
   * @returns the kind of the answer, a cell of `ANSWER`, or {@link NO_ANSWER}.
   */
  answer(bytes: DataView, at: number, type: number, view: number, mayForward: boolean): number {
    // Storing a reference costs a write barrier, and it is nearly always the same one.
    if (this.#bytes !== bytes) this.#bytes = bytes
    this.#at = at
    this.#position = QUESTION_NAME
    this.#type = type
    this.#view = view
    this.#links = 0
    this.#mayForward = mayForward
    this.zone = NO_ZONE
    if (!this.#reader.mayHold(bytes, at)) return this.#leave()
    this.#reader.name.hash(bytes, at, view)
    const kind = this.#resolve()
    while (this.#isFollowing) this.#resolve()
    return kind
  }

  #resolve(): number {
    this.#isFollowing = false
    if (this.#zones?.hasStubs === true) this.#stubLength = this.#findStub(this.#zones)
    const place = this.#reader.find(this.#bytes, this.#at, 0, this.#view)
    return place === 0 ? this.#atMissingName() : this.#atEntry(place)
  }

  /** The name has the entry at `place`, or matches the wildcard there. */
  #atEntry(place: number): number {
    const reader = this.#reader
    const type = this.#type
    const zone = reader.zone(place)
    const record = this.#openZone(zone)
    if (record === 0) return NO_ANSWER
    const shape = reader.shape(place)
    if ((shape & ENTRY_FLAG.cut) !== 0 && type !== TYPE.DS) return this.#refer(place, 0)
    if ((shape & ENTRY_FLAG.apex) !== 0) {
      if (type === TYPE.SOA) return this.#answerSoa(zone, record)
      if (type === TYPE.DS) return this.#askParent(zone, record)
    }
    const row = reader.row(place, type)
    if (row !== 0) {
      this.#sections.answer(place, row, type, this.#position - QUESTION_NAME)
      return ANSWER.hit
    }
    if ((shape & ENTRY_FLAG.cname) !== 0) return this.#follow(place)
    if (type === TYPE.ANY && (shape & (0xff00 | ENTRY_FLAG.apex)) !== 0) return this.#answerAny()
    return this.#deny(zone, record, RCODE.NOERROR)
  }

  /** The name has no entry: its closest encloser (RFC 4592 section 3.3.1) says what that means. */
  #atMissingName(): number {
    const reader = this.#reader
    const { name } = reader
    const place = this.#findEncloser()
    if (place === 0) return this.#leave()
    const label = this.#encloserLabel
    const zone = reader.zone(place)
    const record = this.#openZone(zone)
    if (record === 0) return NO_ANSWER
    const shape = reader.shape(place)
    if ((shape & ENTRY_FLAG.cut) !== 0) return this.#refer(place, name.starts[label] as number)
    if ((shape & ENTRY_FLAG.dname) !== 0) return this.#redirect(place, name.starts[label] as number)
    const flags = reader.zoneFlags(zone)
    if ((flags & ZONE.wildcards) !== 0) {
      const wildcard = reader.findWildcard(this.#bytes, this.#at, label, this.#view)
      if (wildcard !== 0) return this.#atEntry(wildcard)
    }
    if ((shape & ENTRY_FLAG.dashed) !== 0 && label === 1) return this.#answerDashed(zone, record)
    const isInner =
      ((flags & ZONE.nibbles) !== 0 && isInnerNibbleName(this.#bytes, this.#at, name)) ||
      ((flags & ZONE.octets) !== 0 && isInnerOctetName(this.#bytes, this.#at, name))
    return this.#deny(zone, record, isInner ? RCODE.NOERROR : RCODE.NXDOMAIN)
  }

  /** The entry of the longest rest of the name that has one, from {@link #encloserLabel} on; 0: none has. */
  #findEncloser(): number {
    const reader = this.#reader
    const { labels } = reader.name
    for (let label = 1; label <= labels; label++) {
      const place = reader.find(this.#bytes, this.#at, label, this.#view)
      if (place === 0) continue
      this.#encloserLabel = label
      return place
    }
    return 0
  }

  /** The zone's record; 0 when it gives no answers, and then the reply says so. */
  #openZone(zone: number): number {
    const record = this.#reader.zoneRecord(zone)
    if (record === 0 || this.#stubLength > this.#reader.zoneField(record, ZONE_RECORD.apexLength)) {
      this.#leave()
      return 0
    }
    if ((this.#reader.zoneFlags(zone) & ZONE.unsynced) !== 0) {
      this.#reply.clear()
      this.#reply.isAuthoritative = false
      this.#reply.rcode = RCODE.SERVFAIL
      this.#reply.extendedError(INFO_CODE.notReady, ERROR_TEXT.unsynced)
      return 0
    }
    return record
  }

  #findStub(zones: ForwardZones): number {
    const zone = zones.find(this.#bytes, this.#at, this.#reader.name)
    const octets = zone === NO_ZONE ? 0 : zones.apexLength(zone)
    return octets > 1 ? octets : 0
  }

  /** The name is in no zone of ours: asked elsewhere, or REFUSED, or where a chain leaves our zones. */
  #leave(): number {
    if (this.#zones !== null && this.#mayForward) {
      this.zone = this.#zones.find(this.#bytes, this.#at, this.#reader.name)
      if (this.zone !== NO_ZONE) return NO_ANSWER
    }
    if (this.#links === 0) {
      this.#reply.rcode = RCODE.REFUSED
      const isUndesired = this.#zones !== null && !this.#mayForward
      this.#reply.extendedError(INFO_CODE.notAuthoritative, isUndesired ? ERROR_TEXT.recursion : ERROR_TEXT.foreign)
    }
    return NO_ANSWER
  }

  /** @param prefix octets of the name before the delegation's. */
  #refer(place: number, prefix: number): number {
    this.#sections.referral(place, this.#position + prefix - QUESTION_NAME)
    return ANSWER.referral
  }

  #answerSoa(zone: number, record: number): number {
    this.#reply.isAuthoritative = true
    const ttl = this.#reader.zoneField(record, ZONE_RECORD.soaTtl)
    if (this.#sections.soa(zone, record, this.#position, ttl)) this.#reply.answers++
    return ANSWER.hit
  }

  /** A DS set belongs to the parent's side of a zone cut (RFC 4035 section 3.1.4.1); our zones have no signed children. */
  #askParent(zone: number, record: number): number {
    const place = this.#findEncloser()
    if (place === 0) return this.#deny(zone, record, RCODE.NOERROR)
    const parent = this.#reader.zone(place)
    const parentRecord = this.#openZone(parent)
    return parentRecord === 0 ? NO_ANSWER : this.#deny(parent, parentRecord, RCODE.NOERROR)
  }

  /** NODATA or NXDOMAIN with the SOA of the zone (RFC 2308 section 2). After a CNAME it is about the last name (RFC 6604). */
  #deny(zone: number, record: number, rcode: number): number {
    const reader = this.#reader
    const reply = this.#reply
    const apexAt = this.#position + reader.name.length - reader.zoneField(record, ZONE_RECORD.apexLength)
    reply.isAuthoritative = true
    reply.rcode = rcode
    const ttl = reader.zoneField(record, ZONE_RECORD.negativeTtl)
    if (this.#sections.soa(zone, record, apexAt, ttl)) reply.authorities++
    return rcode === RCODE.NXDOMAIN ? ANSWER.nxdomain : ANSWER.nodata
  }

  #answerAny(): number {
    this.#sections.made(this.#position, TYPE.HINFO, CLASS.IN, HINFO_TTL, HINFO_RDATA, HINFO_RDATA.length)
    return ANSWER.synthesized
  }

  #answerDashed(zone: number, record: number): number {
    const bytes = this.#bytes
    const at = this.#at
    const octets = readDashedAddress(bytes, at + 1, bytes.getUint8(at), this.#address)
    if (octets === 0) return this.#deny(zone, record, RCODE.NXDOMAIN)
    if (this.#type === TYPE.ANY) return this.#answerAny()
    if (this.#type !== (octets === 4 ? TYPE.A : TYPE.AAAA)) return this.#deny(zone, record, RCODE.NOERROR)
    const ttl = this.#reader.zoneField(record, ZONE_RECORD.minimum)
    this.#sections.made(this.#position, this.#type, CLASS.IN, ttl, this.#address, octets)
    return ANSWER.synthesized
  }

  /** Answers the CNAME and goes on with its target, unless it is the end of a long chain or ANY was asked (RFC 8482). */
  #follow(place: number): number {
    const reader = this.#reader
    const reply = this.#reply
    const row = reader.row(place, TYPE.CNAME)
    const start = reader.recordsStart(place, row)
    const end = reader.recordsEnd(place, row)
    if (this.#links === MAX_LINKS) return ANSWER.cname
    const at = reply.at
    reply.isAuthoritative = true
    if (!reply.append(reader.arena, start, end, this.#position - QUESTION_NAME)) {
      reply.isTruncated = true
      return ANSWER.cname
    }
    reply.answers++
    if (this.#type !== TYPE.ANY) this.#goTo(reader.arena, start + RDATA_AT, end, reply.position(at + RDATA_AT))
    return ANSWER.cname
  }

  /** Answers the DNAME and the CNAME that follows from it (RFC 6672 section 3.1), and goes on with the new name. */
  #redirect(place: number, prefix: number): number {
    const reader = this.#reader
    const reply = this.#reply
    const row = reader.row(place, TYPE.DNAME)
    const start = reader.recordsStart(place, row)
    const end = reader.recordsEnd(place, row)
    if (row === 0 || this.#links === MAX_LINKS) return ANSWER.cname
    reply.isAuthoritative = true
    if (!reply.append(reader.arena, start, end, this.#position + prefix - QUESTION_NAME)) {
      reply.isTruncated = true
      return ANSWER.cname
    }
    reply.answers++
    const target = start + RDATA_AT
    const octets = prefix + end - target
    if (octets > MAX_NAME) {
      reply.rcode = YXDOMAIN
      return ANSWER.cname
    }
    const made = this.#scratch[this.#links & 1] as Uint8Array
    for (let i = 0; i < prefix; i++) made[i] = this.#bytes.getUint8(this.#at + i)
    for (let i = prefix; i < octets; i++) made[i] = reader.arena.getUint8(target + i - prefix)
    const ttl = reader.arena.getUint32(start + TTL_AT)
    if (!this.#sections.made(this.#position, TYPE.CNAME, CLASS.IN, ttl, made, octets)) return ANSWER.cname
    if (this.#type === TYPE.CNAME || this.#type === TYPE.ANY) return ANSWER.cname
    this.#goTo(this.#scratchViews[this.#links & 1] as DataView, 0, octets, reply.position(reply.at) - octets)
    return ANSWER.cname
  }

  /** Makes another name the one that is looked up, unless the chain has had it before. */
  #goTo(bytes: DataView, at: number, end: number, position: number): void {
    const { name } = this.#reader
    const visited = this.#visited
    visited[this.#links++] = name.hashes[0] as number
    this.#bytes = bytes
    this.#at = at
    this.#position = position
    name.scan(bytes, at, end)
    name.hash(bytes, at, this.#view)
    for (let link = 0; link < this.#links; link++) if (visited[link] === name.hashes[0]) return
    this.#isFollowing = true
  }
}
