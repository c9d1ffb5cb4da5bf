/** Tells packets that we seem to have sent to ourselves, so that two of our sockets can never keep each other busy. */
import { networkInterfaces } from 'node:os'
import { ADDRESS_BYTES, type Address, parseAddress } from '../../ip/address.ts'
import { isWildcard } from '../listen.ts'

/** An address and port that we answer on. */
export interface OwnAddress {
  readonly address: Address
  readonly port: number
}

/** How long the addresses of the interfaces are believed, in milliseconds. */
const INTERFACES_AGE = 5000

/** Our own sources. A wildcard stands for every address of every interface. */
export class OwnAddresses {
  readonly #ports: readonly number[]
  readonly #own: readonly OwnAddress[]
  readonly #localAddresses: () => readonly Address[]
  readonly #clock: () => number
  #local: readonly Address[] = []
  #readAt = Number.NEGATIVE_INFINITY

  constructor(
    own: readonly OwnAddress[],
    localAddresses: () => readonly Address[] = interfaceAddresses,
    clock: () => number = () => performance.now(),
  ) {
    this.#own = own
    this.#ports = [...new Set(own.map(({ port }) => port))]
    this.#localAddresses = localAddresses
    this.#clock = clock
  }

  /** Whether the source, a 16-byte address at `offset` and a port, is ours. */
  isOwn(bytes: Uint8Array, offset: number, port: number): boolean {
    const ports = this.#ports
    // Nearly every packet fails this test.
    for (let i = 0; i < ports.length; i++) if (ports[i] === port) return this.#isOwnAddress(bytes, offset, port)
    return false
  }

  #isOwnAddress(bytes: Uint8Array, offset: number, port: number): boolean {
    return this.#own.some(own => {
      if (own.port !== port) return false
      return isWildcard(own.address) ? this.#isLocal(bytes, offset) : isAt(own.address, bytes, offset)
    })
  }

  #isLocal(bytes: Uint8Array, offset: number): boolean {
    const now = this.#clock()
    if (now - this.#readAt > INTERFACES_AGE) {
      this.#local = this.#localAddresses()
      this.#readAt = now
    }
    return this.#local.some(address => isAt(address, bytes, offset))
  }
}

/** The address of every interface. */
export function interfaceAddresses(): Address[] {
  const texts = Object.values(networkInterfaces()).flatMap(list => (list ?? []).map(({ address }) => address))
  return texts.map(parseAddress).filter(address => address !== null)
}

function isAt(address: Address, bytes: Uint8Array, offset: number): boolean {
  for (let i = 0; i < ADDRESS_BYTES; i++) if (address[i] !== bytes[offset + i]) return false
  return true
}
