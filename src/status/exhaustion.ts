/**
 * Events about Services that found the pool full when they were created. Only the replica that answered the create knows
 * of it, and it is asked once; so each replica tells what it met itself, leader or not. The Service does not exist yet
 * at that moment: the Event waits until it does.
 */
import type { KubernetesClient } from '../cluster/kubernetes/client.ts'
import type { ObjectKey } from '../cluster/objects.ts'
import type { Answer } from './answer.ts'
import type { Clock } from './clock.ts'
import type { Complaint } from './complaints.ts'
import { type EventResult, EventWriter } from './events.ts'
import type { Subject } from './subject.ts'

/** What is needed. */
export interface ExhaustionOptions {
  readonly client: KubernetesClient
  /** Unique to this process. */
  readonly identity: string
  readonly clock: Clock
  /** 0 to 1. */
  random(): number
  /** null: the Service is not there (yet). */
  subject(service: ObjectKey): Subject | null
  onTrouble(service: ObjectKey, answer: Answer | null): void
}

/** Services that may wait; of more, the oldest is forgotten. */
const MOST_WAITING = 1000
/** How long a Service may take to appear, and then its Event to be written, in milliseconds. */
const PATIENCE = 60_000
/** Between two looks for Services that appeared. */
const LOOK_MS = 1000

/** See the top of the file. */
export class Exhaustion {
  readonly #options: ExhaustionOptions
  readonly #writer: EventWriter
  readonly #end = new AbortController()
  /** Services that are not there yet, and when they are given up. */
  readonly #waiting = new Map<ObjectKey, { readonly complaint: Complaint; readonly until: number }>()
  /** Services that are there and are told about. */
  readonly #told = new Map<ObjectKey, { readonly complaint: Complaint; readonly until: number }>()
  #cancelLook: (() => void) | null = null

  constructor(options: ExhaustionOptions) {
    const { client, clock, identity, random, subject, onTrouble } = options
    this.#options = options
    this.#writer = new EventWriter({
      client,
      clock,
      random,
      identity,
      onTrouble,
      remainingMs: () => (this.#end.signal.aborted ? 0 : PATIENCE),
      view: {
        subject,
        complaints: key => {
          const entry = this.#told.get(key)
          return entry === undefined ? [] : [entry.complaint]
        },
        // Each is told once: nothing is compared later.
        troubled: () => [],
      },
    })
    this.#writer.lead(this.#end.signal)
  }

  /** Events by reason and result since the start. */
  get counts(): Iterable<{ readonly reason: string; readonly result: EventResult; readonly count: number }> {
    return this.#writer.counts
  }

  /** A Service is being created, and the pool had nothing for it; `reason` and `note` are the Event's. */
  note(service: ObjectKey, reason: string, note: string): void {
    if (this.#end.signal.aborted) return
    const [oldest] = this.#waiting.keys()
    if (oldest !== undefined && this.#waiting.size >= MOST_WAITING) this.#waiting.delete(oldest)
    const complaint: Complaint = { reason, action: 'ClusterIPAllocation', note }
    this.#waiting.set(service, { complaint, until: this.#options.clock.now() + PATIENCE })
    this.#look()
  }

  stop(): void {
    this.#end.abort()
    this.#cancelLook?.()
  }

  /** Tells of the Services that have appeared, and looks again while there are others. */
  #look(): void {
    const { clock, subject } = this.#options
    const now = clock.now()
    for (const [service, entry] of this.#waiting) {
      const isThere = subject(service) !== null
      if (isThere || entry.until <= now) this.#waiting.delete(service)
      if (!isThere) continue
      this.#told.set(service, { ...entry, until: now + PATIENCE })
      this.#writer.changed(service)
    }
    for (const [service, { until }] of this.#told) if (until <= now) this.#told.delete(service)
    this.#cancelLook?.()
    this.#cancelLook = null
    if (this.#waiting.size + this.#told.size > 0) this.#cancelLook = clock.after(LOOK_MS, () => this.#look())
  }
}
