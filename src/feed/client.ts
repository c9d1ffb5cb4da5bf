/**
 * A reader of the watch: keeps a table that is right at every sync, and connects again when the connection is lost,
 * going on where it was. What it reads between two syncs it holds back, so that nobody sees half a batch.
 */
import { ERRORS, type ErrorCode, WaypostError } from '../errors.ts'
import type { Route } from '../route/route.ts'
import { type Clock, systemClock } from './clock.ts'

/** A route as the feed carries it: with its network where there are several. */
export type FedRoute = Route & { readonly network?: string }

/** One line of the watch. */
export type WatchLine =
  | { readonly type: 'reset' }
  | { readonly type: 'put'; readonly network?: string; readonly service: string; readonly routes: readonly FedRoute[] }
  | { readonly type: 'delete'; readonly network?: string; readonly service: string }
  | { readonly type: 'sync' | 'heartbeat'; readonly version: string }

/** What one sync changed. */
export interface TableChange {
  readonly version: string
  /** The table was started anew; `changed` is all of it. */
  readonly isReset: boolean
  /** Keys of the table, see {@link WatchClient.table}. */
  readonly changed: readonly string[]
  readonly removed: readonly string[]
}

export interface WatchClientOptions {
  /** `http://[::1]:8053` */
  readonly url: string
  /** Only these Services; none: all. */
  readonly services?: readonly string[]
  readonly network?: string | null
  readonly token?: string | null
  /** Ends the watch. */
  readonly signal: AbortSignal
  /** Called at every sync, after the table changed. */
  readonly onChange?: (change: TableChange) => void
  /** Called when a connection was lost or could not be made, with the reason and the pause before the next try. */
  readonly onLost?: (reason: string, pauseMs: number) => void
  /** The server says something at least every 10 s; silence for this long is a dead connection. Default 30 s. */
  readonly silenceMs?: number
  readonly clock?: Clock
  /** Uniform in [0, 1), for the pauses. */
  readonly random?: () => number
}

const FIRST_PAUSE_MS = 250
const LONGEST_PAUSE_MS = 10_000
/** Characters of one line: far more than any Service has. */
const LINE_LIMIT = 1 << 28

/** A refusal that may be over the next time. */
class TemporaryError extends Error {
  readonly pauseMs: number

  constructor(message: string, pauseMs = 0) {
    super(message)
    this.pauseMs = pauseMs
  }
}

/**
 * Iterating it gives every line as it comes, from one connection after the other, until the signal is aborted. The
 * iteration throws a WaypostError when the server refuses for good.
 */
export class WatchClient implements AsyncIterable<WatchLine> {
  /** Version of the last sync, or of a heartbeat since; null before the first. */
  version: string | null = null
  readonly #options: WatchClientOptions
  readonly #clock: Clock
  #table = new Map<string, readonly FedRoute[]>()
  /** What was read since the last sync; null: no route any more. */
  #held = new Map<string, readonly FedRoute[] | null>()
  #isReset = false

  constructor(options: WatchClientOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
  }

  /** The routes as of the last sync, by `namespace/name`, or `network namespace/name` where there are several networks. */
  get table(): ReadonlyMap<string, readonly FedRoute[]> {
    return this.#table
  }

