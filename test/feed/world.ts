/** A hub over made-up Services, with readers whose sockets are simulated. */
import { RouteHub, type RouteHubOptions } from '#src/feed/hub.ts'
import type { WatchSink } from '#src/feed/outbox.ts'
import type { Watcher, WatchFilter } from '#src/feed/watcher.ts'
import type { Route } from '#src/route/route.ts'
import { backend, route } from '../route/fixtures.ts'
import { FakeClock } from './fake-clock.ts'

export const EVERYTHING: WatchFilter = { network: null, services: null }

/** Text of a table, for comparing: one line per Service. */
export type TableText = string

export type JsonLine = Readonly<Record<string, unknown>>

export class World {
  readonly clock: FakeClock = new FakeClock()
  readonly hub: RouteHub
  readonly networks: readonly string[]
  readonly readers: SimulatedReader[] = []
  /** Every table that was ever published, by version. */
  readonly history: Map<string, ReadonlyMap<string, readonly Route[]>> = new Map()
  #state = new Map<string, readonly Route[]>()
  #revision = 0

  constructor(options: Partial<RouteHubOptions> = {}) {
    this.networks = options.networks ?? ['default']
    this.hub = new RouteHub({
      epoch: 'e1',
      networks: this.networks,
      routesOf: (network, service) => this.#state.get(`${network} ${service}`) ?? [],
      clock: this.clock,
      ...options,
    })
    this.#remember()
  }

  /** Gives each named Service new routes, or none where the name starts with "-". */
  publish(...names: string[]): string {
    return this.publishIn('default', ...names)
  }

  publishIn(network: string, ...names: string[]): string {
    return this.publishAll(names.map(name => ({ network, name })))
  }

