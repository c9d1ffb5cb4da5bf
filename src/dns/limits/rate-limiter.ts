/**
 * Response-rate limiting: how many replies over UDP a source prefix gets each second, so that nobody can use us against
 * the owner of an address that he writes into his packets.
 *
 * The counts lie in shared memory of fixed size, one table for all threads. Sets of four entries, one cache line each:
 *
 * ```
 *   hash of the prefix ──► set   ┌───────────────┬─────────┬──────────────────┐
 *                                │ prefix        │ credits │ when, and slips  │ × 4
 *                                └───────────────┴─────────┴──────────────────┘
 *                                  2 words         1/1000    28 bits ms, 4 bits
 * ```
 *
 * Credits fill up at the allowed rate to what one second gives. A new prefix takes the place of the one that was quiet
 * for the longest time. Threads do not lock: two that meet in one entry may lose a count, no more.
 */
import { isIPv4Mapped } from '../edns/cookies.ts'
import { NO_VIEW, packViews, type ViewPrefix, ViewTable } from '../views.ts'

/** What may leave. */
export interface RateLimit {
  /** Replies a second for one prefix, 1 to 1,000,000. */
  readonly responsesPerSecond: number
  /** Each so many-th reply above the limit is sent empty with TC, so that real clients come over TCP; 0: none, 1: all. */
  readonly slip: number
  /** Bits of a source that make its prefix: 1 to 32. */
  readonly ipv4Bits: number
  /** 1 to 64. */
  readonly ipv6Bits: number
  /** Sources without a limit, made by {@link packExempt}. */
  readonly exempt: SharedArrayBuffer
  /** Made by {@link allocateRateTable}. */
  readonly table: SharedArrayBuffer
}

/** What {@link RateLimiter.judge} says. */
export const VERDICT: { readonly send: 0; readonly truncate: 1; readonly drop: 2 } = { send: 0, truncate: 1, drop: 2 }

const SETS = 1 << 14
const WAYS = 4
const ENTRY_WORDS = 4
const SEED_WORDS = 2
/** A cache line: the sets begin at a whole one. */
const HEAD_WORDS = 16
const CREDIT = 1000
const TIME_MASK = 0x0fff_ffff
/** A second: what it gives is the most that is saved up. */
const FULL_MS = 1000
/** How far the time of one thread may be ahead of another's. */
const AHEAD_MS = 10_000

/** Memory for 65,536 prefixes. `seed` is random: nobody may choose prefixes that meet in one set. */
export function allocateRateTable(seed: readonly [number, number]): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(4 * (HEAD_WORDS + SETS * WAYS * ENTRY_WORDS))
  const words = new Int32Array(memory)
  words.set(seed.slice(0, SEED_WORDS).map(word => word | 1))
  return memory
}

/** Packs the prefixes without a limit. */
export function packExempt(prefixes: readonly ViewPrefix['prefix'][]): SharedArrayBuffer {
  return packViews(prefixes.map(prefix => ({ prefix, view: 0 })))
}

/** The judge; one for each thread, all over one table. */
export class RateLimiter {
  readonly #limit: RateLimit
  readonly #exempt: ViewTable
  readonly #words: Int32Array
  readonly #full: number
  readonly #ipv4Mask: number
  readonly #ipv6Masks: readonly [number, number]

  constructor(limit: RateLimit) {
    this.#limit = limit
    this.#exempt = new ViewTable(limit.exempt)
    this.#words = new Int32Array(limit.table)
    this.#full = limit.responsesPerSecond * CREDIT
    this.#ipv4Mask = maskOf(limit.ipv4Bits)
    this.#ipv6Masks = [maskOf(Math.min(32, limit.ipv6Bits)), maskOf(limit.ipv6Bits - 32)]
  }

  /**
   * Counts a reply to the source whose 16 octets are at `at`.
   *
   * @param now monotonic milliseconds.
   * @returns one of {@link VERDICT}.
   */
  judge(source: Uint8Array, at: number, now: number): number {
    if (this.#exempt.find(source, at) !== NO_VIEW) return VERDICT.send
    const isIPv4 = isIPv4Mapped(source, at)
    const first = isIPv4 ? 0xffff : wordAt(source, at) & this.#ipv6Masks[0]
    const second = isIPv4 ? wordAt(source, at + 12) & this.#ipv4Mask : wordAt(source, at + 4) & this.#ipv6Masks[1]
    const time = now & TIME_MASK
    const entry = this.#find(first, second, time)
    return this.#take(entry, time)
  }

  /** The prefix's entry; one that was not there yet is full of credits. */
  #find(first: number, second: number, time: number): number {
    const words = this.#words
    let hash = Math.imul(first ^ (words[0] as number), 0x9e3779b1)
    hash = Math.imul(hash ^ (hash >>> 15) ^ second ^ (words[1] as number), 0x85ebca6b)
    hash ^= hash >>> 13
    hash = Math.imul(hash, words[0] as number)
    hash ^= hash >>> 16
    const set = HEAD_WORDS + (hash & (SETS - 1)) * WAYS * ENTRY_WORDS
    let oldest = set
    let age = -1
    for (let entry = set; entry < set + WAYS * ENTRY_WORDS; entry += ENTRY_WORDS) {
      if (words[entry] === first && words[entry + 1] === second) return entry
      const quiet = words[entry + 3] === 0 ? TIME_MASK : (time - ((words[entry + 3] as number) >>> 4)) & TIME_MASK
      if (quiet <= age) continue
      age = quiet
      oldest = entry
    }
    words[oldest] = first
    words[oldest + 1] = second
    words[oldest + 2] = this.#full
    words[oldest + 3] = time << 4
    return oldest
  }

  #take(entry: number, time: number): number {
    const words = this.#words
    const { responsesPerSecond, slip } = this.#limit
    const state = words[entry + 3] as number
    const before = state >>> 4
    // Another thread's time may be a batch ahead of ours. What looks earlier than that was long ago: time goes round.
    const isLate = ((time - before) & TIME_MASK) > TIME_MASK - AHEAD_MS
    const elapsed = isLate ? 0 : Math.min(FULL_MS, (time - before) & TIME_MASK)
    const when = (isLate ? before : time) << 4
    const credits = Math.min(this.#full, (words[entry + 2] as number) + elapsed * responsesPerSecond)
    if (credits >= CREDIT) {
      words[entry + 2] = credits - CREDIT
      words[entry + 3] = when | (state & 15)
      return VERDICT.send
    }
    const slips = (state & 15) + 1
    const isSlip = slip !== 0 && slips >= slip
    words[entry + 2] = credits
    words[entry + 3] = when | (isSlip ? 0 : Math.min(slips, 15))
    return isSlip ? VERDICT.truncate : VERDICT.drop
  }
}

/** The highest `bits` bits of a word; none below 1. */
function maskOf(bits: number): number {
  return bits <= 0 ? 0 : -1 << (32 - bits)
}

function wordAt(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] as number) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)
  )
}
