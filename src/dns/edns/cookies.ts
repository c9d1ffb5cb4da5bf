/**
 * DNS cookies (RFC 7873) that every server with the same secret makes alike (RFC 9018):
 *
 * ```
 *   octets   0              8         9          12          16            24
 *           ┌──────────────┬─────────┬──────────┬───────────┬─────────────┐
 *           │ client cookie│ version │ reserved │ timestamp │ hash        │
 *           └──────────────┴─────────┴──────────┴───────────┴─────────────┘
 *   hash = SipHash-2-4 of everything before it and the client's address, under the secret
 * ```
 *
 * A client that shows a good cookie has received a reply of ours at its address, so its queries are no forgeries.
 */
import { SipHash } from './siphash.ts'

/** How cookies are made and what they are needed for. */
export interface CookieOptions {
  /** 16 octets each. The first one makes cookies; those made with the others are taken as well (RFC 9018 section 5). */
  readonly secrets: readonly Uint8Array[]
  /** Queries over UDP that have a client cookie and no good server cookie get BADCOOKIE (RFC 7873 section 5.2.3). */
  readonly isRequired: boolean
}

/** What {@link Cookies.check} finds; in the order of the metric's labels. */
export const COOKIE: {
  /** Of a length that no cookie has: FORMERR (RFC 7873 section 5.2.2). */
  readonly malformed: 0
  /** A client that has no cookie of ours yet. */
  readonly client: 1
  /** Not ours, too old, or made for another address. */
  readonly bad: 2
  readonly good: 3
} = { malformed: 0, client: 1, bad: 2, good: 3 }

/** A whole cookie: the client's and ours. */
export const COOKIE_OCTETS = 24
const CLIENT_OCTETS = 8
const SERVER_MIN = 8
const SERVER_MAX = 32
const VERSION_AT = 8
const VERSION = 1
const TIME_AT = 12
const HASH_AT = 16
/** In seconds, RFC 9018 section 4.3: how old a cookie may be, from when on it is renewed, how far clocks may differ. */
const LIFETIME = 3600
const RENEWAL = 1800
const SKEW = 300
const IPV4_PREFIX_OCTETS = 12

/** One for each thread. */
export class Cookies {
  /** The cookie for the reply, after {@link check} unless it was malformed. */
  readonly answer: Uint8Array = new Uint8Array(COOKIE_OCTETS)
  readonly isRequired: boolean
  readonly #hashes: readonly SipHash[]
  /** Whether the cookie that {@link #age} saw last was made with another secret than the first. */
  #isOldSecret = false
  /** What is hashed: the first 16 octets of a cookie, then the address of 4 or 16. */
  readonly #message: Uint8Array = new Uint8Array(HASH_AT + 16)

  /** @throws RangeError when there is no secret or one has not 16 octets. */
  constructor({ secrets, isRequired }: CookieOptions) {
    if (secrets.length === 0) throw new RangeError('cookies need a secret')
    this.#hashes = secrets.map(secret => new SipHash(secret))
    this.isRequired = isRequired
  }

  /**
   * Judges the cookie of `length` octets at `at`, and makes the one for the reply.
   *
   * @param source the client's address, 16 octets at `sourceAt` (IPv4 as IPv4-mapped).
   * @param now Unix time in seconds, 32 bits.
   * @returns one of {@link COOKIE}.
   */
  check(bytes: DataView, at: number, length: number, source: Uint8Array, sourceAt: number, now: number): number {
    const server = length - CLIENT_OCTETS
    if (server !== 0 && (server < SERVER_MIN || server > SERVER_MAX)) return COOKIE.malformed
    const answer = this.answer
    for (let i = 0; i < CLIENT_OCTETS; i++) answer[i] = bytes.getUint8(at + i)
    if (server === 0) {
      this.#make(source, sourceAt, now)
      return COOKIE.client
    }
    const age = length === COOKIE_OCTETS ? this.#age(bytes, at, source, sourceAt, now) : LIFETIME + 1
    const isGood = age >= -SKEW && age <= LIFETIME
    if (!isGood || age > RENEWAL || this.#isOldSecret) this.#make(source, sourceAt, now)
    else for (let i = CLIENT_OCTETS; i < COOKIE_OCTETS; i++) answer[i] = bytes.getUint8(at + i)
    return isGood ? COOKIE.good : COOKIE.bad
  }

  /** Seconds since the cookie was made; more than its lifetime when we did not make it for this client. */
  #age(bytes: DataView, at: number, source: Uint8Array, sourceAt: number, now: number): number {
    if (bytes.getUint8(at + VERSION_AT) !== VERSION) return LIFETIME + 1
    const message = this.#message
    for (let i = 0; i < HASH_AT; i++) message[i] = bytes.getUint8(at + i)
    const length = this.#addAddress(source, sourceAt)
    const low = bytes.getInt32(at + HASH_AT, true)
    const high = bytes.getInt32(at + HASH_AT + 4, true)
    const hashes = this.#hashes
    for (let i = 0; i < hashes.length; i++) {
      const hash = hashes[i] as SipHash
      hash.digest(message, length)
      this.#isOldSecret = i > 0
      // Serial number arithmetic (RFC 1982), so that cookies outlive the year 2106.
      if (((hash.low ^ low) | (hash.high ^ high)) === 0) return (now - bytes.getInt32(at + TIME_AT)) | 0
    }
    return LIFETIME + 1
  }

  /** Makes a server cookie behind the client's in {@link answer}. */
  #make(source: Uint8Array, sourceAt: number, now: number): void {
    const { answer } = this
    const message = this.#message
    answer[VERSION_AT] = VERSION
    for (let i = VERSION_AT + 1; i < TIME_AT; i++) answer[i] = 0
    for (let i = 0; i < 4; i++) answer[TIME_AT + i] = now >>> (24 - 8 * i)
    for (let i = 0; i < HASH_AT; i++) message[i] = answer[i] as number
    const hash = this.#hashes[0] as SipHash
    hash.digest(message, this.#addAddress(source, sourceAt))
    for (let i = 0; i < 4; i++) {
      answer[HASH_AT + i] = hash.low >>> (8 * i)
      answer[HASH_AT + 4 + i] = hash.high >>> (8 * i)
    }
  }

  /** Puts the address behind the cookie's octets. @returns the octets to hash. */
  #addAddress(source: Uint8Array, sourceAt: number): number {
    const message = this.#message
    const skipped = isIPv4Mapped(source, sourceAt) ? IPV4_PREFIX_OCTETS : 0
    for (let i = skipped; i < 16; i++) message[HASH_AT + i - skipped] = source[sourceAt + i] as number
    return HASH_AT + 16 - skipped
  }
}

/** Whether the 16 octets at `at` are an IPv4 address (RFC 4291 section 2.5.5.2). */
export function isIPv4Mapped(bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < 10; i++) if (bytes[at + i] !== 0) return false
  return bytes[at + 10] === 0xff && bytes[at + 11] === 0xff
}
