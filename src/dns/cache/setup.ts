/** What the control thread hands to the threads of the data plane for the cache. */
import { randomInt } from 'node:crypto'
import { hashKeys } from '../../index/hash.ts'
import { monotonicMs } from './clock.ts'
import { allocateCacheFigures } from './figures.ts'
import { allocateCache, CACHE_CONTROL, type CacheBuffers, type CacheLimits } from './memory/layout.ts'
import type { CacheRules } from './rules.ts'

/** How answers from outside are kept. */
export interface CacheOptions extends CacheLimits {
  readonly rules: CacheRules
  /** Folded apexes of zones whose names are not kept. */
  readonly except: readonly Uint8Array[]
  /** Where the cache is written at the stop and read at the start; null: nowhere. */
  readonly file: string | null
}

/** Something about the file of the cache that a person should know. */
export interface CacheNotice {
  readonly event: 'cache_loaded' | 'cache_saved' | 'cache_file_ignored' | 'cache_file_unwritable'
  readonly message: string
}

/** The cache of one data plane. */
export interface CacheSetup {
  readonly options: CacheOptions
  readonly buffers: CacheBuffers
  /** Made by `allocateCacheFigures`. */
  readonly figures: SharedArrayBuffer
}

/** Makes the memory of a cache. @param udpThreads threads 0 to this; the next one writes. */
export function makeCacheSetup(options: CacheOptions, udpThreads: number): CacheSetup {
  const buffers = allocateCache(options, hashKeys(randomInt(2 ** 32)), monotonicMs())
  new Int32Array(buffers.control)[CACHE_CONTROL.readers] = udpThreads
  return { options, buffers, figures: allocateCacheFigures(udpThreads + 1) }
}
