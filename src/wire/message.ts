/** Reads DNS messages (RFC 1035 section 4) where speed does not matter: `waypost explain`, tests. */
import { MAX_NAME, type Name } from './name.ts'
import { TYPE } from './record-type.ts'

/** One resource record; names in its RDATA are whole, also where the message has pointers (RFC 3597 section 4). */
export interface MessageRecord {
  readonly name: Name
  readonly type: number
  readonly class: number
  /** Seconds. */
  readonly ttl: number
  readonly rdata: Uint8Array
}

/** A message, taken apart. */
export interface Message {
  readonly id: number
  /** The second word of the header as it is. */
  readonly flags: number
  /** The header's four bits; an extended code is not put together here. */
  readonly rcode: number
  readonly question: { readonly name: Name; readonly type: number; readonly class: number } | null
  readonly answers: readonly MessageRecord[]
  readonly authority: readonly MessageRecord[]
  readonly additional: readonly MessageRecord[]
}

/** A message that is cut off or malformed. */
export class MessageError extends Error {
  override readonly name: string = 'MessageError'
}

/**
 * Reads a whole message with at most one question.
 *
 * @throws MessageError when it is malformed.
 */
export function readMessage(bytes: Uint8Array): Message {
  if (bytes.length < 12) throw new MessageError('Cannot read message: it is shorter than its header')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  let offset = 12
  const record = (): MessageRecord => {
    const { name, next } = readName(bytes, offset)
    if (next + 10 > bytes.length) throw new MessageError('Cannot read message: a record is cut off')
    const end = next + 10 + view.getUint16(next + 8)
    if (end > bytes.length) throw new MessageError('Cannot read message: RDATA is cut off')
    offset = end
    return {
      name,
      type: view.getUint16(next),
      class: view.getUint16(next + 2),
      ttl: view.getUint32(next + 4),
      rdata: wholeRdata(bytes, view.getUint16(next), next + 10, end),
    }
  }
  const records = (count: number): MessageRecord[] => Array.from({ length: count }, record)
  let question: Message['question'] = null
  if (view.getUint16(4) === 1) {
    const { name, next } = readName(bytes, offset)
    if (next + 4 > bytes.length) throw new MessageError('Cannot read message: the question is cut off')
    question = { name, type: view.getUint16(next), class: view.getUint16(next + 2) }
    offset = next + 4
  }
  const answers = records(view.getUint16(6))
  const authority = records(view.getUint16(8))
  const additional = records(view.getUint16(10))
  const flags = view.getUint16(2)
  return { id: view.getUint16(0), flags, rcode: flags & 15, question, answers, authority, additional }
}

/** Types whose RDATA may hold pointers (RFC 3597 section 4): octets before their names, and how many names there are. */
const COMPRESSIBLE: ReadonlyMap<number, readonly [number, number]> = new Map([
  [TYPE.NS, [0, 1]],
  [TYPE.CNAME, [0, 1]],
  [TYPE.PTR, [0, 1]],
  [TYPE.MX, [2, 1]],
  [TYPE.SOA, [0, 2]],
])

function wholeRdata(bytes: Uint8Array, type: number, start: number, end: number): Uint8Array {
  const [before, names] = COMPRESSIBLE.get(type) ?? [0, 0]
  if (names === 0) return bytes.subarray(start, end)
  const parts = [bytes.subarray(start, start + before)]
  let offset = start + before
  for (let i = 0; i < names; i++) {
    const { name, next } = readName(bytes, offset)
    parts.push(name)
    offset = next
  }
  if (offset > end) throw new MessageError('Cannot read message: a name reaches beyond its RDATA')
  parts.push(bytes.subarray(offset, end))
  return Uint8Array.from(parts.flatMap(part => [...part]))
}

/**
 * Reads a name at an offset and follows compression pointers, backwards only (RFC 1035 section 4.1.4).
 *
 * @throws MessageError when it is malformed or longer than 255 octets.
 */
export function readName(bytes: Uint8Array, start: number): { readonly name: Name; readonly next: number } {
  const octets: number[] = []
  let next = -1
  let limit = start
  let i = start
  for (;;) {
    const length = bytes[i]
    if (length === undefined) throw new MessageError('Cannot read name: it is cut off')
    if (length >= 0xc0) {
      const low = bytes[i + 1]
      if (low === undefined) throw new MessageError('Cannot read name: it is cut off')
      const target = ((length & 0x3f) << 8) | low
      if (target >= limit) throw new MessageError('Cannot read name: a pointer does not point back')
      if (next < 0) next = i + 2
      limit = target
      i = target
      continue
    }
    if (length > 63) throw new MessageError('Cannot read name: a label has an unknown form')
    if (i + 1 + length > bytes.length) throw new MessageError('Cannot read name: a label is cut off')
    octets.push(length, ...bytes.subarray(i + 1, i + 1 + length))
    if (octets.length > MAX_NAME) throw new MessageError('Cannot read name: it is longer than 255 octets')
    i += length + 1
    if (length === 0) return { name: Uint8Array.from(octets) as Name, next: next < 0 ? i : next }
  }
}
