/** RDATA of upstreams with every compressed name spelled out, so that it can stand anywhere (RFC 3597 section 4). */
import { TYPE } from '../../../wire/record-type.ts'
import { skipName, spellName } from './names.ts'

/** Types whose RDATA may hold pointers: octets before the names, and how many names there are. */
const NAMES: ReadonlyMap<number, readonly [before: number, names: number]> = new Map([
  [TYPE.NS, [0, 1]],
  [3, [0, 1]], // MD
  [4, [0, 1]], // MF
  [TYPE.CNAME, [0, 1]],
  [TYPE.SOA, [0, 2]],
  [7, [0, 1]], // MB
  [8, [0, 1]], // MG
  [9, [0, 1]], // MR
  [TYPE.PTR, [0, 1]],
  [14, [0, 2]], // MINFO
  [TYPE.MX, [2, 1]],
  [17, [0, 2]], // RP
  [18, [2, 1]], // AFSDB
  [21, [2, 1]], // RT
  [26, [2, 2]], // PX
  [TYPE.SRV, [6, 1]],
  [36, [2, 1]], // KX
  [TYPE.DNAME, [0, 1]],
])
/** Octets after the names: the five numbers of an SOA. */
const SOA_NUMBERS = 20

/**
 * Writes the RDATA at `start` … `end` of a message into `out` from `to`.
 *
 * @returns where it ends there; −1 when it does not have the form of its type.
 */
export function spellRdata(
  bytes: Uint8Array,
  type: number,
  start: number,
  end: number,
  out: Uint8Array,
  to: number,
): number {
  if (type === TYPE.A && end - start !== 4) return -1
  if (type === TYPE.AAAA && end - start !== 16) return -1
  const form = NAMES.get(type)
  if (form === undefined && type !== TYPE.NAPTR) return copy(bytes, start, end, out, to)
  const [before, names] = form ?? [naptrName(bytes, start, end), 1]
  if (before < 0 || start + before > end) return -1
  let i = start + before
  let j = copy(bytes, start, i, out, to)
  for (let name = 0; name < names; name++) {
    const next = skipName(bytes, i, end)
    if (next < 0) return -1
    j = spellName(bytes, i, out, j)
    i = next
  }
  if (end - i !== (type === TYPE.SOA ? SOA_NUMBERS : 0)) return -1
  return copy(bytes, i, end, out, j)
}

/** Octets before the name of a NAPTR record: two numbers and three character strings (RFC 3403 section 4.1). */
function naptrName(bytes: Uint8Array, start: number, end: number): number {
  let i = start + 4
  for (let string = 0; string < 3; string++) {
    if (i >= end) return -1
    i += 1 + (bytes[i] as number)
  }
  return i - start
}

function copy(bytes: Uint8Array, start: number, end: number, out: Uint8Array, to: number): number {
  for (let i = start; i < end; i++) out[to + i - start] = bytes[i] as number
  return to + end - start
}
