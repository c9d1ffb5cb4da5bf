/** A cache with a clock that is set by hand, filled with answers of upstreams and asked like one. */

import { CacheClock } from '#src/dns/cache/clock.ts'
import { questionFlags } from '#src/dns/cache/key.ts'
import { allocateCache, type CacheBuffers, TICKS } from '#src/dns/cache/memory/layout.ts'
import { CacheHit } from '#src/dns/cache/read/hit.ts'
import type { CacheReader } from '#src/dns/cache/read/reader.ts'
import type { CacheRules } from '#src/dns/cache/rules.ts'
import { KeptAnswer } from '#src/dns/cache/write/kept-answer.ts'
import { CacheWriter } from '#src/dns/cache/write/writer.ts'
import type { ForeignAnswer } from '#src/dns/forward/answer.ts'
import { Query } from '#src/dns/query.ts'
import { Reply } from '#src/dns/reply.ts'
import { hashKeys, NameHash } from '#src/index/hash.ts'
import { parseName } from '#src/wire/name.ts'
import { typeNumber } from '#src/wire/record-type.ts'
import { type Ask, makeQuery } from './answering.ts'
import { type AnswerText, makeForeign } from './foreign-answer.ts'
import { type DecodedMessage, decodeMessage } from './message-decoder.ts'

/** Rules with everything on, and TTLs as they come. */
export const RULES: CacheRules = { minTtl: 0, maxTtl: 86_400, maxNegativeTtl: 10_800, stale: 3600, prefetch: 3 }

/** A clock that stands still until it is set. */
export class ManualClock extends CacheClock {
  /** Seconds. */
  seconds = 1000

  override now(): number {
    return Math.floor(this.seconds * TICKS)
  }
}

/** A question, and whether with DO and CD. */
export interface CacheQuestion {
  readonly name: string
  readonly type: string
  readonly isDnssecOk?: boolean
  readonly isCheckingDisabled?: boolean
}

/** Limits and rules that differ from the small cache that it is by default. */
export interface CacheWorldOptions {
  readonly maxBytes?: number
  readonly maxEntries?: number
  readonly rules?: Partial<CacheRules>
}

/** See the top of the file. */
export class CacheWorld {
  readonly buffers: CacheBuffers
  readonly clock: ManualClock
  readonly writer: CacheWriter
  readonly reader: CacheReader
  readonly kept: KeptAnswer = new KeptAnswer()
  readonly reply: Reply = new Reply()
  readonly hit: CacheHit

  constructor({ maxBytes = 1 << 20, maxEntries = 1000, rules = {} }: CacheWorldOptions = {}, buffers?: CacheBuffers) {
    this.buffers = buffers ?? allocateCache({ maxBytes, maxEntries }, hashKeys(1), 0)
    this.clock = new ManualClock(this.buffers)
    this.writer = new CacheWriter(this.buffers, { ...RULES, ...rules }, this.clock)
    this.reader = this.writer.reader
    this.reply.configure({ udpLimit: 1232, nsid: null, cookie: null, keepaliveMs: 0 }, true)
    this.hit = new CacheHit(this.reader, this.reply)
  }

  /** Reads and stores an answer. @returns its place, 0: it was not kept. */
  put(answer: AnswerText, question: Partial<CacheQuestion> = {}): number {
    return this.putForeign(makeForeign(answer), { ...answer, ...question })
  }

  putForeign(answer: ForeignAnswer, question: CacheQuestion): number {
    this.setKey(question)
    if (!this.kept.read(answer, typeNumber(question.type) ?? 0, this.writer.rules)) return 0
    return this.writer.store(this.kept)
  }

  /** The entry of a question, whatever its age; 0: none. */
  find(question: CacheQuestion): number {
    this.setKey(question)
    return this.reader.find()
  }

  /** Answers a question from its entry; null: there is none. */
  ask(name: string, type: string, ask: Ask = {}): DecodedMessage | null {
    const bytes = this.send(name, type, ask)
    return bytes === null ? null : decodeMessage(bytes)
  }

  send(name: string, type: string, ask: Ask = {}): Uint8Array | null {
    const { udpSize = 1232, capacity = udpSize ?? 512 } = ask
    const place = this.find({ name, type, ...(ask.isDnssecOk === true ? { isDnssecOk: true } : {}) })
    if (place === 0) return null
    const packet = makeQuery(name, type, ask)
    const bytes = new DataView(packet.buffer)
    const query = new Query()
    query.read(bytes, 0, packet.length, new NameHash())
    const out = new Uint8Array(capacity)
    this.reply.open(new DataView(out.buffer), 0, capacity, bytes, 0, query.questionEnd, query, 0)
    this.hit.answer(place, 12)
    return out.slice(0, this.reply.close(query))
  }

  /** @returns the octets of the name. */
  setKey({ name, type, isDnssecOk = false, isCheckingDisabled = false }: CacheQuestion): number {
    const wire = parseName(name)
    const bytes = new Uint8Array(wire.length + 3)
    bytes.set(wire)
    const flags = questionFlags(isDnssecOk, isCheckingDisabled)
    this.reader.key.set(new DataView(bytes.buffer), 0, wire.length, typeNumber(type) ?? 0, 1, flags)
    return wire.length
  }
}
