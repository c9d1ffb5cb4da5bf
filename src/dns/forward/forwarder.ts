/**
 * Asks upstreams what others want to know: every question that is in flight once, whoever waits for it, and not more of
 * them than a bound.
 */
import { INFO_CODE } from '../../wire/edns.ts'
import { RCODE } from '../../wire/record-type.ts'
import { ERROR_TEXT } from '../edns/extended-errors.ts'
import { type ForeignAnswer, failure } from './answer.ts'
import { type Ending, Exchange, type ExchangeParts, HedgeBudget } from './exchange/exchange.ts'
import type { RandomSource } from './exchange/random.ts'
import { type Timed, TimerQueue } from './exchange/timer-queue.ts'
import { ForwardFigures, UpstreamFigures } from './figures.ts'
import { IncomingReader } from './message/incoming.ts'
import type { ForwardOptions, UpstreamOptions } from './options.ts'
import type { ForeignQuestion } from './question.ts'
import { Choice } from './upstream/choice.ts'
import { Health, type HealthChange } from './upstream/health.ts'
import { Upstream } from './upstream/upstream.ts'

/** Keeps answers; see `cache/`. */
export interface AnswerCache {
  /** An upstream has said so. */
  store(question: ForeignQuestion, answer: ForeignAnswer): void
  /** None could say. @returns what is said instead: an answer that is out of date (RFC 8767), or the failure. */
  failed(question: ForeignQuestion, answer: ForeignAnswer): ForeignAnswer
  /** Whether there is an answer, out of date or not. */
  hasStale(question: ForeignQuestion): boolean
  /** That answer, as one that is out of date; null: there is none. */
  stale(question: ForeignQuestion): ForeignAnswer | null
}

/** Something about an upstream that a person should know. */
export interface UpstreamNotice {
  readonly event: 'upstream_suspect' | 'upstream_recovered' | 'upstream_looping' | 'upstream_self'
  readonly upstream: string
  readonly message: string
}

/** What a forwarder is made of. */
export interface ForwarderParts {
  readonly options: ForwardOptions
  /** Made by `allocateFigures`. */
  readonly figures: SharedArrayBuffer
  /** Milliseconds that only go forward. */
  readonly clock: () => number
  readonly random: RandomSource
  readonly cache: AnswerCache | null
  /** The ways to an upstream. */
  channels(upstream: UpstreamOptions): Pick<Upstream, 'channel' | 'streamChannel'>
  /** Whether it is one of our own addresses. */
  isSelf(upstream: UpstreamOptions): boolean
  notice(notice: UpstreamNotice): void
}

type Waiter = (answer: ForeignAnswer) => void

const TOO_MANY: ForeignAnswer = failure(RCODE.SERVFAIL, INFO_CODE.other, ERROR_TEXT.busy)
const LOOPING: ForeignAnswer = failure(RCODE.SERVFAIL, INFO_CODE.other, ERROR_TEXT.looping)
const STOPPED: ForeignAnswer = failure(RCODE.SERVFAIL, INFO_CODE.notReady, ERROR_TEXT.stopping)

/** Clients wait so long before they are given an answer that is out of date (RFC 8767 section 5, client response timer). */
const CLIENT_RESPONSE_MS = 1800
/** The same while no upstream of the zone works: there is little to wait for, and the first answer ends that. */
const HOPELESS_RESPONSE_MS = 100

/** A question that upstreams are asked, and who waits for it. */
class Flight implements Timed {
  dueAt = 0
  readonly exchange: Exchange
  waiters: Waiter[]
  /** What whoever asks from now on gets at once: waiting took too long. */
  stale: ForeignAnswer | null = null
  readonly #late: (flight: Flight) => void

  constructor(exchange: Exchange, waiter: Waiter, late: (flight: Flight) => void) {
    this.exchange = exchange
    this.waiters = [waiter]
    this.#late = late
  }

  due(): void {
    this.#late(this)
  }
}

/** See the top of the file. */
export class Forwarder {
  readonly #parts: ForwarderParts
  readonly #figures: ForwardFigures
  readonly #upstreams: readonly Upstream[]
  readonly #choices: readonly Choice[]
  readonly #timers: TimerQueue
  readonly #exchangeParts: ExchangeParts
  readonly #inFlight: Map<string, Flight> = new Map()
  readonly #health: Health
  #waiting = 0
  #isClosed = false

