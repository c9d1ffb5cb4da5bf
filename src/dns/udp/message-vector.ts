/**
 * The fixed memory of a batch: what recvmmsg(2) fills and sendmmsg(2) reads, allocated once and wired with pointers once.
 *
 * ```
 *   memory   ┌────────────┬────────────┬──────────┬──────────┬────────────┬────────────┐
 *            │ 64 mmsghdr │ 64 mmsghdr │ 64 iovec │ 64 iovec │ 64 sockaddr│ 64 cmsg    │
 *            │ to receive │ to send    │ receive  │ send     │ (shared)   │ (shared)   │
 *            └─────┬──────┴─────┬──────┴────┬─────┴────┬─────┴────────────┴────────────┘
 *   receive i ─────┘ name → sockaddr i, control → cmsg i, iovec i → input slot i
 *   send j ─────────────────────┘ name, control → those of the packet it answers, iovec j → output slot j
 * ```
 *
 * Replies are packed: reply j answers packet i ≥ j, because some packets get none. So one sendmmsg sends them all.
 */
import { IOVEC, MMSGHDR, PKTINFO, type Pointer, SOCKADDR, type SystemCalls } from './system-calls.ts'

/** Packets in a batch. */
export const BATCH = 64

/** Longest query that is read; a longer one is dropped. Queries are short: one question and a few EDNS options. */
export const MAX_QUERY = 4096

/** Longest reply over UDP, whatever limit is configured. */
export const MAX_REPLY = 4096

/** Distance of two packet slots: three cache lines off 4096, so that their first lines do not share a set of the L1 cache. */
export const SLOT: number = 4096 + 3 * 64

const NAME_STRIDE = 32
const CONTROL_STRIDE = 64

const RECEIVE = 0
const SEND = RECEIVE + BATCH * MMSGHDR.bytes
const RECEIVE_VECTORS = SEND + BATCH * MMSGHDR.bytes
const SEND_VECTORS = RECEIVE_VECTORS + BATCH * IOVEC.bytes
const NAMES = SEND_VECTORS + BATCH * IOVEC.bytes
const CONTROLS = NAMES + BATCH * NAME_STRIDE
const END = CONTROLS + BATCH * CONTROL_STRIDE

/** See the drawing above. All methods are free of allocation. */
export class MessageVector {
  /** Received packets, packet i at `i * SLOT`. */
  readonly input: Uint8Array = new Uint8Array(new ArrayBuffer(BATCH * SLOT))
  /** Replies, reply j at `j * SLOT`. */
  readonly output: Uint8Array = new Uint8Array(new ArrayBuffer(BATCH * SLOT))
  /** Headers, names and control messages. */
  readonly memory: Uint8Array = new Uint8Array(new ArrayBuffer(END))
  readonly receivePointer: Pointer
  /** {@link memory} and {@link input} in words. */
  readonly words: { readonly memory: Int32Array; readonly input: Int32Array } = {
    memory: new Int32Array(this.memory.buffer),
    input: new Int32Array(this.input.buffer),
  }
  /** Where the headers to send begin, from reply j on. */
  readonly sendPointers: readonly Pointer[]
  readonly #words: Uint32Array = new Uint32Array(this.memory.buffer)
  /** Low and high word of the pointers to name i and control message i. */
  readonly #namePointers: Uint32Array = new Uint32Array(2 * BATCH)
  readonly #controlPointers: Uint32Array = new Uint32Array(2 * BATCH)

