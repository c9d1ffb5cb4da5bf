/** What DNS over HTTPS asks of a request (RFC 8484 section 4.1). Pure. */

/** The media type of messages (RFC 8484 section 6). */
export const DNS_MESSAGE = 'application/dns-message'

/** Longest message of DNS: its length has two octets everywhere else. */
export const MAX_MESSAGE = 65_535

/** A request that cannot be answered: an HTTP status and a sentence for whoever looks. */
export interface DohRefusal {
  readonly status: 400 | 404 | 405 | 406 | 413 | 415 | 503
  readonly message: string
}

/** What is known of a request before its body is read. */
export interface DohHead {
  readonly method: string
  /** Path and query, as the request line has them. */
  readonly target: string
  readonly contentType: string | undefined
  readonly contentLength: string | undefined
  readonly accept: string | undefined
}

/**
 * Reads the head of a request to the service at `path`.
 *
 * @returns the message of a GET; `body`: it is the body of a POST; or why there will be none.
 */
export function readHead(head: DohHead, path: string): Uint8Array | 'body' | DohRefusal {
  const { method, target } = head
  const [place = '', query = ''] = splitOnce(target, '?')
  if (place !== path) return { status: 404, message: `There is nothing here; DNS is at ${path}` }
  if (method !== 'GET' && method !== 'HEAD' && method !== 'POST') {
    return { status: 405, message: 'DNS is asked with GET or POST' }
  }
  if (!accepts(head.accept)) return { status: 406, message: `Answers are ${DNS_MESSAGE}` }
  if (method !== 'POST') return readParameter(query)
  if (mediaTypeOf(head.contentType) !== DNS_MESSAGE) return { status: 415, message: `The body must be ${DNS_MESSAGE}` }
  return Number(head.contentLength ?? 0) > MAX_MESSAGE ? TOO_LARGE : 'body'
}

/** A body that is longer than a message can be. */
export const TOO_LARGE: DohRefusal = { status: 413, message: `A message has at most ${MAX_MESSAGE} octets` }

/** Nobody answered in time, and there is no reply that says so. */
export const NO_REPLY: DohRefusal = { status: 503, message: 'There is no reply' }

/** What is no query: too short, or a reply. */
export const NO_QUERY: DohRefusal = { status: 400, message: 'This is no DNS query' }

function readParameter(query: string): Uint8Array | DohRefusal {
  const values = query
    .split('&')
    .map(parameter => splitOnce(parameter, '='))
    .filter(([name]) => name === 'dns')
  const [first] = values
  if (first === undefined || values.length > 1) {
    return { status: 400, message: 'A GET has one parameter "dns" with the query' }
  }
  const message = decodeBase64Url(first[1] ?? '')
  return (
    message ?? { status: 400, message: 'The parameter "dns" must be base64url without padding (RFC 4648 section 5)' }
  )
}

/** The octets of base64url without padding; null when the text is none, or has bits that mean nothing. */
export function decodeBase64Url(text: string): Uint8Array | null {
  if (text === '' || !/^[A-Za-z0-9_-]+$/.test(text)) return null
  const octets = Buffer.from(text, 'base64url')
  return octets.toString('base64url') === text ? octets : null
}

/** Whether `Accept` allows a DNS message; it does when it is missing (RFC 9110 section 12.5.1). */
function accepts(accept: string | undefined): boolean {
  if (accept === undefined || accept.trim() === '') return true
  const ranges = accept.split(',').map(range => range.split(';').map(part => part.trim().toLowerCase()))
  const weightFor = (type: string): number | null => {
    const range = ranges.find(([name]) => name === type)
    if (range === undefined) return null
    const weight = range.find(part => part.startsWith('q='))
    return weight === undefined ? 1 : Number(weight.slice(2))
  }
  return (weightFor(DNS_MESSAGE) ?? weightFor('application/*') ?? weightFor('*/*') ?? 0) > 0
}

function mediaTypeOf(contentType = ''): string {
  return splitOnce(contentType, ';')[0].trim().toLowerCase()
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator)
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)]
}
