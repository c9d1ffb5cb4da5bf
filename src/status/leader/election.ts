/**
 * Leader election on a Lease, as client-go's leaderelection does it (tools/leaderelection/leaderelection.go), with a
 * stricter fence.
 *
 * ```
 *  a renewal, as we measure it      ├─ sent ──── seen ────────────────────────────────┤
 *  we lead at most                  ├── renewDeadline (10 s) ──┤
 *  others take it, at the earliest          ├── leaseDuration (15 s) ──────────┤ (from when they saw it change)
 * ```
 *
 * Nobody compares clocks: a candidate counts from its own observation of a changed record, and the leader from the
 * moment at which it sent the renewal, both with their monotonic clocks. So the leader has stopped before anyone else
 * can begin, whatever their calendars say, as long as their clocks run at about the same speed.
 */
import { type Clock, sleep } from '../clock.ts'
import { type LeaseAnswer, type LeaseStore, leaseRecord, type StoredLease } from './lease.ts'

/** How long things take, in milliseconds. */
export interface ElectionTiming {
  /** Others may take the lease when they have seen no change for so long. */
  readonly leaseDurationMs: number
  /** The leader gives up when no renewal got through for so long. Less than the duration. */
  readonly renewDeadlineMs: number
  /** Between two attempts; candidates wait up to 1.2 times longer on top. */
  readonly retryPeriodMs: number
}

/** client-go's defaults for controllers. */
export const TIMING: ElectionTiming = { leaseDurationMs: 15_000, renewDeadlineMs: 10_000, retryPeriodMs: 2000 }

/** What an election needs. */
export interface ElectionOptions {
  readonly lease: LeaseStore
  /** Unique to this process. */
  readonly identity: string
  readonly timing: ElectionTiming
  readonly clock: Clock
  /** 0 to 1. */
  random(): number
  /** We lead. The signal is aborted when that ends, for whatever reason. */
  onLeading(term: AbortSignal): void
  /** Another holder was seen; '': nobody holds the lease. */
  onHolder(holder: string): void
  /** An attempt failed, or, null, one got through after others failed. */
  onTrouble(message: string | null): void
}

/** client-go's JitterFactor. */
const JITTER = 1.2
/** Milliseconds for giving the lease back when the process ends. */
const RELEASE_TIMEOUT = 1000

/** See the top of the file. */
export class Election {
  readonly #options: ElectionOptions
  readonly #stopping = new AbortController()
  /** The last state of the Lease that we saw, and when we saw it change. */
  #observed: { lease: StoredLease; at: number } | null = null
  #term: AbortController | null = null
  /** Monotonic time up to which we may act as the leader. */
  #fence = Number.NEGATIVE_INFINITY
  #running: Promise<void> | null = null
  #transitions = 0
  #hasTrouble = false

  constructor(options: ElectionOptions) {
    this.#options = options
  }

  /** Whether we may act as the leader at this moment. */
  get isLeader(): boolean {
    return this.#term !== null && this.#options.clock.now() < this.#fence
  }

  /** How often this process became the leader or stopped being it. */
  get transitions(): number {
    return this.#transitions
  }

  /** Milliseconds for which a request that is sent now may still be under way. */
  get remainingMs(): number {
    return this.isLeader ? this.#fence - this.#options.clock.now() : 0
  }

  /** Becomes a candidate. */
  start(): void {
    this.#running ??= this.#run()
  }

