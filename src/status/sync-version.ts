/**
 * Writes `service.fly.io/sync-version` to the API server: the hash of a Service's routes, as they are published. The
 * annotation is ours by server-side apply (KEP-555), it is never hashed itself, and it is compared with what the watch
 * saw before it is written, so nothing is written twice and our own write causes no other.
 */
import type { KubernetesClient, KubernetesRequest } from '../cluster/kubernetes/client.ts'
import type { ObjectKey } from '../cluster/objects.ts'
import { type Answer, METADATA_ONLY, RESULTS, type Result, send } from './answer.ts'
import type { Clock } from './clock.ts'
import { PacedQueue, type Verdict } from './paced-queue.ts'

/** What the writer compares. */
export interface SyncVersionView {
  /** The Service as the watch saw it; null: it is gone, or it is no object of an API server. */
  observed(service: ObjectKey): { readonly uid: string; readonly syncVersion: string | null } | null
  /** What the annotation is to be, null for none; undefined while nothing is published for the Service. */
  desired(service: ObjectKey): string | null | undefined
  /** Every Service. */
  services(): Iterable<ObjectKey>
}

/** What a writer needs. */
export interface SyncVersionOptions {
  readonly client: KubernetesClient
  readonly view: SyncVersionView
  readonly clock: Clock
  random(): number
  readonly perSecond: number
  /** Milliseconds for which we may act; 0: not the leader. Asked before every write. */
  remainingMs(): number
  /** A write was refused, or, null, one got through after others were. */
  onTrouble(service: ObjectKey, answer: Answer | null): void
}

const ANNOTATION = 'service.fly.io/sync-version'
/** The name under which we own the annotation. */
export const FIELD_MANAGER = 'waypost'
/** Between two writes of one Service; what changes in between is written once. */
const QUIET_MS = 1000
/** How long our own write counts when the watch is slow to show it. */
const TRUST_MS = 60_000
const TIMEOUT_MS = 10_000

/** A Service and the annotation that it has, or is to have. */
interface Annotated {
  readonly uid: string
  readonly version: string | null
}

interface Written extends Annotated {
  readonly at: number
}

/** See the top of the file. */
export class SyncVersionWriter {
  readonly #options: SyncVersionOptions
  readonly #queue: PacedQueue<ObjectKey>
  /** Our last writes, until the watch has shown them. */
  readonly #written = new Map<ObjectKey, Written>()
  readonly #results = new Map<Result, number>(RESULTS.map(result => [result, 0]))
  #term: AbortSignal | null = null
  #hasTrouble = false

