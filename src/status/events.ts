/**
 * Events (events.k8s.io/v1) about what is wrong, which `kubectl describe` shows beside the object. One complaint is one
 * Event; while it lasts, or when it comes back, its series is counted up, more and more seldom, but often enough that
 * the API server does not forget it (Events live an hour).
 */
import type { KubernetesClient } from '../cluster/kubernetes/client.ts'
import { type Answer, send } from './answer.ts'
import { type Clock, microTime } from './clock.ts'
import type { Complaint } from './complaints.ts'
import { PacedQueue, type Verdict } from './paced-queue.ts'
import { askUid, eventNamespaceOf, eventsPath, regardingOf, type Subject } from './subject.ts'
import { verdictOf } from './sync-version.ts'

/** What the writer reads. A key names a subject; what it looks like is the view's business. */
export interface EventView {
  /** null: it is gone. */
  subject(key: string): Subject | null
  /** Its complaints at this moment. */
  complaints(key: string): readonly Complaint[]
  /** Every key that may have complaints. */
  troubled(): Iterable<string>
}

/** What a writer needs. */
export interface EventOptions {
  readonly client: KubernetesClient
  readonly view: EventView
  readonly clock: Clock
  random(): number
  /** Unique to this process. */
  readonly identity: string
  /** Milliseconds for which we may act; 0: not the leader. */
  remainingMs(): number
  onTrouble(key: string, answer: Answer | null): void
}

/** What became of a complaint; a counter each. */
export type EventResult = 'created' | 'counted' | 'refused' | 'dropped'

const CONTROLLER = 'waypost.fly.io/status'
const TIMEOUT_MS = 5000
const PER_SECOND = 5
const BURST = 25
/** Keys that may wait; more are dropped and come back with the next comparison, if they still complain. */
const MOST_KEYS = 10_000
/** Series that are remembered; of the oldest a new Event is made. */
const MOST_SERIES = 4096
/** From one count of a series to the next: each time three times as long, at most half of an Event's life. */
const FIRST_INTERVAL_MS = 10_000
const LONGEST_INTERVAL_MS = 30 * 60_000
/** Limits of the API server (pkg/apis/core/validation/events.go). */
const LONGEST_NOTE = 1024
const LONGEST_INSTANCE = 128

/** An Event of ours. */
interface Series {
  readonly name: string
  count: number
  /** Seen again since it was counted. */
  again: number
  intervalMs: number
  dueAt: number
}

/** See the top of the file. */
export class EventWriter {
  readonly #options: EventOptions
  readonly #queue: PacedQueue<string>
  readonly #series = new Map<string, Series>()
  readonly #counts = new Map<string, { reason: string; result: EventResult; count: number }>()
  #term: AbortSignal | null = null
  #serial = 0
  #hasTrouble = false

  constructor(options: EventOptions) {
    this.#options = options
    const pace = { perSecond: PER_SECOND, burst: BURST, quietMs: 0 }
    const { clock, random } = options
    this.#queue = new PacedQueue({ clock, random, ...pace, handle: key => this.#handle(key) })
  }

  /** Complaints by reason and result since the start. */
  get counts(): Iterable<{ readonly reason: string; readonly result: EventResult; readonly count: number }> {
    return this.#counts.values()
  }

  /** Subjects that wait for their Event. */
  get waiting(): number {
    return this.#queue.size
  }

  /** We lead until the signal is aborted. */
  lead(term: AbortSignal): void {
    this.#term = term
    this.#queue.open()
    term.addEventListener('abort', () => this.#end(), { once: true })
    this.compare()
  }

  /** What is said about this subject changed. */
  changed(key: string): void {
    for (const complaint of this.#options.view.complaints(key)) {
      const series = this.#series.get(idOf(key, complaint))
      if (series !== undefined) series.again++
    }
    this.#add([key])
  }

  /** Says again what is still wrong. */
  compare(): void {
    this.#add(this.#options.view.troubled())
  }

  #end(): void {
    this.#term = null
    this.#queue.close()
    this.#series.clear()
  }

