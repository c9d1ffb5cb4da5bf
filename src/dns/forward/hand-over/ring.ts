/**
 * How the batched UDP threads hand queries to the thread that forwards: a ring in shared memory for each of them, with
 * one writer and one reader, so nothing is locked and nothing is allocated.
 *
 * ```
 *   ring     ┌─────────┬───────┬────────┬────────┬───┬────────┐
 *            │ written │ taken │ record │ record │ … │ record │     octets since the start, modulo the ring's size
 *            └─────────┴───────┴────────┴────────┴───┴────────┘
 *   record   ┌───────┬────────────┬──────┬─────────┬──────────┬─────────┬────────┬───────┐
 *            │ bytes │ descriptor │ view │ lengths │ sockaddr │ control │ source │ query │
 *            └───────┴────────────┴──────┴─────────┴──────────┴─────────┴────────┴───────┘
 *              0 bytes: the rest of the ring is not used, go on at its start
 * ```
 *
 * The reader sleeps in its event loop. The `asleep` word says so, and then a writer wakes it with one octet through a
 * pipe: a tenth of what `Atomics.notify` or a message to an event loop costs the writer (docs/decisions/0009).
 */

/** Octets of records that one ring holds: some thousands of queries. */
const RING_BYTES = 1 << 19
const HEAD_BYTES = 128
const WRITTEN = 0
const TAKEN = 16

const NAME_WORDS = 7
const CONTROL_WORDS = 10
/** The client's address, which is not that of the sockaddr when a balancer sent the packet. */
const SOURCE_WORDS = 4
const NOBODY = new Uint8Array(4 * SOURCE_WORDS)

/** Octets of a record before its query; see the drawing. */
export const RECORD: Readonly<
  Record<'descriptor' | 'view' | 'queryLength' | 'controlLength' | 'name' | 'control' | 'source' | 'query', number>
> = {
  descriptor: 4,
  view: 8,
  queryLength: 12,
  controlLength: 14,
  name: 16,
  control: 16 + 4 * NAME_WORDS,
  source: 16 + 4 * (NAME_WORDS + CONTROL_WORDS),
  query: 16 + 4 * (NAME_WORDS + CONTROL_WORDS + SOURCE_WORDS),
}

/** Memory of a ring. */
export function allocateRing(): SharedArrayBuffer {
  return new SharedArrayBuffer(HEAD_BYTES + RING_BYTES)
}

/** The word that says that the reader is asleep. */
export function allocateBell(): SharedArrayBuffer {
  return new SharedArrayBuffer(64)
}

/** What a packet is read from: the memory of a batch, in words. */
export interface PacketMemory {
  /** Headers, names and control messages. */
  readonly memory: Int32Array
  readonly input: Int32Array
}

/** The writing side, in a UDP thread. */
export class HandOverWriter {
  readonly #words: Int32Array
  readonly #bell: Int32Array
  readonly #wake: () => void
  #written: number
  #published: number

  /** @param wake writes to the pipe that the reader waits at. */
  constructor(ring: SharedArrayBuffer, bell: SharedArrayBuffer, wake: () => void) {
    this.#words = new Int32Array(ring)
    this.#bell = new Int32Array(bell)
    this.#wake = wake
    // A thread that died may have written more than it has told.
    this.#written = Atomics.load(this.#words, WRITTEN)
    this.#published = this.#written
  }

