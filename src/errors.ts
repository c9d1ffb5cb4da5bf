/**
 * Every error that a user can meet, by its stable code. The code is the contract: scripts match on it, `docs/errors.md`
 * has a heading for each (a test holds the two equal), and it never changes its meaning.
 */

/** What a code means: the HTTP status it is answered with, and one sentence for the list. */
interface ErrorKind {
  readonly status: number
  readonly meaning: string
}

/** A stable error code: `WAY_<AREA>_<WHAT>`. */
export type ErrorCode =
  | 'WAY_USAGE'
  | 'WAY_CONFIG_INVALID'
  | 'WAY_CONFIG_UNREADABLE'
  | 'WAY_DATA_UNWRITABLE'
  | 'WAY_DATA_IN_USE'
  | 'WAY_LEDGER_DAMAGED'
  | 'WAY_LEDGER_WRITE'
  | 'WAY_POOL_EXHAUSTED'
  | 'WAY_POOL_PREFIX'
  | 'WAY_POOL_FAMILY'
  | 'WAY_ADDRESS_TAKEN'
  | 'WAY_ADDRESS_UNKNOWN'
  | 'WAY_ADDRESS_OF_SERVICE'
  | 'WAY_ADDRESS_AMBIGUOUS'
  | 'WAY_NETWORK_UNKNOWN'
  | 'WAY_MANIFEST_PARSE'
  | 'WAY_MANIFEST_OBJECT'
  | 'WAY_MANIFEST_DUPLICATE'
  | 'WAY_ZONE_PARSE'
  | 'WAY_NAME_TAKEN'
  | 'WAY_NAME_INVALID'
  | 'WAY_LISTEN'
  | 'WAY_ADMISSION_REVIEW'
  | 'WAY_ADMISSION_CERTIFICATE'
  | 'WAY_DNS_CERTIFICATE'
  | 'WAY_HTTP_BODY'
  | 'WAY_HTTP_TOKEN'
  | 'WAY_HTTP_NOT_FOUND'
  | 'WAY_HTTP_TOO_LARGE'
  | 'WAY_HTTP_MEDIA_TYPE'
  | 'WAY_HTTP_BUSY'
  | 'WAY_CACHE_OFF'
  | 'WAY_SERVICE_UNKNOWN'
  | 'WAY_NOT_READY'
  | 'WAY_QUERY_FAILED'
  | 'WAY_API_UNREACHABLE'
  | 'WAY_KUBERNETES_CONFIG'
  | 'WAY_KUBERNETES_UNREACHABLE'
  | 'WAY_KUBERNETES_REFUSED'
  | 'WAY_KUBERNETES_OBJECT'
  | 'WAY_ADDRESS_PENDING'
  | 'WAY_NODE_VERSION'
  | 'WAY_INTERNAL'

