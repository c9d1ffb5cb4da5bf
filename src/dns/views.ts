/**
 * Which network a source address belongs to: longest match over the prefixes of every network.
 *
 * Prefixes nest or are disjoint, so they cut the 128-bit line into segments that each belong to one view. The segments
 * lie in shared memory and are found by one binary search, whatever the number of prefix lengths:
 *
 * ```
 *   words   0        1 … 4n                        4n+1 … 5n
 *         ┌───┬──────────────────────────────┬────────────────────┐
 *         │ n │ first address of segment i   │ view of segment i  │
 *         └───┴──────────────────────────────┴────────────────────┘
 *                4 words, highest first;        −1: no network
 *                top bit flipped, so that signed comparison is address order
 * ```
 *
 * The first segment starts at `::`. IPv4 addresses are IPv4-mapped, and no IPv6 prefix reaches into them: `::/0` is
 * every IPv6 address and no IPv4 address.
 */
import { addressFromBigInt, addressToBigInt } from '../ip/address.ts'
import type { Prefix } from '../ip/prefix.ts'

/** A source prefix and the view (number of the network) that it sees. */
export interface ViewPrefix {
  readonly prefix: Prefix
  readonly view: number
}

/** What {@link ViewTable.find} gives for a source of no network. */
export const NO_VIEW = -1

interface Range {
  readonly start: bigint
  readonly end: bigint
  readonly view: number
}

interface Segment {
  readonly start: bigint
  readonly view: number
}

const ADDRESS_SPACE_END = 1n << 128n
/** `::ffff:0:0/96`, where IPv4 addresses lie (RFC 4291 section 2.5.5.2). */
const IPV4_SPACE: Range = { start: 0xffff_0000_0000n, end: 0x1_0000_0000_0000n, view: NO_VIEW }

/** Packs prefixes for {@link ViewTable}. Of two equal prefixes the later one counts. */
export function packViews(prefixes: readonly ViewPrefix[]): SharedArrayBuffer {
  const segments = cutSegments([IPV4_SPACE, ...prefixes.map(rangeOf)])
  const words = new Int32Array(new SharedArrayBuffer(4 * (1 + 5 * segments.length)))
  words[0] = segments.length
  segments.forEach((segment, i) => {
    const bytes = addressFromBigInt(segment.start)
    for (let word = 0; word < 4; word++) words[1 + 4 * i + word] = wordAt(bytes, 4 * word)
    words[1 + 4 * segments.length + i] = segment.view
  })
  return words.buffer
}

/** The reading side; one for each thread. */
export class ViewTable {
  #words: Int32Array

  constructor(table: SharedArrayBuffer) {
    this.#words = new Int32Array(table)
  }

  /** Takes another table made by {@link packViews}. */
  adopt(table: SharedArrayBuffer): void {
    this.#words = new Int32Array(table)
  }

  /** The view of the 16-byte address at `offset` (IPv4 as IPv4-mapped), or {@link NO_VIEW}. */
  find(bytes: Uint8Array, offset: number): number {
    const words = this.#words
    const count = words[0] as number
    if (count === 1) return words[5] as number
    const first = wordAt(bytes, offset)
    const second = wordAt(bytes, offset + 4)
    const third = wordAt(bytes, offset + 8)
    const fourth = wordAt(bytes, offset + 12)
    let low = 0
    let high = count - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      const at = 1 + 4 * middle
      let difference = compare(words[at] as number, first)
      if (difference === 0) difference = compare(words[at + 1] as number, second)
      if (difference === 0) difference = compare(words[at + 2] as number, third)
      if (difference === 0) difference = compare(words[at + 3] as number, fourth)
      if (difference <= 0) low = middle
      else high = middle - 1
    }
    return words[1 + 4 * count + low] as number
  }
}

function compare(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function wordAt(bytes: Uint8Array, offset: number): number {
  const word =
    ((bytes[offset] as number) << 24) |
    ((bytes[offset + 1] as number) << 16) |
    ((bytes[offset + 2] as number) << 8) |
    (bytes[offset + 3] as number)
  return word ^ 0x8000_0000
}

function rangeOf({ prefix, view }: ViewPrefix): Range {
  const start = addressToBigInt(prefix.address)
  const hostBits = (prefix.family === 'IPv6' ? 128 : 32) - prefix.length
  return { start, end: start + (1n << BigInt(hostBits)), view }
}

/** Sweeps over nested ranges, outer before inner, with the ranges that are open at the moment on a stack. */
function cutSegments(ranges: readonly Range[]): Segment[] {
  const segments: Segment[] = []
  const open: Range[] = [{ start: 0n, end: ADDRESS_SPACE_END, view: NO_VIEW }]
  const begin = (start: bigint, view: number): void => {
    if (segments.at(-1)?.start === start) segments.pop()
    if (segments.at(-1)?.view !== view) segments.push({ start, view })
  }
  const closeUntil = (address: bigint): void => {
    for (let top = open.at(-1); top !== undefined && top.end <= address; top = open.at(-1)) {
      open.pop()
      if (top.end < ADDRESS_SPACE_END) begin(top.end, open.at(-1)?.view ?? NO_VIEW)
    }
  }
  begin(0n, NO_VIEW)
  for (const range of ranges.toSorted(byStartThenOuter)) {
    closeUntil(range.start)
    open.push(range)
    begin(range.start, range.view)
  }
  closeUntil(ADDRESS_SPACE_END)
  return segments
}

function byStartThenOuter(a: Range, b: Range): number {
  if (a.start !== b.start) return a.start < b.start ? -1 : 1
  return a.end === b.end ? 0 : a.end > b.end ? -1 : 1
}
