// How Node.js is started for `waypost serve`: what can be set only when a process starts.
import { fileURLToPath } from 'node:url'

/**
 * The young generation takes what a start with 10,000 Services makes in few collections, and no more memory afterwards
 * than a smaller one; threads of the data plane have one of 4 MB. With `gc` at hand the server gives back what a bulk of
 * work has left behind.
 */
export const FLAGS = ['--max-semi-space-size=16', '--expose-gc']

/**
 * glibc gives each thread a heap of its own that grows and stays; two are enough for us. Blocks of a megabyte and more
 * are given back to the system when they are freed. The compile cache spares every thread the TypeScript compiler after
 * the first start; where its folder cannot be written there is none.
 */
export function leanEnvironment() {
  const cache = fileURLToPath(new URL('../node_modules/.cache/waypost', import.meta.url))
  const allocator = { MALLOC_ARENA_MAX: '2', MALLOC_MMAP_THRESHOLD_: '1048576', MALLOC_TRIM_THRESHOLD_: '4194304' }
  return { ...allocator, NODE_COMPILE_CACHE: cache, ...process.env }
}
