/**
 * Addresses of apps as IPAddress objects: etcd keeps each name once, so neither another replica nor the API server's
 * own allocator can give the address to somebody else.
 *
 * ```
 *  reserve ─► POST IPAddress ─► 201 ─► claim, shared
 *     ▲            │ 409: the app's own (another replica was faster) ─► claim that one
 *     └────────────┘ 409: somebody else's ─► marked, the next candidate
 * ```
 */
import { readIpAddress } from '../../cluster/kubernetes/addresses.ts'
import type { KubernetesClient, KubernetesRequest, KubernetesResponse } from '../../cluster/kubernetes/client.ts'
import { Interner } from '../../cluster/strip/intern.ts'
import { WaypostError } from '../../errors.ts'
import { type Address, formatAddress } from '../../ip/address.ts'
import type { Allocator } from '../../pool/allocator.ts'
import type { OwnerRef } from '../../pool/claims.ts'
import { fieldsAt } from '../certificates/secret.ts'
import { type Fields, isFields } from '../review.ts'
import { appAddressObject, IP_ADDRESSES, MANAGED_BY, OURS, ownerOf } from './objects.ts'

/** What the parts need. */
export interface AppAddressesOptions {
  readonly network: string
  /** Rejects while the credentials cannot be read. */
  readonly client: () => Promise<KubernetesClient>
  readonly allocator: Allocator
}

/** How many candidates are tried for one app. */
const CANDIDATES = 32

/** See the top of the file. */
export class AppAddresses {
  readonly #options: AppAddressesOptions

  constructor(options: AppAddressesOptions) {
    this.#options = options
  }

  /**
   * Gives an app its address, or finds the one it has.
   *
   * @throws WaypostError WAY_POOL_EXHAUSTED, WAY_POOL_FAMILY, WAY_LEDGER_WRITE, WAY_KUBERNETES_UNREACHABLE,
   *   WAY_KUBERNETES_REFUSED: nothing was promised.
   */
  async allocate(app: string): Promise<{ readonly address: Address; readonly created: boolean }> {
    const { allocator, network } = this.#options
    const owner: OwnerRef = { kind: 'App', name: app }
    const [held] = allocator.addressesOf(network, owner)
    if (held !== undefined) {
      if (!allocator.isShared(network, owner)) await this.create(app, held)
      return { address: held, created: false }
    }
    try {
      for (let i = 0; i < CANDIDATES; i++) {
        const address = await this.#tryNext(owner)
        if (address !== null) return { address, created: true }
      }
    } catch (error) {
      allocator.leases.cancel(network, owner)
      throw error
    }
    throw new WaypostError(
      'WAY_POOL_EXHAUSTED',
      `Cannot find an address for app "${app}" that the cluster has not taken`,
    )
  }

  /** Creates the IPAddress of an app that has its claim already. @throws WaypostError WAY_ADDRESS_TAKEN and as {@link allocate}. */
  async create(app: string, address: Address): Promise<void> {
    const { allocator, network } = this.#options
    const owner: OwnerRef = { kind: 'App', name: app }
    const answer = await this.#post(app, address)
    if (answer.status === 409 && (await this.#holderOf(app, address)) !== 'itself') {
      const message = `Cannot keep ${formatAddress(address)} for app "${app}": the cluster has it for somebody else`
      throw new WaypostError('WAY_ADDRESS_TAKEN', message)
    }
    allocator.share(network, owner)
  }

  /** Takes an app's IPAddress away; one that is gone already is no fault. @throws WaypostError WAY_KUBERNETES_…. */
  async remove(address: Address): Promise<void> {
    const path = `${IP_ADDRESSES}/${formatAddress(address)}`
    const answer = await this.#request({ method: 'DELETE', path })
    if (answer.status !== 200 && answer.status !== 202 && answer.status !== 404) {
      throw refused(`delete IPAddress ${formatAddress(address)}`, answer)
    }
  }

  /** One candidate; null: somebody else has it. */
  async #tryNext(owner: OwnerRef): Promise<Address | null> {
    const { allocator, network } = this.#options
    const [reserved] = allocator.leases.reserve([{ network, owner, explicit: [], place: true }])
    if (reserved === undefined || !reserved.ok) {
      throw new WaypostError(reserved?.code ?? 'WAY_LEDGER_WRITE', reserved?.message ?? 'Nothing was reserved')
    }
    const [address] = reserved.addresses
    if (address === undefined) throw new TypeError('a reservation without an address')
    const answer = await this.#post(owner.name, address)
    const holder = answer.status === 409 ? await this.#holderOf(owner.name, address) : 'itself'
    if (holder === 'other') allocator.mark(network, address, { owner: null })
    if (holder !== 'itself') return null
    const first = await this.#firstOf(owner.name, address)
    if (formatAddress(first) !== formatAddress(address)) await this.remove(address)
    this.#claim(owner, first)
    return first
  }

