/** Nodes that carry a version in every octet, so that two halves of different versions cannot pass for one. */
import { parseName } from '#src/wire/name.ts'
import { TYPE } from '#src/wire/record-type.ts'
import type { ZoneNode } from '#src/zone/rrset.ts'
import type { DecodedMessage } from './message-decoder.ts'

export const VERSIONS = 250

/** The names that change. */
export const NAMES: readonly string[] = Array.from({ length: 20 }, (_, i) => `name-${i}.zone`)

/** Name number `i` in one of its versions: the number of records, their TTL and each octet follow from the version. */
export function versionNode(i: number, version: number): ZoneNode {
  const rdatas = Array.from({ length: recordsOf(version) }, () => new Uint8Array(16).fill(version))
  const txt = { type: TYPE.TXT, ttl: version, rdatas: [new Uint8Array(version).fill(version)], additional: [] }
  const addresses = { type: TYPE.AAAA, ttl: version, rdatas, additional: [] }
  const name = parseName(NAMES[i] ?? '')
  return { name, kind: 'plain', rrsets: version % 3 === 0 ? [txt, addresses] : [addresses, txt] }
}

/** What is wrong with an answer for name number `i`; null: it is one version, or says that there is none. */
export function versionFault(i: number, reply: DecodedMessage): string | null {
  if (reply.question?.name !== `${NAMES[i]}.`) return `the question is ${reply.question?.name}`
  if (reply.rcode === 3)
    return reply.answers.length === 0 && reply.authorities.length === 1 ? null : 'NXDOMAIN with more'
  if (reply.rcode !== 0) return `the response code is ${reply.rcode}`
  const version = reply.answers[0]?.ttl ?? -1
  const expected = version.toString(16).padStart(2, '0').repeat(16)
  const isWhole = reply.answers.every(
    ({ ttl, type, data }) => ttl === version && type === TYPE.AAAA && data === expected,
  )
  if (!isWhole) return `the records are of different versions: ${reply.answers.map(record => record.data)}`
  return reply.answers.length === recordsOf(version) ? null : `version ${version} has ${reply.answers.length} records`
}

function recordsOf(version: number): number {
  return 1 + (version % 7)
}
