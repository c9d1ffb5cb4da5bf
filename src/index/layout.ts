/**
 * The shared memory of the name index: what is where. One thread writes (writer.ts), the threads of the data plane
 * read (reader.ts). Everything is in the byte order of the machine, except what is in wire form.
 *
 * ```
 *   slots   ┌────────┬────────────────┬──────────────────────────────────────────────┐
 *           │ header │ zone table     │ slots: hash, place │ hash, place │ …          │
 *           └────────┴────────────────┴──────────────────────────────────────────────┘
 *                     4 words a zone     open addressing; place 0: free, −1: deleted
 *
 *   arena   ┌──┬───────┬─────────────┬───────┬───────┬───────────────────────────────┐
 *           │  │ entry │ zone record │ entry │ entry │ …  free (untouched, no memory)  │
 *           └──┴───────┴─────────────┴───────┴───────┴───────────────────────────────┘
 *             a place is a word number in the arena; both kinds start on a word
 *
 *   entry   ┌───────┬───────┬──────┬──────┬───────┬─────┬─────┬───┬──────┬────────────────────┐
 *           │ bytes │ owner │ view │ zone │ shape │ row │ row │ … │ name │ records │ records … │
 *           └───────┴───────┴──────┴──────┴───────┴─────┴─────┴───┴──────┴────────────────────┘
 *             shape = octets of the name │ rows << 8 │ flags << 16
 *             row   = type │ count << 16, then where its records start, from the entry's start;
 *                     they end where the next row's start, the last where the entry ends
 *             name  = folded, filled up with zeros to a word
 * ```
 *
 * Records are whole RRs in wire form for a question whose name, at offset 12, is the entry's: owners are pointers into
 * it, RDATA has no pointer. Where the name stands elsewhere (a CNAME's target, the end of a longer name), every pointer
 * moves by the same distance. An entry refers to nothing outside of itself but its zone's number: it can be copied.
 *
 * The writer appends an entry and then stores its place; so a reader meets the old or the new entry, never half of one.
 * Memory that entries have left is used again when every reader has taken a generation that is later than their going
 * (control word `taken`): readers take generations between two queries, so none of them is with an old entry then.
 */

/** One generation of the index. A later one replaces an earlier one as a whole; it may have the same memory. */
export interface IndexBuffers {
  readonly generation: number
  /** Header, zone table and slots. */
  readonly slots: SharedArrayBuffer
  /** Entries and zone records. */
  readonly arena: SharedArrayBuffer
}

/** Words (Int32) of the control block, which the control thread makes once and every thread reads. */
export const CONTROL = {
  /** Counter that moves when there is something new to take: a generation, views, options. */
  generation: 0,
  /** Not 0: threads end. */
  stop: 1,
  /** One of {@link STATE}. */
  state: 2,
  /** How many readers in other threads there are. */
  readers: 3,
  /** First of the words in which readers say, each in its own, which generation of the index they have taken. */
  taken: 16,
} as const

/** Readers that the control block has words for. With more of them, memory of the index is not used again in place. */
export const MAX_READERS = 240

/** Size of the control block. */
export const CONTROL_BYTES = 1024

/** Values of the state word. */
export const STATE = {
  /** Nothing is known yet: every query is answered with SERVFAIL. */
  starting: 0,
  serving: 1,
} as const

/** Words of the slots' header. */
export const HEADER = {
  /** Number of slots, a power of two, less one. */
  mask: 0,
  /** Rows that the zone table has room for. */
  zones: 1,
  /** The keys of the hash: four words. */
  keys: 4,
  /** 256 bits, by the hash of a top label: set when an apex that is or was served ends in such a one. */
  tops: 8,
  words: 16,
} as const

/** Words of a row of the zone table. A zone without a record is not served (any more). */
export const ZONE_ROW = { record: 0, serial: 1, flags: 2, words: 4 } as const

/** Flags of a zone. */
export const ZONE = {
  /** Every name of it is SERVFAIL. */
  unsynced: 1,
  /** It has names that start with the label `*`. */
  wildcards: 2,
  /** Under ip6.arpa: a shorter name of nibbles exists, without being stored. */
  nibbles: 4,
  /** Under in-addr.arpa: a shorter name of octets exists, without being stored. */
  octets: 8,
} as const

/** Place of a slot that holds no entry. */
export const FREE = 0
export const DELETED = -1

/** Words of an entry before its rows, and of a row. */
export const ENTRY = { bytes: 0, owner: 1, view: 2, zone: 3, shape: 4, rows: 5, rowWords: 2 } as const

/** Flags of an entry, in the upper half of its shape. */
export const ENTRY_FLAG: Readonly<Record<'apex' | 'cut' | 'dname' | 'dashed' | 'cname' | 'bare', number>> = {
  /** A zone starts here: the zone record has its SOA. */
  apex: 1 << 16,
  /** A delegation. */
  cut: 1 << 17,
  /** Names below are redirected. */
  dname: 1 << 18,
  /** Child labels that are addresses in dashed form answer themselves. */
  dashed: 1 << 19,
  /** It has a CNAME. */
  cname: 1 << 20,
  /** Made for the apex of a zone that nobody has set: it has an SOA only. */
  bare: 1 << 21,
} as const

/**
 * Types of rows that are no answers: additional records of the row before, and glue without which a delegation is of no
 * use (RFC 9471 section 3). Both are reserved numbers (RFC 6895 section 3.1), so no record set has them.
 */
export const ROW_ADDITIONAL = 0
export const ROW_GLUE = 0xffff

/** Words of a zone record; the SOA as an RR in wire form follows, its pointers to be filled in. */
export const ZONE_RECORD = {
  bytes: 0,
  /** Octets of the apex name. */
  apexLength: 1,
  /** {@link NO_VIEW}: this is no entry. */
  view: 2,
  zone: 3,
  /** min(TTL of the SOA, its minimum): RFC 2308 section 3. */
  negativeTtl: 4,
  soaTtl: 5,
  /** The SOA's last field: TTL of records that are made for a query. */
  minimum: 6,
  /** Where in the SOA the pointers that end MNAME (low half) and RNAME (high half) stand; 0: spelled out. */
  pointers: 7,
  soa: 8,
} as const

/** In the place of an entry's view. */
export const NO_VIEW = -1

/** Offsets in the SOA RR: after its owner (a pointer) come type, class, TTL, length. */
export const SOA_TTL_AT = 6
/** The serial's distance from the end of the SOA RR. */
export const SOA_SERIAL_FROM_END = 20

/** Octets at the end of the arena that stay free, because names are read in words. */
export const ARENA_SLACK = 64