  constructor(calls: Pick<SystemCalls, 'pointerTo'>) {
    const base = calls.pointerTo(this.memory)
    const input = calls.pointerTo(this.input)
    const output = calls.pointerTo(this.output)
    const at = (offset: number): Pointer => base + BigInt(offset)
    this.receivePointer = at(RECEIVE)
    this.sendPointers = Array.from({ length: BATCH }, (_, j) => at(SEND + j * MMSGHDR.bytes))
    for (let i = 0; i < BATCH; i++) {
      const receive = RECEIVE + i * MMSGHDR.bytes
      const send = SEND + i * MMSGHDR.bytes
      this.#setPointer(receive + MMSGHDR.name, at(nameOffset(i)))
      this.#setPointer(receive + MMSGHDR.control, at(controlOffset(i)))
      this.#setVector(receive, RECEIVE_VECTORS + i * IOVEC.bytes, base, input + BigInt(i * SLOT), MAX_QUERY)
      this.#setVector(send, SEND_VECTORS + i * IOVEC.bytes, base, output + BigInt(i * SLOT), 0)
      // Long enough for both families; the kernel reads a sockaddr_in from it just as well.
      this.#words[(send + MMSGHDR.nameLength) >> 2] = SOCKADDR.bytes
      this.#namePointers.set(splitPointer(at(nameOffset(i))), 2 * i)
      this.#controlPointers.set(splitPointer(at(controlOffset(i))), 2 * i)
    }
    this.rearm(BATCH)
  }

  /** Makes the first `count` headers ready to receive again: the kernel has overwritten the lengths. */
  rearm(count: number): void {
    const words = this.#words
    for (let i = 0; i < count; i++) {
      const header = (RECEIVE + i * MMSGHDR.bytes) >> 2
      words[header + (MMSGHDR.nameLength >> 2)] = SOCKADDR.bytes
      words[header + (MMSGHDR.controlLength >> 2)] = CONTROL_STRIDE
    }
  }

  /** Bytes of packet i. */
  lengthOf(i: number): number {
    return this.#words[(RECEIVE + i * MMSGHDR.bytes + MMSGHDR.length) >> 2] as number
  }

  /** Bytes of reply j. */
  replyLength(j: number): number {
    return this.#words[(SEND_VECTORS + j * IOVEC.bytes + IOVEC.length) >> 2] as number
  }

  /** Flags of packet i, for example MSG_TRUNC. */
  flagsOf(i: number): number {
    return this.#words[(RECEIVE + i * MMSGHDR.bytes + MMSGHDR.flags) >> 2] as number
  }

  /** Whether packet i came with a control message. */
  hasControl(i: number): boolean {
    const length = this.#words[(RECEIVE + i * MMSGHDR.bytes + MMSGHDR.controlLength) >> 2] as number
    return length > PKTINFO.data
  }

  /** Makes reply j, of `length` bytes, go to the sender of packet i; with packet i's control message when it has `controlLength`. */
  address(j: number, i: number, length: number, controlLength: number): void {
    const words = this.#words
    const header = (SEND + j * MMSGHDR.bytes) >> 2
    words[header] = this.#namePointers[2 * i] as number
    words[header + 1] = this.#namePointers[2 * i + 1] as number
    words[header + (MMSGHDR.control >> 2)] = this.#controlPointers[2 * i] as number
    words[header + (MMSGHDR.control >> 2) + 1] = this.#controlPointers[2 * i + 1] as number
    words[header + (MMSGHDR.controlLength >> 2)] = controlLength
    words[(SEND_VECTORS + j * IOVEC.bytes + IOVEC.length) >> 2] = length
  }

  /** Makes message j, of `length` bytes, go to the peer of a connected socket. */
  plain(j: number, length: number): void {
    this.#words[(SEND_VECTORS + j * IOVEC.bytes + IOVEC.length) >> 2] = length
  }

  #setVector(header: number, vector: number, base: Pointer, bytes: Pointer, length: number): void {
    this.#setPointer(header + MMSGHDR.vector, base + BigInt(vector))
    this.#words[(header + MMSGHDR.vectorLength) >> 2] = 1
    this.#setPointer(vector + IOVEC.base, bytes)
    this.#words[(vector + IOVEC.length) >> 2] = length
  }

  #setPointer(offset: number, pointer: Pointer): void {
    this.#words.set(splitPointer(pointer), offset >> 2)
  }
}

/** Where sockaddr i begins in {@link MessageVector.memory}. */
export function nameOffset(i: number): number {
  return NAMES + i * NAME_STRIDE
}

/** Where control message i begins in {@link MessageVector.memory}. */
export function controlOffset(i: number): number {
  return CONTROLS + i * CONTROL_STRIDE
}

function splitPointer(pointer: Pointer): [low: number, high: number] {
  return [Number(pointer & 0xffff_ffffn), Number(pointer >> 32n)]
}
