/**
 * Who loses when more packets come than can be answered. A full queue makes all clients lose the same part of their
 * packets, also those that ask little beside one that asks without end, and those that are answered wait behind it.
 * Receiving a packet is cheaper than answering it: so the thread receives more, and answers of each client no more than a
 * limit in so many batches. The limit falls while the queue is long and rises again when it is not, so that the busiest clients
 * get what the others leave.
 *
 * A client is an address and port, by a hash of eight bits. Nothing is counted until a queue was long, and nothing is
 * dropped while all packets are of one client.
 */
import { randomInt } from 'node:crypto'
import { BATCH } from './message-vector.ts'
import { SK_MEMINFO } from './system-calls.ts'

/** Batches between two looks at the queue: some milliseconds, so that a burst of one client is not taken for all it asks. */
const LOOK_BATCHES = 16
/** Most packets between two looks. */
const MOST = LOOK_BATCHES * BATCH
/**
 * Octets of a long queue: some 1,300 queries, as the kernel counts them, or ten milliseconds. A short queue, where the
 * system allows no other, is long when it is three quarters full: clients that wait for their answers do not get it there.
 */
const LONG = 1 << 20
const LONG_PART = 0.75
/** At least so many of them are answered to each client. */
const LEAST = MOST / 8
/** What the limit falls by, and rises by, at each look. */
const FALL = 0.75
const RISE = MOST / 64
const BUCKETS = 256
const FACTOR = 0x9e3779b1

/** See the top of the file. One for each socket. */
export class FairShare {
  readonly #counts: Uint16Array = new Uint16Array(BUCKETS)
  readonly #salt: number
  #limit = MOST
  #batches = 0
  /** Packets that the queue had lost at the last look, modulo 2^32. */
  #drops = 0
  #previous = -1
  /** Whether packets of several clients came since the last look, and before it. */
  #isMixed = false
  #wasMixed = false

  /** @param salt of the hash: nobody knows whose packets count together with whose. */
  constructor(salt: number = randomInt(2 ** 32)) {
    this.#salt = salt | 0
  }

  /** Whether packets have to be counted. */
  get isLimited(): boolean {
    return this.#limit < MOST
  }

  /** Notes a batch of so many packets. @returns whether it is time to {@link look}. */
  note(packets: number): boolean {
    if (packets < BATCH && this.#limit === MOST) return false
    if (++this.#batches < LOOK_BATCHES) return false
    this.#batches = 0
    return true
  }

  /**
   * Changes the limit; shares begin anew.
   *
   * @param memory the socket's queue, words of `SK_MEMINFO`.
   * @returns packets that the queue has lost since the last look.
   */
  look(memory: Uint32Array): number {
    const drops = memory[SK_MEMINFO.drops] as number
    const lost = (drops - this.#drops) >>> 0
    this.#drops = drops
    const long = Math.min(LONG, LONG_PART * (memory[SK_MEMINFO.limit] as number))
    const isLong = (memory[SK_MEMINFO.allocated] as number) > long
    this.#limit =
      lost > 0 || isLong ? Math.max(LEAST, Math.floor(this.#limit * FALL)) : Math.min(MOST, this.#limit + RISE)
    this.#wasMixed = this.#isMixed
    this.#isMixed = false
    this.#counts.fill(0)
    return lost
  }

  /** Whether a packet is more than its client's share; its source is the `struct sockaddr` at `word`. */
  isSurplus(words: Int32Array, word: number, isIPv6: boolean): boolean {
    const bucket = isIPv6
      ? this.#bucket(words, word, word + 2, word + 6)
      : this.#bucket(words, word, word + 1, word + 2)
    if (bucket !== this.#previous) {
      if (this.#previous >= 0) this.#isMixed = true
      this.#previous = bucket
    }
    const count = (this.#counts[bucket] as number) + 1
    this.#counts[bucket] = count
    return count > this.#limit && this.#wasMixed
  }

  /** Family and port are one word, the address is the words from `start` to `end`. */
  #bucket(words: Int32Array, word: number, start: number, end: number): number {
    let hash = Math.imul((words[word] as number) ^ this.#salt, FACTOR)
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ (hash >>> 15) ^ (words[i] as number), FACTOR)
    return hash >>> 24
  }
}