/** The table of codes. */
export const ERRORS: Readonly<Record<ErrorCode, ErrorKind>> = {
  WAY_USAGE: { status: 400, meaning: 'A command-line flag or argument is wrong.' },
  WAY_CONFIG_INVALID: { status: 400, meaning: 'The configuration file has one or more faults; all are listed.' },
  WAY_CONFIG_UNREADABLE: { status: 400, meaning: 'The configuration file cannot be read.' },
  WAY_DATA_UNWRITABLE: { status: 503, meaning: 'The data folder cannot be written.' },
  WAY_DATA_IN_USE: { status: 503, meaning: 'Another process has the data folder open.' },
  WAY_LEDGER_DAMAGED: { status: 503, meaning: 'The ledger of claims is damaged and is not used.' },
  WAY_LEDGER_WRITE: { status: 503, meaning: 'A claim could not be written to the ledger, so nothing was promised.' },
  WAY_POOL_EXHAUSTED: { status: 503, meaning: 'No address of the pool is free and rested.' },
  WAY_POOL_PREFIX: { status: 400, meaning: 'A prefix cannot be a pool.' },
  WAY_POOL_FAMILY: { status: 409, meaning: 'A Service asks for a family for which there is no pool.' },
  WAY_ADDRESS_TAKEN: { status: 409, meaning: 'The address belongs to another owner.' },
  WAY_ADDRESS_UNKNOWN: { status: 404, meaning: 'No claim has this address.' },
  WAY_ADDRESS_OF_SERVICE: { status: 409, meaning: 'The address belongs to a Service and cannot be released by hand.' },
  WAY_ADDRESS_AMBIGUOUS: { status: 409, meaning: 'More than one network has this address.' },
  WAY_NETWORK_UNKNOWN: { status: 404, meaning: 'No network has this name.' },
  WAY_MANIFEST_PARSE: { status: 400, meaning: 'A manifest file does not parse; its last good content stays.' },
  WAY_MANIFEST_OBJECT: { status: 400, meaning: 'One object in a manifest is invalid and is left out.' },
  WAY_MANIFEST_DUPLICATE: { status: 409, meaning: 'An object is defined in more than one place.' },
  WAY_ZONE_PARSE: { status: 400, meaning: 'A zone file is wrong; the zone loaded before stays.' },
  WAY_NAME_TAKEN: { status: 409, meaning: 'A name belongs to another owner.' },
  WAY_NAME_INVALID: { status: 409, meaning: 'A Service can have no name.' },
  WAY_LISTEN: { status: 503, meaning: 'A socket could not be opened on the address.' },
  WAY_ADMISSION_REVIEW: { status: 400, meaning: 'The body is no AdmissionReview that can be answered.' },
  WAY_ADMISSION_CERTIFICATE: {
    status: 503,
    meaning: 'The certificate of the admission listener cannot be used or made.',
  },
  WAY_DNS_CERTIFICATE: { status: 503, meaning: 'The certificate of a DNS listener cannot be used.' },
  WAY_HTTP_BODY: { status: 400, meaning: 'The request body or a parameter is malformed.' },
  WAY_HTTP_TOKEN: { status: 401, meaning: 'The request needs a bearer token.' },
  WAY_HTTP_NOT_FOUND: { status: 404, meaning: 'There is nothing at this path.' },
  WAY_HTTP_TOO_LARGE: { status: 413, meaning: 'The request body is too large.' },
  WAY_HTTP_MEDIA_TYPE: { status: 415, meaning: 'The request body is not application/json.' },
  WAY_HTTP_BUSY: { status: 503, meaning: 'A limit is reached; try again later.' },
  WAY_CACHE_OFF: { status: 404, meaning: 'Nothing is cached: no forwarding, or the cache is off.' },
  WAY_SERVICE_UNKNOWN: { status: 404, meaning: 'No Service has this name.' },
  WAY_NOT_READY: { status: 503, meaning: 'The state of the cluster is not known yet; try again later.' },
  WAY_QUERY_FAILED: { status: 503, meaning: 'A query got no answer.' },
  WAY_API_UNREACHABLE: {
    status: 503,
    meaning: 'The HTTP API of a server does not answer, or something else answers there.',
  },
  WAY_KUBERNETES_CONFIG: { status: 503, meaning: 'The credentials of a Kubernetes cluster cannot be read.' },
  WAY_KUBERNETES_UNREACHABLE: { status: 503, meaning: 'A Kubernetes API server does not answer.' },
  WAY_KUBERNETES_REFUSED: { status: 503, meaning: 'A Kubernetes API server refuses a request.' },
  WAY_KUBERNETES_OBJECT: { status: 400, meaning: 'One object of a Kubernetes cluster is invalid and is left out.' },
  WAY_ADDRESS_PENDING: { status: 503, meaning: 'The API server has not given the Service an address yet.' },
  WAY_NODE_VERSION: { status: 503, meaning: 'Node.js is too old.' },
  WAY_INTERNAL: { status: 500, meaning: 'A defect of Waypost itself.' },
}

/** An error that a user may see: one sentence (what was tried, with which value, what is allowed) and its code. */
export class WaypostError extends Error {
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'WaypostError'
    this.code = code
  }

  /** The HTTP status of the code. */
  get status(): number {
    return ERRORS[this.code].status
  }
}
