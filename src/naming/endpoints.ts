/**
 * The endpoints of one Service over all its slices, one an address.
 *
 * ```
 *            slice "web-a"      slice "web-b"
 *   flat     ┌──┬──┬──┬──┐      ┌──┬──┬──┐
 *   position │0 │1 │2 │3 │      │4 │5 │6 │      addresses: 16 octets a position
 *            └──┴──┴──┴──┘      └──┴──┴──┘
 *   position 5 has the address of 2: endpoint 2 has the copies [2, 5]
 * ```
 *
 * An endpoint is named by the first position of its address, slices taken in the order of their names, so that neither
 * files nor events decide. The EndpointSlice API lets an address be in several slices; which copy speaks for the
 * endpoint is the route table's rule: not terminating before terminating, then ready, then serving, then the slice's
 * name.
 */
import { type EndpointMeta, type EndpointSlice, READY, SERVING, TERMINATING } from '../cluster/objects.ts'
import { ADDRESS_BYTES, familyOf } from '../ip/address.ts'
import { TYPE } from '../wire/record-type.ts'

/** A flat position. */
export type Position = number

export class Endpoints {
  /** Sorted by name; slices of type FQDN are left out (kube-proxy and CoreDNS ignore them). */
  readonly slices: readonly EndpointSlice[]
  /** 16 octets a position. Views into it serve as RDATA, so it is never written again. */
  readonly addresses: Uint8Array<ArrayBuffer>
  /** The endpoints whose speaking copy is ready, in order of position. */
  readonly ready: readonly Position[]
  /** Endpoints that have more than one copy → all of them, in order. Nearly always empty. */
  readonly copies: ReadonlyMap<Position, readonly Position[]>

  readonly #words: Int32Array
  readonly #sliceOf: Int32Array
  readonly #starts: number[] = []
  readonly #rdatas: Uint8Array[] = []
  /** Open addressing over addresses: position + 1, 0 is free. */
  readonly #slots: Int32Array

  constructor(slices: readonly EndpointSlice[]) {
    this.slices = sortByName(slices.filter(slice => slice.addressType !== 'FQDN'))
    let total = 0
    for (const slice of this.slices) {
      this.#starts.push(total)
      total += slice.conditions.length
    }
    this.addresses = new Uint8Array(ADDRESS_BYTES * total)
    this.#words = new Int32Array(this.addresses.buffer)
    this.#sliceOf = new Int32Array(total)
    this.#slots = new Int32Array(slotsFor(total))
    this.slices.forEach((slice, i) => {
      const start = this.#starts[i] as number
      this.addresses.set(slice.addresses, ADDRESS_BYTES * start)
      this.#sliceOf.fill(i, start, start + slice.conditions.length)
    })
    const copies = new Map<Position, Position[]>()
    for (let position = 0; position < total; position++) this.#insert(position, copies)
    this.copies = copies
    this.ready = copies.size === 0 ? this.#readyPositions() : this.#readyOnes(copies)
  }

  /** Flat positions, copies included. */
  get total(): number {
    return this.#sliceOf.length
  }

  /** The number of the slice in {@link slices}. */
  sliceOf(position: Position): number {
    return this.#sliceOf[position] as number
  }

  /** Position of the first endpoint of slice number `slice`. */
  startOf(slice: number): Position {
    return this.#starts[slice] as number
  }

