/** The slots of the lookup table: layout, key and hash. The structure is drawn in `table.ts`. */
import type { Protocol } from '../cluster/objects.ts'

export const PAGE_BITS = 10
export const PAGE_SLOTS: number = 1 << PAGE_BITS
/** Words of a slot: four of the address, port and protocol, the entry number. */
export const STRIDE = 6
/** Port and protocol of a slot that was never used. */
export const FREE = 0
/** Port and protocol of a slot whose route has left: probing goes on behind it. */
export const DELETED = -1

/** Never {@link FREE} or {@link DELETED}. */
export function portKey(port: number, protocol: Protocol): number {
  return (port << 2) | (protocol === 'TCP' ? 1 : protocol === 'UDP' ? 2 : 3)
}

/**
 * Where probing for a key starts. Every word has an odd multiplier of its own and the high bits of the sum count
 * (multiply-shift hashing): five multiplications that do not wait for each other, and consecutive addresses spread
 * evenly.
 *
 * @param shift 32 minus the binary logarithm of the number of slots.
 */
export function slotOf(a0: number, a1: number, a2: number, a3: number, key: number, shift: number): number {
  const low = Math.imul(a3, 0x9e3779b1) + Math.imul(a2, 0x85ebca77)
  const high = Math.imul(a1, 0xc2b2ae3d) + Math.imul(a0, 0x27d4eb2f)
  return (low + high + Math.imul(key, 0x165667b1)) >>> shift
}

/** The four bytes at `i`, big-endian, as a signed word. */
export function wordAt(bytes: Uint8Array, i: number): number {
  return (
    ((bytes[i] as number) << 24) |
    ((bytes[i + 1] as number) << 16) |
    ((bytes[i + 2] as number) << 8) |
    (bytes[i + 3] as number)
  )
}

/** Slots for that many routes, a power of two, filled to at most a third so that there is room to grow. */
export function capacityFor(routes: number): number {
  return Math.max(PAGE_SLOTS, 2 ** Math.ceil(Math.log2(2 * routes + 1)))
}
