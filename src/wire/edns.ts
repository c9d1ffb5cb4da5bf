/** EDNS numbers of the DNS parameter registry: options (RFC 6891 section 9) and extended errors (RFC 8914 section 5.2). */

/** Options of the OPT record: server identifier, cookie, TCP keepalive, padding, extended error. */
export const OPTION: {
  readonly NSID: 3
  readonly COOKIE: 10
  readonly KEEPALIVE: 11
  readonly PADDING: 12
  readonly EXTENDED_ERROR: 15
} = { NSID: 3, COOKIE: 10, KEEPALIVE: 11, PADDING: 12, EXTENDED_ERROR: 15 }

/** Info codes of extended errors, those that a server without validation can have a reason for. */
export const INFO_CODE: {
  readonly other: 0
  readonly staleAnswer: 3
  readonly forgedAnswer: 4
  readonly dnssecIndeterminate: 5
  readonly cachedError: 13
  readonly notReady: 14
  readonly blocked: 15
  readonly prohibited: 18
  readonly staleNxdomain: 19
  readonly notAuthoritative: 20
  readonly notSupported: 21
  readonly noReachableAuthority: 22
  readonly networkError: 23
  readonly invalidData: 24
} = {
  other: 0,
  staleAnswer: 3,
  forgedAnswer: 4,
  dnssecIndeterminate: 5,
  cachedError: 13,
  notReady: 14,
  blocked: 15,
  prohibited: 18,
  staleNxdomain: 19,
  notAuthoritative: 20,
  notSupported: 21,
  noReachableAuthority: 22,
  networkError: 23,
  invalidData: 24,
}

/** A number of {@link INFO_CODE}. */
export type InfoCode = (typeof INFO_CODE)[keyof typeof INFO_CODE]
