/**
 * Turns a query into a reply from the name index: synchronous, without I/O and without allocation. The order of the
 * checks is the order in which RFC 1035 section 4.1 builds a message: header, question, what follows, and only then
 * what is asked.
 */
import { foldWord } from '../index/hash.ts'
import { STATE } from '../index/layout.ts'
import type { IndexReader } from '../index/reader.ts'
import { INFO_CODE, type InfoCode } from '../wire/edns.ts'
import { CLASS, RCODE, TYPE } from '../wire/record-type.ts'
import type { CacheAnswers } from './cache/read/answers.ts'
import { Chaos } from './chaos.ts'
import { monotonicMs, ThreadClock } from './clock.ts'
import { ANSWER, CELL, type Counters, DROP } from './counters.ts'
import { COOKIE, type CookieOptions } from './edns/cookies.ts'
import { ERROR_TEXT } from './edns/extended-errors.ts'
import { type ForeignAnswer, failure } from './forward/answer.ts'
import type { ForeignQuestion } from './forward/question.ts'
import { ForwardZones, NO_ZONE } from './forward/zones.ts'
import { type RateLimit, VERDICT } from './limits/rate-limiter.ts'
import { Screening } from './limits/screening.ts'
import { Lookup, NO_ANSWER } from './lookup.ts'
import { BAD_QUESTION, HEADER_OCTETS, Query, READ } from './query.ts'
import { Reply } from './reply.ts'
import { DEFERRED, UDP } from './transport.ts'

/** What can be configured about replies. */
export interface ResponderOptions {
  /** Longest reply over UDP, 512 to 4096; 1232 by default (DNS flag day 2020). */
  readonly udpLimit: number
  /** Name server identifier for those who ask (RFC 5001); null: the option is ignored. */
  readonly nsid: Uint8Array | null
  /** Answers to `version.bind` and `id.server` in class CH; null: REFUSED. */
  readonly chaos: { readonly version: string; readonly id: string } | null
  /** Folded apexes of the zones whose names are asked elsewhere, the root included; none: such names are REFUSED. */
  readonly forward?: readonly Uint8Array[] | null
  /** DNS cookies; left out: the option is ignored. */
  readonly cookies?: CookieOptions | null
  /** Limit of replies over UDP; left out: none. */
  readonly rateLimit?: RateLimit | null
  /** What is said about connections (RFC 7828): how long they may be idle; 10 seconds when left out. */
  readonly idleMs?: number
}

/** An answer from outside that came for a question; the reply is made for it only when it still asks that. */
export interface GivenAnswer {
  readonly question: ForeignQuestion
  readonly answer: ForeignAnswer
}

const QR = 0x80
const OPCODE = 0x78
/** What a client takes that says nothing (RFC 1035 section 2.3.4), and the least that counts (RFC 6891 section 6.2.3). */
const CLASSIC_LIMIT = 512
const TCP_LIMIT = 65_535
const IDLE_MS = 10_000
/** A source that no transport has: cookies and limits do not matter. */
const NOBODY = new Uint8Array(16)
const TOO_BUSY: ForeignAnswer = failure(RCODE.SERVFAIL, INFO_CODE.other, ERROR_TEXT.busy)

/** See the top of the file. One for each thread. */
export class Responder {
  readonly #reader: IndexReader
  readonly #counters: Counters
  readonly #query = new Query()
  readonly #reply = new Reply()
  readonly #lookup: Lookup
  readonly #screening: Screening
  readonly #clock: ThreadClock
  #chaos: Chaos | null = null
  #udpLimit = CLASSIC_LIMIT
  /** The buffers of the last message: nearly always those of the next one. */
  #input: Uint8Array = new Uint8Array(0)
  #inputView: DataView = new DataView(this.#input.buffer)
  #output: Uint8Array = this.#input
  #outputView: DataView = this.#inputView
  #isResumed = false
  #isDeclined = false
  #given: GivenAnswer | null = null
  readonly #cache: CacheAnswers | null

