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
  /**
   * The same records once more, one behind the other in pieces, as an answer has them (its owner is a pointer to the
   * question, {@link RECORD_OWNER}): with thousands of records, whoever has them so spares the index most of its work.
   */
  readonly records?: readonly Uint8Array[] | undefined
}

/** The owner of every answer record: a pointer (RFC 1035 section 4.1.4) to the question's name, at offset 12. */
export const RECORD_OWNER = 0xc00c
/** Octets of a record with that owner before its RDATA: owner, type, class, TTL, length. */
export const RECORD_HEAD = 12

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
