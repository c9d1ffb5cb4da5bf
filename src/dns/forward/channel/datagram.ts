/**
 * UDP to an upstream: a pool of connected sockets, so the kernel drops what comes from elsewhere and reports a closed
 * port. Each has a random port of its own, and is used for a limited number of questions, some of them at one time. The
 * questions of one turn of the loop take one socket, those of the next turn another one at random; every question has
 * a random id.
 */
import type { RandomSource } from '../exchange/random.ts'
import type { Attempt, Channel } from './channel.ts'

/** Sockets that are open at one time. */
const SOCKETS = 16
/** Questions after which a socket makes way for another with another port. */
const USES = 500

/** A socket that is connected to the upstream, or will be. */
export interface DatagramSocket {
  /** Sends now or at the next flush; the octets are read at once. */
  send(query: Uint8Array): void
  flush(): void
  close(): void
}

/** What a socket calls, never from within its own methods. */
export interface DatagramEvents {
  received(message: Uint8Array): void
  /** The socket is of no use any more. */
  failed(error: Error): void
}

interface Pooled {
  socket: DatagramSocket | null
  readonly waiting: Map<number, Attempt>
  uses: number
}

/** See the top of the file. */
export class DatagramChannel implements Channel {
  readonly #open: (events: DatagramEvents) => DatagramSocket
  readonly #random: RandomSource
  readonly #pool: Pooled[] = []
  readonly #places: Map<Attempt, { readonly pooled: Pooled; readonly id: number }> = new Map()
  /** The socket of this turn. */
  #present: Pooled | null = null

  /** @param open opens a socket with a random port. */
  constructor(open: (events: DatagramEvents) => DatagramSocket, random: RandomSource) {
    this.#open = open
    this.#random = random
  }

  send(attempt: Attempt): void {
    const pooled = this.#pick()
    const id = this.#freeId(pooled)
    attempt.query[0] = id >> 8
    attempt.query[1] = id & 0xff
    pooled.waiting.set(id, attempt)
    pooled.uses++
    this.#places.set(attempt, { pooled, id })
    pooled.socket?.send(attempt.query)
  }

  cancel(attempt: Attempt): void {
    const place = this.#places.get(attempt)
    if (place === undefined) return
    this.#places.delete(attempt)
    place.pooled.waiting.delete(place.id)
    this.#retire(place.pooled)
  }

  flush(): void {
    const present = this.#present
    this.#present = null
    present?.socket?.flush()
  }

  close(): void {
    for (const pooled of this.#pool.splice(0)) this.#close(pooled)
    // Some have made way for others, and somebody waits at them still.
    for (const { pooled } of this.#places.values()) this.#close(pooled)
  }

  #pick(): Pooled {
    if (this.#present !== null) return this.#present
    // Whoever forgets to flush has it done after this turn.
    setImmediate(() => this.flush())
    const place = this.#random.below(SOCKETS)
    const old = this.#pool[place]
    if (old !== undefined && old.uses < USES) {
      this.#present = old
      return old
    }
    const pooled: Pooled = { socket: null, waiting: new Map(), uses: 0 }
    try {
      pooled.socket = this.#open({
        received: message => this.#receive(pooled, message),
        failed: error => this.#fail(pooled, error),
      })
    } catch (error) {
      // No descriptor is left, for example.
      setImmediate(() => this.#fail(pooled, error instanceof Error ? error : new Error(String(error))))
    }
    if (old === undefined) this.#pool.push(pooled)
    else this.#pool[place] = pooled
    if (old !== undefined) this.#retire(old)
    this.#present = pooled
    return pooled
  }

  #freeId(pooled: Pooled): number {
    for (;;) {
      const id = this.#random.below(0x10000)
      if (!pooled.waiting.has(id)) return id
    }
  }

  #receive(pooled: Pooled, message: Uint8Array): void {
    if (message.length < 2) return
    const attempt = pooled.waiting.get(((message[0] as number) << 8) | (message[1] as number))
    if (attempt?.received(message) === true) this.cancel(attempt)
  }

  /** Whoever waits at the socket is told. */
  #fail(pooled: Pooled, error: Error): void {
    const place = this.#pool.indexOf(pooled)
    if (place >= 0) this.#pool.splice(place, 1)
    if (this.#present === pooled) this.#present = null
    const lost = [...pooled.waiting.values()]
    pooled.waiting.clear()
    this.#close(pooled)
    for (const attempt of lost) {
      this.#places.delete(attempt)
      attempt.lost(error)
    }
  }

  /** Closes a socket that has been replaced and that nobody waits at. */
  #retire(pooled: Pooled): void {
    if (pooled.waiting.size === 0 && pooled !== this.#present && !this.#pool.includes(pooled)) this.#close(pooled)
  }

  #close(pooled: Pooled): void {
    pooled.socket?.close()
    pooled.socket = null
  }
}
