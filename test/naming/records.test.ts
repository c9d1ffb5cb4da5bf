import { describe, expect, it } from 'vitest'
import { READY, SERVING } from '#src/cluster/objects.ts'
import { IndexWriter } from '#src/index/writer.ts'
import { serviceNodes } from '#src/naming/service.ts'
import { foldName, parseName } from '#src/wire/name.ts'
import type { RRset, ZoneNode } from '#src/zone/rrset.ts'
import { context, facts, slice, slicePort } from './builders.ts'

const CONTEXT = context()
/** So many that their SRV sets fill several buffers. */
const ENDPOINTS = 1500

function largeService(): ZoneNode[] {
  const endpoints = Array.from({ length: ENDPOINTS }, (_, i) => ({
    address: `fdaa::${(i + 1).toString(16)}`,
    conditions: READY | SERVING,
  }))
  const ports = [slicePort('http', 80), slicePort('admin', 9000)]
  return serviceNodes(CONTEXT, facts({ headless: true }, { slices: [slice('web-a', endpoints, ports)], app: 'shop' }))
    .filter(({ role }) => role !== 'reverse')
    .map(({ node }) => node)
}

/** RFC 1035 section 3.2.1, with a pointer to the question as the owner. */
function encode({ type, ttl, rdatas }: RRset): Buffer {
  return Buffer.concat(
    rdatas.map(rdata => {
      const head = Buffer.alloc(12)
      head.writeUInt16BE(0xc00c, 0)
      head.writeUInt16BE(type, 2)
      head.writeUInt16BE(1, 4)
      head.writeUInt32BE(ttl, 6)
      head.writeUInt16BE(rdata.length, 10)
      return Buffer.concat([head, rdata])
    }),
  )
}

describe('records beside their RDATA', () => {
  it('say what the RDATA says', () => {
    const sets = largeService().flatMap(node => node.rrsets.filter(rrset => rrset.records !== undefined))
    // The bare name and two ports, in two zones.
    expect(sets.map(({ rdatas }) => rdatas.length)).toEqual(
      Array.from({ length: 2 }, () => [2, 1, 1])
        .flat()
        .map(n => n * ENDPOINTS),
    )
    for (const rrset of sets) expect(Buffer.concat(rrset.records ?? []).equals(encode(rrset))).toBe(true)
  })

  it('are in the index what it makes of the RDATA', () => {
    const writer = new IndexWriter({ seed: 1, onGeneration() {}, initialArenaBytes: 1 << 22 })
    const apex = parseName('cluster.local')
    const soa = { mname: apex, rname: apex, serial: 1, refresh: 1, retry: 1, expire: 1, minimum: 5, ttl: 5 }
    const zone = writer.defineZone(0, { apex, soa, kind: 'forward', unsynced: false })
    const other = writer.defineZone(1, { apex, soa, kind: 'forward', unsynced: false })
    for (const node of largeService()) {
      writer.set(0, zone, node, 1)
      const rrsets = node.rrsets.map(({ records: _, ...rrset }) => rrset)
      writer.set(1, other, { ...node, rrsets }, 1)
      const key = foldName(node.name)
      expect(writer.nodeOf(0, key)).toEqual(writer.nodeOf(1, key))
    }
  })
})