  /**
   * Puts a query behind the others; it is seen after {@link flush}. Offsets are octets, and all but `sourceAt` are
   * multiples of four.
   *
   * @returns false when the ring is full.
   */
  put(
    packet: PacketMemory,
    nameAt: number,
    controlAt: number,
    controlLength: number,
    queryAt: number,
    queryLength: number,
    descriptor: number,
    view: number,
    source: Uint8Array = NOBODY,
    sourceAt = 0,
  ): boolean {
    const words = this.#words
    const octets = (RECORD.query + queryLength + 7) & ~7
    let at = this.#written & (RING_BYTES - 1)
    const rest = RING_BYTES - at
    const needed = octets > rest ? rest + octets : octets
    if (((this.#written - Atomics.load(words, TAKEN)) >>> 0) + needed > RING_BYTES) return false
    if (octets > rest) {
      words[(HEAD_BYTES + at) >> 2] = 0
      at = 0
    }
    const word = (HEAD_BYTES + at) >> 2
    words[word] = octets
    words[word + 1] = descriptor
    words[word + 2] = view
    words[word + 3] = queryLength | (controlLength << 16)
    const { memory, input } = packet
    for (let i = 0; i < NAME_WORDS; i++) words[word + 4 + i] = memory[(nameAt >> 2) + i] as number
    const control = word + 4 + NAME_WORDS
    for (let i = 0; i < CONTROL_WORDS; i++) words[control + i] = memory[(controlAt >> 2) + i] as number
    const client = control + CONTROL_WORDS
    for (let i = 0; i < SOURCE_WORDS; i++) words[client + i] = wordAt(source, sourceAt + 4 * i)
    const query = client + SOURCE_WORDS
    for (let i = 0; i < (queryLength + 3) >> 2; i++) words[query + i] = input[(queryAt >> 2) + i] as number
    this.#written = (this.#written + needed) | 0
    return true
  }

  /** Shows what was put, and wakes the reader when it is asleep. Costs one comparison when nothing was put. */
  flush(): void {
    if (this.#written === this.#published) return
    this.#published = this.#written
    Atomics.store(this.#words, WRITTEN, this.#written)
    if (Atomics.exchange(this.#bell, 0, 0) === 1) this.#wake()
  }
}

/** The reading side, in the thread that forwards; one for all rings. */
export class HandOverReader {
  readonly #rings: readonly { readonly words: Int32Array; readonly bytes: Uint8Array }[]
  readonly #bell: Int32Array

  constructor(rings: readonly SharedArrayBuffer[], bell: SharedArrayBuffer) {
    this.#rings = rings.map(ring => ({ words: new Int32Array(ring), bytes: new Uint8Array(ring) }))
    this.#bell = new Int32Array(bell)
  }

  /**
   * Takes up to `most` records of each ring. Each is given as a copy; see {@link RECORD}.
   *
   * @returns whether there may be more.
   */
  take(most: number, each: (record: Uint8Array) => void): boolean {
    let isMore = false
    for (const ring of this.#rings) if (this.#takeFrom(ring, most, each)) isMore = true
    return isMore
  }

  /** Says that the next query must wake us. @returns false when there is one already. */
  sleep(): boolean {
    Atomics.store(this.#bell, 0, 1)
    if (this.#rings.every(({ words }) => Atomics.load(words, WRITTEN) === Atomics.load(words, TAKEN))) return true
    Atomics.store(this.#bell, 0, 0)
    return false
  }

  #takeFrom(
    { words, bytes }: { readonly words: Int32Array; readonly bytes: Uint8Array },
    most: number,
    each: (record: Uint8Array) => void,
  ): boolean {
    const written = Atomics.load(words, WRITTEN)
    let taken = Atomics.load(words, TAKEN)
    for (let count = 0; taken !== written; count++) {
      if (count === most) return true
      const at = taken & (RING_BYTES - 1)
      const octets = words[(HEAD_BYTES + at) >> 2] as number
      if (octets === 0) {
        taken = (taken + RING_BYTES - at) | 0
        count--
      } else {
        const record = bytes.slice(HEAD_BYTES + at, HEAD_BYTES + at + octets)
        taken = (taken + octets) | 0
        // Before it is looked at: a record that fails is not met again.
        Atomics.store(words, TAKEN, taken)
        each(record)
      }
      Atomics.store(words, TAKEN, taken)
    }
    return false
  }
}

/** Four octets as they lie in memory. */
function wordAt(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  )
}
