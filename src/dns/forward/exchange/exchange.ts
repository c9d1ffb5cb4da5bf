/**
 * One question that is being asked: its tries at upstreams, and when to give up.
 *
 * ```
 *   ask ──► first upstream ─── answer ─────────────────────────────────────► done
 *             │    │  late (its own p95)                                      ▲
 *             │    └──► next upstream (the first may still answer) ─ answer ──┤
 *             │ fails, refuses, lies                                          │
 *             └──► next upstream at once … until none is left ── failure ─────┤
 *                                          deadline ───────────── failure ────┘
 * ```
 */
import { INFO_CODE } from '../../../wire/edns.ts'
import { RCODE } from '../../../wire/record-type.ts'
import { ERROR_TEXT } from '../../edns/extended-errors.ts'
import { type ForeignAnswer, failure } from '../answer.ts'
import type { Attempt, Channel } from '../channel/channel.ts'
import type { ForwardFigures } from '../figures.ts'
import type { IncomingReader } from '../message/incoming.ts'
import { type OutgoingQuery, writeQuery } from '../message/outgoing.ts'
import type { ForeignQuestion } from '../question.ts'
import type { Choice } from '../upstream/choice.ts'
import type { Upstream } from '../upstream/upstream.ts'
import type { RandomSource } from './random.ts'
import type { Timed, TimerQueue } from './timer-queue.ts'

/** What all exchanges share. */
export interface ExchangeParts {
  readonly clock: () => number
  readonly timers: TimerQueue
  readonly reader: IncomingReader
  readonly figures: ForwardFigures
  /** For the case of letters; null: they are lower-case. */
  readonly caseRandom: RandomSource | null
  readonly budget: HedgeBudget
  /** How long a question may take, in milliseconds. */
  readonly deadlineMs: number
  /** An upstream began or ceased to be suspected. */
  stateChanged(upstream: Upstream, error: Error | null): void
}

/** How it ended: an upstream has said so; none could; none did in time. */
export type Ending = 'answered' | 'failed' | 'expired'
type ExchangeDone = (answer: ForeignAnswer, ending: Ending) => void

/** Tries of one question beyond one for each upstream. */
const EXTRA_TRIES = 2
/** A second try that the budget does not allow comes after this time. */
const UNHEDGED_MS = 1000
/** How long an upstream that does not know EDNS is asked without it. */
const PLAIN_MS = 600_000

const MOST_HEDGES = 100
const HEDGES_EARNED = 0.1

/**
 * Second tries beside the first ones cost an upstream work just when it is slow, so they may be one in ten of all
 * questions, and some more after a quiet time.
 */
export class HedgeBudget {
  #tokens = MOST_HEDGES

  earn(): void {
    this.#tokens = Math.min(this.#tokens + HEDGES_EARNED, MOST_HEDGES)
  }

  spend(): boolean {
    if (this.#tokens < 1) return false
    this.#tokens--
    return true
  }
}

/** See the top of the file. */
export class Exchange implements Timed {
  dueAt = 0
  readonly question: ForeignQuestion
  readonly #parts: ExchangeParts
  readonly #choice: Choice
  readonly #done: ExchangeDone
  readonly #startedAt: number
  readonly #tried: Upstream[] = []
  readonly #pending: Set<Try> = new Set()
  #failure: ForeignAnswer | null = null
  #isDone = false

  constructor(question: ForeignQuestion, choice: Choice, parts: ExchangeParts, done: ExchangeDone) {
    this.question = question
    this.#choice = choice
    this.#parts = parts
    this.#done = done
    this.#startedAt = parts.clock()
  }

  /** Whom it has asked last; undefined: nobody. */
  get latest(): Upstream | undefined {
    return this.#tried.at(-1)
  }

  /** Asks the first upstream. */
  start(): void {
    this.#parts.budget.earn()
    this.#tryNext()
  }

