/** Writes questions to upstreams. */
import { CLASS, TYPE } from '../../../wire/record-type.ts'
import type { RandomSource } from '../exchange/random.ts'
import type { ForeignQuestion } from '../question.ts'

const HEADER_OCTETS = 12
const OPT_OCTETS = 11
const QUESTION_FIXED = 4
const RD = 0x01
const AD = 0x20
const CD = 0x10
/** What an answer over UDP may have (DNS flag day 2020). */
const UDP_SIZE = 1232

/** A question in wire form. The id stands in its first two octets and is set for every try. */
export interface OutgoingQuery {
  readonly bytes: Uint8Array
  /** Name, type and class, as they were sent. */
  readonly asked: Uint8Array
}

/**
 * A query with RD and AD (RFC 6840 section 5.7: we want to know) and an OPT record, if `hasEdns`.
 *
 * @param random gives the letters of the name a random case; null: they are lower-case.
 */
export function writeQuery(question: ForeignQuestion, hasEdns: boolean, random: RandomSource | null): OutgoingQuery {
  const { name, type, isDnssecOk, isCheckingDisabled } = question
  const questionEnd = HEADER_OCTETS + name.length + QUESTION_FIXED
  const bytes = new Uint8Array(questionEnd + (hasEdns ? OPT_OCTETS : 0))
  bytes[2] = RD
  bytes[3] = AD | (isCheckingDisabled ? CD : 0)
  bytes[5] = 1
  bytes.set(name, HEADER_OCTETS)
  if (random !== null) mixCase(bytes, HEADER_OCTETS, name.length, random)
  const at = HEADER_OCTETS + name.length
  bytes[at] = type >> 8
  bytes[at + 1] = type & 0xff
  bytes[at + 3] = CLASS.IN
  if (hasEdns) {
    bytes[11] = 1
    bytes[questionEnd + 2] = TYPE.OPT
    bytes[questionEnd + 3] = UDP_SIZE >> 8
    bytes[questionEnd + 4] = UDP_SIZE & 0xff
    bytes[questionEnd + 7] = isDnssecOk ? 0x80 : 0
  }
  return { bytes, asked: bytes.subarray(HEADER_OCTETS, questionEnd) }
}

/** Turns letters into capitals, each with a probability of one half. Length octets are below 64 and so no letters. */
function mixCase(bytes: Uint8Array, at: number, length: number, random: RandomSource): void {
  let bits = 0
  for (let i = 0; i < length; i++) {
    if ((i & 31) === 0) bits = random.uint32()
    const octet = bytes[at + i] as number
    if (octet >= 0x61 && octet <= 0x7a && ((bits >>> (i & 31)) & 1) === 1) bytes[at + i] = octet - 0x20
  }
}