  constructor(options: SyncVersionOptions) {
    this.#options = options
    const { clock, perSecond, random } = options
    this.#queue = new PacedQueue({
      clock,
      random,
      perSecond,
      burst: perSecond,
      quietMs: QUIET_MS,
      handle: key => this.#handle(key),
    })
  }

  /** Services whose annotation is to be written. */
  get dirty(): number {
    return this.#queue.size
  }

  /** Writes by result since the start. */
  get results(): ReadonlyMap<Result, number> {
    return this.#results
  }

  /** We lead until the signal is aborted: compares every Service. */
  lead(term: AbortSignal): void {
    this.#term = term
    this.#queue.open()
    term.addEventListener('abort', () => this.#end(), { once: true })
    this.compare()
  }

  /** The routes of these Services changed. Nothing is kept while we do not lead: the next leader compares everything. */
  changed(services: Iterable<ObjectKey>): void {
    if (this.#term !== null) this.#queue.add(services)
  }

  /** Looks at every Service; mends what others wrote over our annotation. */
  compare(): void {
    if (this.#term === null) return
    for (const key of this.#written.keys()) this.#known(key)
    const services = Iterator.from(this.#options.view.services())
    this.#queue.add(services.filter(key => this.#difference(key) !== null))
  }

  #end(): void {
    this.#term = null
    this.#queue.close()
    this.#written.clear()
  }

  /** What the Service lacks; null when its annotation is right, or when that is not ours to say. */
  #difference(key: ObjectKey): Annotated | null {
    const { view } = this.#options
    const known = this.#known(key)
    const desired = view.desired(key)
    if (known === null || desired === undefined || known.version === desired) return null
    return { uid: known.uid, version: desired }
  }

  /** The annotation as it is by what we wrote and what the watch saw. */
  #known(key: ObjectKey): Annotated | null {
    const { clock, view } = this.#options
    const observed = view.observed(key)
    const written = this.#written.get(key)
    if (written === undefined || observed === null) return this.#forget(key, observed)
    const isShown = observed.syncVersion === written.version
    const isOld = written.uid !== observed.uid || clock.now() >= written.at + TRUST_MS
    return isShown || isOld ? this.#forget(key, observed) : { uid: observed.uid, version: written.version }
  }

  #forget(key: ObjectKey, observed: ReturnType<SyncVersionView['observed']>): Annotated | null {
    this.#written.delete(key)
    return observed === null ? null : { uid: observed.uid, version: observed.syncVersion }
  }

  #handle(key: ObjectKey): Promise<Verdict> | null {
    const difference = this.#difference(key)
    const remaining = this.#options.remainingMs()
    if (difference === null || remaining <= 0 || this.#term === null) return null
    return this.#write(key, difference, Math.ceil(Math.min(TIMEOUT_MS, remaining)), this.#term)
  }

  async #write(key: ObjectKey, { uid, version }: Annotated, timeoutMs: number, signal: AbortSignal): Promise<Verdict> {
    const { client, clock } = this.#options
    const request = version === null ? removal(key, uid) : application(key, uid, version)
    const answer = await send(client, { ...request, accept: METADATA_ONLY, timeoutMs, signal })
    if (signal.aborted) return 'done'
    this.#count(answer.result)
    if (answer.result === 'done') this.#written.set(key, { uid, version, at: clock.now() })
    this.#report(key, answer)
    return verdictOf(answer)
  }

  #count(result: Result): void {
    this.#results.set(result, (this.#results.get(result) ?? 0) + 1)
  }

  /** Services come and go and are written by others: that is no trouble. */
  #report(key: ObjectKey, answer: Answer): void {
    const { result } = answer
    if (result === 'done') {
      if (this.#hasTrouble) this.#options.onTrouble(key, null)
      this.#hasTrouble = false
    } else if (result !== 'gone' && result !== 'conflict') {
      if (!this.#hasTrouble) this.#options.onTrouble(key, answer)
      this.#hasTrouble = true
    }
  }
}

/** What the queue does after an answer: a key that is refused waits for its next change or the next comparison. */
export function verdictOf({ result, retryAfterMs }: Answer): Verdict {
  if (result === 'conflict') return 'again'
  if (result === 'throttled' || result === 'failed') return { pauseMs: retryAfterMs, keep: true }
  if (result === 'forbidden') return { pauseMs: retryAfterMs, keep: false }
  return 'done'
}

/**
 * Server-side apply of the one field that is ours. Without the uid it would make a Service that is gone again, and it
 * would mark another one that has got the name.
 */
function application(key: ObjectKey, uid: string, version: string): KubernetesRequest {
  const [namespace, name] = splitKey(key)
  const metadata = { name, namespace, uid, annotations: { [ANNOTATION]: version } }
  return {
    method: 'PATCH',
    path: pathOf(namespace, name),
    query: { fieldManager: FIELD_MANAGER, force: 'true' },
    body: { apiVersion: 'v1', kind: 'Service', metadata },
    contentType: 'application/apply-patch+yaml',
  }
}

/**
 * A Service without routes has no sync version, whoever wrote the one it has: an apply without the field would leave it
 * when a copied manifest owns it too.
 */
function removal(key: ObjectKey, uid: string): KubernetesRequest {
  return {
    method: 'PATCH',
    path: pathOf(...splitKey(key)),
    query: { fieldManager: FIELD_MANAGER },
    body: { metadata: { uid, annotations: { [ANNOTATION]: null } } },
    contentType: 'application/merge-patch+json',
  }
}

/** `namespace/name` in its parts. */
export function splitKey(key: ObjectKey): [namespace: string, name: string] {
  const at = key.indexOf('/')
  return [key.slice(0, at), key.slice(at + 1)]
}

function pathOf(namespace: string, name: string): string {
  return `/api/v1/namespaces/${namespace}/services/${name}`
}
