/** Which upstream of a zone is asked next. */

import type { RandomSource } from '../exchange/random.ts'
import type { ForwardPolicy } from '../options.ts'
import type { Upstream } from './upstream.ts'

/** One in so many questions goes to another upstream than the fastest, to know how fast the others are now. */
const EXPLORE = 32

/** Chooses for one zone. */
export class Choice {
  readonly #upstreams: readonly Upstream[]
  readonly #policy: ForwardPolicy
  readonly #random: RandomSource
  #turn = 0

  constructor(upstreams: readonly Upstream[], policy: ForwardPolicy, random: RandomSource) {
    this.#upstreams = upstreams
    this.#policy = policy
    this.#random = random
  }

  /** How many upstreams may be asked. */
  get usable(): number {
    let count = 0
    for (const upstream of this.#upstreams) if (upstream.isUsable) count++
    return count
  }

  /** Whether there is one that works, as far as we know. */
  get hasGood(): boolean {
    return this.#upstreams.some(({ state }) => state === 'good')
  }

  /**
   * The next one: of those that were not tried yet if there are any, of those that work if there are any.
   *
   * @param tried those that were asked already, once for each time.
   * @returns null when there is none.
   */
  next(tried: readonly Upstream[]): Upstream | null {
    if (tried.length === 0 && this.#upstreams.length === 1) {
      const [only] = this.#upstreams
      return only?.isUsable === true ? only : null
    }
    const usable = this.#upstreams.filter(upstream => upstream.isUsable)
    const good = usable.filter(({ state }) => state === 'good')
    const fresh = [good, usable].map(list => list.filter(upstream => !tried.includes(upstream)))
    const candidates = fresh.find(list => list.length > 0) ?? (good.length > 0 ? good : usable)
    return candidates.length === 0 ? null : this.#pick(candidates)
  }

  #pick(candidates: readonly Upstream[]): Upstream {
    const [first] = candidates
    if (first === undefined || candidates.length === 1) return first as Upstream
    if (this.#policy === 'sequential') return first
    if (this.#policy === 'round-robin') return candidates[this.#turn++ % candidates.length] as Upstream
    if (this.#policy === 'random' || this.#random.below(EXPLORE) === 0) {
      return candidates[this.#random.below(candidates.length)] as Upstream
    }
    return candidates.reduce((best, other) => (other.latency.mean < best.latency.mean ? other : best))
  }
}
