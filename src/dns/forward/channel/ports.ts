/** Source ports of questions to upstreams. */
import type { RandomSource } from '../exchange/random.ts'

/** Below are ports that services take; 55,536 are left: 15.8 bits that nobody can guess (RFC 5452 section 9.2). */
const LOWEST_PORT = 10_000

/** A port at random. */
export function randomPort(random: RandomSource): number {
  return LOWEST_PORT + random.below(0x10000 - LOWEST_PORT)
}
