/** The coordination.k8s.io/v1 Lease as leader election uses it: one record with the version under which it was read. */
import type { KubernetesClient } from '../../cluster/kubernetes/client.ts'
import { type Answer, fieldOf, send, textOf } from '../answer.ts'
import { microTime } from '../clock.ts'

/** What the Lease says (client-go's LeaderElectionRecord). */
export interface LeaseRecord {
  /** '' when nobody holds it. */
  readonly holder: string
  /** How long others wait after the last change that they saw. */
  readonly durationMs: number
  /** MicroTime, written for people. */
  readonly acquired: string
  readonly renewed: string
  /** How often the holder changed. */
  readonly transitions: number
}

/** A record as the API server has it. */
export interface StoredLease {
  readonly record: LeaseRecord
  /** Equal only while nothing was written in between; an update names it, so that it overwrites nothing unseen. */
  readonly version: string
  /** The whole object, for what is in it beside the record. */
  readonly object: unknown
}

/** The result of a read or write: the Lease, `absent`, or why there is none. */
export type LeaseAnswer =
  | { readonly kind: 'stored'; readonly lease: StoredLease }
  | { readonly kind: 'absent' | 'conflict' }
  | { readonly kind: 'failed'; readonly message: string }

/** One Lease of the API server. */
export class LeaseStore {
  readonly #client: KubernetesClient
  readonly #folder: string
  readonly #name: string

  /** @param namespace null: that of the credentials */
  constructor(client: KubernetesClient, name: string, namespace: string | null) {
    this.#client = client
    this.#name = name
    this.#folder = `/apis/coordination.k8s.io/v1/namespaces/${namespace ?? client.namespace}/leases`
  }

  /** `namespace/name` in a message. */
  get path(): string {
    return `${this.#folder}/${this.#name}`
  }

  async read(timeoutMs: number): Promise<LeaseAnswer> {
    return leaseOf(await send(this.#client, { method: 'GET', path: this.path, timeoutMs }))
  }

  async create(record: LeaseRecord, timeoutMs: number): Promise<LeaseAnswer> {
    const body = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: this.#name },
      spec: specOf(record),
    }
    return leaseOf(await send(this.#client, { method: 'POST', path: this.#folder, body, timeoutMs }))
  }

  /** Overwrites exactly what was read; anything newer is a conflict. */
  async update(before: StoredLease, record: LeaseRecord, timeoutMs: number): Promise<LeaseAnswer> {
    const object = before.object as Record<string, unknown>
    const body = { ...object, spec: { ...(fieldOf(object, 'spec') as object), ...specOf(record) } }
    return leaseOf(await send(this.#client, { method: 'PUT', path: this.path, body, timeoutMs }))
  }
}

/** A record of this moment. */
export function leaseRecord(
  holder: string,
  durationMs: number,
  date: number,
  before: Pick<LeaseRecord, 'acquired' | 'transitions'> | null,
): LeaseRecord {
  const renewed = microTime(date)
  return { holder, durationMs, acquired: before?.acquired ?? renewed, renewed, transitions: before?.transitions ?? 0 }
}

function leaseOf({ result, body, message }: Answer): LeaseAnswer {
  if (result === 'gone') return { kind: 'absent' }
  if (result === 'conflict') return { kind: 'conflict' }
  if (result !== 'done') return { kind: 'failed', message }
  const version = textOf(fieldOf(body, 'metadata'), 'resourceVersion')
  if (version === null) return { kind: 'failed', message: 'The answer is no Lease' }
  return { kind: 'stored', lease: { record: recordOf(fieldOf(body, 'spec')), version, object: body } }
}

function recordOf(spec: unknown): LeaseRecord {
  const seconds = Number(fieldOf(spec, 'leaseDurationSeconds') ?? 0)
  return {
    holder: textOf(spec, 'holderIdentity') ?? '',
    durationMs: Number.isFinite(seconds) ? seconds * 1000 : 0,
    acquired: textOf(spec, 'acquireTime') ?? '',
    renewed: textOf(spec, 'renewTime') ?? '',
    transitions: Number(fieldOf(spec, 'leaseTransitions') ?? 0),
  }
}

function specOf(record: LeaseRecord): Record<string, unknown> {
  return {
    holderIdentity: record.holder,
    leaseDurationSeconds: Math.max(1, Math.round(record.durationMs / 1000)),
    acquireTime: record.acquired,
    renewTime: record.renewed,
    leaseTransitions: record.transitions,
  }
}
