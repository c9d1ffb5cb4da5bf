/** Who may write. Reading is for everyone who can reach the socket; writing needs a token wherever others could. */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import { WaypostError } from '../../errors.ts'
import { familyOf, parseAddress } from '../../ip/address.ts'
import { MEDIA_TYPE, quote } from './refusal.ts'

export interface GuardOptions {
  /** The bearer token; null: none is configured. */
  readonly token: string | null
  /** The address that the API listens on. */
  readonly address: string
}

/**
 * The check of a write request.
 *
 * - A token is configured: the request must carry it.
 * - None is, and the API listens beyond loopback: refused.
 * - None is, on loopback: the Host header must name loopback. A web page can make a browser send requests here under
 *   a name of its own that resolves to ::1 (DNS rebinding); it cannot forge the Host header.
 *
 * @throws WaypostError WAY_HTTP_TOKEN.
 */
export function makeGuard({ token, address }: GuardOptions): (request: FastifyRequest) => void {
  const expected = token === null ? null : digest(token)
  const isLocal = isLoopback(address)
  return request => {
    if (expected !== null) {
      if (!timingSafeEqual(digest(bearerOf(request)), expected)) {
        throw new WaypostError('WAY_HTTP_TOKEN', 'This request needs the header "Authorization: Bearer <token>"')
      }
      return
    }
    if (!isLocal) {
      throw new WaypostError(
        'WAY_HTTP_TOKEN',
        `Cannot write through ${address}, which others can reach: the server has no token configured`,
      )
    }
    const host = request.headers.host ?? ''
    if (!isLoopback(hostName(host))) {
      throw new WaypostError(
        'WAY_HTTP_TOKEN',
        `Cannot write through the host name ${quote(host)}: use a loopback address`,
      )
    }
  }
}

/**
 * A request with a body says that it is JSON.
 *
 * @throws WaypostError WAY_HTTP_MEDIA_TYPE.
 */
export function checkMediaType(request: FastifyRequest): void {
  const type = (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase()
  if (type !== 'application/json') throw new WaypostError('WAY_HTTP_MEDIA_TYPE', MEDIA_TYPE)
}

/** Whether a host name or an address can only be this machine (RFC 6761 section 6.3 for `localhost`). */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase().replace(/\.$/, '')
  if (name === 'localhost' || name.endsWith('.localhost')) return true
  const bytes = parseAddress(name)
  if (bytes === null) return false
  if (familyOf(bytes) === 'IPv4') return bytes[12] === 127
  return bytes[15] === 1 && bytes.subarray(0, 15).every(byte => byte === 0)
}

/** The host of a Host header, without port and brackets. */
function hostName(header: string): string {
  const bracketed = /^\[([^\]]*)\](:[0-9]*)?$/.exec(header)
  return bracketed?.[1] ?? header.replace(/:[0-9]*$/, '')
}

function bearerOf(request: FastifyRequest): string {
  return /^bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? ''
}

/** Of one length for every token, so that the comparison takes one time for every token. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
