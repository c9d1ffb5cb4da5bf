/**
 * Questions of our own to upstreams: to one that is suspected, until it answers; and to each, whether what it is asked
 * comes back to us.
 *
 * A loop goes over other servers, which pass on nothing but the question: EDNS options end at the next server. So the
 * nonce is in the name. A name of that kind that arrives here names the upstream that it was sent to.
 */
import { MAX_NAME } from '../../../wire/name.ts'
import { TYPE } from '../../../wire/record-type.ts'
import type { Attempt } from '../channel/channel.ts'
import type { RandomSource } from '../exchange/random.ts'
import type { Timed, TimerQueue } from '../exchange/timer-queue.ts'
import type { IncomingReader } from '../message/incoming.ts'
import { type OutgoingQuery, writeQuery } from '../message/outgoing.ts'
import type { ForeignQuestion } from '../question.ts'
import type { Upstream } from './upstream.ts'

/** What changed about an upstream. */
export type HealthChange = 'recovered' | 'looping' | 'unlooped'

/** What the questions need. */
export interface HealthParts {
  readonly clock: () => number
  readonly timers: TimerQueue
  readonly reader: IncomingReader
  readonly random: RandomSource
  changed(upstream: Upstream, change: HealthChange): void
}

/** From the first question to a suspected upstream to the next; doubled each time. Milliseconds. */
const FIRST_WAIT = 500
const LONGEST_WAIT = 10_000
/** How long an answer may take. */
const PATIENCE = 2000
/** How often a looping upstream is asked whether it still loops. */
const LOOP_WAIT = 30_000
/** Suspicion of a loop is followed up this often at most. */
const LOOP_PAUSE = 30_000

/** First label of a question about loops: a prefix, then 128 random bits in hexadecimal. */
const PREFIX = 'waypost-'
const NONCE_WORDS = 4
const LABEL_OCTETS = PREFIX.length + 8 * NONCE_WORDS
/** Under the root, such a name needs a second label: servers do not pass on names of one. */
const LOOP_DOMAIN = [4, ...Buffer.from('loop'), 0]

/** See the top of the file. */
export class Health {
  readonly #parts: HealthParts
  /** By the label of the name. */
  readonly #loopProbes: Map<string, Probe> = new Map()
  readonly #loopAskedAt: Map<Upstream, number> = new Map()
  readonly #apexes: Map<Upstream, Uint8Array> = new Map()
  /** Those that are asked again and again. */
  readonly #watched: Set<Upstream> = new Set()

  constructor(parts: HealthParts) {
    this.#parts = parts
  }

  /** Makes an upstream known, with a zone that it is asked for, and asks whether it leads back to us. */
  watch(upstream: Upstream, apex: Uint8Array): void {
    if (this.#apexes.has(upstream)) return
    this.#apexes.set(upstream, apex)
    if (upstream.isUsable) this.#askForLoop(upstream)
  }

  /** Asks a suspected upstream again and again until it answers. */
  suspect(upstream: Upstream): void {
    if (this.#watched.has(upstream)) return
    this.#watched.add(upstream)
    this.#askAgain(upstream, FIRST_WAIT)
  }

  #askAgain(upstream: Upstream, wait: number): void {
    const question = this.#question(this.#apexes.get(upstream) ?? ROOT, TYPE.NS)
    const probe = new Probe(upstream, question, this.#parts, isAnswered => {
      if (upstream.state === 'suspect' && !isAnswered) {
        this.#askAgain(upstream, Math.min(2 * wait, LONGEST_WAIT))
        return
      }
      this.#watched.delete(upstream)
      if (upstream.state === 'suspect' && upstream.recovered()) this.#parts.changed(upstream, 'recovered')
    })
    probe.startAfter(wait)
  }

