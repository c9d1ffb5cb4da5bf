/**
 * The bytes of the feed. A Service's line is encoded once, whoever reads it: every watcher gets the same Buffer, and
 * `GET /v1/routes` takes the routes out of the middle of it.
 *
 * ```
 *   {"type":"put","service":"ns/name","routes":[ {…},{…} ]}\n
 *                                               └─ body ─┘
 * ```
 *
 * Encoded lines are kept while they are used and there is room; what is not kept is made again from the routes.
 */
import type { Route } from '../route/route.ts'
import type { Unit } from './versions.ts'

/** NDJSON lines, or the same as server-sent events. */
export type Format = 'ndjson' | 'sse'

/** One encoded Service. */
export interface Line {
  readonly bytes: Buffer
  /** The JSON of its routes, separated by commas, without the brackets; empty when it has none. */
  readonly body: Buffer
}

export interface LinesOptions {
  /** More than one: every line and route names its network. */
  readonly networks: readonly string[]
  readonly epoch: string
  routesOf(network: string, service: string): readonly Route[]
  /** Bytes of encoded lines that are kept at most. */
  readonly cacheBytes: number
}

interface Kept {
  readonly version: number
  readonly line: Line
  usedAt: number
}

const NEWLINE = Buffer.from('\n')
const EMPTY = Buffer.alloc(0)
const HEADS = { put: Buffer.from('event: put\ndata: '), delete: Buffer.from('event: delete\ndata: ') }
/** `]}` and the line feed behind the body. */
const TAIL_BYTES = 3

/** See the top of the file. */
export class Lines {
  /** Bytes kept at present. */
  keptBytes = 0
  readonly #options: LinesOptions
  /** Least recently used first. */
  readonly #kept = new Map<Unit, Kept>()

  constructor(options: LinesOptions) {
    this.#options = options
  }

  /** The Service's present line: a put, or a delete when it has no route. */
  line(unit: Unit, now: number): Line {
    const kept = this.#kept.get(unit)
    if (kept !== undefined && kept.version === unit.version) {
      kept.usedAt = now
      this.#kept.delete(unit)
      this.#kept.set(unit, kept)
      return kept.line
    }
    const line = this.#encode(unit)
    this.#keep(unit, line, now)
    return line
  }

  /** The line as pieces to be written one after the other. */
  frame(unit: Unit, format: Format, now: number): readonly Buffer[] {
    const { bytes, body } = this.line(unit, now)
    return format === 'ndjson' ? [bytes] : [body.length > 0 ? HEADS.put : HEADS.delete, bytes, NEWLINE]
  }

  /** A sync or heartbeat line. */
  mark(type: 'sync' | 'heartbeat', version: number, format: Format): Buffer {
    const text = `${this.#options.epoch}-${version}`
    const json = `{"type":"${type}","version":"${text}"}\n`
    return Buffer.from(format === 'ndjson' ? json : `event: ${type}\nid: ${text}\ndata: ${json}\n`)
  }

  /** The line that opens a snapshot. */
  reset(format: Format): Buffer {
    const json = '{"type":"reset"}\n'
    return Buffer.from(format === 'ndjson' ? json : `event: reset\ndata: ${json}\n`)
  }

  /** Forgets the line of a Service that changed. */
  drop(unit: Unit): void {
    const kept = this.#kept.get(unit)
    if (kept === undefined) return
    this.#kept.delete(unit)
    this.keptBytes -= kept.line.bytes.length
  }

  /** Forgets lines that nobody asked for since `before`. */
  dropIdle(before: number): void {
    for (const [unit, kept] of this.#kept) {
      if (kept.usedAt >= before) return
      this.drop(unit)
    }
  }

  #keep(unit: Unit, line: Line, now: number): void {
    this.drop(unit)
    const { cacheBytes } = this.#options
    if (line.bytes.length > cacheBytes) return
    this.#kept.set(unit, { version: unit.version, line, usedAt: now })
    this.keptBytes += line.bytes.length
    for (const oldest of this.#kept.keys()) {
      if (this.keptBytes <= cacheBytes) return
      this.drop(oldest)
    }
  }

  #encode(unit: Unit): Line {
    const routes = unit.present ? this.#options.routesOf(unit.network, unit.service) : []
    const network = this.#options.networks.length > 1 ? `"network":${JSON.stringify(unit.network)},` : ''
    const service = `${network}"service":${JSON.stringify(unit.service)}`
    if (routes.length === 0) return { bytes: Buffer.from(`{"type":"delete",${service}}\n`), body: EMPTY }
    const texts = routes.map(route => JSON.stringify(route))
    const body = network === '' ? texts.join(',') : texts.map(text => `{${network}${text.slice(1)}`).join(',')
    const head = `{"type":"put",${service},"routes":[`
    const bytes = exactBuffer(`${head}${body}]}\n`)
    return { bytes, body: bytes.subarray(Buffer.byteLength(head), bytes.length - TAIL_BYTES) }
  }
}

/** Not from Node's shared pool, where one small line that is kept would hold 64 KiB of others. */
function exactBuffer(text: string): Buffer {
  const bytes = Buffer.allocUnsafeSlow(Buffer.byteLength(text))
  bytes.write(text)
  return bytes
}
