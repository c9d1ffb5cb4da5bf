/**
 * The shared memory of the cache of public names: what is where. One thread writes (the stream worker), every thread of
 * the data plane reads. Everything is in the byte order of the machine, except what is in wire form.
 *
 * ```
 *   control ┌────────┬──────────────────────────┬────────────────────────────────┐
 *           │ header │ taken: one word a reader │ wishes: count, places │ count, … │
 *           └────────┴──────────────────────────┴────────────────────────────────┘
 *   slots   ┌──────────────────────────────────────────────────────────────┐
 *           │ hash, place │ hash, place │ 0, 0 │ …                         │  open addressing; place 0: free
 *           └──────────────────────────────────────────────────────────────┘
 *   arena   ┌──┬───────┬──────────────┬───────┬───────┬────────────────────┐
 *           │  │ entry │ (free block) │ entry │ entry │ … free             │
 *           └──┴───────┴──────────────┴───────┴───────┴────────────────────┘
 *             a place is a word number in the arena; blocks are multiples of 16 octets
 *
 *   entry   ┌────────────────┬──────┬────────────────┬─────────────────────┐
 *           │ header: ENTRY  │ name │ TTL positions  │ records             │
 *           └────────────────┴──────┴────────────────┴─────────────────────┘
 *             name          = folded, filled up with zeros to a word
 *             TTL positions = 16 bits each, from the start of the records: one for each record, in their order
 *             records       = answer and authority section behind a question: names at offset 12 and in RDATA before
 *                             are pointed to
 * ```
 *
 * So a hit is: hash, probe, copy the records, count each TTL down at its position. No record is read.
 *
 * **Readers never see half an entry**, and do nothing for it. What an entry answers never changes: the writer fills a
 * block and then stores its place in a slot with `Atomics`; every address that a reader computes depends on the place
 * that it read. An entry that is replaced or evicted leaves its slot first, and its block rests until every reader has
 * said that it has seen a later epoch (control words `epoch`, `taken`). Readers say so between two batches of queries,
 * when they hold no place. A sequence word that readers check before and after a copy would free memory at once, but
 * needs a fence in front of the second load that JavaScript does not have (on arm64 plain loads pass an `Atomics.load`),
 * two atomic loads for each hit, and readers that survive octets of two entries mixed.
 *
 * What may change in place are words of their own: the marks that readers leave ({@link USE}; lost updates do no harm),
 * the writer's queue links, and {@link ENTRY}`.recheck`.
 */

/** The memory of one cache. */
export interface CacheBuffers {
  readonly control: SharedArrayBuffer
  readonly slots: SharedArrayBuffer
  readonly arena: SharedArrayBuffer
}

/** Words of the control buffer. */
export const CACHE_CONTROL = {
  /** Moves when blocks wait to be used again. */
  epoch: 0,
  /** How many readers in other threads there are. */
  readers: 1,
  /** Most entries. */
  maxEntries: 2,
  /** How many writers there have been, the present one included. */
  writers: 3,
  /** The keys of the hash: four words. */
  keys: 4,
  /** Zero of the clock, two words: a float64, milliseconds of the system's monotonic clock. */
  zero: 8,
  /** First of the words in which readers say, each in its own, which epoch they have seen. */
  taken: 16,
} as const

/** Readers that the control buffer has words for; the last ones are those of the writer's thread. */
export const MAX_READERS = 256

/**
 * Wishes of a reader: places of entries that are to be fetched again, the newest {@link WISHES}. Their count comes first
 * and only grows. The writer looks at them from time to time; whether a place is still that of an entry, it must see.
 */
export const WISHES = 31
export const FIRST_WISH: number = CACHE_CONTROL.taken + MAX_READERS
export const WISH_WORDS: number = 1 + WISHES

/** The clock counts tenths of a second, so that 31 bits last for six years. */
export const TICKS = 10

/** A time that never comes. */
export const NEVER = 0x7fff_ffff