  /**
   * Two replicas that know different things may have made an address each for one app. The one whose object is older in
   * etcd wins, on every replica: resource versions of one cluster grow (KEP-5504).
   */
  async #firstOf(app: string, made: Address): Promise<Address> {
    const query = { labelSelector: `${MANAGED_BY}=${OURS}` }
    const answer = await this.#request({ method: 'GET', path: IP_ADDRESSES, query })
    if (answer.status !== 200 || !isFields(answer.body)) throw refused('list the IPAddresses of apps', answer)
    const { items } = answer.body
    let first: { address: Address; version: bigint } | null = null
    for (const item of Array.isArray(items) ? items.filter(isFields) : []) {
      const address = this.#addressOf(app, item)
      const version = versionOf(item)
      if (address !== null && (first === null || version < first.version)) first = { address, version }
    }
    return first?.address ?? made
  }

  #claim(owner: OwnerRef, address: Address): void {
    const { allocator, network } = this.#options
    const [result] = allocator.claim([{ network, owner, explicit: [address], place: false, created: null }])
    if (result === undefined || !result.ok) {
      throw new WaypostError(result?.code ?? 'WAY_LEDGER_WRITE', result?.message ?? 'The claim could not be made')
    }
    allocator.share(network, owner)
  }

  async #post(app: string, address: Address): Promise<KubernetesResponse> {
    const body = appAddressObject(this.#options.network, app, address)
    const answer = await this.#request({ method: 'POST', path: IP_ADDRESSES, body })
    if (answer.status !== 200 && answer.status !== 201 && answer.status !== 409) {
      throw refused(`create IPAddress ${formatAddress(address)}`, answer)
    }
    return answer
  }

  /** Whose the IPAddress is that was there already. */
  async #holderOf(app: string, address: Address): Promise<'itself' | 'other' | 'nobody'> {
    const answer = await this.#request({ method: 'GET', path: `${IP_ADDRESSES}/${formatAddress(address)}` })
    if (answer.status === 404) return 'nobody'
    if (answer.status !== 200 || !isFields(answer.body)) {
      throw refused(`read IPAddress ${formatAddress(address)}`, answer)
    }
    return this.#addressOf(app, answer.body) === null ? 'other' : 'itself'
  }

  /** The address of an IPAddress, if it is this app's. */
  #addressOf(app: string, item: Fields): Address | null {
    const ip = readIpAddress(item, new Interner()).found?.object
    const owner = ip === undefined ? null : ownerOf(ip, this.#options.network)
    return ip !== undefined && owner?.kind === 'App' && owner.name === app ? ip.address : null
  }

  async #request(request: KubernetesRequest): Promise<KubernetesResponse> {
    const client = await this.#options.client()
    return await client.request(request)
  }
}

function versionOf(item: Fields): bigint {
  const version = fieldsAt(item, 'metadata')['resourceVersion']
  return typeof version === 'string' && /^[0-9]+$/.test(version) ? BigInt(version) : 0n
}

function refused(what: string, { status, body }: KubernetesResponse): WaypostError {
  const message = isFields(body) && typeof body['message'] === 'string' ? `: ${body['message']}` : ''
  return new WaypostError('WAY_KUBERNETES_REFUSED', `Cannot ${what}: the API server answers ${status}${message}`)
}
