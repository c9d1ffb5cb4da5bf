/**
 * What one cluster is told of Waypost's work, by one replica at a time: the sync version of every Service, and Events
 * about what is wrong. Names and routes do not depend on any of this.
 *
 * ```
 *  Lease ──► Election ──term──┬─► SyncVersionWriter ──► annotations of Services
 *                             └─► EventWriter ────────► Events
 *  published state ───────────┴── compared at the begin of a term and every 5 minutes; changes in between by key
 * ```
 */
import type { KubernetesClient } from '../cluster/kubernetes/client.ts'
import type { ObjectKey } from '../cluster/objects.ts'
import type { Answer } from './answer.ts'
import type { Clock } from './clock.ts'
import { type EventView, EventWriter } from './events.ts'
import { Election, type ElectionTiming } from './leader/election.ts'
import { LeaseStore } from './leader/lease.ts'
import { type SyncVersionView, SyncVersionWriter } from './sync-version.ts'

/** The few calls of pino that are used here. */
export interface Log {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
}

/** What the status of one network needs. */
export interface StatusOptions {
  readonly network: string
  readonly client: KubernetesClient
  readonly lease: { readonly name: string; readonly namespace: string | null }
  /** Unique to this process; others see it as the holder of the Lease. */
  readonly identity: string
  readonly timing: ElectionTiming
  /** Annotations that may be written a second. */
  readonly perSecond: number
  readonly syncVersions: SyncVersionView
  readonly events: EventView
  readonly clock: Clock
  /** 0 to 1. */
  random(): number
  readonly log: Log
}

/** For the metrics page. */
export interface StatusFigures {
  readonly network: string
  readonly isLeader: boolean
  readonly transitions: number
  readonly dirty: number
  readonly waitingEvents: number
  readonly writes: ReadonlyMap<string, number>
  readonly events: readonly { readonly reason: string; readonly result: string; readonly count: number }[]
}

/** Between two comparisons of everything. */
const COMPARE_MS = 5 * 60_000

/** See the top of the file. */
export class Status {
  readonly #options: StatusOptions
  readonly #election: Election
  readonly #syncVersions: SyncVersionWriter
  readonly #events: EventWriter
  #hasTrouble = false

  constructor(options: StatusOptions) {
    this.#options = options
    const { client, clock, identity, lease, random, timing } = options
    this.#election = new Election({
      lease: new LeaseStore(client, lease.name, lease.namespace),
      identity,
      timing,
      clock,
      random,
      onLeading: term => this.#lead(term),
      onHolder: holder => this.#noteHolder(holder),
      onTrouble: message => this.#noteElection(message),
    })
    const shared = { client, clock, random, remainingMs: () => this.#election.remainingMs }
    const { events, perSecond, syncVersions } = options
    const onTrouble = (event: string) => (key: string, answer: Answer | null) => this.#noteWrite(event, key, answer)
    this.#syncVersions = new SyncVersionWriter({
      ...shared,
      view: syncVersions,
      perSecond,
      onTrouble: onTrouble('sync_version'),
    })
    this.#events = new EventWriter({ ...shared, view: events, identity, onTrouble: onTrouble('event') })
  }

  /** Becomes a candidate. To be called when the state is known: a leader that knows nothing would write nothing right. */
  start(): void {
    this.#election.start()
  }

  /** These Services' routes changed and are published. */
  routesChanged(services: Iterable<ObjectKey>): void {
    this.#syncVersions.changed(services)
  }

  /** What is wrong with the subject of this key changed. */
  troubleChanged(key: string): void {
    this.#events.changed(key)
  }

  figures(): StatusFigures {
    return {
      network: this.#options.network,
      isLeader: this.#election.isLeader,
      transitions: this.#election.transitions,
      dirty: this.#syncVersions.dirty,
      waitingEvents: this.#events.waiting,
      writes: this.#syncVersions.results,
      events: [...this.#events.counts],
    }
  }

  /** Ends, and gives the Lease back. */
  stop(): Promise<void> {
    return this.#election.stop()
  }

  #lead(term: AbortSignal): void {
    const { clock, identity, log, network } = this.#options
    log.info({ event: 'leader_started', network, identity }, 'This replica writes the status of the cluster')
    this.#syncVersions.lead(term)
    this.#events.lead(term)
    let cancel = (): void => undefined
    const compare = (): void => {
      cancel = clock.after(COMPARE_MS, () => {
        this.#syncVersions.compare()
        this.#events.compare()
        compare()
      })
    }
    compare()
    const end = (): void => {
      cancel()
      log.info({ event: 'leader_ended', network, identity }, 'This replica writes the status no more')
    }
    term.addEventListener('abort', end, { once: true })
  }

  #noteHolder(holder: string): void {
    const { identity, log, network } = this.#options
    if (holder === '' || holder === identity) return
    log.info({ event: 'leader_seen', network, holder }, `"${holder}" writes the status of the cluster`)
  }

  #noteElection(message: string | null): void {
    const { log, network, lease } = this.#options
    if (message === null) {
      this.#hasTrouble = false
      log.info({ event: 'election_recovered', network }, 'The Lease can be reached again')
      return
    }
    if (this.#hasTrouble) return
    this.#hasTrouble = true
    log.warn(
      { event: 'election_failed', network, lease: lease.name },
      `Cannot read or write Lease "${lease.name}", so nobody may be writing the status: ${message}`,
    )
  }

  /** Said when it begins and when it ends; the counters have the rest. */
  #noteWrite(what: string, key: string, answer: Answer | null): void {
    const { log, network } = this.#options
    if (answer === null) log.info({ event: `${what}_recovered`, network }, 'The status can be written again')
    else {
      const fields = { event: `${what}_failed`, network, object: key, result: answer.result }
      log.warn(fields, `Cannot write the status of "${key}": ${answer.message}`)
    }
  }
}
