/** What a large zone file costs: reading, building, and putting it into the name index. */
import { IndexWriter } from '../../src/index/writer.ts'
import { parseName } from '../../src/wire/name.ts'
import { loadZone } from '../../src/zone/load.ts'
import { parseMasterFile } from '../../src/zone/master-file.ts'
import type { Zone } from '../../src/zone/zone.ts'
import { type BenchRow, formatRows } from '../report.ts'

const RECORDS = 100_000
const ROUNDS = 5
const MEGABYTE = 1e6

/** Medians over a zone of 100,000 records of five types, half of which have additional addresses. */
export async function run(): Promise<BenchRow[]> {
  const text = zoneText()
  const options = {
    file: 'bench.zone',
    text,
    origin: parseName('bench.example'),
    include: () => ({ reason: 'there is none' }),
  }
  const parse = median(() => {
    parseMasterFile(options)
  })
  let zone: Zone | null = null
  const load = median(() => {
    const result = loadZone(options)
    if ('faults' in result) throw new Error(result.faults[0]?.message)
    zone = result.zone
  })
  const index = median(() => fillIndex(zone))
  const size = `${(text.length / MEGABYTE).toFixed(1)} MB of text`
  return [
    { name: `zone: parse ${RECORDS} records`, value: parse, unit: 'ms', note: size },
    { name: `zone: parse and build ${RECORDS} records`, value: load, unit: 'ms', note: 'figure: about a second' },
    { name: 'zone: put it into the name index', value: index, unit: 'ms' },
  ]
}

function fillIndex(zone: Zone | null): void {
  if (zone === null) return
  const writer = new IndexWriter({ seed: 42, onGeneration: () => {} })
  const id = writer.defineZone(0, { apex: zone.apex, soa: zone.soa, kind: 'forward', unsynced: false })
  for (const node of zone.nodes) writer.set(0, id, node, 1)
}

function zoneText(): string {
  const lines = ['$TTL 1h', '@ IN SOA ns hostmaster 1 7200 1800 2w 300', '@ NS ns', 'ns A 192.0.2.1']
  for (let i = 0; lines.length < RECORDS; i++) {
    lines.push(
      `host${i} IN AAAA 2001:db8::${(i & 0xffff).toString(16)}`,
      `host${i} 300 IN A 192.0.${(i >> 8) & 255}.${i & 255}`,
      `_http._tcp.s${i} SRV 0 5 80 host${i}`,
      `d${i} MX 10 host${i}`,
      `t${i} TXT "v=spf1 include:host${i} -all" ; a comment`,
    )
  }
  return lines.join('\n')
}

function median(work: () => void): number {
  const times = Array.from({ length: ROUNDS }, () => {
    const start = performance.now()
    work()
    return performance.now() - start
  })
  return times.sort((a, b) => a - b)[ROUNDS >> 1] ?? 0
}

if (import.meta.main) process.stdout.write(`${formatRows(await run())}\n`)
