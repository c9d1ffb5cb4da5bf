/**
 * How portable UDP threads hand queries to the thread that forwards, and get replies: as messages of a channel, which
 * finds a thread that was started again by its name.
 */
import type { AskedLater } from '../../transport.ts'
import type { DeferredQuery, Reception } from './reception.ts'

/** Queries of one thread that wait at one time; above it the oldest is forgotten. */
const MOST = 4096
/** Octets of a reply. */
const CAPACITY = 65_535

interface Request extends AskedLater {
  readonly from: string
  readonly number: number
}

interface Response {
  readonly number: number
  /** null: there is no reply. */
  readonly reply: Uint8Array | null
}

/** The side of a UDP thread. */
export class RemoteForward {
  readonly #requests: BroadcastChannel
  readonly #responses: BroadcastChannel
  readonly #name: string
  readonly #waiting: Map<number, (reply: Uint8Array | null) => void> = new Map()
  #last = 0

  /** @param thread its name, another one for each thread of the process that forwards to `channel`. */
  constructor(channel: string, thread: string) {
    this.#name = `${channel}/${thread}`
    this.#requests = new BroadcastChannel(channel)
    this.#responses = new BroadcastChannel(this.#name)
    this.#responses.onmessage = event => {
      const { number, reply } = event.data as Response
      const waiter = this.#waiting.get(number)
      this.#waiting.delete(number)
      waiter?.(reply)
    }
  }

  /** Hands a query over. @param reply is called at most once. */
  defer(asked: AskedLater, reply: (bytes: Uint8Array | null) => void): void {
    const number = ++this.#last
    for (const [oldest, forgotten] of this.#waiting) {
      if (this.#waiting.size < MOST) break
      this.#waiting.delete(oldest)
      forgotten(null)
    }
    this.#waiting.set(number, reply)
    this.#requests.postMessage({ ...asked, from: this.#name, number } satisfies Request)
  }

  close(): void {
    this.#requests.close()
    this.#responses.close()
  }
}

/** The side of the thread that forwards. */
export class RemoteInlet {
  readonly #requests: BroadcastChannel
  readonly #responses: Map<string, BroadcastChannel> = new Map()
  readonly #reception: Reception
  readonly #flush: () => void
  readonly #out: Uint8Array = new Uint8Array(CAPACITY)

  constructor(channel: string, reception: Reception, flush: () => void) {
    this.#requests = new BroadcastChannel(channel)
    this.#reception = reception
    this.#flush = flush
  }

  /** Begins. */
  start(): void {
    this.#requests.onmessage = event => {
      this.#reception.take(this.#queryOf(event.data as Request))
      this.#flush()
    }
  }

  close(): void {
    this.#requests.close()
    for (const channel of this.#responses.values()) channel.close()
  }

  #queryOf({ from, number, query, source, view, transport }: Request): DeferredQuery {
    const room = { bytes: this.#out, start: 0, capacity: CAPACITY }
    return {
      bytes: query,
      start: 0,
      length: query.length,
      source,
      sourceAt: 0,
      view,
      transport,
      room: () => room,
      replied: length => {
        const reply = length === 0 ? null : this.#out.slice(0, length)
        this.#channelTo(from).postMessage({ number, reply } satisfies Response)
      },
    }
  }

  #channelTo(name: string): BroadcastChannel {
    const present = this.#responses.get(name)
    if (present !== undefined) return present
    const channel = new BroadcastChannel(name)
    channel.unref()
    this.#responses.set(name, channel)
    return channel
  }
}
