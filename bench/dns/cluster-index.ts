/** A name index filled like that of a cluster, and queries like those of its pods. */
import type { IndexWriter } from '../../src/index/writer.ts'
import { parseAddress } from '../../src/ip/address.ts'
import { joinName, type Name, parseName } from '../../src/wire/name.ts'
import { TYPE } from '../../src/wire/record-type.ts'
import type { AdditionalRecord, RRset, Soa, ZoneNode } from '../../src/zone/rrset.ts'

const TTL = 5
const HEADLESS_EVERY = 20
const ENDPOINTS = 8
export const DOMAIN: Name = parseName('cluster.local')

/**
 * A mixed load as pods make it (ndots:5): 45 % AAAA of a Service, 15 % A of a name that has AAAA only, 30 % names that
 * the search path made, 5 % SRV, 5 % headless Services. `until` is the sum of the shares so far.
 */
const MIX = [
  { until: 0.45, make: (i: number) => question(serviceText(plain(i)), TYPE.AAAA) },
  { until: 0.6, make: (i: number) => question(serviceText(plain(i)), TYPE.A) },
  { until: 0.9, make: (i: number) => question(searchMiss(i), i & 1 ? TYPE.A : TYPE.AAAA) },
  { until: 0.95, make: (i: number) => question(`_http._tcp.${serviceText(plain(i))}`, TYPE.SRV) },
  { until: 1, make: (i: number) => question(serviceText(headless(i)), TYPE.AAAA) },
] as const

/** Fills view 0 with Services; every twentieth is headless with eight endpoints. */
export function fillCluster(writer: IndexWriter, services: number): void {
  const zone = writer.defineZone(0, { apex: DOMAIN, soa: soaOf(DOMAIN), kind: 'forward', unsynced: false })
  const set = (node: ZoneNode): void => writer.set(0, zone, node, 1)
  set(node('svc.cluster.local', []))
  for (let namespace = 0; namespace < 100; namespace++) set(node(`ns-${namespace}.svc.cluster.local`, []))
  for (let i = 0; i < services; i++) for (const made of serviceNodes(i)) set(made)
}

/** A start of authority like that of a cluster's zone. */
export function soaOf(apex: Name): Soa {
  const [mname, rname] = [joinName(['ns', 'dns'], apex), joinName(['hostmaster'], apex)]
  return { mname, rname, serial: 1, refresh: 7200, retry: 1800, expire: 86_400, minimum: TTL, ttl: TTL }
}

/** Queries of one kind (`kind` counts in the order of the mix), or of all kinds in their shares (−1). */
export function makeQueries(count: number, services: number, kind: number): Uint8Array[] {
  const random = generator(7)
  return Array.from({ length: count }, () => {
    const at = random()
    const picked = kind >= 0 ? MIX[kind] : MIX.find(part => at < part.until)
    return (picked ?? MIX[0]).make(Math.floor(random() * services))
  })
}

/** A small repeatable generator: numbers in [0, 1). */
export function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

/** A query with EDNS, as resolvers send it. */
export function question(name: string, type: number): Uint8Array {
  const wire = parseName(name)
  const message = new Uint8Array(12 + wire.length + 4 + 11)
  message.set([0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1])
  message.set(wire, 12)
  message.set([type >> 8, type & 255, 0, 1, 0, 0, 41, 4, 208], 12 + wire.length)
  return message
}

function serviceNodes(i: number): ZoneNode[] {
  const name = serviceText(i)
  const isHeadless = i % HEADLESS_EVERY === 0
  const ends = isHeadless ? Array.from({ length: ENDPOINTS }, (_, e) => ({ name: `pod-${e}.${name}`, e })) : []
  const targets = isHeadless ? ends.map(end => end.name) : [name]
  const addresses = isHeadless ? ends.map(end => address(i, end.e + 1)) : [address(i, 0)]
  return [
    node(name, [{ type: TYPE.AAAA, ttl: TTL, rdatas: addresses, additional: [] }]),
    node(`_tcp.${name}`, []),
    node(`_http._tcp.${name}`, [srv(targets, addresses)]),
    ...ends.map((end, e) =>
      node(end.name, [{ type: TYPE.AAAA, ttl: TTL, rdatas: [addresses[e] ?? new Uint8Array(16)], additional: [] }]),
    ),
  ]
}

function srv(targets: readonly string[], addresses: readonly Uint8Array[]): RRset {
  const names = targets.map(target => parseName(target))
  const additional = names.map((name, i): AdditionalRecord => {
    return { name, type: TYPE.AAAA, ttl: TTL, rdata: addresses[i] ?? new Uint8Array(16) }
  })
  return {
    type: TYPE.SRV,
    ttl: TTL,
    rdatas: names.map(name => Uint8Array.of(0, 0, 0, 100, 31, 144, ...name)),
    additional,
  }
}

function node(name: string, rrsets: readonly RRset[]): ZoneNode {
  return { name: parseName(name), kind: 'plain', rrsets }
}

function serviceText(i: number): string {
  return `service-${i}.ns-${i % 100}.svc.cluster.local`
}

/** What the search list makes of a name outside of the cluster. */
function searchMiss(i: number): string {
  const suffixes = [`ns-${i % 100}.svc.cluster.local`, 'svc.cluster.local', 'cluster.local']
  return `api-${i % 977}.example.com.${suffixes[i % 3]}`
}

function plain(i: number): number {
  return i % HEADLESS_EVERY === 0 ? i + 1 : i
}

function headless(i: number): number {
  return i - (i % HEADLESS_EVERY)
}

function address(service: number, endpoint: number): Uint8Array {
  return parseAddress(`fdaa:0:48c8:${endpoint.toString(16)}:1::${service.toString(16)}`) ?? new Uint8Array(16)
}