  async *[Symbol.asyncIterator](): AsyncIterator<WatchLine> {
    const { signal, random = Math.random, onLost } = this.#options
    for (let failures = 0; !signal.aborted; failures++) {
      let reason = 'the server ended the stream'
      let atLeast = 0
      try {
        for await (const line of this.#connection()) {
          failures = 0
          this.#apply(line)
          yield line
        }
      } catch (error) {
        if (error instanceof WaypostError) throw error
        reason = reasonOf(error)
        if (error instanceof TemporaryError) atLeast = error.pauseMs
      }
      if (signal.aborted) return
      // Half of the pause is by chance, so that the readers of a server that restarted do not all come at once.
      const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** failures) * (0.5 + random() / 2)
      const pauseMs = Math.max(atLeast * (1 + random() / 2), pause)
      onLost?.(reason, pauseMs)
      await this.#sleep(pauseMs)
    }
  }

  /** The lines of one connection. */
  async *#connection(): AsyncIterable<WatchLine> {
    this.#held.clear()
    this.#isReset = false
    const silence = new AbortController()
    const watchdog = this.#watchdog(silence)
    try {
      const signal = AbortSignal.any([this.#options.signal, silence.signal])
      const response = await fetch(this.#url(), { headers: this.#headers(), signal })
      const isWatch = response.status === 200 && response.headers.get('content-type') === 'application/x-ndjson'
      if (!isWatch || response.body === null) throw await refusalOf(response)
      for await (const text of linesOf(response.body, watchdog.alive)) yield JSON.parse(text) as WatchLine
    } finally {
      watchdog.stop()
      // Also when the consumer stops in the middle: the connection must not stay open.
      silence.abort()
    }
  }

  #watchdog(silence: AbortController): { alive(): void; stop(): void } {
    const ms = this.#options.silenceMs ?? 30_000
    const start = (): (() => void) =>
      this.#clock.after(ms, () => silence.abort(new TemporaryError(`nothing came for ${ms / 1000} s`)))
    let cancel = start()
    const alive = (): void => {
      cancel()
      cancel = start()
    }
    return { alive, stop: () => cancel() }
  }

  #apply(line: WatchLine): void {
    if (line.type === 'reset') {
      this.#held.clear()
      this.#isReset = true
    } else if (line.type === 'put') {
      this.#held.set(keyOf(line), line.routes)
    } else if (line.type === 'delete') {
      this.#held.set(keyOf(line), null)
    } else if (line.type === 'sync') {
      this.#commit(line.version)
    } else if (line.type === 'heartbeat' && this.version !== null && !this.#isReset && this.#held.size === 0) {
      this.version = line.version
    }
  }

  #commit(version: string): void {
    const isReset = this.#isReset
    const table = isReset ? new Map<string, readonly FedRoute[]>() : this.#table
    const removed = isReset ? [...this.#table.keys()].filter(key => !this.#held.has(key)) : []
    const changed: string[] = []
    for (const [key, routes] of this.#held) {
      if (routes !== null) {
        table.set(key, routes)
        changed.push(key)
      } else if (table.delete(key)) {
        removed.push(key)
      }
    }
    this.#table = table
    this.#held.clear()
    this.#isReset = false
    this.version = version
    this.#options.onChange?.({ version, isReset, changed, removed })
  }

  #url(): URL {
    const { url, services = [], network = null } = this.#options
    const target = new URL('/v1/routes/watch', url)
    if (this.version !== null) target.searchParams.set('since', this.version)
    if (network !== null) target.searchParams.set('network', network)
    for (const service of services) target.searchParams.append('service', service)
    return target
  }

  #headers(): Record<string, string> {
    const { token = null } = this.#options
    const accept = { accept: 'application/x-ndjson' }
    return token === null || token === '' ? accept : { ...accept, authorization: `Bearer ${token}` }
  }

  #sleep(ms: number): Promise<void> {
    const { signal } = this.#options
    return new Promise(resolve => {
      const wake = (): void => {
        cancel()
        signal.removeEventListener('abort', wake)
        resolve()
      }
      const cancel = this.#clock.after(ms, wake)
      signal.addEventListener('abort', wake)
    })
  }
}

function keyOf({ network, service }: { readonly network?: string; readonly service: string }): string {
  return network === undefined ? service : `${network} ${service}`
}

/** Whole lines; what the end of the stream cuts off is no line. */
async function* linesOf(body: ReadableStream<Uint8Array>, alive: () => void): AsyncIterable<string> {
  const decoder = new TextDecoder()
  let parts: string[] = []
  let length = 0
  for await (const chunk of body) {
    alive()
    const pieces = decoder.decode(chunk, { stream: true }).split('\n')
    const rest = pieces.pop() ?? ''
    for (const piece of pieces) {
      yield parts.join('') + piece
      parts = []
      length = 0
    }
    parts.push(rest)
    length += rest.length
    if (length > LINE_LIMIT) throw new TemporaryError('a line does not end')
  }
}

/** Why the server did not start a stream: for good, or for now. */
async function refusalOf(response: Response): Promise<Error> {
  if (response.ok) return new WaypostError('WAY_API_UNREACHABLE', `Cannot watch ${response.url}: it is no route watch`)
  const text = await response.text()
  const { code, message } = parseBody(text)
  const said = message ?? `the server answered ${response.status}`
  if (response.status >= 500 || response.status === 429) {
    return new TemporaryError(said, 1000 * (Number(response.headers.get('retry-after')) || 0))
  }
  const isKnown = code !== undefined && Object.hasOwn(ERRORS, code)
  return new WaypostError(
    isKnown ? (code as ErrorCode) : 'WAY_API_UNREACHABLE',
    `Cannot watch ${response.url}: ${said}`,
  )
}

function parseBody(text: string): { readonly code?: string; readonly message?: string } {
  try {
    const { code, message } = JSON.parse(text) as Record<string, unknown>
    return { ...(typeof code === 'string' && { code }), ...(typeof message === 'string' && { message }) }
  } catch {
    return {}
  }
}

/** fetch hides why behind "fetch failed". */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? error.cause.message : error.message
}
