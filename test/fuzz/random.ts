/** A small repeatable source of chance: the same seed gives the same run on every machine. */

/** Octets in memory of their own. */
export type Octets = Uint8Array<ArrayBuffer>

/** xorshift32; not for secrets. */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) | 1
  }

  /** 0 … `limit` − 1. */
  below(limit: number): number {
    let state = this.#state
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    this.#state = state
    return Math.floor(((state >>> 0) / 2 ** 32) * limit)
  }

  /** True once in `times`. */
  once(times: number): boolean {
    return this.below(times) === 0
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)] as T
  }

  octets(count: number): Octets {
    return Uint8Array.from({ length: count }, () => this.below(256))
  }
}

/** The seed of a run: that of `WAYPOST_FUZZ_SEED`, to repeat it, or another one each time. */
export function seedOf(env: Readonly<Record<string, string | undefined>>): number {
  const text = env['WAYPOST_FUZZ_SEED']
  return text === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(text)
}

/** Changes octets: some of them, bits, a length; takes some away, puts some in, doubles some, cuts the end off. */
export function mutateOctets(base: Uint8Array, random: Random): Octets {
  let octets: Octets = new Uint8Array(base)
  for (let changes = 1 + random.below(4); changes > 0 && octets.length > 0; changes--) {
    octets = mutateOnce(octets, random)
  }
  return octets
}

function mutateOnce(octets: Octets, random: Random): Octets {
  const at = random.below(octets.length)
  const behind = octets.subarray(at)
  switch (random.below(8)) {
    case 0:
      return octets.with(at, random.below(256))
    case 1:
      return octets.with(at, (octets[at] as number) ^ (1 << random.below(8)))
    case 2:
      return octets.with(at, random.pick([0, 1, 0x3f, 0x40, 0x7f, 0x80, 0xc0, 0xff]))
    case 3:
      return joined(octets.subarray(0, at), octets.subarray(Math.min(octets.length, at + 1 + random.below(4))))
    case 4:
      return joined(octets.subarray(0, at), random.octets(random.below(9)), behind)
    case 5:
      return joined(octets.subarray(0, at), behind.subarray(0, random.below(40)), behind)
    case 6:
      return octets.slice(0, at)
    default:
      return joined(octets.subarray(0, at), Uint8Array.of(0xc0, random.below(32)), behind)
  }
}

/** One array of several. */
export function joined(...parts: readonly Uint8Array[]): Octets {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
