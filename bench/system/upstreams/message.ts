/** Questions about addresses, and what the true address of a name is. */

const HEADER = 12
/** Extended error, and those of its codes that mean that the answer is out of date (RFC 8914 sections 4.4 and 4.20). */
const OPTION_EXTENDED_ERROR = 15
const STALE_CODES: readonly number[] = [3, 19]
const NOERROR = 0
const SERVFAIL = 2

/** What a reply says to who asked for the address of a name. */
export type Verdict = 'fresh' | 'stale' | 'servfail' | 'other' | 'wrong'

/** Offset of the octet behind the name of the question. */
export function nameEnd(message: Uint8Array): number {
  let at = HEADER
  while (at < message.length && message[at] !== 0) at += 1 + (message[at] as number)
  return at + 1
}

/** The address that a name has, in whatever case it is written: of 198.18.0.0/15, by FNV-1a. */
export function addressOf(message: Uint8Array): [number, number, number, number] {
  let hash = 0x811c9dc5
  const end = nameEnd(message)
  for (let i = HEADER; i < end; i++) hash = Math.imul(hash ^ ((message[i] as number) | 0x20), 0x01000193)
  return [198, 18 + ((hash >>> 16) & 1), (hash >>> 8) & 255, hash & 255]
}

/** A question for the IPv4 address of a name, with EDNS so that extended errors may come. */
export function makeQuestion(name: string, id: number): Buffer {
  const labels = name.split('.').flatMap(label => [label.length, ...Buffer.from(label)])
  const header = [id >> 8, id & 255, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1]
  return Buffer.from([...header, ...labels, 0, 0, 1, 0, 1, 0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0])
}

/** Judges a reply. `wrong`: it says something that is not so, or about something else. */
export function judge(question: Uint8Array, reply: Buffer): Verdict {
  const end = nameEnd(question) + 4
  if (reply.length < end || !reply.subarray(HEADER, end).equals(question.subarray(HEADER, end))) return 'wrong'
  const rcode = (reply[3] as number) & 15
  const answers = reply.readUInt16BE(6)
  if (rcode === SERVFAIL) return answers === 0 ? 'servfail' : 'wrong'
  if (rcode !== NOERROR) return 'other'
  // One record with the question's name: a pointer, type, class, TTL and length take 12 octets.
  const data = end + 12
  const isTrue = answers === 1 && reply.subarray(data, data + 4).equals(Uint8Array.from(addressOf(question)))
  if (!isTrue || reply.readUInt16BE(8) !== 0) return 'wrong'
  return isStale(reply, data + 4) ? 'stale' : 'fresh'
}

/** @param at where the OPT record begins, if there is one. */
function isStale(reply: Buffer, at: number): boolean {
  const end = reply.length
  for (let i = at + 11; i + 6 <= end; i += 4 + reply.readUInt16BE(i + 2)) {
    if (reply.readUInt16BE(i) === OPTION_EXTENDED_ERROR && STALE_CODES.includes(reply.readUInt16BE(i + 4))) return true
  }
  return false
}