  /** @param cacheFor makes the cache's side of a reply; left out: nothing from outside is kept. */
  constructor(
    reader: IndexReader,
    counters: Counters,
    options: ResponderOptions,
    cacheFor: ((reply: Reply) => CacheAnswers) | null = null,
    clock: ThreadClock = new ThreadClock(),
  ) {
    this.#reader = reader
    this.#cache = cacheFor === null ? null : cacheFor(this.#reply)
    this.#counters = counters
    this.#clock = clock
    this.#screening = new Screening(counters, clock)
    this.#lookup = new Lookup(reader, this.#reply)
    this.configure(options)
  }

  /** Takes other options. */
  configure(options: ResponderOptions): void {
    this.#udpLimit = options.udpLimit
    const { udpLimit, nsid, cookies = null, rateLimit = null, idleMs = IDLE_MS, forward = null } = options
    const cookie = this.#screening.configure(cookies, rateLimit)
    this.#reply.configure({ udpLimit, nsid, cookie, keepaliveMs: idleMs }, forward !== null)
    this.#lookup.configure(forward === null ? null : new ForwardZones(forward))
    this.#chaos = options.chaos === null ? null : new Chaos(options.chaos, this.#reply)
  }

  /**
   * Writes the reply to the message at `start` into `out` from `outStart`.
   *
   * @param outCapacity octets that may be written; at least 512.
   * @param view the network that the source belongs to, −1: none (REFUSED).
   * @param transport 0 UDP, 1 TCP, 2 TLS, 3 HTTPS.
   * @param source the client's address, 16 octets at `sourceAt`.
   * @returns the reply's length; 0: no reply; `DEFERRED`: the name is not ours, and {@link deferred} says what to ask.
   */
  respond(
    query: Uint8Array,
    start: number,
    length: number,
    out: Uint8Array,
    outStart: number,
    outCapacity: number,
    view: number,
    transport: number,
    source: Uint8Array = NOBODY,
    sourceAt = 0,
  ): number {
    this.#isResumed = false
    return this.#run(query, start, length, out, outStart, outCapacity, view, transport, source, sourceAt)
  }

  /**
   * Takes a message up again that {@link respond} has put off: with the answer that has come, or to see what to ask
   * (null). Nothing is put off that the answer is for.
   */
  resume(
    query: Uint8Array,
    start: number,
    length: number,
    out: Uint8Array,
    outStart: number,
    outCapacity: number,
    view: number,
    transport: number,
    given: GivenAnswer | null,
    source: Uint8Array = NOBODY,
    sourceAt = 0,
  ): number {
    this.#isResumed = true
    this.#given = given
    // The thread that forwards may have had nothing else to tell it the time.
    this.#clock.tick(monotonicMs())
    return this.#run(query, start, length, out, outStart, outCapacity, view, transport, source, sourceAt)
  }

  /** Answers a message that {@link respond} has put off, and that nobody can take, with SERVFAIL. */
  decline(
    query: Uint8Array,
    start: number,
    length: number,
    out: Uint8Array,
    outStart: number,
    outCapacity: number,
    view: number,
    transport: number,
    source: Uint8Array = NOBODY,
    sourceAt = 0,
  ): number {
    this.#isResumed = true
    this.#isDeclined = true
    try {
      return this.#run(query, start, length, out, outStart, outCapacity, view, transport, source, sourceAt)
    } finally {
      this.#isDeclined = false
    }
  }

