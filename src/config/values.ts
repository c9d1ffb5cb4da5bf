/** The scalar values of a configuration: how each is written, and what is wrong with one that is not. Pure. */
import { formatAddress, parseAddress } from '../ip/address.ts'
import { formatPrefix, isPrefix, type Prefix, parsePrefix } from '../ip/prefix.ts'
import { foldName, formatName, NameError, nameOfKey, parseName } from '../wire/name.ts'

/** An address and port to listen on. Port 0 means "any free one". */
export interface ListenAddress {
  /** Canonical text, without brackets. */
  readonly address: string
  readonly port: number
}

/** A value, or why it is none: `reason` continues the sentence `"<text>" …`. */
export type Parsed<T> = { readonly value: T } | { readonly reason: string }

/** One way of writing a value. */
export interface Scalar<T> {
  /** What is allowed, for the table in the documents: "duration", "0…3600". */
  readonly allowed: string
  /** Reads the plain value that YAML or the command line gave. */
  parse(value: unknown): Parsed<T>
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** A text that need not mean anything. */
export function text(allowed: string, minimum: number, maximum: number): Scalar<string> {
  return {
    allowed,
    parse: value => {
      if (typeof value !== 'string') return { reason: 'must be a text' }
      const bytes = new TextEncoder().encode(value).length
      return bytes >= minimum && bytes <= maximum ? { value } : { reason: `must have ${minimum} to ${maximum} octets` }
    },
  }
}

/** A whole number from `minimum` to `maximum`. */
export function integer(minimum: number, maximum: number): Scalar<number> {
  return {
    allowed: `${minimum}…${maximum}`,
    parse: value => {
      const number = typeof value === 'string' && /^(0|[1-9][0-9]{0,9})$/.test(value) ? Number(value) : value
      if (typeof number === 'number' && Number.isInteger(number) && number >= minimum && number <= maximum) {
        return { value: number }
      }
      return { reason: `must be a whole number from ${minimum} to ${maximum}` }
    },
  }
}

/** One of a closed list of words. */
export function choice<const Word extends string>(words: readonly Word[]): Scalar<Word> {
  return {
    allowed: words.map(word => `\`${word}\``).join(', '),
    parse: value => {
      const word = words.find(candidate => candidate === value)
      return word === undefined ? { reason: `must be one of ${words.join(', ')}` } : { value: word }
    },
  }
}

/** Either of two ways. */
export function either<A, B>(first: Scalar<A>, second: Scalar<B>): Scalar<A | B> {
  return {
    allowed: `${first.allowed} or ${second.allowed}`,
    parse: value => {
      const parsed = first.parse(value)
      if ('value' in parsed) return parsed
      const other = second.parse(value)
      return 'value' in other ? other : { reason: `${other.reason}, or ${first.allowed.replaceAll('`', '')}` }
    },
  }
}

/** The value, or `null` for "none". */
export function nullable<T>(scalar: Scalar<T>): Scalar<T | null> {
  return {
    allowed: `${scalar.allowed}, or null`,
    parse: value => (value === null ? { value: null } : scalar.parse(value)),
  }
}

/** `10m`, `90s`, `1h30m`, `250ms`, `2d`: whole numbers with units, largest first. The value is milliseconds. */
export function duration(minimumMs: number, maximumMs: number): Scalar<number> {
  return {
    allowed: `duration, ${formatDuration(minimumMs)}…${formatDuration(maximumMs)}`,
    parse: value => {
      const ms = typeof value === 'string' ? parseDuration(value) : null
      if (ms === null) return { reason: 'must be a duration such as 10m, 90s or 1h30m' }
      if (ms >= minimumMs && ms <= maximumMs) return { value: ms }
      return { reason: `must be from ${formatDuration(minimumMs)} to ${formatDuration(maximumMs)}` }
    },
  }
}

/** Milliseconds of a duration, or null when the text is none. A number without unit is none, except 0. */
export function parseDuration(value: string): number | null {
  if (value === '0') return 0
  const match = /^(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?(?:(\d{1,9})ms)?$/.exec(value)
  if (match === null || value === '') return null
  return ['d', 'h', 'm', 's', 'ms'].reduce((sum, unit, i) => sum + Number(match[i + 1] ?? 0) * (UNITS[unit] ?? 0), 0)
}

/** The shortest text of a duration: `1h30m`. */
export function formatDuration(ms: number): string {
  if (ms === 0) return '0'
  let rest = ms
  let result = ''
  for (const unit of ['d', 'h', 'm', 's', 'ms']) {
    const size = UNITS[unit] ?? 1
    const count = Math.floor(rest / size)
    rest -= count * size
    if (count > 0) result += `${count}${unit}`
  }
  return result
}

/** `[::1]:1053` or `127.0.0.1:1053`. IPv6 addresses need their brackets (RFC 3986 section 3.2.2). */
export const listenAddress: Scalar<ListenAddress> = {
  allowed: '`[address]:port`',
  parse: value => {
    const reason = 'must be an address and a port such as [::1]:1053 or 127.0.0.1:1053'
    const match = typeof value === 'string' ? /^(?:\[([^\]]*:[^\]]*)\]|([0-9.]+)):([0-9]{1,5})$/.exec(value) : null
    const address = match === null ? null : parseAddress(match[1] ?? match[2] ?? '')
    const port = Number(match?.[3])
    if (address === null || port > 65535) return { reason }
    return { value: { address: formatAddress(address), port } }
  },
}

/** The text that {@link listenAddress} reads. */
export function formatListen({ address, port }: ListenAddress): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}

