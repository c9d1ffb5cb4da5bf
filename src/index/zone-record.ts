/** A zone's record in the arena (layout: `ZONE_RECORD`): its SOA as an RR, ready to be copied into the authority section. */
import { foldName, isInZone, type Name, type NameKey } from '../wire/name.ts'
import { TYPE } from '../wire/record-type.ts'
import type { Soa } from '../zone/rrset.ts'
import { NO_VIEW, SOA_TTL_AT, ZONE, ZONE_RECORD } from './layout.ts'

/** A zone as it is served. */
export interface ZoneSpec {
  readonly apex: Name
  readonly soa: Soa
  /** `reverse`: a shorter name of nibbles or octets inside the zone exists without being stored (RFC 8020). */
  readonly kind: 'forward' | 'reverse'
  /** The zone's content is not known yet: every name of it is answered with SERVFAIL. */
  readonly unsynced: boolean
}

const RR_OCTETS = 12
const FIXED_RDATA = 20
const POINTER = 0xc000

/** The longest record: two names spelled out. */
export const ZONE_RECORD_BOUND: number = 4 * ZONE_RECORD.soa + RR_OCTETS + 2 * 256 + FIXED_RDATA

/** Writes records into a buffer of {@link ZONE_RECORD_BOUND} octets; the serial is left 0, it stands in the zone table. */
export function encodeZoneRecord(spec: ZoneSpec, zone: number, out: Uint8Array): number {
  const { soa, apex } = spec
  const view = new DataView(out.buffer, out.byteOffset)
  const words = new Int32Array(out.buffer, out.byteOffset)
  const start = 4 * ZONE_RECORD.soa
  const [mnamePointer, mnameEnd] = putName(soa.mname, foldName(apex), view, start + RR_OCTETS)
  const [rnamePointer, rnameEnd] = putName(soa.rname, foldName(apex), view, mnameEnd)
  const end = rnameEnd + FIXED_RDATA
  view.setUint16(start, POINTER)
  view.setUint16(start + 2, TYPE.SOA)
  view.setUint16(start + 4, 1)
  view.setUint32(start + SOA_TTL_AT, 0)
  view.setUint16(start + 10, end - start - RR_OCTETS)
  ;[0, soa.refresh, soa.retry, soa.expire, soa.minimum].forEach((value, i) => {
    view.setUint32(rnameEnd + 4 * i, value)
  })
  words[ZONE_RECORD.bytes] = end
  words[ZONE_RECORD.apexLength] = apex.length
  words[ZONE_RECORD.view] = NO_VIEW
  words[ZONE_RECORD.zone] = zone
  words[ZONE_RECORD.negativeTtl] = Math.min(soa.ttl, soa.minimum)
  words[ZONE_RECORD.soaTtl] = soa.ttl
  words[ZONE_RECORD.minimum] = soa.minimum
  words[ZONE_RECORD.pointers] = pointerOffset(mnamePointer, start) | (pointerOffset(rnamePointer, start) << 16)
  out.fill(0, end, (end + 3) & ~3)
  return end
}

/** The flags of the zone table that follow from the zone itself. */
export function zoneFlags({ apex, kind, unsynced }: ZoneSpec): number {
  const key = foldName(apex)
  let flags = unsynced ? ZONE.unsynced : 0
  if (kind === 'reverse' && isInZone(key, IP6_ARPA)) flags |= ZONE.nibbles
  if (kind === 'reverse' && isInZone(key, IN_ADDR_ARPA)) flags |= ZONE.octets
  return flags
}

const IP6_ARPA = '\x03ip6\x04arpa\0' as NameKey
const IN_ADDR_ARPA = '\x07in-addr\x04arpa\0' as NameKey

/** The labels that are not the zone's, then room for a pointer to the apex; a name outside of the zone is spelled out. */
function putName(name: Name, apex: NameKey, view: DataView, at: number): [pointer: number, end: number] {
  const isInside = apex.length > 1 && isInZone(foldName(name), apex)
  const own = isInside ? name.length - apex.length : name.length
  for (let i = 0; i < own; i++) view.setUint8(at + i, name[i] as number)
  if (!isInside) return [0, at + own]
  view.setUint16(at + own, POINTER)
  return [at + own, at + own + 2]
}

function pointerOffset(pointer: number, start: number): number {
  return pointer === 0 ? 0 : pointer - start
}
