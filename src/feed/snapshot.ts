/**
 * `GET /v1/routes`: the table at one version. Its ETag has to leave before its first byte, and Services change while
 * it is made, so it is put together first, in slices of the event loop: what changed meanwhile is made again, until one
 * look over all Services finds every one of them present at its latest version.
 */
import { type Clock, laterTurn } from './clock.ts'
import type { Lines } from './lines.ts'
import { byServiceAndNetwork, type Unit, type Versions } from './versions.ts'
import type { WatchFilter } from './watcher.ts'

/** A body that is ready to be sent. */
export interface TableSnapshot {
  readonly version: number
  readonly byteLength: number
  /** Many small pieces, shared with other readers: never write into them. */
  readonly pieces: readonly Buffer[]
}

/** What is needed to make one. */
export interface SnapshotHost {
  readonly networks: readonly string[]
  readonly epoch: string
  readonly versions: Versions
  readonly lines: Lines
  readonly clock: Clock
  /** Milliseconds of work in one turn of the event loop. */
  readonly sliceMs: number
}

interface Part {
  readonly version: number
  readonly body: Buffer
}

const COMMA = Buffer.from(',')
const TAIL = Buffer.from(']}')

/** Makes the table of the Services that the filter lets through, sorted by service, then network. */
export async function assembleTable(host: SnapshotHost, filter: WatchFilter): Promise<TableSnapshot> {
  const parts = new Map<Unit, Part>()
  while (!assembleSome(host, filter, parts)) await laterTurn(host.clock)
  return joinParts(host, filter, parts)
}

/** Makes missing parts until the time is over; true: every part is there and none is old. */
function assembleSome(host: SnapshotHost, filter: WatchFilter, parts: Map<Unit, Part>): boolean {
  const { clock, lines } = host
  const deadline = clock.now() + host.sliceMs
  for (const unit of select(host, filter)) {
    if (parts.get(unit)?.version === unit.version) continue
    const now = clock.now()
    if (now >= deadline) return false
    parts.set(unit, { version: unit.version, body: lines.line(unit, now).body })
  }
  return true
}

function joinParts(host: SnapshotHost, filter: WatchFilter, parts: ReadonlyMap<Unit, Part>): TableSnapshot {
  const version = host.versions.current
  const pieces: Buffer[] = [Buffer.from(`{"epoch":${JSON.stringify(host.epoch)},"version":${version},"routes":[`)]
  for (const unit of select(host, filter)) {
    const body = parts.get(unit)?.body
    if (body === undefined || body.length === 0) continue
    if (pieces.length > 1) pieces.push(COMMA)
    pieces.push(body)
  }
  pieces.push(TAIL)
  return { version, pieces, byteLength: pieces.reduce((sum, piece) => sum + piece.length, 0) }
}

function select({ versions, networks }: SnapshotHost, { network, services }: WatchFilter): readonly Unit[] {
  if (services === null) {
    const all = versions.sorted()
    return network === null ? all : all.filter(unit => unit.network === network)
  }
  const wanted = network === null ? networks : [network]
  const found = [...services].flatMap(service => wanted.map(name => versions.get(name, service)))
  return found
    .filter(unit => unit !== null)
    .filter(unit => unit.present)
    .sort(byServiceAndNetwork)
}