/** Any block of addresses, of either family. */
export const prefix: Scalar<Prefix> = {
  allowed: 'prefix',
  parse: value => {
    if (typeof value !== 'string') return { reason: 'must be a prefix such as fdaa:0:48c8::/48' }
    const parsed = parsePrefix(value)
    return isPrefix(parsed) ? { value: parsed } : { reason: `is no prefix: ${parsed.reason}` }
  },
}

/** A block that can be a pool: IPv6, /64 to /124. */
export const poolPrefix: Scalar<Prefix> = {
  allowed: 'IPv6 prefix, /64…/124',
  parse: value => {
    const parsed = prefix.parse(value)
    if (!('value' in parsed)) return parsed
    const { family, length } = parsed.value
    return family === 'IPv6' && length >= 64 && length <= 124
      ? parsed
      : { reason: `cannot be a pool: it must be an IPv6 prefix from /64 to /124, not ${formatPrefix(parsed.value)}` }
  },
}

/** A DNS domain of at least one label of letters, digits and hyphens (RFC 1123 section 2.1); the value is lower-case without the final dot. */
export const domain: Scalar<string> = {
  allowed: 'domain name',
  parse: value => {
    const reason = 'must be a domain name such as cluster.local'
    if (typeof value !== 'string' || value === '.' || value === '') return { reason }
    try {
      const name = formatName(nameOfKey(foldName(parseName(value)))).slice(0, -1)
      // Names below the domain need room: a Service's SRV name adds up to 5 labels.
      if (name.length > 120) return { reason: 'must not be longer than 120 octets' }
      return name.split('.').every(label => /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(label))
        ? { value: name }
        : { reason }
    } catch (error) {
      if (error instanceof NameError) return { reason: `is no domain name: ${error.message}` }
      throw error
    }
  },
}

/** Any zone but the root, in lower case without the final dot; names such as `_msdcs.example` and `10.in-addr.arpa` too. */
export const zoneName: Scalar<string> = {
  allowed: 'zone name',
  parse: value => {
    const reason =
      'must be the name of a zone such as corp.example; for every other name there is dns.forward.upstreams'
    if (typeof value !== 'string' || value === '.' || value === '') return { reason }
    try {
      return { value: formatName(nameOfKey(foldName(parseName(value)))).slice(0, -1) }
    } catch (error) {
      if (error instanceof NameError) return { reason: `is no name of a zone: ${error.message}` }
      throw error
    }
  },
}

/** Yes or no. */
export const flag: Scalar<boolean> = {
  allowed: '`true`, `false`',
  parse: value => (typeof value === 'boolean' ? { value } : { reason: 'must be true or false' }),
}

/** A lower-case RFC 1123 label, for the names of networks and clusters. */
export const label: Scalar<string> = {
  allowed: 'lower-case label',
  parse: value =>
    typeof value === 'string' && /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(value)
      ? { value }
      : { reason: 'must be 1 to 63 lower-case letters, digits and inner hyphens' },
}

/** A file or folder; relative ones are completed by the caller. */
export const path: Scalar<string> = {
  allowed: 'path',
  parse: value =>
    typeof value === 'string' && value !== '' && !value.includes('\0') ? { value } : { reason: 'must be a path' },
}

const KEY = '(?:[a-z0-9.-]+/)?[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?'
const VALUE = '(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?)?'
const REQUIREMENT = new RegExp(
  `^\\s*(?:!?${KEY}|${KEY}\\s*(?:=|==|!=)\\s*${VALUE}|${KEY}\\s+(?:in|notin)\\s+\\(\\s*${VALUE}(?:\\s*,\\s*${VALUE})*\\s*\\))\\s*$`,
)

/** A Kubernetes label selector, as `kubectl get --selector` has it. */
export const labelSelector: Scalar<string> = {
  allowed: 'label selector',
  parse: value =>
    typeof value === 'string' &&
    value.length <= 1024 &&
    value.split(/,(?![^(]*\))/).every(part => REQUIREMENT.test(part))
      ? { value }
      : { reason: 'must be a label selector such as tier=front,!internal or tier in (front,back)' },
}
