/** What the name index costs: time, pauses and memory of half a million names, new, replaced, and coming and going. */
import { CONTROL_BYTES } from '../../src/index/layout.ts'
import { IndexWriter } from '../../src/index/writer.ts'
import { parseAddress } from '../../src/ip/address.ts'
import { joinName, type Name, parseName } from '../../src/wire/name.ts'
import { TYPE } from '../../src/wire/record-type.ts'
import type { ZoneNode } from '../../src/zone/rrset.ts'
import { DOMAIN, generator, soaOf } from '../dns/cluster-index.ts'
import { type BenchRow, formatRows } from '../report.ts'

/** Each has a name of 66 octets under the cluster's domain and a PTR of 74 octets. */
const ENDPOINTS = 250_000
const SERVICES = 10_000
const MEGABYTE = 1e6
const CHANGES = 100_000
const REVERSE: Name = joinName(['8', '4', '0', '0', '0', '0', '0', '0', 'a', 'a', 'd', 'f', 'ip6', 'arpa'])

/** Compiling, memory, doing it again, changing it, the longest pause. */
export async function run(): Promise<BenchRow[]> {
  const control = new SharedArrayBuffer(CONTROL_BYTES)
  const writer = new IndexWriter({ seed: 42, control, onGeneration: () => {} })
  const nodes = makeNodes(writer)
  const rows: BenchRow[] = []
  const setAll = (name: string, owner: number, order: readonly Placed[] = nodes): void => {
    const times = order.map(({ zone, node }) => {
      const start = performance.now()
      writer.set(0, zone, node, owner)
      return performance.now() - start
    })
    times.sort((a, b) => a - b)
    const mean = times.reduce((a, b) => a + b, 0) / times.length
    const longest = times.at(-1) ?? 0
    const p9999 = times[Math.floor(times.length * 0.9999)] ?? 0
    rows.push(
      { name: `index: ${name}`, value: mean * 1e6, unit: 'ns/op' },
      { name: '— the longest of them', value: longest, unit: 'ms', note: `one in 10,000 takes ${p9999.toFixed(2)}` },
      { name: '— arena after them', value: writer.stats().usedBytes / MEGABYTE, unit: 'MB' },
    )
  }
  setAll('set 500,000 new names (figure: near 80 MB)', 1)
  const { slots } = writer.stats()
  rows.push({ name: 'index: slots for them', value: (slots * 8) / MEGABYTE, unit: 'MB' })
  setAll('set them again, nothing new', 1)
  setAll('replace them all', 2)
  setAll('replace them in another order', 3, shuffled(nodes))
  rows.push(...churn(writer, nodes), serials(writer))
  return rows
}

function shuffled(nodes: readonly Placed[]): Placed[] {
  const random = generator(11)
  return nodes
    .map(node => ({ node, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ node }) => node)
}

interface Placed {
  readonly zone: number
  readonly node: ZoneNode
}

function makeNodes(writer: IndexWriter): Placed[] {
  const define = (apex: Name, kind: 'forward' | 'reverse'): number =>
    writer.defineZone(0, { apex, soa: soaOf(apex), kind, unsynced: false })
  const forward = define(DOMAIN, 'forward')
  const reverse = define(REVERSE, 'reverse')
  return Array.from({ length: ENDPOINTS }, (_, i): Placed[] => {
    const hex = i.toString(16).padStart(8, '0')
    const [high, low] = [hex.slice(0, 4), hex.slice(4)]
    const service = `service-${i % SERVICES}.ns-${i % 100}.svc.cluster.local`
    const name = parseName(`fdaa-0-48c8-a7b-228-${high}-${low}.${service}`)
    const address = parseAddress(`fdaa:0:48:a7b:228:1:${high}:${low}`) ?? new Uint8Array(16)
    const nibbles = [...`0a7b02280001${hex}`].reverse()
    return [
      { zone: forward, node: plainNode(name, TYPE.AAAA, address) },
      { zone: reverse, node: plainNode(joinName(nibbles, REVERSE), TYPE.PTR, name) },
    ]
  }).flat()
}

function plainNode(name: Name, type: number, rdata: Uint8Array): ZoneNode {
  return { name, kind: 'plain', rrsets: [{ type, ttl: 5, rdatas: [rdata], additional: [] }] }
}

/** Names go and come back, as pods do. */
function churn(writer: IndexWriter, nodes: readonly Placed[]): BenchRow[] {
  const keys = nodes.slice(0, CHANGES).map(({ node }) => String.fromCharCode(...node.name) as never)
  const start = performance.now()
  for (let i = 0; i < CHANGES; i++) {
    const { zone, node } = nodes[i] as Placed
    writer.delete(0, keys[i] as never)
    writer.set(0, zone, node, 4)
  }
  const value = ((performance.now() - start) / CHANGES) * 1e6
  return [{ name: 'index: delete a name and set it again', value, unit: 'ns/op' }]
}

function serials(writer: IndexWriter): BenchRow {
  const before = writer.stats().usedBytes
  const start = performance.now()
  for (let serial = 2; serial < CHANGES; serial++) {
    writer.defineZone(0, { apex: DOMAIN, soa: { ...soaOf(DOMAIN), serial }, kind: 'forward', unsynced: false })
  }
  const value = ((performance.now() - start) / CHANGES) * 1e6
  const written = writer.stats().usedBytes - before
  return { name: 'index: new serial of a zone', value, unit: 'ns/op', note: `${written} bytes written altogether` }
}

if (import.meta.main) console.log(formatRows(await run()))
