/**
 * Cuts a TCP byte stream into DNS messages, each behind its length in two octets (RFC 1035 section 4.2.2; RFC 7766
 * section 8 asks to accept a message over any number of segments and any number of messages in one).
 */

/** Longest message that a length of two octets can announce. */
export const MAX_MESSAGE = 0xffff

const SMALLEST = 512
const EMPTY = new Uint8Array(0)

/**
 * Holds the bytes that were received and not yet taken. A segment is used where it lies; only what is left of it at
 * {@link settle} is copied, into memory that grows with what arrived and not with what a length field promises.
 */
export class FrameReader {
  /** After {@link next} returned true: the message lies here, from `start` for `length` bytes. */
  bytes: Uint8Array = EMPTY
  start = 0
  length = 0
  #position = 0
  #end = 0
  /** Whether `bytes` is ours to append to, and not the segment of the caller. */
  #owned = false

  /** Bytes received and not taken. */
  get held(): number {
    return this.#end - this.#position
  }

  /** Adds received bytes. They must not change before {@link settle}. */
  push(segment: Uint8Array): void {
    if (this.held === 0) {
      this.bytes = segment
      this.#owned = false
      this.#position = 0
      this.#end = segment.length
      return
    }
    this.#reserve(segment.length)
    this.bytes.set(segment, this.#end)
    this.#end += segment.length
  }

  /** Takes the next whole message, see {@link bytes}. A message of length 0 is a message. */
  next(): boolean {
    if (this.held < 2) return false
    const length = ((this.bytes[this.#position] as number) << 8) | (this.bytes[this.#position + 1] as number)
    if (this.held < 2 + length) return false
    this.start = this.#position + 2
    this.length = length
    this.#position = this.start + length
    return true
  }

  /** Lets go of the segment: what is left of it is copied. */
  settle(): void {
    if (this.held === 0) {
      this.bytes = EMPTY
      this.#position = 0
      this.#end = 0
    } else if (!this.#owned) {
      this.#reserve(0)
    }
  }

  /** Makes room behind the held bytes: moves them to the front, or to memory of at least twice their size. */
  #reserve(room: number): void {
    const held = this.held
    const isRoomy = this.#owned && this.bytes.length >= held + room
    if (isRoomy && this.bytes.length >= this.#end + room) return
    const target = isRoomy ? this.bytes : new Uint8Array(Math.max(SMALLEST, 2 * held, held + room))
    if (isRoomy) target.copyWithin(0, this.#position, this.#end)
    else target.set(this.bytes.subarray(this.#position, this.#end))
    this.bytes = target
    this.#owned = true
    this.#position = 0
    this.#end = held
  }
}
