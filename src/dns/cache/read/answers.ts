/** The cache as a thread that answers sees it: finds the answer to a question and writes it into the reply. */

import type { NameHash } from '../../../index/hash.ts'
import { ERROR_TEXT } from '../../edns/extended-errors.ts'
import { ForwardZones, NO_ZONE } from '../../forward/zones.ts'
import type { Query } from '../../query.ts'
import type { Reply } from '../../reply.ts'
import type { ReaderFigures } from '../figures.ts'
import { questionFlags } from '../key.ts'
import { ENTRY, KIND, SHAPE, TICKS } from '../memory/layout.ts'
import type { CacheOptions } from '../setup.ts'
import { staleCode } from './foreign-form.ts'
import { CacheHit } from './hit.ts'
import type { CacheReader } from './reader.ts'

const CLASS_IN = 1

/** See the top of the file. */
export class CacheAnswers {
  readonly reader: CacheReader
  readonly #hit: CacheHit
  readonly #reply: Reply
  readonly #figures: ReaderFigures
  readonly #except: ForwardZones | null
  readonly #prefetchHits: number
  readonly #staleTicks: number
  readonly #isBatched: boolean

  /** @param isBatched whether the thread calls `refresh` of the reader between batches; else every question does. */
  constructor(
    reader: CacheReader,
    reply: Reply,
    figures: ReaderFigures,
    { rules, except }: CacheOptions,
    isBatched: boolean,
  ) {
    this.reader = reader
    this.#reply = reply
    this.#figures = figures
    this.#hit = new CacheHit(reader, reply)
    this.#except = except.length === 0 ? null : new ForwardZones(except)
    this.#prefetchHits = Math.max(1, rules.prefetch)
    this.#staleTicks = rules.stale * TICKS
    this.#isBatched = isBatched
  }

  /** Counts a question that it had no answer to. */
  miss(): void {
    this.#figures.miss()
  }

  /**
   * Answers the question about the name at `at`, whose labels are those of `name`.
   *
   * @param position where the name stands in the reply: 12, or in the RDATA of a CNAME of ours.
   * @param isLastResort whether nobody can be asked, so that an answer that is out of date is better than none.
   * @returns whether it did.
   */
  answer(bytes: DataView, at: number, name: NameHash, query: Query, position: number, isLastResort: boolean): boolean {
    if (this.#except !== null && this.#except.find(bytes, at, name) !== NO_ZONE) return false
    const { reader } = this
    if (!this.#isBatched) reader.refresh()
    const flags = questionFlags(query.hasEdns && query.isDnssecOk, query.isCheckingDisabled)
    reader.key.set(bytes, at, name.length, query.type, CLASS_IN, flags)
    const place = reader.find()
    if (place === 0 || !(reader.isUsable(place) || (isLastResort && this.#isOfUse(place)))) return false
    reader.mark(place)
    this.#write(place, position)
    reader.wish(place, this.#prefetchHits)
    return true
  }

  #write(place: number, position: number): void {
    const { reader } = this
    const reply = this.#reply
    const kind = reader.kind(place)
    const isStale = reader.isStale(place)
    this.#figures.hit(kind, isStale)
    if (kind === KIND.failure) {
      reply.clear()
      reply.isAuthoritative = false
      reply.extendedError(reader.infoCode(place), ERROR_TEXT.cachedFailure)
    } else if (isStale) {
      reply.extendedError(staleCode(kind), ERROR_TEXT.stale)
    } else if (reader.infoCode(place) >= 0) {
      reply.extendedError(reader.infoCode(place))
    }
    reply.isAuthentic = (reader.word(place, ENTRY.shape) & SHAPE.authentic) !== 0
    this.#hit.answer(place, position)
  }

  #isOfUse(place: number): boolean {
    const { reader } = this
    if (reader.kind(place) === KIND.failure) return false
    return reader.clock.now() < reader.word(place, ENTRY.expires) + this.#staleTicks
  }
}