  publishAll(list: readonly { network: string; name: string; backends?: number }[]): string {
    const changes = list.map(({ network, name, backends = 1 }) => {
      const present = !name.startsWith('-')
      const service = `ns/${present ? name : name.slice(1)}`
      const routes = [
        route({ service, backends: Array.from({ length: backends }, () => backend({ port: ++this.#revision })) }),
      ]
      if (present) this.#state.set(`${network} ${service}`, routes)
      else this.#state.delete(`${network} ${service}`)
      return { network, service, present }
    })
    this.#state = new Map(this.#state)
    const version = this.hub.publish(changes)
    this.#remember()
    return version
  }

  /** The table of a version as the filter shows it. */
  tableAt(version: string, filter: WatchFilter): TableText {
    const state = this.history.get(version)
    if (state === undefined) throw new Error(`there was no version ${version}`)
    return tableText(state, filter)
  }

  /** A reader; with the table of version `has`, when it comes back. */
  watch(options: Partial<ReaderOptions> = {}, has: string | null = null): SimulatedReader {
    const all = { filter: EVERYTHING, since: null, format: 'ndjson', room: 1e9, ...options } as const
    const reader = new SimulatedReader(this, all, has === null ? undefined : this.history.get(has))
    this.readers.push(reader)
    return reader
  }

  async get(
    filter: WatchFilter = EVERYTHING,
  ): Promise<{ version: string; text: TableText; routes: readonly Record<string, unknown>[] }> {
    const pending = this.hub.table(filter)
    let isDone = false
    const done = (): void => {
      isDone = true
    }
    pending.then(done, done)
    while (!isDone) {
      this.clock.turn()
      await Promise.resolve()
    }
    const snapshot = await pending
    const bytes = Buffer.concat(snapshot.pieces)
    if (bytes.length !== snapshot.byteLength) throw new Error('the length of the body is wrong')
    const body = JSON.parse(bytes.toString()) as { epoch: string; version: number; routes: Record<string, unknown>[] }
    const state = new Map<string, Route[]>()
    for (const { network, ...rest } of body.routes) {
      const key = `${String(network ?? 'default')} ${String(rest['service'])}`
      state.set(key, [...(state.get(key) ?? []), rest as unknown as Route])
    }
    return { version: `${body.epoch}-${body.version}`, text: tableText(state, filter), routes: body.routes }
  }

  #remember(): void {
    this.history.set(this.hub.version, new Map(this.#state))
  }
}

export interface ReaderOptions {
  readonly filter: WatchFilter
  /** The text that the reader sends. */
  readonly since: string | null
  readonly format: 'ndjson' | 'sse'
  /** Bytes that the socket holds before it wants a pause. */
  readonly room: number
}

/** Replays what it reads, as a consumer does. */
export class SimulatedReader implements WatchSink {
  readonly lines: JsonLine[] = []
  readonly watcher: Watcher
  /** Text of the table after each sync. */
  readonly syncs: { version: string; text: TableText }[] = []
  isEnded = false
  isDestroyed = false
  isGone = false
  readonly options: ReaderOptions
  readonly world: World
  readonly #table = new Map<string, readonly Route[]>()
  #held: Buffer[] = []
  #heldBytes = 0
  #wantsDrain = false
  #text = ''
  #received: Buffer[] = []

  constructor(world: World, options: ReaderOptions, table?: ReadonlyMap<string, readonly Route[]>) {
    this.world = world
    this.options = options
    for (const [key, value] of table ?? []) this.#table.set(key, value)
    const since = options.since === null ? null : world.hub.parseSince(options.since)
    this.watcher = world.hub.watch(this, { format: options.format, filter: options.filter, since })
  }

  /** The types of the lines read so far, the Service's name or the version behind them. */
  get story(): string[] {
    return this.lines.map(line => `${line['type']}${tail(line)}`)
  }

  get lastSync(): string | null {
    return this.syncs.at(-1)?.version ?? null
  }

  write(bytes: Buffer): boolean {
    this.#held.push(bytes)
    this.#heldBytes += bytes.length
    if (this.options.room === 1e9) this.take(Number.POSITIVE_INFINITY)
    this.#wantsDrain = this.#heldBytes >= this.options.room
    return !this.#wantsDrain
  }

  unsent(): number {
    return this.#heldBytes
  }

  end(): void {
    this.isEnded = true
    this.leave()
  }

  destroy(): void {
    this.isDestroyed = true
    this.leave()
  }

  /** Reads up to that many bytes. */
  take(bytes: number): void {
    let left = bytes
    while (left > 0 && this.#held.length > 0) {
      const first = this.#held[0] as Buffer
      const piece = first.subarray(0, left)
      left -= piece.length
      this.#heldBytes -= piece.length
      this.#received.push(piece)
      if (piece.length === first.length) this.#held.shift()
      else this.#held[0] = first.subarray(piece.length)
    }
    this.#read()
    if (!this.#wantsDrain || this.#heldBytes > 0 || this.isGone) return
    this.#wantsDrain = false
    this.world.hub.drained(this.watcher)
  }

  /** Goes away wherever it is; what was not read is lost. */
  leave(): void {
    if (this.isGone) return
    this.isGone = true
    this.world.hub.remove(this.watcher)
  }

  /** A new connection that goes on where the last sync was, with the table of that sync. */
  comeBack(): SimulatedReader {
    this.leave()
    const since = this.lastSync ?? this.options.since
    const table = since === null ? undefined : this.world.history.get(since)
    const kept = new Map([...(table ?? [])].filter(([key]) => isWanted(key, this.options.filter)))
    const reader = new SimulatedReader(this.world, { ...this.options, since }, kept)
    this.world.readers.push(reader)
    return reader
  }

  #read(): void {
    this.#text += Buffer.concat(this.#received).toString()
    this.#received = []
    const end = this.options.format === 'ndjson' ? '\n' : '\n\n'
    for (let at = this.#text.indexOf(end); at >= 0; at = this.#text.indexOf(end)) {
      const record = this.#text.slice(0, at)
      this.#text = this.#text.slice(at + end.length)
      this.#apply(this.options.format === 'ndjson' ? (JSON.parse(record) as JsonLine) : parseEvent(record))
    }
  }

  #apply(line: JsonLine): void {
    this.lines.push(line)
    const key = `${String(line['network'] ?? 'default')} ${String(line['service'])}`
    if (line['type'] === 'reset') this.#table.clear()
    else if (line['type'] === 'delete') this.#table.delete(key)
    else if (line['type'] === 'put') this.#table.set(key, routesOf(line))
    else if (line['type'] === 'sync') {
      this.syncs.push({ version: String(line['version']), text: tableText(this.#table, this.options.filter) })
    }
  }
}

function routesOf(line: JsonLine): readonly Route[] {
  const routes = line['routes'] as readonly ({ network?: string } & Route)[]
  return routes.map(({ network, ...rest }) => {
    if (network !== line['network']) throw new Error('the route names another network than its line')
    return rest
  })
}

function parseEvent(record: string): JsonLine {
  const fields = new Map(
    record.split('\n').map(line => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
  )
  const line = JSON.parse(fields.get('data') ?? 'null') as JsonLine
  if (fields.get('event') !== line['type']) throw new Error(`the event "${fields.get('event')}" carries another line`)
  if (fields.get('id') !== line['version']) throw new Error('the id is not the version')
  return line
}

function tail(line: JsonLine): string {
  const what = line['service'] ?? line['version']
  return what === undefined ? '' : ` ${String(what)}`
}

function isWanted(key: string, { network, services }: WatchFilter): boolean {
  const [inNetwork = '', service = ''] = key.split(' ')
  return (network === null || network === inNetwork) && (services === null || services.has(service))
}

/** Every port number is used once, so the first and the last tell the revision. */
function short({ backends }: Route): string {
  return `${backends[0]?.port ?? '-'}…${backends.at(-1)?.port ?? '-'}`
}

function tableText(state: ReadonlyMap<string, readonly Route[]>, filter: WatchFilter): TableText {
  return [...state]
    .filter(([key]) => isWanted(key, filter))
    .map(([key, routes]) => `${key} ${routes.map(short).join(',')}`)
    .toSorted()
    .join('\n')
}
