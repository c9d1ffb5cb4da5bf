/** The object of an Event, and where the API server has both. */
import type { KubernetesClient } from '../cluster/kubernetes/client.ts'
import { type Answer, fieldOf, METADATA_ONLY, send, textOf } from './answer.ts'

/** Kinds that Events are about: their API version and the collection in their paths. */
const KINDS = {
  Namespace: { apiVersion: 'v1', collection: '/api/v1', plural: 'namespaces' },
  Service: { apiVersion: 'v1', collection: '/api/v1', plural: 'services' },
  Pod: { apiVersion: 'v1', collection: '/api/v1', plural: 'pods' },
  EndpointSlice: {
    apiVersion: 'discovery.k8s.io/v1',
    collection: '/apis/discovery.k8s.io/v1',
    plural: 'endpointslices',
  },
} as const

export type SubjectKind = keyof typeof KINDS

/** An object that something is wrong with. */
export interface Subject {
  readonly kind: SubjectKind
  /** '' for a Namespace. */
  readonly namespace: string
  readonly name: string
  /** null: not known; the API server is asked. */
  readonly uid: string | null
}

/** Whether an Event can be about this kind. */
export function isSubjectKind(kind: string): kind is SubjectKind {
  return Object.hasOwn(KINDS, kind)
}

/** Where the Events of an object are: those of what has no namespace are in `default`. */
export function eventNamespaceOf({ namespace }: Subject): string {
  return namespace === '' ? 'default' : namespace
}

export function eventsPath(subject: Subject): string {
  return `/apis/events.k8s.io/v1/namespaces/${eventNamespaceOf(subject)}/events`
}

/** What an Event says of its object. `kubectl describe` finds Events by the uid. */
export function regardingOf({ kind, namespace, name }: Subject, uid: string): Record<string, string> {
  return { apiVersion: KINDS[kind].apiVersion, kind, ...(namespace === '' ? {} : { namespace }), name, uid }
}

/** Asks for the uid; the answer's `uid` is null when it is not done. */
export async function askUid(
  client: KubernetesClient,
  { kind, namespace, name }: Subject,
  limits: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<Answer & { readonly uid: string | null }> {
  const { collection, plural } = KINDS[kind]
  const path = `${collection}${namespace === '' ? '' : `/namespaces/${namespace}`}/${plural}/${name}`
  const answer = await send(client, { method: 'GET', path, accept: METADATA_ONLY, ...limits })
  return { ...answer, uid: answer.result === 'done' ? textOf(fieldOf(answer.body, 'metadata'), 'uid') : null }
}
