/** Keys of `dns` that keep others from using the server against somebody: cookies and the limit of replies. */
import { type Prefix, parsePrefix } from '../ip/prefix.ts'
import { list, object, optional, orNull, required, type Schema, value } from './schema.ts'
import { flag, integer, nullable, prefix, type Scalar } from './values.ts'

/** `dns.cookies`. */
export interface FileCookies {
  readonly secretFile: string | null
  readonly required: boolean
}

/** `dns.rateLimit`. */
export interface FileRateLimit {
  readonly responsesPerSecond: number
  readonly slip: number
  readonly ipv4Prefix: number
  readonly ipv6Prefix: number
  readonly exempt: readonly Prefix[]
}

/** Loopback (RFC 1122, 4291), link-local (RFC 3927, 4291), private (RFC 1918, 4193) and shared space (RFC 6598). */
const LOCAL_SOURCES: readonly string[] = [
  '127.0.0.0/8',
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '169.254.0.0/16',
  '100.64.0.0/10',
  '::1/128',
  'fe80::/10',
  'fc00::/7',
]

/** The schema of `dns.cookies`; `location` reads a path. */
export function cookiesSchema(location: Scalar<string>): Schema<FileCookies | null> {
  return orNull(
    object<FileCookies>({
      secretFile: optional(
        value(nullable(location)),
        null,
        'a secret of this process, new every day',
        'File with the secrets that replicas behind one address share, 32 hexadecimal digits a line: the first makes cookies, the others are taken as well. `dns.cookies: null` turns cookies off.',
      ),
      required: optional(
        value(flag),
        false,
        '`false`',
        'Whether a client that sends cookies over UDP must send a good one (BADCOOKIE otherwise).',
      ),
    }),
  )
}

/** What holds without `dns.cookies`. */
export const USUAL_COOKIES: FileCookies = { secretFile: null, required: false }

/** The schema of `dns.rateLimit`. */
export function rateLimitSchema(): Schema<FileRateLimit | null> {
  return orNull(
    object<FileRateLimit>({
      responsesPerSecond: required(
        value(integer(1, 1_000_000)),
        'Responses over UDP that one source prefix gets in a second, from all threads. Without `dns.rateLimit` there is no limit; TCP and good cookies have none.',
      ),
      slip: optional(
        value(integer(0, 10)),
        2,
        '`2`',
        'Of so many responses above the limit one is sent empty with TC, so that a real client comes over TCP; 0: none.',
      ),
      ipv4Prefix: optional(value(integer(1, 32)), 24, '`24`', 'Bits of an IPv4 source that count as one client.'),
      ipv6Prefix: optional(value(integer(1, 64)), 56, '`56`', 'Bits of an IPv6 source that count as one client.'),
      exempt: optional(
        list(value(prefix), 0),
        LOCAL_SOURCES.map(readPrefix),
        'loopback, link-local, private and shared addresses',
        'Sources without a limit.',
      ),
    }),
  )
}

function readPrefix(text: string): Prefix {
  const parsed = parsePrefix(text)
  if ('reason' in parsed) throw new TypeError(parsed.reason)
  return parsed
}
