/**
 * What the cache of public names costs and what it is worth: a hit beside an authoritative answer, the memory of a million
 * names, and the hit ratio on a trace of popular names with scans in it, beside LRU, FIFO and SIEVE.
 */
import { monotonicMs } from '../../src/dns/cache/clock.ts'
import { allocateCache, type CacheBuffers, type CacheLimits } from '../../src/dns/cache/memory/layout.ts'
import { KeptAnswer } from '../../src/dns/cache/write/kept-answer.ts'
import { CacheWriter } from '../../src/dns/cache/write/writer.ts'
import type { ForeignAnswer } from '../../src/dns/forward/answer.ts'
import { hashKeys } from '../../src/index/hash.ts'
import { TYPE } from '../../src/wire/record-type.ts'
import { type BenchRow, formatRows } from '../report.ts'
import { FifoModel, LruModel, type Model, SieveModel } from './cache-models.ts'
import { generator } from './cluster-index.ts'
import { addressAnswer, publicAnswer, wireOf } from './public-names.ts'

const MILLION = 1_000_000
const MEGABYTE = 1e6
const RULES = { minTtl: 0, maxTtl: 86_400, maxNegativeTtl: 10_800, stale: 3600, prefetch: 3 }

/** Names of the trace, entries of the cache, requests; one request in five belongs to a scan. */
const NAMES = 100_000
const ENTRIES = 5000
const REQUESTS = 1_000_000
const SKEWS = [0.9]
const SCAN_EVERY = 100_000
const SCAN_LENGTH = 20_000
/** The share of requests for random names while an attack lasts. */
const FLOOD = 0.5

/** Everything. */
export async function run(): Promise<BenchRow[]> {
  return [...memory(), ...SKEWS.flatMap(hitRatios)]
}

/** Fills a cache as the stream worker does. */
class Filled {
  readonly buffers: CacheBuffers
  readonly writer: CacheWriter
  readonly #kept = new KeptAnswer()

  constructor(limits: CacheLimits) {
    this.buffers = allocateCache(limits, hashKeys(42), monotonicMs())
    this.writer = new CacheWriter(this.buffers, RULES)
  }

  /** Stores an answer. */
  store(name: Uint8Array, answer: ForeignAnswer): void {
    this.ask(name)
    if (this.#kept.read(answer, TYPE.A, RULES)) this.writer.store(this.#kept)
  }

  /** Asks for a name, with three octets behind it. @returns whether it is there. */
  ask(name: Uint8Array): boolean {
    const { reader } = this.writer
    reader.key.set(new DataView(name.buffer), 0, name.length - 3, TYPE.A, 1, 0)
    const place = reader.find()
    if (place !== 0) reader.mark(place)
    return place !== 0
  }
}

function memory(): BenchRow[] {
  const filled = new Filled({ maxBytes: 400 * MEGABYTE, maxEntries: MILLION })
  const start = performance.now()
  for (let i = 0; i < MILLION; i++) {
    filled.store(wireOf(i), publicAnswer(i))
  }
  const value = ((performance.now() - start) / MILLION) * 1e6
  const { entries, bytes, evictions } = filled.writer.figures
  const slots = filled.buffers.slots.byteLength
  return [
    {
      name: 'cache: a million names, entries and slots',
      value: (bytes + slots) / MEGABYTE,
      unit: 'MB',
      note: `${entries} kept, ${evictions} evicted`,
    },
    { name: '— store one, its making included', value, unit: 'ns/op' },
  ]
}

/** Hits of the cache and of the models on the same requests. */
function hitRatios(skew: number): BenchRow[] {
  return [
    ...hitRatio(`Zipf ${skew}`, requests(skew, 'none')),
    ...hitRatio(`Zipf ${skew} with scans`, requests(skew, 'scans')),
    ...hitRatio(`Zipf ${skew} under a flood of random names`, requests(skew, 'flood')),
  ]
}

function hitRatio(name: string, trace: Int32Array): BenchRow[] {
  const popular = Array.from({ length: NAMES }, (_, i) => wireOf(i))
  const filled = new Filled({ maxBytes: 16 * MEGABYTE, maxEntries: ENTRIES })
  const models: readonly Model[] = [new LruModel(ENTRIES), new FifoModel(ENTRIES), new SieveModel(ENTRIES)]
  const hits = new Float64Array(1 + models.length)
  let asked = 0
  for (const number of trace) {
    const name = number < NAMES ? (popular[number] as Uint8Array) : wireOf(number)
    const isHit = filled.ask(name)
    if (!isHit) filled.store(name, addressAnswer())
    const isCounted = number < NAMES
    if (isCounted) asked++
    if (isHit && isCounted) hits[0] = (hits[0] as number) + 1
    models.forEach((model, i) => {
      if (model.ask(number) && isCounted) hits[1 + i] = (hits[1 + i] as number) + 1
    })
  }
  const ratio = (i: number): number => (hits[i] as number) / asked
  const misses = (1 - ratio(0)) / (1 - ratio(1))
  const others = models.map((model, i) => `${model.name} ${ratio(1 + i).toFixed(4)}`).join(', ')
  return [
    {
      name: `cache: hit ratio, ${name}`,
      value: ratio(0),
      unit: 'ratio',
      note: `${others}; misses ${misses.toFixed(3)} of LRU's`,
    },
  ]
}

/** Requests for names by popularity, and beyond {@link NAMES} for names that nobody asks for twice. */
function requests(skew: number, extra: 'none' | 'scans' | 'flood'): Int32Array {
  const random = generator(5)
  const pick = zipf(NAMES, skew, random)
  const trace = new Int32Array(REQUESTS)
  let next = NAMES
  for (let i = 0; i < REQUESTS; i++) {
    const isScan = extra === 'scans' ? i % SCAN_EVERY < SCAN_LENGTH : extra === 'flood' && random() < FLOOD
    trace[i] = isScan ? next++ : pick()
  }
  return trace
}

function zipf(count: number, skew: number, random: () => number): () => number {
  const sums = new Float64Array(count)
  let sum = 0
  for (let i = 0; i < count; i++) sums[i] = sum += 1 / (i + 1) ** skew
  return () => {
    const wanted = random() * sum
    let low = 0
    let high = count - 1
    while (low < high) {
      const middle = (low + high) >> 1
      if ((sums[middle] as number) < wanted) low = middle + 1
      else high = middle
    }
    return low
  }
}

if (import.meta.main) console.log(formatRows(await run()))