  sliceAt(position: Position): EndpointSlice {
    return this.slices[this.#sliceOf[position] as number] as EndpointSlice
  }

  metaAt(position: Position): EndpointMeta {
    const slice = this.#sliceOf[position] as number
    const { meta } = this.slices[slice] as EndpointSlice
    return meta[position - (this.#starts[slice] as number)] as EndpointMeta
  }

  conditionsAt(position: Position): number {
    const slice = this.#sliceOf[position] as number
    const { conditions } = this.slices[slice] as EndpointSlice
    return conditions[position - (this.#starts[slice] as number)] as number
  }

  /** The endpoint with this address, or −1. */
  find(bytes: Uint8Array, offset = 0): Position {
    PROBE_BYTES.set(offset === 0 && bytes.length === ADDRESS_BYTES ? bytes : bytes.subarray(offset, offset + 16))
    return (this.#slots[this.#slotOf(PROBE, 0)] as number) - 1
  }

  /** {@link find} for the address at a position of another Service's endpoints. */
  findSame(other: Endpoints, position: Position): Position {
    return (this.#slots[this.#slotOf(other.#words, 4 * position)] as number) - 1
  }

  /** Whether two positions have the same address. */
  sameAddress(position: Position, other: Endpoints, otherPosition: Position): boolean {
    return equalWords(this.#words, 4 * position, other.#words, 4 * otherPosition)
  }

  /** The copy that speaks for the endpoint. */
  speaker(endpoint: Position): Position {
    const copies = this.copies.size === 0 ? undefined : this.copies.get(endpoint)
    if (copies === undefined) return endpoint
    return copies.reduce((best, copy) => (this.rankAt(copy) > this.rankAt(best) ? copy : best))
  }

  /** Whether the endpoint is ready: whether its speaking copy is. */
  isReady(endpoint: Position): boolean {
    return this.isReadyAt(this.speaker(endpoint))
  }

  isReadyAt(position: Position): boolean {
    return (this.conditionsAt(position) & READY) !== 0
  }

  /** How good the conditions at a position are; the highest speaks for the address. */
  rankAt(position: Position): number {
    const conditions = this.conditionsAt(position)
    const isReady = (conditions & READY) !== 0
    return ((conditions & TERMINATING) !== 0 ? 0 : 4) + (isReady ? 2 : 0) + ((conditions & SERVING) !== 0 ? 1 : 0)
  }

  typeAt(position: Position): number {
    return familyOf(this.addresses, ADDRESS_BYTES * position) === 'IPv4' ? TYPE.A : TYPE.AAAA
  }

  /** RDATA of the A or AAAA record (RFC 1035 section 3.4.1, RFC 3596 section 2.2): a view, one a position. */
  rdataAt(position: Position): Uint8Array {
    this.#rdatas[position] ??= this.#makeRdata(position)
    return this.#rdatas[position]
  }

  #makeRdata(position: Position): Uint8Array {
    const at = ADDRESS_BYTES * position
    const skip = familyOf(this.addresses, at) === 'IPv4' ? 12 : 0
    return new Uint8Array(this.addresses.buffer, at + skip, ADDRESS_BYTES - skip)
  }

  /** Where no address has a copy. */
  #readyPositions(): Position[] {
    const ready: Position[] = []
    let position = 0
    for (const { conditions } of this.slices) {
      const end = position + conditions.length
      for (let i = 0; position < end; i++, position++)
        if (((conditions[i] as number) & READY) !== 0) ready.push(position)
    }
    return ready
  }

  #readyOnes(copies: ReadonlyMap<Position, readonly Position[]>): Position[] {
    const later = new Set<Position>()
    for (const positions of copies.values()) for (const copy of positions.slice(1)) later.add(copy)
    const ready: Position[] = []
    for (let position = 0; position < this.total; position++) {
      if (!later.has(position) && this.isReady(position)) ready.push(position)
    }
    return ready
  }

  #insert(position: Position, copies: Map<Position, Position[]>): void {
    const slot = this.#slotOf(this.#words, 4 * position)
    const found = (this.#slots[slot] as number) - 1
    if (found < 0) {
      this.#slots[slot] = position + 1
      return
    }
    const list = copies.get(found)
    if (list === undefined) copies.set(found, [found, position])
    else list.push(position)
  }

  /** Where the address is, or the free slot where it would be. */
  #slotOf(words: Int32Array, at: number): number {
    const mask = this.#slots.length - 1
    let slot = hashWords(words, at) & mask
    for (;;) {
      const taken = this.#slots[slot] as number
      if (taken === 0 || equalWords(this.#words, 4 * (taken - 1), words, at)) return slot
      slot = (slot + 1) & mask
    }
  }
}

const PROBE = new Int32Array(4)
const PROBE_BYTES = new Uint8Array(PROBE.buffer)

function sortByName(slices: readonly EndpointSlice[]): readonly EndpointSlice[] {
  const isSorted = slices.every((slice, i) => i === 0 || (slices[i - 1] as EndpointSlice).name <= slice.name)
  return isSorted ? slices : slices.toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
}

function slotsFor(total: number): number {
  let slots = 4
  while (slots < 2 * total) slots *= 2
  return slots
}

function hashWords(words: Int32Array, at: number): number {
  let hash = Math.imul(words[at] as number, 0x85eb_ca6b) ^ (words[at + 1] as number)
  hash = Math.imul(hash ^ (hash >>> 15), 0xc2b2_ae35) ^ (words[at + 2] as number)
  hash = Math.imul(hash ^ (hash >>> 15), 0x27d4_eb2f) ^ (words[at + 3] as number)
  hash = Math.imul(hash ^ (hash >>> 15), 0x85eb_ca6b)
  return hash ^ (hash >>> 13)
}

function equalWords(a: Int32Array, aAt: number, b: Int32Array, bAt: number): boolean {
  return a[aAt + 3] === b[bAt + 3] && a[aAt + 2] === b[bAt + 2] && a[aAt + 1] === b[bAt + 1] && a[aAt] === b[bAt]
}