  /** Ends; a lease that we hold is given back, so that another need not wait for its end. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    const { clock, timing, random } = this.#options
    const stopping = this.#stopping.signal
    while (!stopping.aborted) {
      if (await this.#attempt(timing.renewDeadlineMs)) await this.#lead()
      if (!stopping.aborted) await sleep(clock, timing.retryPeriodMs * (1 + JITTER * random()), stopping)
    }
  }

  /** From the first hold of the lease to its loss or to the end of the process. */
  async #lead(): Promise<void> {
    const { clock, timing, onLeading } = this.#options
    const stopping = this.#stopping.signal
    const term = new AbortController()
    this.#term = term
    this.#transitions++
    onLeading(term.signal)
    while (!stopping.aborted && this.isLeader) {
      await sleep(clock, Math.min(timing.retryPeriodMs, this.remainingMs), stopping)
      if (!stopping.aborted && this.isLeader && !(await this.#attempt(this.remainingMs)) && this.#isTaken()) break
    }
    this.#term = null
    this.#transitions++
    // What was done as the leader ends before the lease is given back.
    term.abort()
    if (stopping.aborted) await this.#release()
  }

  /** One attempt to take or renew the lease within `timeoutMs`; whether we hold it now. */
  async #attempt(timeoutMs: number): Promise<boolean> {
    const { clock } = this.#options
    const deadline = clock.now() + timeoutMs
    const held = this.#observed
    if (held !== null && this.#term !== null) {
      // The usual case needs no read.
      if (await this.#write(held.lease, deadline)) return true
      if (clock.now() >= deadline) return false
    }
    const answer = await this.#limited(ms => this.#options.lease.read(ms), deadline)
    if (answer.kind === 'absent') return await this.#write(null, deadline)
    this.#note(answer)
    if (answer.kind !== 'stored' || this.#isTaken()) return false
    return await this.#write(answer.lease, deadline)
  }

  /** Writes our name over `before`; null: there is no Lease yet. */
  async #write(before: StoredLease | null, deadline: number): Promise<boolean> {
    const { clock, identity, lease, timing } = this.#options
    if (this.#stopping.signal.aborted) return false
    const own = before?.record.holder === identity ? before.record : null
    const transitions = before === null ? 0 : before.record.transitions + 1
    const record = leaseRecord(identity, timing.leaseDurationMs, clock.date(), own)
    const next = own === null ? { ...record, transitions } : record
    const sent = clock.now()
    const answer = await this.#limited(
      ms => (before === null ? lease.create(next, ms) : lease.update(before, next, ms)),
      deadline,
    )
    this.#note(answer)
    if (answer.kind !== 'stored') return false
    this.#fence = sent + timing.renewDeadlineMs
    return true
  }

  async #release(): Promise<void> {
    const { clock, identity, lease } = this.#options
    const before = this.#observed?.lease
    this.#fence = Number.NEGATIVE_INFINITY
    if (before === undefined || before.record.holder !== identity) return
    const { transitions } = before.record
    // A second is the shortest duration that the API server takes.
    const record = { ...leaseRecord('', 1000, clock.date(), null), transitions }
    this.#note(await this.#limited(ms => lease.update(before, record, ms), clock.now() + RELEASE_TIMEOUT))
  }

  /** Whether another holds the lease, as far as we have seen. */
  #isTaken(): boolean {
    const { clock, identity, timing } = this.#options
    if (this.#observed === null) return false
    const { lease, at } = this.#observed
    const { holder, durationMs } = lease.record
    if (holder === '' || holder === identity) return false
    return clock.now() < at + (durationMs > 0 ? durationMs : timing.leaseDurationMs)
  }

  #note(answer: LeaseAnswer): void {
    const { clock, onHolder, onTrouble } = this.#options
    if (answer.kind === 'failed') {
      this.#hasTrouble = true
      onTrouble(answer.message)
      return
    }
    if (this.#hasTrouble) {
      this.#hasTrouble = false
      onTrouble(null)
    }
    if (answer.kind !== 'stored') return
    const before = this.#observed
    if (before !== null && before.lease.version === answer.lease.version) return
    this.#observed = { lease: answer.lease, at: clock.now() }
    if (before?.lease.record.holder !== answer.lease.record.holder) onHolder(answer.lease.record.holder)
  }

  /** Waits no longer than the deadline, also for a client that never answers. */
  #limited(request: (timeoutMs: number) => Promise<LeaseAnswer>, deadline: number): Promise<LeaseAnswer> {
    const { clock } = this.#options
    const ms = Math.max(1, Math.floor(deadline - clock.now()))
    return new Promise(resolve => {
      const cancel = clock.after(ms, () => resolve({ kind: 'failed', message: `No answer within ${ms} ms` }))
      void request(ms).then(answer => {
        cancel()
        resolve(answer)
      })
    })
  }
}
