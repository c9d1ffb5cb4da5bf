/** How many connections there may be at one time, in all and from one client. */
import { type Address, familyOf } from '../../ip/address.ts'

/** Octets that make an IPv6 client: a host has a /64 of its own (RFC 4291 section 2.5.1, RFC 7934). */
const IPV6_CLIENT_OCTETS = 8

/** Counts connections; whoever was admitted must leave. */
export class Admission {
  readonly #max: number
  readonly #maxOfOne: number
  readonly #clients: Map<string, number> = new Map()
  #size = 0

  constructor(max: number, maxOfOne: number) {
    this.#max = max
    this.#maxOfOne = maxOfOne
  }

  /** Whether the client may have another connection, which then counts. */
  enter(source: Address): boolean {
    const client = clientOf(source)
    const present = this.#clients.get(client) ?? 0
    if (this.#size >= this.#max || present >= this.#maxOfOne) return false
    this.#clients.set(client, present + 1)
    this.#size++
    return true
  }

  leave(source: Address): void {
    const client = clientOf(source)
    const left = (this.#clients.get(client) ?? 1) - 1
    if (left === 0) this.#clients.delete(client)
    else this.#clients.set(client, left)
    this.#size--
  }
}

function clientOf(source: Address): string {
  const octets = familyOf(source) === 'IPv4' ? source : source.subarray(0, IPV6_CLIENT_OCTETS)
  return String.fromCharCode(...octets)
}