  /** Nobody wants to know any more. */
  abandon(): void {
    this.#isDone = true
    this.dueAt = -1
    for (const attempt of this.#pending) attempt.channel.cancel(attempt)
    this.#pending.clear()
  }

  /** Time for another try, or to give up. */
  due(): void {
    if (this.#isDone) return
    const { clock, deadlineMs, budget, figures, timers } = this.#parts
    const now = clock()
    if (now - this.#startedAt >= deadlineMs) {
      this.#finish(this.#failure ?? this.#unanswered(), 'expired')
      return
    }
    const isHedge = this.#pending.size > 0
    if (isHedge && !budget.spend() && now - this.#startedAt < UNHEDGED_MS) {
      timers.schedule(this, this.#startedAt + Math.min(UNHEDGED_MS, deadlineMs))
      return
    }
    for (const attempt of this.#pending) attempt.late(now)
    if (isHedge) figures.add('hedged', 1)
    this.#tryNext()
  }

  /** A message came for a try. @returns whether it answers the question. */
  received(attempt: Try, message: Uint8Array): boolean {
    const { reader, clock, caseRandom } = this.#parts
    const { upstream } = attempt
    const isCaseSensitive = caseRandom !== null && !attempt.isSecure
    const incoming = reader.read(message, this.question, attempt.outgoing.asked, isCaseSensitive)
    if (incoming.kind === 'stranger') {
      upstream.figures.result('stranger')
      return false
    }
    this.#pending.delete(attempt)
    const now = clock()
    if (upstream.answered(now - attempt.sentAt)) this.#parts.stateChanged(upstream, null)
    if (attempt.edns === 'trial' && incoming.kind !== 'failed') upstream.plainUntil = now + PLAIN_MS
    if (incoming.kind === 'cut') this.#cut(attempt)
    else if (incoming.kind === 'failed') this.#failed(attempt, incoming.answer)
    else {
      upstream.figures.result(incoming.answer.rcode === RCODE.NXDOMAIN ? 'nxdomain' : 'answer')
      this.#finish(incoming.answer, 'answered')
    }
    return true
  }

  /** Nothing will come for a try. */
  lost(attempt: Try, error: Error): void {
    if (this.#isDone || !this.#pending.delete(attempt)) return
    const { upstream } = attempt
    upstream.figures.result('lost')
    if (upstream.missed(this.#parts.clock() - attempt.sentAt)) this.#parts.stateChanged(upstream, error)
    this.#failure ??= failure(RCODE.SERVFAIL, INFO_CODE.networkError, ERROR_TEXT.unreachable)
    if (this.#pending.size === 0) this.#tryAnother()
  }

  #failed(attempt: Try, answer: ForeignAnswer): void {
    const { upstream } = attempt
    upstream.figures.result('failed')
    const isOfEdns = answer.rcode === RCODE.FORMERR || answer.rcode === RCODE.NOTIMP || answer.rcode === RCODE.BADVERS
    if (isOfEdns && attempt.edns === 'with') {
      this.#try(upstream, upstream.channel, 'trial')
      return
    }
    // Whatever the code, to our client the resolution has failed.
    this.#failure = {
      ...answer,
      rcode: RCODE.SERVFAIL,
      infoCode: answer.infoCode > 0 ? answer.infoCode : INFO_CODE.noReachableAuthority,
    }
    if (this.#pending.size === 0) this.#tryAnother()
  }

  /** Asks again over a stream; an answer that is cut there, too, would be so again and again. */
  #cut(attempt: Try): void {
    const { upstream, channel } = attempt
    if (channel === upstream.streamChannel) {
      this.#failed(attempt, failure(RCODE.SERVFAIL, INFO_CODE.invalidData))
      return
    }
    upstream.figures.result('cut')
    this.#try(upstream, upstream.streamChannel)
  }

  /** After a failure: an upstream that has not been asked, or the end. */
  #tryAnother(): void {
    const next = this.#choice.next(this.#tried)
    if (next !== null && !this.#tried.includes(next)) this.#try(next, next.channel)
    else if (next !== null && this.#tried.length < this.#choice.usable + EXTRA_TRIES) this.#wait()
    else this.#finish(this.#failure ?? this.#unanswered(), 'failed')
  }

  #tryNext(): void {
    const next = this.#choice.next(this.#tried)
    if (next === null) {
      if (this.#pending.size > 0) this.#wait()
      else this.#finish(this.#failure ?? this.#unanswered(), 'failed')
    } else if (this.#tried.length >= this.#choice.usable + EXTRA_TRIES) {
      // Enough was sent; what is on its way may still be answered.
      this.#parts.timers.schedule(this, this.#startedAt + this.#parts.deadlineMs)
    } else {
      this.#try(next, next.channel)
    }
  }

  #try(upstream: Upstream, channel: Channel, edns: Try['edns'] | null = null): void {
    const { clock, caseRandom } = this.#parts
    const now = clock()
    const isSecure = upstream.options.protocol === 'tls' || upstream.options.protocol === 'https'
    const chosen = edns ?? (upstream.plainUntil <= now ? 'with' : 'without')
    const outgoing = writeQuery(this.question, chosen === 'with', isSecure ? null : caseRandom)
    const attempt = new Try(this, upstream, channel, outgoing, now, chosen, isSecure)
    this.#tried.push(upstream)
    this.#pending.add(attempt)
    upstream.figures.sent()
    this.#wait()
    channel.send(attempt)
  }

  /** The next step is due when the last upstream is late; twice that after the second try, and so on. */
  #wait(): void {
    const { clock, timers, deadlineMs } = this.#parts
    const late = this.#tried.at(-1)?.latency.late ?? 0
    const at = clock() + late * 2 ** Math.max(0, this.#tried.length - 1)
    timers.schedule(this, Math.min(at, this.#startedAt + deadlineMs))
  }

  #unanswered(): ForeignAnswer {
    const text = this.#tried.length === 0 ? ERROR_TEXT.unusable : ERROR_TEXT.unanswered
    return failure(RCODE.SERVFAIL, INFO_CODE.noReachableAuthority, text)
  }

  #finish(answer: ForeignAnswer, ending: Ending): void {
    this.#isDone = true
    this.dueAt = -1
    const now = this.#parts.clock()
    for (const attempt of this.#pending) {
      attempt.channel.cancel(attempt)
      const { upstream } = attempt
      const waited = now - attempt.sentAt
      // Another one was quicker; that alone is no reason to suspect it.
      if (waited < upstream.latency.late) continue
      attempt.late(now)
      if (upstream.missed(waited)) this.#parts.stateChanged(upstream, null)
    }
    this.#pending.clear()
    this.#done(answer, ending)
  }
}

/** A question that was sent to one upstream. */
class Try implements Attempt {
  readonly upstream: Upstream
  readonly channel: Channel
  readonly outgoing: OutgoingQuery
  readonly sentAt: number
  /** `trial`: without, to see whether it is EDNS that the upstream does not know, or the question. */
  readonly edns: 'with' | 'without' | 'trial'
  readonly isSecure: boolean
  readonly #exchange: Exchange
  #isLate = false

  constructor(
    exchange: Exchange,
    upstream: Upstream,
    channel: Channel,
    outgoing: OutgoingQuery,
    sentAt: number,
    edns: Try['edns'],
    isSecure: boolean,
  ) {
    this.#exchange = exchange
    this.upstream = upstream
    this.channel = channel
    this.outgoing = outgoing
    this.sentAt = sentAt
    this.edns = edns
    this.isSecure = isSecure
  }

  get query(): Uint8Array {
    return this.outgoing.bytes
  }

  received(message: Uint8Array): boolean {
    return this.#exchange.received(this, message)
  }

  lost(error: Error): void {
    this.#exchange.lost(this, error)
  }

  /** Its time is over, and the answer may still come. */
  late(now: number): void {
    if (this.#isLate || now - this.sentAt < this.upstream.latency.late) return
    this.#isLate = true
    this.upstream.figures.result('late')
  }
}
