/**
 * AdmissionReview of admission.k8s.io/v1, the question and the answer (k8s.io/api/admission/v1/types.go). The door is
 * strict about the review itself: an API server never gets it wrong, so what is wrong comes from somewhere else.
 */
import { WaypostError } from '../errors.ts'
import { type Operation, patchText } from './patch.ts'

/** A JSON object. */
export type Fields = Readonly<Record<string, unknown>>

/** The question. */
export interface Review {
  /** Of the request, not of the object; the answer repeats it. */
  readonly uid: string
  /** Whether it is about a Service itself, and not about its status or about another kind. */
  readonly isService: boolean
  readonly operation: string
  readonly dryRun: boolean
  readonly namespace: string
  /** '' while the API server has not made one up (generateName). */
  readonly name: string
  readonly generateName: string
  /** The object as it would be stored; null when there is none or it is no JSON object. */
  readonly object: Fields | null
  /** The object as it is stored; null on CREATE. */
  readonly oldObject: Fields | null
}

/** The answer's content. */
export interface Verdict {
  readonly allowed: boolean
  readonly patch: readonly Operation[]
  /** Shown to the user by kubectl; at most 120 characters each. */
  readonly warnings: readonly string[]
  /** Why it is refused. */
  readonly message: string | null
}

/** Lets the object through as it is. */
export const PASS: Verdict = { allowed: true, patch: [], warnings: [], message: null }

/** Whether the value is a JSON object. */
export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * Reads a review.
 *
 * @throws WaypostError WAY_ADMISSION_REVIEW.
 */
export function readReview(body: unknown): Review {
  if (!isFields(body) || body['apiVersion'] !== 'admission.k8s.io/v1' || body['kind'] !== 'AdmissionReview') {
    throw malformed('it must be an AdmissionReview of admission.k8s.io/v1')
  }
  const { request } = body
  if (!isFields(request)) throw malformed('"request" must be an object')
  const { uid, operation, resource, dryRun } = request
  if (typeof uid !== 'string' || uid === '') throw malformed('"request.uid" must be a text')
  if (typeof operation !== 'string') throw malformed('"request.operation" must be a text')
  if (!isFields(resource)) throw malformed('"request.resource" must be an object')
  if (dryRun !== undefined && dryRun !== null && typeof dryRun !== 'boolean') {
    throw malformed('"request.dryRun" must be a boolean')
  }
  const object = fieldsOrNull(request['object'], 'object')
  const metadata = isFields(object?.['metadata']) ? object['metadata'] : {}
  return {
    uid,
    isService: isService(resource, request['subResource']),
    operation,
    dryRun: dryRun === true,
    namespace: textOf(request['namespace']) || textOf(metadata['namespace']) || 'default',
    name: textOf(request['name']) || textOf(metadata['name']),
    generateName: textOf(metadata['generateName']),
    object,
    oldObject: fieldsOrNull(request['oldObject'], 'oldObject'),
  }
}

/** The answer as the API server reads it. A patch that changes nothing is left out. */
export function formatVerdict(uid: string, { allowed, patch, warnings, message }: Verdict): Fields {
  return {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    response: {
      uid,
      allowed,
      ...(patch.length === 0 ? {} : { patchType: 'JSONPatch', patch: patchText(patch) }),
      ...(warnings.length === 0 ? {} : { warnings }),
      ...(message === null ? {} : { status: { code: 422, reason: 'Invalid', message } }),
    },
  }
}

function isService(resource: Fields, subResource: unknown): boolean {
  const isCore = textOf(resource['group']) === '' && resource['version'] === 'v1'
  return isCore && resource['resource'] === 'services' && textOf(subResource) === ''
}

function fieldsOrNull(value: unknown, name: string): Fields | null {
  if (value === undefined || value === null) return null
  if (isFields(value)) return value
  throw malformed(`"request.${name}" must be an object`)
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function malformed(reason: string): WaypostError {
  return new WaypostError('WAY_ADMISSION_REVIEW', `Cannot read the admission review: ${reason}`)
}
