/**
 * A second look at a promised address. A create that is asked for again was refused, most likely because the address is
 * another Service's and our watch has not said so yet: another replica promised it at the same moment. The API server
 * is asked itself, so that the retry gets another address however late the watch is.
 */
import { readIpAddress } from '../../cluster/kubernetes/addresses.ts'
import type { KubernetesClient } from '../../cluster/kubernetes/client.ts'
import { Interner } from '../../cluster/strip/intern.ts'
import { type Address, formatAddress } from '../../ip/address.ts'
import type { Allocator } from '../../pool/allocator.ts'
import type { OwnerRef } from '../../pool/claims.ts'
import { isFields } from '../review.ts'
import { IP_ADDRESSES, ownerOf } from './objects.ts'

/** What a second look needs. */
export interface SecondLookOptions {
  readonly network: string
  /** Rejects while the credentials cannot be read. */
  readonly client: () => Promise<KubernetesClient>
  readonly allocator: Allocator
  /** Whether the watch has said that an address is taken. */
  isWatched(address: Address): boolean
  /** Calls back after some milliseconds. */
  later(callback: () => void, ms: number): void
}

/** The API server waits for us, so we do not wait long for it. */
const TIMEOUT = 1000
/** How long a finding holds without the watch's word, in milliseconds: the object may be gone by then. */
const HOLDS = 60_000

/** See the top of the file. */
export class SecondLook {
  readonly #options: SecondLookOptions

  constructor(options: SecondLookOptions) {
    this.#options = options
  }

  /** Marks what the cluster has of an owner's promised addresses as another's. Never rejects: without an answer nothing changes. */
  async look(owner: OwnerRef): Promise<void> {
    const { allocator, network } = this.#options
    const addresses = allocator.leases.promisedTo(network, owner).filter(address => !this.#options.isWatched(address))
    await Promise.all(addresses.map(address => this.#lookAt(owner, address)))
  }

  async #lookAt(owner: OwnerRef, address: Address): Promise<void> {
    const { allocator, isWatched, later, network } = this.#options
    const holder = await this.#holderOf(address)
    if (holder === null || isWatched(address)) return
    if (holder.owner?.kind === owner.kind && holder.owner.name === owner.name) return
    allocator.mark(network, address, holder)
    later(() => {
      if (!isWatched(address)) allocator.mark(network, address, null)
    }, HOLDS)
  }

  /** Whose the IPAddress is; null: there is none, or nobody answered. */
  async #holderOf(address: Address): Promise<{ readonly owner: OwnerRef | null } | null> {
    try {
      const client = await this.#options.client()
      const path = `${IP_ADDRESSES}/${formatAddress(address)}`
      const { status, body } = await client.request({ method: 'GET', path, timeoutMs: TIMEOUT })
      const object = status === 200 && isFields(body) ? readIpAddress(body, new Interner()).found?.object : undefined
      return object === undefined ? null : { owner: ownerOf(object, this.#options.network) }
    } catch {
      return null
    }
  }
}
