/** `/admission/v1/services`: the webhook that gives new Services their addresses, for API servers that reach this API. */
import type { ApiBackend } from '../backend.ts'
import type { Endpoint } from './endpoint.ts'
import { networkOf } from './networks.ts'
import { error, json, NETWORK, object } from './schemas.ts'

/** Octets of a review: an API server takes objects of up to 3 MiB, and an update has two of them. */
const REVIEW_LIMIT = 4 * 1024 * 1024

/** See the top of the file. */
export function admissionEndpoints(backend: ApiBackend): Endpoint[] {
  return [
    {
      method: 'POST',
      path: '/admission/v1/services',
      id: 'reviewService',
      summary: 'Choose the address of a Service in its create request',
      description: 'A mutating webhook: AdmissionReview of admission.k8s.io/v1 for CREATE and UPDATE of Services.',
      query: { network: { ...NETWORK, description: 'Whose API server asks. Needed when there are several networks.' } },
      body: { type: 'object' },
      bodyLimit: REVIEW_LIMIT,
      answers: {
        200: json('The AdmissionReview with its response.', object({ response: { type: 'object' } })),
        400: error('This is no AdmissionReview.'),
        401: error('A token is needed.'),
        404: error('No network has this name, or several could be meant.'),
        413: error('The review is larger than 4 MiB.'),
        415: error('The body is not application/json.'),
      },
      isWrite: true,
      handle: async request => await backend.review(networkOf(request, backend.networks), request.body),
    },
  ]
}
