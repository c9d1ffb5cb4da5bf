/**
 * Copies an entry of the cache into a reply: all records at once, then each TTL counted down where it stands. What does
 * not fit is left out at whole records, with TC set unless the answer is there (RFC 2181 section 9).
 */
import type { Reply } from '../../reply.ts'
import { ENTRY, SHAPE } from '../memory/layout.ts'
import { STALE_TTL } from '../rules.ts'
import type { CacheReader } from './reader.ts'

const QUESTION_NAME = 12
const QUESTION_FIXED = 4
const POINTER = 0xc000
/** The golden ratio in 32 bits: its multiples are spread evenly. */
const ROTATION_STEP = 0x9e3779b9
/** From a TTL to the end of its record without RDATA, and from a TTL back to its type. */
const TTL_TO_RDATA = 6
const TTL_TO_LENGTH = 4

/** See the top of the file. One for each thread. */
export class CacheHit {
  readonly #reader: CacheReader
  readonly #reply: Reply
  #turn = 0

  constructor(reader: CacheReader, reply: Reply) {
    this.#reader = reader
    this.#reply = reply
  }

  /**
   * Answers with the entry at `place`. `position` is where the entry's name stands in the reply: 12, or in the RDATA of a
   * CNAME that led to it.
   */
  answer(place: number, position: number): void {
    const reader = this.#reader
    const reply = this.#reply
    const ttls = reader.ttlsStart(place)
    const count = reader.count(place)
    const start = ttls + 4 * ((count + 1) >> 1)
    const octets = reader.octets(place)
    reply.rcode = reader.rcode(place)
    const at = reply.at
    const sections = reader.word(place, ENTRY.sections)
    if (reply.append(reader.arena, start, start + octets, 0)) {
      const rotation = reader.word(place, ENTRY.rotation)
      if (rotation !== 0) this.#rotate(rotation, start, at)
      this.#countDown(place, ttls, count, at)
      reply.answers += sections >>> 16
      reply.authorities += sections & 0xffff
    } else {
      this.#answerSome(place, ttls, start, at)
    }
    const name = reader.word(place, ENTRY.shape) & SHAPE.name
    if (position !== QUESTION_NAME || reply.position(at) !== QUESTION_NAME + name + QUESTION_FIXED) {
      this.#move(at, position, name)
    }
  }

  /** Lets another address be the first: no client's first choice is everybody's. All are of one size, so TTLs stay put. */
  #rotate(rotation: number, start: number, at: number): void {
    const { arena } = this.#reader
    const { bytes } = this.#reply
    const offset = rotation >>> 16
    const octets = (rotation >>> 8) & 0xff
    const count = rotation & 0xff
    this.#turn = (this.#turn + ROTATION_STEP) | 0
    let from = Math.floor((this.#turn >>> 0) * 2 ** -32 * count)
    for (let record = 0; record < count; record++) {
      const source = start + offset + from * octets
      const target = at + offset + record * octets
      for (let i = 0; i < octets; i += 4) bytes.setInt32(target + i, arena.getInt32(source + i, true), true)
      if (++from === count) from = 0
    }
  }

  /** Records, from the first on, as many as fit. */
  #answerSome(place: number, ttls: number, start: number, at: number): void {
    const reader = this.#reader
    const reply = this.#reply
    const { arena } = reader
    const answers = reader.word(place, ENTRY.sections) >>> 16
    const count = reader.count(place)
    const room = reply.room()
    let kept = 0
    let octets = 0
    for (; kept < count; kept++) {
      const ttl = arena.getUint16(ttls + 2 * kept, true)
      const end = ttl + TTL_TO_RDATA + arena.getUint16(start + ttl + TTL_TO_LENGTH)
      if (end > room) break
      octets = end
    }
    reply.append(arena, start, start + octets, 0)
    this.#countDown(place, ttls, kept, at)
    reply.answers += Math.min(kept, answers)
    reply.authorities += Math.max(0, kept - answers)
    // Who got the answer does not miss the authorities; a denial without them is none.
    if (kept < answers || answers === 0) reply.isTruncated = true
  }

  #countDown(place: number, ttls: number, count: number, at: number): void {
    const reader = this.#reader
    const { arena } = reader
    const { bytes } = this.#reply
    const isStale = reader.isStale(place)
    const age = isStale ? 0 : reader.age(place)
    for (let record = 0; record < count; record++) {
      const ttl = at + arena.getUint16(ttls + 2 * record, true)
      bytes.setUint32(ttl, isStale ? STALE_TTL : bytes.getUint32(ttl) - age)
    }
  }

  /**
   * Corrects the pointers of records that stand elsewhere than behind a question of their name: those into the name by
   * its distance, those into the records by theirs.
   */
  #move(at: number, position: number, name: number): void {
    const reply = this.#reply
    const { bytes } = reply
    const base = QUESTION_NAME + name + QUESTION_FIXED
    const ofName = position - QUESTION_NAME
    const ofRecords = reply.position(at) - base
    let i = at
    while (i < reply.at) {
      let octets = bytes.getUint8(i)
      while (octets !== 0 && octets < 0xc0) {
        i += octets + 1
        octets = bytes.getUint8(i)
      }
      if (octets !== 0) {
        const target = bytes.getUint16(i) & 0x3fff
        bytes.setUint16(i, POINTER | (target + (target < base ? ofName : ofRecords)))
      }
      i += octets === 0 ? 1 : 2
      i += 10 + bytes.getUint16(i + 8)
    }
  }
}
