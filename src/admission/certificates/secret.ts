/**
 * The Secret that the replicas share: the authority that signs, and the one before it while that is still trusted.
 *
 * ```
 *  data:
 *    ca.crt, ca.key     the present authority
 *    previous.crt       the one before, so that what it signed is believed until it is replaced
 * ```
 */
import type { KubernetesClient, KubernetesResponse } from '../../cluster/kubernetes/client.ts'
import { WaypostError } from '../../errors.ts'
import { type Fields, isFields } from '../review.ts'
import { isAuthority, type KeyedCertificate } from './issue.ts'

/** What the Secret holds. */
export interface Authorities {
  readonly present: KeyedCertificate
  /** PEM, or null. */
  readonly previous: string | null
}

/** Where the Secret is. */
export interface SecretPlace {
  readonly client: KubernetesClient
  readonly name: string
}

/** What is stored, with the version that an update must name; null content: nothing that can be used. */
export interface StoredAuthorities {
  readonly content: Authorities | null
  /** null: there is no Secret. */
  readonly resourceVersion: string | null
}

/**
 * Reads the Secret.
 *
 * @throws WaypostError WAY_KUBERNETES_UNREACHABLE, WAY_ADMISSION_CERTIFICATE.
 */
export async function readSecret({ client, name }: SecretPlace, now: number): Promise<StoredAuthorities> {
  const answer = await client.request({ method: 'GET', path: pathOf(client, name) })
  if (answer.status === 404) return { content: null, resourceVersion: null }
  if (answer.status !== 200 || !isFields(answer.body)) throw refused(`read Secret "${name}"`, answer)
  const metadata = fieldsAt(answer.body, 'metadata')
  const data = fieldsAt(answer.body, 'data')
  const present = { cert: decoded(data['ca.crt']), key: decoded(data['ca.key']) }
  const previous = decoded(data['previous.crt'])
  return {
    content: isAuthority(present, now) ? { present, previous: previous === '' ? null : previous } : null,
    resourceVersion: String(metadata['resourceVersion'] ?? ''),
  }
}

/**
 * Writes the Secret if it is still what it was when it was read.
 *
 * @returns whether it was; false: somebody else was faster, read again.
 * @throws WaypostError WAY_KUBERNETES_UNREACHABLE, WAY_ADMISSION_CERTIFICATE.
 */
export async function writeSecret(
  { client, name }: SecretPlace,
  { present, previous }: Authorities,
  resourceVersion: string | null,
): Promise<boolean> {
  const isNew = resourceVersion === null
  const body = {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'Opaque',
    metadata: {
      name,
      namespace: client.namespace,
      labels: { 'app.kubernetes.io/name': 'waypost', 'app.kubernetes.io/managed-by': 'waypost' },
      ...(isNew ? {} : { resourceVersion }),
    },
    data: {
      'ca.crt': encoded(present.cert),
      'ca.key': encoded(present.key),
      ...(previous === null ? {} : { 'previous.crt': encoded(previous) }),
    },
  }
  const path = isNew ? `/api/v1/namespaces/${client.namespace}/secrets` : pathOf(client, name)
  const answer = await client.request({ method: isNew ? 'POST' : 'PUT', path, body })
  if (answer.status === 200 || answer.status === 201) return true
  // 409: there already, or changed meanwhile; 404: deleted meanwhile
  if (answer.status === 409 || (answer.status === 404 && !isNew)) return false
  throw refused(`write Secret "${name}"`, answer)
}

/** The error for an answer that nobody can go on from. */
export function refused(what: string, { status, body }: KubernetesResponse): WaypostError {
  const message = isFields(body) && typeof body['message'] === 'string' ? `: ${body['message']}` : ''
  return new WaypostError('WAY_ADMISSION_CERTIFICATE', `Cannot ${what}: the API server answers ${status}${message}`)
}

/** The object at a name; an empty one when there is none. */
export function fieldsAt(fields: Fields, name: string): Fields {
  const value = fields[name]
  return isFields(value) ? value : {}
}

function pathOf(client: KubernetesClient, name: string): string {
  return `/api/v1/namespaces/${client.namespace}/secrets/${name}`
}

function encoded(text: string): string {
  return Buffer.from(text).toString('base64')
}

function decoded(value: unknown): string {
  return typeof value === 'string' ? Buffer.from(value, 'base64').toString() : ''
}
