/** How long an upstream takes: a smoothed mean to compare it with others, and a quantile to know when it is late. */

/** Bucket i ends at 50 µs × 2^(i/4): 72 of them reach over 12 s. */
const BUCKETS = 72
const FIRST_MS = 0.05
const BUCKETS_PER_DOUBLING = 4
/** Samples after which old ones count half. */
const WINDOW = 512
/** The quantile is worth nothing before so many. */
const FEW = 8
const REFRESH = 32
const QUANTILE = 0.95
/** Weight of a new sample in the mean. */
const WEIGHT = 0.125

/** Time of an answer that nobody has waited for yet, in milliseconds. */
const UNKNOWN_P95 = 300
/** A pause of our own must not look like a slow upstream; and nobody waits longer than this for a second try. */
const SHORTEST = 10
const LONGEST = 1000

/** One for each upstream; times are milliseconds. */
export class Latency {
  readonly #counts = new Uint32Array(BUCKETS)
  #samples = 0
  #all = 0
  #mean = 0
  #p95 = UNKNOWN_P95

  /** Smoothed mean; 0 before the first answer. */
  get mean(): number {
    return this.#mean
  }

  /** When 95 of 100 answers are there, within sensible bounds: the time after which another try is worth its cost. */
  get late(): number {
    return this.#p95
  }

  /** An answer came after `ms`. */
  add(ms: number): void {
    this.#mean = this.#all === 0 ? ms : this.#mean + WEIGHT * (ms - this.#mean)
    this.#all++
    const place = Math.ceil(BUCKETS_PER_DOUBLING * Math.log2(Math.max(ms, FIRST_MS) / FIRST_MS))
    const bucket = Math.min(place, BUCKETS - 1)
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1
    if (++this.#samples >= WINDOW) this.#age()
    if (this.#all < FEW) return
    if (this.#all === FEW || this.#all % REFRESH === 0) this.#refresh()
  }

  /** No answer came in `ms`: the mean must not look better than that. */
  miss(ms: number): void {
    if (ms > this.#mean) this.#mean += WEIGHT * (ms - this.#mean)
  }

  #refresh(): void {
    let rest = this.#samples * (1 - QUANTILE)
    let bucket = BUCKETS - 1
    for (; bucket > 0; bucket--) {
      rest -= this.#counts[bucket] as number
      if (rest < 0) break
    }
    const ms = FIRST_MS * 2 ** (bucket / BUCKETS_PER_DOUBLING)
    this.#p95 = Math.min(Math.max(ms, SHORTEST), LONGEST)
  }

  #age(): void {
    this.#samples = 0
    for (let i = 0; i < BUCKETS; i++) {
      const half = (this.#counts[i] as number) >> 1
      this.#counts[i] = half
      this.#samples += half
    }
  }
}