/** Words of an entry before its name. */
export const ENTRY = {
  /** The allocator's. */
  block: 0,
  /** Hash of the name alone: where its probes start. */
  hash: 1,
  /** Queue links, the writer's. Of a block that rests, `next` links to the next one that does. */
  previous: 2,
  next: 3,
  /** type << 16 | class */
  question: 4,
  /** See {@link SHAPE}. */
  shape: 5,
  /** Tick at which it was stored: TTLs count from here. */
  stored: 6,
  /** Tick from which it is stale. */
  expires: 7,
  /** Tick from which a hit asks for it to be fetched again; {@link NEVER}: none does. */
  refresh: 8,
  /** Until this tick it is answered although it is stale, because its name was asked in vain a moment ago. */
  recheck: 9,
  /** Marks of readers, see {@link USE}. */
  use: 10,
  /** answers << 16 | authorities */
  sections: 11,
  /** Octets of the records. */
  octets: 12,
  /** extended error code and 1, or 0 << 16 | failures in a row << 8 | queue */
  note: 13,
  /**
   * Addresses that stand side by side in the answer, any of which may come first: where the first record begins, from the
   * start of the records, << 16 | octets of each << 8 | how many; 0: fewer than two.
   */
  rotation: 14,
  words: 15,
} as const

/** Fields of an entry's shape. */
export const SHAPE: Readonly<Record<'name' | 'dnssecOk' | 'checkingDisabled' | 'key' | 'authentic', number>> = {
  /** Octets of the name. */
  name: 0xff,
  /** The question had DO (RFC 3225). */
  dnssecOk: 1 << 8,
  /** The question had CD (RFC 4035 section 3.1.6). */
  checkingDisabled: 1 << 9,
  /** What belongs to the question. */
  key: 0x3ff,
  /** The answer had AD (RFC 4035 section 3.1.6). */
  authentic: 1 << 10,
}
export const SHAPE_KIND_SHIFT = 12
export const SHAPE_RCODE_SHIFT = 16

/** Octets of the word `use`, each with one meaning, written by plain byte stores. */
export const USE = {
  /** Hits that count for eviction, 0 to 3. */
  frequency: 0,
  /** Hits since it was stored, at most 255. */
  hits: 1,
  /** Not 0: a reader has asked for it to be fetched again. */
  asked: 2,
} as const

/** What an entry says. */
export const KIND = {
  positive: 0,
  /** The name exists, the type does not (RFC 2308 section 2.2). */
  nodata: 1,
  nxdomain: 2,
  /** Nobody could say (RFC 9520). */
  failure: 3,
} as const

/** The words for {@link KIND}, in order. */
export const KIND_NAMES: readonly ['positive', 'nodata', 'nxdomain', 'failure'] = [
  'positive',
  'nodata',
  'nxdomain',
  'failure',
]

/** Queues of the eviction, in the low byte of an entry's note. */
export const QUEUE = { small: 0, main: 1 } as const

/** Slots for each entry at least; probes stay short. */
const SLOTS_PER_ENTRY = 1.5
/** A run of taken slots that is longer than this loses an entry, and no probe goes further. */
export const MAX_PROBES = 128

/** Slots that are looked at in one turn of the loop when all of them are. */
export const SLOTS_PER_TURN = 16_384

/** Reading in words may touch this much behind the last block. */
export const ARENA_SLACK = 64

/** Words of the header, for {@link entryWords}. */
const { words: HEADER_WORDS } = ENTRY

/** Words of an entry with a name of `name` octets, `records` records and `octets` octets of them. */
export function entryWords(name: number, records: number, octets: number): number {
  return HEADER_WORDS + ((name + 3) >> 2) + ((records + 1) >> 1) + ((octets + 3) >> 2)
}

/** Limits of a cache. */
export interface CacheLimits {
  /** Octets of shared memory for entries, resting blocks included. */
  readonly maxBytes: number
  readonly maxEntries: number
}

/**
 * Memory for a cache. Pages that are never written cost none.
 *
 * @param keys four words that key the hash (`hashKeys`), from a random seed.
 * @param zeroMs the moment that becomes tick 0, on the system's monotonic clock.
 */
export function allocateCache(limits: CacheLimits, keys: Int32Array, zeroMs: number): CacheBuffers {
  const control = new SharedArrayBuffer(4 * (FIRST_WISH + MAX_READERS * WISH_WORDS))
  const words = new Int32Array(control)
  words[CACHE_CONTROL.maxEntries] = limits.maxEntries
  words.set(keys, CACHE_CONTROL.keys)
  new Float64Array(control)[CACHE_CONTROL.zero / 2] = zeroMs
  const slots = 2 ** Math.ceil(Math.log2(Math.max(MAX_PROBES, SLOTS_PER_ENTRY * limits.maxEntries)))
  return {
    control,
    slots: new SharedArrayBuffer(8 * slots),
    arena: new SharedArrayBuffer(16 * Math.floor(limits.maxBytes / 16) + ARENA_SLACK),
  }
}