  /** A client asks what is in flight already, which a loop looks like: is it one? */
  doubt(upstream: Upstream): void {
    const last = this.#loopAskedAt.get(upstream) ?? Number.NEGATIVE_INFINITY
    if (upstream.isUsable && this.#parts.clock() - last >= LOOP_PAUSE) this.#askForLoop(upstream)
  }

  /** Whether the name is that of a question of ours about loops, which has come back. */
  hasReturned(name: Uint8Array): boolean {
    if (name[0] !== LABEL_OCTETS) return false
    const probe = this.#loopProbes.get(labelOf(name))
    if (probe === undefined) return false
    probe.hasReturned = true
    const { upstream } = probe
    if (!upstream.isUsable) return true
    upstream.state = 'looping'
    this.#parts.changed(upstream, 'looping')
    return true
  }

  #askForLoop(upstream: Upstream, wait = 0): void {
    const { clock, random } = this.#parts
    this.#loopAskedAt.set(upstream, clock() + wait)
    const apex = this.#apexes.get(upstream) ?? ROOT
    const name = loopName(random, LABEL_OCTETS + 1 + apex.length > MAX_NAME ? ROOT : apex)
    const label = labelOf(name)
    const probe = new Probe(upstream, this.#question(name, TYPE.A), this.#parts, isAnswered => {
      this.#loopProbes.delete(label)
      if (upstream.state !== 'looping') return
      if (isAnswered && !probe.hasReturned) {
        upstream.state = 'good'
        this.#parts.changed(upstream, 'unlooped')
      } else {
        this.#askForLoop(upstream, LOOP_WAIT)
      }
    })
    this.#loopProbes.set(label, probe)
    probe.startAfter(wait)
  }

  #question(name: Uint8Array, type: number): ForeignQuestion {
    return { name, type, isDnssecOk: false, isCheckingDisabled: false, zone: 0 }
  }
}

const ROOT = Uint8Array.of(0)

/** One question of our own. */
class Probe implements Attempt, Timed {
  dueAt = 0
  hasReturned = false
  readonly upstream: Upstream
  readonly #question: ForeignQuestion
  readonly #outgoing: OutgoingQuery
  readonly #parts: HealthParts
  readonly #done: (isAnswered: boolean) => void
  #state: 'waiting' | 'asked' | 'done' = 'waiting'

  constructor(upstream: Upstream, question: ForeignQuestion, parts: HealthParts, done: (isAnswered: boolean) => void) {
    this.upstream = upstream
    this.#question = question
    this.#parts = parts
    this.#done = done
    this.#outgoing = writeQuery(question, upstream.plainUntil <= parts.clock(), null)
  }

  get query(): Uint8Array {
    return this.#outgoing.bytes
  }

  startAfter(wait: number): void {
    this.#parts.timers.schedule(this, this.#parts.clock() + wait)
  }

  due(): void {
    if (this.#state === 'waiting') {
      this.#state = 'asked'
      this.startAfter(PATIENCE)
      this.upstream.channel.send(this)
    } else if (this.#state === 'asked') {
      this.upstream.channel.cancel(this)
      this.#end(false)
    }
  }

  received(message: Uint8Array): boolean {
    const incoming = this.#parts.reader.read(message, this.#question, this.#outgoing.asked, false)
    if (incoming.kind === 'stranger') return false
    this.#end(true)
    return true
  }

  lost(): void {
    this.#end(false)
  }

  #end(isAnswered: boolean): void {
    if (this.#state === 'done') return
    this.#state = 'done'
    this.dueAt = -1
    this.#done(isAnswered)
  }
}

function labelOf(name: Uint8Array): string {
  return Buffer.from(name.buffer, name.byteOffset + 1, LABEL_OCTETS).toString('latin1')
}

/** A name in the zone that nobody can guess. */
function loopName(random: RandomSource, apex: Uint8Array): Uint8Array {
  let label = PREFIX
  for (let word = 0; word < NONCE_WORDS; word++) label += random.uint32().toString(16).padStart(8, '0')
  return Uint8Array.of(LABEL_OCTETS, ...Buffer.from(label), ...(apex.length === 1 ? LOOP_DOMAIN : apex))
}
