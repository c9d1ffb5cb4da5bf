/** One data set for every server of a comparison: as manifests for Waypost, as a zone for the others, and as queries. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** How large a cluster is made up. */
export interface DataSetOptions {
  readonly directory: string
  readonly services: number
  readonly namespaces: number
  /** Endpoints of each headless Service. */
  readonly endpoints: number
  /** Of every 20 Services one is headless: 5 %. */
  readonly seed: number
}

export type Workload = 'hit' | 'mix' | 'headless' | 'tcp'

/** Where the files are. */
export interface DataSet {
  readonly directory: string
  readonly manifests: string
  readonly zoneFile: string
  readonly records: readonly ZoneRecord[]
  /** Query file of a workload, in the format of `native/load.c`. */
  queries(workload: Workload): string
  /** The same for dnsperf: a name and a type a line. */
  dnsperf(workload: Workload): string
}

/** One record of the zone `cluster.local.`; names are absolute. */
export interface ZoneRecord {
  readonly name: string
  readonly type: 'AAAA' | 'SRV'
  readonly data: string
}

interface MadeService {
  readonly name: string
  readonly namespace: string
  readonly headless: boolean
  readonly address: string
  readonly endpoints: readonly string[]
}

/** The Service with 200 endpoints of the workload `headless`. */
const BIG = { name: 'big', namespace: 'ns-0', endpoints: 200 }
const ZONE = 'cluster.local.'
const QUERIES = 50_000
const TYPES = { A: 1, AAAA: 28, SRV: 33 } as const
/** Expected answer counts of `native/load.c`: any number at all. */
const ANY_COUNT = 254

/** Writes all files of a data set; the same options give the same bytes. */
export function makeDataSet(options: DataSetOptions): DataSet {
  const { directory } = options
  const manifests = join(directory, 'manifests')
  mkdirSync(manifests, { recursive: true })
  const services = makeServices(options)
  writeManifests(manifests, services)
  const records = makeRecords(services)
  const zoneFile = join(directory, 'cluster.local.zone')
  writeFileSync(zoneFile, formatZone(records))
  const random = generator(options.seed)
  for (const workload of ['hit', 'mix', 'headless'] as const) {
    const queries = makeQueries(workload, services, random)
    writeFileSync(join(directory, `${workload}.bin`), queries)
    writeFileSync(join(directory, `${workload}.txt`), asText(queries))
  }
  return {
    directory,
    manifests,
    zoneFile,
    records,
    queries: workload => join(directory, `${workload === 'tcp' ? 'hit' : workload}.bin`),
    dnsperf: workload => join(directory, `${workload === 'tcp' ? 'hit' : workload}.txt`),
  }
}

/** A small repeatable generator (mulberry32): numbers in [0, 1). */
export function generator(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000
  }
}

function makeServices({ services, namespaces, endpoints }: DataSetOptions): MadeService[] {
  const made: MadeService[] = []
  let pod = 1
  const pods = (count: number): string[] => Array.from({ length: count }, () => podAddress(pod++))
  for (let i = 0; i < services; i++) {
    const headless = i % 20 === 19
    made.push({
      name: `svc-${i}`,
      namespace: `ns-${i % namespaces}`,
      headless,
      address: `fdaa:0:48c8:0:1::${(0x1000 + i).toString(16)}`,
      endpoints: headless ? pods(endpoints) : [],
    })
  }
  made.push({ name: BIG.name, namespace: BIG.namespace, headless: true, address: '', endpoints: pods(BIG.endpoints) })
  return made
}

function podAddress(n: number): string {
  return `fdaa:0:48c8:a7b:228:${(n >>> 16).toString(16)}:${(n & 0xffff).toString(16)}:2`
}

function writeManifests(directory: string, services: readonly MadeService[]): void {
  const items: object[] = []
  for (const service of services) {
    items.push({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: service.name, namespace: service.namespace },
      spec: {
        clusterIP: service.headless ? 'None' : service.address,
        ipFamilies: ['IPv6'],
        ports: [{ name: 'http', port: 80, protocol: 'TCP' }],
      },
    })
    if (!service.headless) continue
    items.push({
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: {
        name: `${service.name}-1`,
        namespace: service.namespace,
        labels: { 'kubernetes.io/service-name': service.name },
      },
      addressType: 'IPv6',
      ports: [{ name: 'http', port: 80, protocol: 'TCP' }],
      endpoints: service.endpoints.map(address => ({ addresses: [address], conditions: { ready: true } })),
    })
  }
  writeFileSync(join(directory, 'cluster.json'), JSON.stringify({ apiVersion: 'v1', kind: 'List', items }))
}

