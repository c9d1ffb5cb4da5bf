/** Numbers of the DNS parameter registry (IANA "Domain Name System (DNS) Parameters") that Waypost names. */

/** RR and query types. */
export const TYPE: {
  readonly A: 1
  readonly NS: 2
  readonly CNAME: 5
  readonly SOA: 6
  readonly PTR: 12
  readonly HINFO: 13
  readonly MX: 15
  readonly TXT: 16
  readonly AAAA: 28
  readonly SRV: 33
  readonly NAPTR: 35
  readonly DNAME: 39
  readonly OPT: 41
  readonly DS: 43
  readonly SSHFP: 44
  readonly TLSA: 52
  readonly SVCB: 64
  readonly HTTPS: 65
  readonly IXFR: 251
  readonly AXFR: 252
  readonly ANY: 255
  readonly CAA: 257
} = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  HINFO: 13,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  NAPTR: 35,
  DNAME: 39,
  OPT: 41,
  DS: 43,
  SSHFP: 44,
  TLSA: 52,
  SVCB: 64,
  HTTPS: 65,
  IXFR: 251,
  AXFR: 252,
  ANY: 255,
  CAA: 257,
}

const NAMES = new Map<number, string>(Object.entries(TYPE).map(([name, number]) => [number, name]))

/** The mnemonic of a type, or `TYPE123` (RFC 3597 section 5). */
export function typeName(type: number): string {
  return NAMES.get(type) ?? `TYPE${type}`
}

/** The number of a mnemonic in any case, or of `TYPE123`; null when it is neither. */
export function typeNumber(text: string): number | null {
  const upper = text.toUpperCase()
  if (Object.hasOwn(TYPE, upper)) return TYPE[upper as keyof typeof TYPE]
  const match = /^TYPE([0-9]{1,5})$/.exec(upper)
  return match !== null && Number(match[1]) <= 0xffff ? Number(match[1]) : null
}

/** Response codes (RFC 1035 section 4.1.1, RFC 6891 section 9, RFC 7873 section 8). */
export const RCODE: {
  readonly NOERROR: 0
  readonly FORMERR: 1
  readonly SERVFAIL: 2
  readonly NXDOMAIN: 3
  readonly NOTIMP: 4
  readonly REFUSED: 5
  readonly BADVERS: 16
  readonly BADCOOKIE: 23
} = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5, BADVERS: 16, BADCOOKIE: 23 }

/** Classes (RFC 1035 section 3.2.4). */
export const CLASS: { readonly IN: 1; readonly CH: 3; readonly ANY: 255 } = { IN: 1, CH: 3, ANY: 255 }