  constructor(parts: ForwarderParts) {
    const { options, figures, clock, random } = parts
    this.#parts = parts
    this.#figures = new ForwardFigures(figures)
    this.#timers = new TimerQueue(clock)
    this.#upstreams = options.upstreams.map((upstream, number) => {
      const { channel, streamChannel } = parts.channels(upstream)
      return new Upstream(upstream, new UpstreamFigures(figures, number), channel, streamChannel)
    })
    this.#choices = options.zones.map(zone => {
      const upstreams = zone.upstreams.map(number => this.#upstreams[number] as Upstream)
      return new Choice(upstreams, zone.policy, random)
    })
    const reader = new IncomingReader()
    this.#health = new Health({
      clock,
      timers: this.#timers,
      reader,
      random,
      changed: (upstream, change) => this.#noteHealth(upstream, change),
    })
    this.#exchangeParts = {
      clock,
      timers: this.#timers,
      reader,
      figures: this.#figures,
      caseRandom: options.randomCase ? random : null,
      budget: new HedgeBudget(),
      deadlineMs: options.deadlineMs,
      stateChanged: (upstream, error) => this.#noteState(upstream, error),
    }
  }

  /** Looks at every upstream: is it ourselves, or does it lead back to us? */
  start(): void {
    for (const upstream of this.#upstreams) if (this.#parts.isSelf(upstream.options)) this.#exclude(upstream)
    for (const { apex, upstreams } of this.#parts.options.zones) {
      for (const number of upstreams) this.#health.watch(this.#upstreams[number] as Upstream, apex)
    }
  }

  /** Whether nobody waits. */
  get isIdle(): boolean {
    return this.#inFlight.size === 0
  }

  /** Asks; `waiter` is called once, later or at once. */
  ask(question: ForeignQuestion, waiter: Waiter): void {
    const { maxInFlight } = this.#parts.options
    if (this.#health.hasReturned(question.name)) {
      waiter(LOOPING)
      return
    }
    if (this.#isClosed || this.#waiting >= maxInFlight) {
      this.#figures.add('refused', 1)
      waiter(this.#isClosed ? STOPPED : (this.#parts.cache?.stale(question) ?? TOO_MANY))
      return
    }
    const key = keyOf(question)
    const present = this.#inFlight.get(key)
    if (present !== undefined) {
      this.#figures.add('joined', 1)
      this.#join(present, waiter)
      if (present.exchange.latest !== undefined) this.#health.doubt(present.exchange.latest)
      return
    }
    this.#waiting++
    const choice = this.#choices[question.zone] as Choice
    const exchange = new Exchange(question, choice, this.#exchangeParts, (answer, ending) => {
      this.#inFlight.delete(key)
      flight.dueAt = -1
      this.#waiting -= flight.waiters.length
      this.#noteFlight()
      this.#answered(question, answer, ending, flight.waiters)
    })
    const flight = new Flight(exchange, waiter, late => this.#late(question, late))
    this.#inFlight.set(key, flight)
    if (this.#parts.cache?.hasStale(question) === true) {
      const patience = choice.hasGood ? CLIENT_RESPONSE_MS : HOPELESS_RESPONSE_MS
      this.#timers.schedule(flight, this.#parts.clock() + patience)
    }
    this.#figures.add('asked', 1)
    this.#noteFlight()
    exchange.start()
  }

  /** Sends what was put off for a common system call. */
  flush(): void {
    for (const { channel, streamChannel } of this.#upstreams) {
      channel.flush()
      streamChannel.flush()
    }
  }

  /** Ends: whoever still waits is told so. */
  close(): void {
    this.#isClosed = true
    this.#timers.close()
    for (const { exchange, waiters } of this.#inFlight.values()) {
      exchange.abandon()
      for (const waiter of waiters) waiter(STOPPED)
    }
    this.#inFlight.clear()
    for (const upstream of this.#upstreams) upstream.close()
  }

  #answered(question: ForeignQuestion, answer: ForeignAnswer, ending: Ending, waiters: readonly Waiter[]): void {
    const { cache } = this.#parts
    this.#figures.add(ending, 1)
    let said = answer
    if (ending === 'answered') cache?.store(question, answer)
    else said = cache?.failed(question, answer) ?? answer
    for (const waiter of waiters) waiter(said)
  }

  #join(flight: Flight, waiter: Waiter): void {
    if (flight.stale !== null) {
      waiter(flight.stale)
      return
    }
    this.#waiting++
    flight.waiters.push(waiter)
    this.#noteFlight()
  }

  /** Upstreams take their time, and there is an answer that is out of date: it is given, and they are asked on. */
  #late(question: ForeignQuestion, flight: Flight): void {
    const stale = this.#parts.cache?.stale(question) ?? null
    if (stale === null) return
    const { waiters } = flight
    flight.stale = stale
    flight.waiters = []
    this.#waiting -= waiters.length
    this.#noteFlight()
    for (const waiter of waiters) waiter(stale)
  }

  #noteFlight(): void {
    this.#figures.set('inFlight', this.#inFlight.size)
    this.#figures.set('waiting', this.#waiting)
  }

  #noteState(upstream: Upstream, error: Error | null): void {
    const { label } = upstream.options
    const isSuspect = upstream.state === 'suspect'
    if (isSuspect) this.#health.suspect(upstream)
    const reason = error === null ? '' : `: ${error.message}`
    this.#parts.notice({
      event: isSuspect ? 'upstream_suspect' : 'upstream_recovered',
      upstream: label,
      message: isSuspect ? `The upstream ${label} does not answer${reason}` : `The upstream ${label} answers again`,
    })
  }

  #noteHealth(upstream: Upstream, change: HealthChange): void {
    const { label } = upstream.options
    if (change === 'looping') {
      const message = `The upstream ${label} sends our own questions back to us: it is not asked any more, until that ends`
      this.#parts.notice({ event: 'upstream_looping', upstream: label, message })
      return
    }
    const message =
      change === 'recovered'
        ? `The upstream ${label} answers again`
        : `The upstream ${label} does not lead to us any more`
    this.#parts.notice({ event: 'upstream_recovered', upstream: label, message })
  }

  #exclude(upstream: Upstream): void {
    const { label } = upstream.options
    upstream.state = 'self'
    const message = `The upstream ${label} is an address of this server: it is not asked`
    this.#parts.notice({ event: 'upstream_self', upstream: label, message })
  }
}

/** Equal for questions that have the same answer. */
function keyOf({ name, type, isDnssecOk, isCheckingDisabled }: ForeignQuestion): string {
  const flags = (isDnssecOk ? 1 : 0) | (isCheckingDisabled ? 2 : 0)
  return String.fromCharCode(type, flags) + Buffer.from(name.buffer, name.byteOffset, name.length).toString('latin1')
}