function makeRecords(services: readonly MadeService[]): ZoneRecord[] {
  const records: ZoneRecord[] = []
  for (const service of services) {
    const base = `${service.name}.${service.namespace}.svc.${ZONE}`
    if (!service.headless) {
      records.push({ name: base, type: 'AAAA', data: service.address })
      records.push({ name: `_http._tcp.${base}`, type: 'SRV', data: `0 100 80 ${base}` })
    }
    for (const address of service.endpoints) {
      const endpoint = `${address.replaceAll(':', '-')}.${base}`
      records.push({ name: base, type: 'AAAA', data: address })
      records.push({ name: endpoint, type: 'AAAA', data: address })
      records.push({ name: `_http._tcp.${base}`, type: 'SRV', data: `0 20 80 ${endpoint}` })
    }
  }
  return records
}

function formatZone(records: readonly ZoneRecord[]): string {
  const head = [
    `$ORIGIN ${ZONE}`,
    '$TTL 5',
    '@ SOA ns.dns hostmaster 1 7200 1800 86400 5',
    '@ NS ns.dns',
    'ns.dns AAAA ::1',
  ]
  return `${[...head, ...records.map(({ name, type, data }) => `${name} ${type} ${data}`)].join('\n')}\n`
}

function makeQueries(
  workload: Exclude<Workload, 'tcp'>,
  services: readonly MadeService[],
  random: () => number,
): Buffer {
  const single = services.filter(service => !service.headless)
  const headless = services.filter(service => service.headless && service.name !== BIG.name)
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
  const hit = (): Buffer => query(nameOf(pick(single)), TYPES.AAAA, 0, 1)
  const mixed = (): Buffer => {
    const dice = random()
    if (dice < 0.45) return hit()
    if (dice < 0.6) return query(nameOf(pick(single)), TYPES.A, 0, 0)
    if (dice < 0.9)
      return query(`${foreignName(random, pick(single))}${pick(services).namespace}.svc.${ZONE}`, TYPES.AAAA, 3, 0)
    if (dice < 0.95) return query(`_http._tcp.${nameOf(pick(single))}`, TYPES.SRV, 0, 1)
    return query(nameOf(pick(headless)), TYPES.AAAA, 0, headless[0]?.endpoints.length ?? 0)
  }
  if (workload === 'headless') return query(`${BIG.name}.${BIG.namespace}.svc.${ZONE}`, TYPES.AAAA, 0, ANY_COUNT, 1232)
  return Buffer.concat(Array.from({ length: QUERIES }, workload === 'hit' ? hit : mixed))
}

/** What a resolver's search path makes of a name with dots: `example.com.` or a Service's full name, under a namespace. */
function foreignName(random: () => number, service: MadeService): string {
  return random() < 0.5 ? `host-${Math.floor(random() * 1000)}.example.com.` : nameOf(service)
}

function nameOf(service: MadeService): string {
  return `${service.name}.${service.namespace}.svc.${ZONE}`
}

/** One entry of a query file: length, expected rcode, expected answer count, message. */
function query(name: string, type: number, rcode: number, answers: number, udpSize = 0): Buffer {
  const labels = name.split('.').slice(0, -1)
  const question = labels.flatMap(label => [label.length, ...Buffer.from(label)])
  const opt = udpSize === 0 ? [] : [0, 0, 41, udpSize >> 8, udpSize & 255, 0, 0, 0, 0, 0, 0]
  const header = [0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, udpSize === 0 ? 0 : 1]
  const message = [...header, ...question, 0, type >> 8, type & 255, 0, 1, ...opt]
  return Buffer.from([message.length >> 8, message.length & 255, rcode, answers, ...message])
}

/** The queries of a file as dnsperf reads them. */
function asText(queries: Buffer): string {
  const lines: string[] = []
  for (let at = 0; at < queries.length; at += 4 + queries.readUInt16BE(at)) {
    let label = at + 4 + 12
    let name = ''
    for (let length = queries.readUInt8(label); length > 0; length = queries.readUInt8(label)) {
      name += `${queries.toString('latin1', label + 1, label + 1 + length)}.`
      label += length + 1
    }
    const type = Object.entries(TYPES).find(([, number]) => number === queries.readUInt16BE(label + 1))?.[0]
    lines.push(`${name} ${type}`)
  }
  return `${lines.join('\n')}\n`
}
