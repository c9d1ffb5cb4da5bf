/**
 * Where there is room in an arena. It is cut into regions of one size; blocks are appended to the current one, and a
 * region is used again as a whole, after everything in it has gone:
 *
 * ```
 *            open           the next one is opened        its last block goes      every reader has been told
 *   free  ────────► current ────────────────────► closed ─────────────────► resting ─────────────────────────► free
 * ```
 *
 * A block that is larger than a region has a run of regions to itself. Sizes and places are in words.
 */

const FREE = 0
const CURRENT = 1
const CLOSED = 2
/** First region of a run, and the others. */
const RUN = 3
const RUN_REST = 4
const RESTING = 5

/** 256 KiB: about 1,700 names, moved in half a millisecond. */
const LARGEST_REGION = 1 << 16
const SMALLEST_REGION = 1 << 8
/** A small arena has some regions too. */
const LEAST_REGIONS = 16
/** Of what is taken, this part may be garbage before it is worth moving the rest. */
const TOLERATED_GARBAGE = 4
const FEW_REGIONS = 4

/** See the top of the file. */
export class Regions {
  /** Words of a region. */
  readonly size: number
  /** Place of the next block. */
  end = 0
  /** Whether regions have come to rest since it was last set to false. */
  hasNews = false
  /** Words that blocks occupy which something points to. */
  live = 0
  readonly #slack: number
  readonly #states: Uint8Array
  /** By region: words of the blocks in it that something points to. */
  readonly #live: Int32Array
  /** By region: where its blocks end. */
  readonly #ends: Int32Array
  /** By region that rests: the generation that readers must have taken. */
  readonly #until: Int32Array
  #current = -1
  /** Words of all regions but the free and the resting ones; of the current one, what is written. */
  #taken = 0
  #resting = 0

  /** @param slack words at the end of a region that stay free. */
  constructor(words: number, slack: number) {
    const part = 2 ** Math.floor(Math.log2(words / LEAST_REGIONS))
    this.size = Math.max(SMALLEST_REGION, Math.min(LARGEST_REGION, part))
    this.#slack = slack
    const count = Math.floor(words / this.size)
    this.#states = new Uint8Array(count)
    this.#live = new Int32Array(count)
    this.#ends = new Int32Array(count)
    this.#until = new Int32Array(count)
  }

  /** Words that are not free. */
  get used(): number {
    return this.#taken + this.#resting
  }

  /** Words of {@link used} that nothing points to. */
  get garbage(): number {
    return this.used - this.live
  }

  /** Whether so much of what is taken is garbage that {@link victim} should be emptied. */
  isWasteful(): boolean {
    return this.#taken > FEW_REGIONS * this.size && TOLERATED_GARBAGE * (this.#taken - this.live) > this.#taken
  }

  /** Whether a block of so many words fits at {@link end}. */
  hasRoom(words: number): boolean {
    if (this.#current < 0) return false
    const regions = this.#states[this.#current] === RUN ? this.#runLength(this.#current) : 1
    return this.end + words + this.#slack <= (this.#current + regions) * this.size
  }

  /**
   * Closes the current region and opens one, or a run, that has room for a block; false when none is free.
   *
   * @param generation the present one, see {@link discard}.
   */
  open(words: number, generation: number): boolean {
    const regions = Math.ceil((words + this.#slack) / this.size)
    const first = this.#findFree(regions)
    if (first < 0) return false
    this.#close(generation)
    this.#states.fill(RUN_REST, first, first + regions)
    this.#states[first] = regions === 1 ? CURRENT : RUN
    this.#current = first
    // Place 0 means "none".
    this.end = first === 0 ? 1 : first * this.size
    return true
  }

  /** Keeps the block of so many words that was written at {@link end}. */
  keep(words: number): void {
    const region = this.#current
    this.#live[region] = (this.#live[region] as number) + words
    this.live += words
    this.#taken += words
    this.end += words
    this.#ends[region] = this.end
  }

  /**
   * Notes that nothing points to a block any more.
   *
   * @param generation the present one. Readers that have taken the next one cannot be with the block.
   */
  discard(place: number, words: number, generation: number): void {
    const region = Math.floor(place / this.size)
    const live = (this.#live[region] as number) - words
    this.#live[region] = live
    this.live -= words
    const state = this.#states[region]
    if (live === 0 && (state === CLOSED || (state === RUN && region !== this.#current)))
      this.#rest(region, generation + 1)
  }

  /** The closed region with the least in it; −1 when none is worth it. */
  victim(): number {
    let victim = -1
    let least = this.size - (this.size >> 3)
    for (let region = 0; region < this.#states.length; region++) {
      if (this.#states[region] !== CLOSED || (this.#live[region] as number) >= least) continue
      victim = region
      least = this.#live[region] as number
    }
    return victim
  }

  /** Calls back for the place of every block in a region, live or not, until the callback says false. */
  forEachBlock(region: number, wordsOf: (place: number) => number, callback: (place: number) => boolean): void {
    const end = this.#ends[region] as number
    let place = region === 0 ? 1 : region * this.size
    while (place < end) {
      const next = place + wordsOf(place)
      if (!callback(place)) return
      place = next
    }
  }

  /** Frees the regions that rest until readers have a generation which is theirs now. */
  reclaim(generation: number): void {
    const states = this.#states
    for (let region = 0; region < states.length; region++) {
      if (states[region] !== RESTING || (this.#until[region] as number) > generation) continue
      states[region] = FREE
      this.#resting -= this.size
    }
  }

  #close(generation: number): void {
    const region = this.#current
    if (region < 0) return
    const isRun = this.#states[region] === RUN
    const regions = isRun ? this.#runLength(region) : 1
    const start = region === 0 ? 1 : region * this.size
    // What is left of it is not used before everything in it has gone.
    this.#taken += regions * this.size - (this.end - start)
    if (!isRun) this.#states[region] = CLOSED
    this.#current = -1
    if (this.#live[region] === 0) this.#rest(region, generation + 1)
  }

  #rest(region: number, until: number): void {
    const regions = this.#states[region] === RUN ? this.#runLength(region) : 1
    for (let i = region; i < region + regions; i++) {
      this.#states[i] = RESTING
      this.#until[i] = until
      this.#ends[i] = 0
    }
    this.#taken -= regions * this.size
    this.#resting += regions * this.size
    this.hasNews = true
  }

  #runLength(region: number): number {
    let end = region + 1
    while (this.#states[end] === RUN_REST) end++
    return end - region
  }

  #findFree(regions: number): number {
    const states = this.#states
    let free = 0
    for (let region = 0; region < states.length; region++) {
      free = states[region] === FREE ? free + 1 : 0
      if (free === regions) return region - regions + 1
    }
    return -1
  }
}
