/** Which backend of a route gets the next connection. Nothing is allocated once a route was chosen from. */
import { familyOf } from '../ip/address.ts'
import { AFFINE, ALL, type ChoiceContext, KIND_MASK, LONG, NONE, SHORT } from './choice-context.ts'
import { DROP, REJECT } from './eligible.ts'
import { avalanche } from './hash.ts'
import { NUMBER_BITS } from './slots.ts'

/**
 * Chooses a backend of an entry that `context.table.lookup` gave.
 *
 * @param client from {@link clientHash}; −1: the client is not known.
 * @returns the index in `backends` of the route, or `REJECT` (no endpoint at all) or `DROP` (policy Local, none here).
 */
export function choose(entry: number, context: ChoiceContext, client = -1): number {
  const plain = entry >>> NUMBER_BITS
  if (plain !== 0 && context.isPlain) return lessLoaded(entry, context, ALL, 0, 0, plain)
  const at = context.recordOf(entry)
  const head = context.bytes[at] as number
  const kind = head & KIND_MASK
  if (kind === NONE) return context.bytes[at + 1] === -DROP ? DROP : REJECT
  const { policy } = context.options
  if (client >= 0 && ((head & AFFINE) !== 0 || policy === 'maglev')) return context.affine(entry, at, client)
  return pick(entry, context, kind, at, policy === 'round-robin')
}

/** Hash of a client's address (16 bytes), for affinity: equal on every replica, never negative. */
export function clientHash(bytes: Uint8Array, offset = 0): number {
  let h = familyOf(bytes, offset) === 'IPv6' ? 6 : 4
  for (let i = 0; i < 16; i++) h = (Math.imul(h, 0x01000193) ^ (bytes[offset + i] as number)) | 0
  return avalanche(h) >>> 0
}

/** Tier by tier: the first candidate below the spill limit, or the least loaded of all that were tried. */
function pick(entry: number, context: ChoiceContext, kind: number, at: number, isInTurn: boolean): number {
  const { load, spill } = context.options
  let first = 0
  let least = -1
  let leastLoad = Number.POSITIVE_INFINITY
  for (let tier = 0; tier < 3; tier++) {
    const end = endOf(context, kind, at, tier)
    if (end === first) continue
    const member = isInTurn ? inTurn(context, kind, at, first, end) : lessLoaded(entry, context, kind, at, first, end)
    if (load === null || spill === Number.POSITIVE_INFINITY) return member
    const present = load(entry, member)
    if (present < spill) return member
    if (least < 0 || present < leastLoad) {
      least = member
      leastLoad = present
    }
    first = end
  }
  return least
}

/** The next one of [first, end). */
function inTurn(context: ChoiceContext, kind: number, at: number, first: number, end: number): number {
  const { bytes, words } = context
  const next = (kind === SHORT ? bytes[at + 4] : words[(at >> 2) + 2]) as number
  const place = next < first || next >= end ? first : next
  if (kind === SHORT) bytes[at + 4] = place + 1
  else words[(at >> 2) + 2] = place + 1
  return memberOf(context, kind, at, place)
}

/** Two different ones at random, of which the less loaded: nearly as even as asking all of them, at the price of two. */
function lessLoaded(
  entry: number,
  context: ChoiceContext,
  kind: number,
  at: number,
  first: number,
  end: number,
): number {
  const { load, random } = context.options
  const size = end - first
  const drawn = random() * size
  const one = drawn | 0
  const member = memberOf(context, kind, at, first + one)
  if (load === null || size === 1) return member
  // What one draw leaves behind the point is uniform too, and has bits to spare.
  const two = ((drawn - one) * (size - 1)) | 0
  const other = memberOf(context, kind, at, first + (two < one ? two : two + 1))
  return load(entry, other) < load(entry, member) ? other : member
}

/** Where a tier ends. */
function endOf(context: ChoiceContext, kind: number, at: number, tier: number): number {
  if (kind === SHORT) return context.bytes[at + 1 + tier] as number
  const word = context.words[(at >> 2) + 1] as number
  return kind === LONG ? (context.lists[word + tier] as number) : word
}

/** The backend at a place of the record's list. */
function memberOf(context: ChoiceContext, kind: number, at: number, place: number): number {
  if (kind === ALL) return place
  if (kind === SHORT) return context.bytes[at + 5 + place] as number
  return context.lists[(context.words[(at >> 2) + 1] as number) + 3 + place] as number
}