  /** What is to be asked elsewhere, after `DEFERRED`. */
  deferred(): ForeignQuestion {
    const { bytes, at, zone } = this.#lookup
    const { type, isDnssecOk, hasEdns, isCheckingDisabled } = this.#query
    const name = new Uint8Array(this.#reader.name.length)
    for (let i = 0; i < name.length; i++) name[i] = foldWord(bytes.getUint8(at + i))
    return { name, type, isDnssecOk: hasEdns && isDnssecOk, isCheckingDisabled, zone }
  }

  #run(
    query: Uint8Array,
    start: number,
    length: number,
    out: Uint8Array,
    outStart: number,
    outCapacity: number,
    view: number,
    transport: number,
    source: Uint8Array,
    sourceAt: number,
  ): number {
    if (query !== this.#input) {
      this.#input = query
      this.#inputView = new DataView(query.buffer, query.byteOffset, query.byteLength)
    }
    if (out !== this.#output) {
      this.#output = out
      this.#outputView = new DataView(out.buffer, out.byteOffset, out.byteLength)
    }
    const bytes = this.#inputView
    if (length < HEADER_OCTETS) return this.#drop(DROP.short)
    const flags = bytes.getUint8(start + 2)
    if ((flags & QR) !== 0) return this.#drop(DROP.response)
    const parsed = this.#query
    const isQuestion = (flags & OPCODE) === 0 && bytes.getUint16(start + 4) === 1
    const status = isQuestion
      ? parsed.read(bytes, start, length, this.#reader.name)
      : BAD_QUESTION | parsed.readEdns(bytes, start, length)
    const verdict = this.#screening.check(parsed, bytes, source, sourceAt, transport, this.#isResumed)
    if (verdict === VERDICT.drop) return this.#drop(DROP.rate)
    const copied = (status & BAD_QUESTION) !== 0 ? HEADER_OCTETS : parsed.questionEnd - start
    const limit = Math.min(outCapacity, this.#limit(transport))
    const { asks } = this.#screening
    if (!this.#reply.open(this.#outputView, outStart, limit, bytes, start, copied, parsed, asks))
      return this.#drop(DROP.fault)
    if (status !== READ) this.#refuse(bytes, start, status)
    else if (verdict === VERDICT.truncate) this.#slip(transport)
    else if (this.#answer(bytes, start, view, transport) === DEFERRED) return DEFERRED
    return this.#close(transport)
  }

  /** Answers what is no query that can be read. */
  #refuse(bytes: DataView, start: number, status: number): void {
    const { cookie } = this.#screening
    if ((bytes.getUint8(start + 2) & OPCODE) !== 0) {
      this.#fail(RCODE.NOTIMP, INFO_CODE.notSupported, ERROR_TEXT.opcode)
    } else if (status === BAD_QUESTION && bytes.getUint16(start + 4) === 0 && cookie > COOKIE.malformed) {
      // Somebody asks for a cookie and for nothing else (RFC 7873 section 5.4).
      this.#reply.rcode = cookie === COOKIE.bad ? RCODE.BADCOOKIE : RCODE.NOERROR
    } else {
      this.#fail(RCODE.FORMERR, INFO_CODE.other, ERROR_TEXT.malformed)
    }
  }

  /** Instead of an answer: come over TCP. */
  #slip(transport: number): void {
    this.#counters.query(transport, this.#query.type)
    this.#counters.add(CELL.slips, 1)
    this.#reply.isTruncated = true
  }

  /** Answers a query that is well formed. @returns `DEFERRED` when others are to be asked. */
  #answer(bytes: DataView, start: number, view: number, transport: number): number {
    const query = this.#query
    const reply = this.#reply
    const { type } = query
    if (!this.#isResumed) this.#counters.query(transport, type)
    if (query.hasEdns && query.version !== 0) {
      reply.rcode = RCODE.BADVERS
    } else if (this.#screening.cookie === COOKIE.malformed) {
      this.#fail(RCODE.FORMERR, INFO_CODE.other, ERROR_TEXT.cookie)
    } else if (this.#screening.isCookieMissing(transport)) {
      reply.rcode = RCODE.BADCOOKIE
    } else if (this.#reader.state() !== STATE.serving) {
      this.#fail(RCODE.SERVFAIL, INFO_CODE.notReady, ERROR_TEXT.starting)
    } else if (query.class !== CLASS.IN) {
      this.#answerOtherClass(bytes, start)
    } else if (view < 0) {
      this.#fail(RCODE.REFUSED, INFO_CODE.prohibited, ERROR_TEXT.noNetwork)
    } else if (type === TYPE.AXFR || type === TYPE.IXFR) {
      this.#fail(RCODE.REFUSED, INFO_CODE.notSupported, ERROR_TEXT.transfer)
    } else {
      const kind = this.#lookup.answer(bytes, start + HEADER_OCTETS, type, view, query.isRecursionDesired)
      if (this.#lookup.zone !== NO_ZONE && !this.#answerForeign()) return DEFERRED
      if (kind !== NO_ANSWER) this.#counters.add(kind, 1)
    }
    return 0
  }

  /** Finishes the reply with an answer from outside; false: there is none yet. */
  #answerForeign(): boolean {
    if (this.#answerFromCache()) return true
    const answer = this.#answerInHand()
    if (answer === null) return false
    const reply = this.#reply
    const query = this.#query
    reply.rcode = answer.rcode
    if (answer.infoCode >= 0) reply.extendedError(answer.infoCode, answer.infoText)
    if (answer.rcode === RCODE.SERVFAIL) {
      reply.clear()
      reply.isAuthoritative = false
    }
    reply.appendForeign(answer, this.#lookup.position)
    reply.isAuthentic = answer.isAuthentic && !this.#lookup.hasFollowed && (query.isAuthenticAsked || query.isDnssecOk)
    reply.isCheckingDisabled = query.isCheckingDisabled
    if (!this.#lookup.hasFollowed) this.#counters.add(ANSWER.forwarded, 1)
    return true
  }

  /** Finishes the reply with an answer that is kept; not when one has just come. */
  #answerFromCache(): boolean {
    const cache = this.#cache
    if (cache === null || (this.#isResumed && !this.#isDeclined && this.#given !== null)) return false
    const { bytes, at, position, hasFollowed } = this.#lookup
    const query = this.#query
    const reply = this.#reply
    if (!cache.answer(bytes, at, this.#reader.name, query, position, this.#isDeclined)) {
      if (!this.#isResumed) cache.miss()
      return false
    }
    reply.isAuthentic = reply.isAuthentic && !hasFollowed && (query.isAuthenticAsked || query.isDnssecOk)
    reply.isCheckingDisabled = query.isCheckingDisabled
    if (!hasFollowed) this.#counters.add(ANSWER.cached, 1)
    return true
  }

  #answerInHand(): ForeignAnswer | null {
    if (this.#isDeclined) return TOO_BUSY
    const given = this.#isResumed ? this.#given : null
    return given !== null && this.#isFor(given.question) ? given.answer : null
  }

  /** Whether the answer in hand is for the name that the lookup has ended at: our own names may have changed. */
  #isFor({ name, type }: ForeignQuestion): boolean {
    const { bytes, at } = this.#lookup
    if (type !== this.#query.type || name.length !== this.#reader.name.length) return false
    for (let i = 0; i < name.length; i++) if (foldWord(bytes.getUint8(at + i)) !== name[i]) return false
    return true
  }

  #answerOtherClass(bytes: DataView, start: number): void {
    const chaos = this.#query.class === CLASS.CH && this.#query.type === TYPE.TXT ? this.#chaos : null
    const isAnswered = chaos?.answer(bytes, start + HEADER_OCTETS, this.#reader.name.length) ?? false
    if (!isAnswered) this.#fail(RCODE.REFUSED, INFO_CODE.notSupported, ERROR_TEXT.otherClass)
  }

  #fail(rcode: number, infoCode: InfoCode, text: Uint8Array): void {
    this.#reply.rcode = rcode
    this.#reply.extendedError(infoCode, text)
  }

  #limit(transport: number): number {
    if (transport !== UDP) return TCP_LIMIT
    const { hasEdns, udpSize } = this.#query
    return hasEdns ? Math.max(CLASSIC_LIMIT, Math.min(udpSize, this.#udpLimit)) : CLASSIC_LIMIT
  }

  #close(transport: number): number {
    const counters = this.#counters
    const reply = this.#reply
    counters.response(transport, reply.rcode)
    if (reply.infoCode >= 0) counters.extendedError(reply.infoCode)
    if (reply.isTruncated) counters.add(CELL.truncated + transport, 1)
    return reply.close(this.#query)
  }

  #drop(cell: number): number {
    this.#counters.add(cell, 1)
    return 0
  }
}
