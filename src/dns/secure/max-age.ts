/** How long an HTTP cache may keep a reply (RFC 8484 section 5.1). */
import { CLASS, RCODE, TYPE } from '../../wire/record-type.ts'
import { HEADER_OCTETS, skipName } from '../query.ts'

const QUESTION_FIXED = 4
const RR_FIXED = 10
/** The last field of a SOA's RDATA. */
const MINIMUM_FROM_END = 4

/**
 * Seconds: the least TTL of the answers; without answers, what the zone's SOA says about negative ones (RFC 2308 section
 * 5); else 0. An error is not to be kept.
 *
 * @param message a whole reply of ours.
 */
export function maxAgeOf(message: Uint8Array): number {
  const view = new DataView(message.buffer, message.byteOffset, message.length)
  const rcode = view.getUint8(3) & 15
  if (rcode !== RCODE.NOERROR && rcode !== RCODE.NXDOMAIN) return 0
  const answers = view.getUint16(6)
  const records = answers + view.getUint16(8)
  let at = HEADER_OCTETS
  if (view.getUint16(4) === 1) at = skipName(view, at, 0, message.length) + QUESTION_FIXED
  let least = Number.POSITIVE_INFINITY
  for (let record = 0; record < records; record++) {
    const fixed = skipName(view, at, 0, message.length)
    const end = fixed + RR_FIXED + view.getUint16(fixed + 8)
    const isNegative = record >= answers
    const isSoa = view.getUint16(fixed) === TYPE.SOA && view.getUint16(fixed + 2) === CLASS.IN
    if (!isNegative) least = Math.min(least, view.getUint32(fixed + 4))
    else if (isSoa) least = Math.min(least, view.getUint32(fixed + 4), view.getUint32(end - MINIMUM_FROM_END))
    at = end
  }
  return Number.isFinite(least) ? least : 0
}