  #add(keys: Iterable<string>): void {
    if (this.#term === null) return
    const accepted: string[] = []
    for (const key of keys) {
      const complaint = this.#due(key)
      if (complaint === null) continue
      if (this.#queue.size + accepted.length < MOST_KEYS) accepted.push(key)
      else this.#count(complaint, 'dropped')
    }
    this.#queue.add(accepted)
  }

  /** The first complaint that is to be said now. */
  #due(key: string): Complaint | null {
    const now = this.#options.clock.now()
    const isDue = (complaint: Complaint): boolean => (this.#series.get(idOf(key, complaint))?.dueAt ?? now) <= now
    return this.#options.view.complaints(key).find(isDue) ?? null
  }

  #handle(key: string): Promise<Verdict> | null {
    const complaint = this.#due(key)
    const subject = this.#options.view.subject(key)
    const remaining = this.#options.remainingMs()
    if (complaint === null || subject === null || remaining <= 0 || this.#term === null) return null
    return this.#say(key, subject, complaint, this.#term, Math.ceil(Math.min(TIMEOUT_MS, remaining)))
  }

  async #say(
    key: string,
    subject: Subject,
    complaint: Complaint,
    signal: AbortSignal,
    timeoutMs: number,
  ): Promise<Verdict> {
    const id = idOf(key, complaint)
    const series = this.#series.get(id) ?? null
    const limits = { timeoutMs, signal }
    const answer = await (series === null
      ? this.#create(id, subject, complaint, limits)
      : this.#repeat(id, series, subject, limits))
    if (signal.aborted) return 'done'
    this.#report(key, complaint, series === null ? 'created' : 'counted', answer)
    // A subject may have more than one complaint, and an Event that is gone is made anew.
    if (answer.result === 'done' || (answer.result === 'gone' && series !== null)) this.#add([key])
    return verdictOf(answer)
  }

  async #create(id: string, subject: Subject, complaint: Complaint, limits: Limits): Promise<Answer> {
    const { client, clock } = this.#options
    const asked = subject.uid === null ? await askUid(client, subject, limits) : null
    const uid = subject.uid ?? asked?.uid ?? null
    if (asked !== null && uid === null) return asked
    const name = `${subject.name}.${clock.date().toString(16)}${(this.#serial++).toString(16).padStart(4, '0')}`
    const body = this.#event(name, subject, uid ?? '', complaint)
    const answer = await send(client, { method: 'POST', path: eventsPath(subject), body, ...limits })
    if (answer.result === 'done' && !limits.signal.aborted) {
      const dueAt = clock.now() + FIRST_INTERVAL_MS
      this.#remember(id, { name, count: 1, again: 0, intervalMs: FIRST_INTERVAL_MS, dueAt })
    }
    return answer
  }

  async #repeat(id: string, series: Series, subject: Subject, limits: Limits): Promise<Answer> {
    const { client, clock } = this.#options
    const count = series.count + Math.max(1, series.again)
    const answer = await send(client, {
      method: 'PATCH',
      path: `${eventsPath(subject)}/${series.name}`,
      body: { series: { count, lastObservedTime: microTime(clock.date()) } },
      contentType: 'application/merge-patch+json',
      ...limits,
    })
    if (answer.result === 'gone') this.#series.delete(id)
    if (answer.result !== 'done') return answer
    series.count = count
    series.again = 0
    series.intervalMs = Math.min(LONGEST_INTERVAL_MS, 3 * series.intervalMs)
    series.dueAt = clock.now() + series.intervalMs
    return answer
  }

  #event(name: string, subject: Subject, uid: string, { action, note, reason }: Complaint): unknown {
    return {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { name, namespace: eventNamespaceOf(subject) },
      eventTime: microTime(this.#options.clock.date()),
      reportingController: CONTROLLER,
      reportingInstance: this.#options.identity.slice(0, LONGEST_INSTANCE),
      type: 'Warning',
      regarding: regardingOf(subject, uid),
      action,
      reason,
      note: note.length <= LONGEST_NOTE ? note : `${note.slice(0, LONGEST_NOTE - 1)}…`,
    }
  }

  #remember(id: string, series: Series): void {
    if (this.#series.size >= MOST_SERIES) {
      const oldest = this.#series.keys().next()
      if (!oldest.done) this.#series.delete(oldest.value)
    }
    this.#series.set(id, series)
  }

  #report(key: string, complaint: Complaint, success: 'created' | 'counted', answer: Answer): void {
    if (answer.result === 'done') {
      this.#count(complaint, success)
      if (this.#hasTrouble) this.#options.onTrouble(key, null)
      this.#hasTrouble = false
    } else if (answer.result === 'invalid' || answer.result === 'forbidden' || answer.result === 'failed') {
      this.#count(complaint, 'refused')
      if (!this.#hasTrouble) this.#options.onTrouble(key, answer)
      this.#hasTrouble = true
    }
  }

  #count({ reason }: Complaint, result: EventResult): void {
    const id = `${reason} ${result}`
    const entry = this.#counts.get(id) ?? { reason, result, count: 0 }
    entry.count++
    this.#counts.set(id, entry)
  }
}

interface Limits {
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

function idOf(key: string, { reason, note }: Complaint): string {
  return `${key} ${reason} ${note}`
}
