/** What zone files and Kubernetes objects are both compiled to, and what the name index is filled with. */
import type { Name } from '../wire/name.ts'

/** A record of the additional section. Class IN. */
export interface AdditionalRecord {
  readonly name: Name
  readonly type: number
  readonly ttl: number
  readonly rdata: Uint8Array
}

/** All records of one type at one name (RFC 2181 section 5): one TTL, RDATA uncompressed in wire form, no duplicates. */
export interface RRset {
  readonly type: number
  /** Seconds. */
  readonly ttl: number
  readonly rdatas: readonly Uint8Array[]
  /** Addresses of the targets that the RDATA names (SRV, MX, NS, SVCB, HTTPS), as far as the same zone has them. */
  readonly additional: readonly AdditionalRecord[]
}

/** What a name is in its zone, beyond its record sets. */
export type NodeKind =
  /** An ordinary name; without record sets it is an empty non-terminal (RFC 8020). */
  | 'plain'
  /** A delegation: the NS set with glue in `additional`, perhaps a DS set. Nothing below it is stored. */
  | 'cut'
  /** The name owns a DNAME (RFC 6672): everything below it is redirected. */
  | 'dname'
  /** `<ns>.pod.<zone>` with `pods: insecure`: a child label that is an IP address in dashed form answers itself. */
  | 'dashed-addresses'

/** One owner name with everything it answers. */
export interface ZoneNode {
  readonly name: Name
  readonly kind: NodeKind
  readonly rrsets: readonly RRset[]
}

/** A zone's start of authority (RFC 1035 section 3.3.13); times in seconds. */
export interface Soa {
  readonly mname: Name
  readonly rname: Name
  readonly serial: number
  readonly refresh: number
  readonly retry: number
  readonly expire: number
  readonly minimum: number
  /** TTL of the SOA record itself. Negative answers use min(ttl, minimum) (RFC 2308 section 3). */
  readonly ttl: number
}
