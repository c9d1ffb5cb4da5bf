/** What the HTTP API shows of the control thread and asks of it. */

import type { Control, ControlledNetwork } from '../control/control.ts'
import type { PublishedService } from '../control/published.ts'
import type { CacheReply, CacheRequest } from '../dns/cache/write/inspection.ts'
import { WaypostError } from '../errors.ts'
import type {
  AddressView,
  ApiBackend,
  AppAddress,
  CacheEntryView,
  Explanation,
  Readiness,
  ServiceView,
} from '../feed/backend.ts'
import { formatAddress, parseAddress } from '../ip/address.ts'
import { namesOf } from '../naming/names.ts'
import type { Allocator } from '../pool/allocator.ts'
import type { Claim, OwnerRef } from '../pool/claims.ts'
import { foldName, NameError, nameOfKey, parseName } from '../wire/name.ts'
import type { Admission } from './admission.ts'
import type { Explainer } from './explain.ts'

/** What the backend is made of. */
export interface BackendOptions {
  readonly control: Control
  readonly allocator: Allocator
  readonly explainer: Explainer
  readonly admission: Admission
  readiness(): Readiness
  metrics(): Promise<{ readonly contentType: string; readonly text: string }>
  askCache(request: CacheRequest): Promise<CacheReply | 'late' | null>
}

/** See the top of the file. */
export class Backend implements ApiBackend {
  readonly networks: readonly string[]
  readonly #options: BackendOptions

  constructor(options: BackendOptions) {
    this.#options = options
    this.networks = options.control.networks.map(({ settings }) => settings.name)
  }

  ready(): Readiness {
    return this.#options.readiness()
  }

  metrics(): Promise<{ readonly contentType: string; readonly text: string }> {
    return this.#options.metrics()
  }

  *services(): Iterable<ServiceView> {
    const keys = this.#options.control.networks.flatMap(entry =>
      Array.from(entry.network.published.keys(), key => ({ key, network: entry.settings.name })),
    )
    keys.sort((a, b) => compareText(a.key, b.key) || compareText(a.network, b.network))
    for (const { key, network } of keys) {
      const view = this.service(key, network)
      if (view !== null) yield view
    }
  }

  service(key: string, network: string): ServiceView | null {
    const entry = this.#options.control.find(network)
    const published = entry?.network.published.get(key)
    return entry === null || published === undefined ? null : viewOf(entry, key, published)
  }

  *addresses(): Iterable<AddressView> {
    const claims = [...this.#options.allocator.claims()]
    claims.sort((a, b) => compareText(a.network, b.network) || Buffer.compare(a.address, b.address))
    for (const { address, network, owner, state, until } of claims) {
      yield {
        address: formatAddress(address),
        network,
        owner: { kind: owner.kind, name: owner.name },
        state,
        until: until === null ? null : new Date(until).toISOString(),
      }
    }
  }

  async allocateApp(network: string, app: string): Promise<AppAddress> {
    const { admission, allocator, control } = this.#options
    const owner: OwnerRef = { kind: 'App', name: app }
    const created = allocator.addressesOf(network, owner).length === 0
    if (created && control.find(network)?.feed.serving !== true) {
      // The addresses that Services name are not known yet, and an app would keep one of them for good.
      throw new WaypostError(
        'WAY_NOT_READY',
        `Cannot give app "${app}" an address: network "${network}" has no state yet`,
      )
    }
    const apps = admission.appsOf(network)
    if (apps !== null) {
      const given = await apps.allocate(app)
      control.publishApp(network, app)
      return { ...given, network, app, address: formatAddress(given.address), names: [`${app}.flycast`] }
    }
    const [result] = allocator.claim([{ network, owner, explicit: [], place: true, created: null }])
    if (result === undefined || !result.ok) {
      throw new WaypostError(result?.code ?? 'WAY_LEDGER_WRITE', result?.message ?? 'The claim could not be made')
    }
    control.publishApp(network, app)
    const [address] = result.addresses
    if (address === undefined) throw new WaypostError('WAY_POOL_EXHAUSTED', `No address is free for app "${app}"`)
    return { created, network, app, address: formatAddress(address), names: [`${app}.flycast`] }
  }

  async releaseAddress(text: string, network: string | null): Promise<void> {
    const { admission, allocator, control } = this.#options
    const claims = this.#claimsOn(text, network)
    const [claim] = claims
    if (claim === undefined) {
      throw new WaypostError('WAY_ADDRESS_UNKNOWN', `Cannot release ${text}: no app has this address`)
    }
    if (claims.length > 1) {
      const names = claims.map(other => `"${other.network}"`).join(', ')
      throw new WaypostError(
        'WAY_ADDRESS_AMBIGUOUS',
        `Cannot release ${text}: the networks ${names} have it, so name one`,
      )
    }
    if (claim.owner.kind === 'Service') {
      const message = `Cannot release ${text}: it belongs to Service "${claim.owner.name}" and goes with it`
      throw new WaypostError('WAY_ADDRESS_OF_SERVICE', message)
    }
    await admission.appsOf(claim.network)?.remove(claim.address)
    allocator.release([{ network: claim.network, owner: claim.owner }])
    control.publishApp(claim.network, claim.owner.name)
  }

  review(network: string | null, body: unknown): Promise<unknown> {
    return this.#options.admission.webhook.review(network, body)
  }

  explain(name: string, type: string | null, from: string | null): Explanation {
    return this.#options.explainer.explain(name, type, from)
  }

  async cacheEntries(name: string): Promise<readonly CacheEntryView[]> {
    const reply = await this.#askCache({ kind: 'show', name: wireName(name) })
    return reply.kind === 'show' ? reply.entries : []
  }

  async flushCache(name: string, below: boolean): Promise<number> {
    const reply = await this.#askCache({ kind: 'flush', name: wireName(name), below })
    return reply.kind === 'flush' ? reply.flushed : 0
  }

  async #askCache(request: CacheRequest): Promise<CacheReply> {
    const reply = await this.#options.askCache(request)
    if (reply === null) {
      const message = 'There is no cache: "dns.forward" is left out, or "dns.cache" is null'
      throw new WaypostError('WAY_CACHE_OFF', message)
    }
    if (reply === 'late') throw new WaypostError('WAY_HTTP_BUSY', 'The cache gives no answer at the moment')
    return reply
  }

  #claimsOn(text: string, network: string | null): Claim[] {
    const address = parseAddress(text)
    if (address === null) return []
    const networks = network === null ? this.networks : [network]
    return networks.flatMap(name => {
      const claim = this.#options.allocator.holderOf(name, address)
      return claim === null || claim.state === 'resting' ? [] : [claim]
    })
  }
}

function viewOf(entry: ControlledNetwork, key: string, published: PublishedService): ServiceView {
  const service = entry.network.store.service(key)
  const { facts, problem, syncVersion } = published
  return {
    service: key,
    network: entry.settings.name,
    type: facts?.service.type ?? service?.type ?? 'ClusterIP',
    addresses: facts === null ? [] : facts.addresses.map(address => formatAddress(address)),
    names: facts === null ? [] : namesOf(entry.names.context, facts),
    syncVersion,
    routes: entry.network.routesOf(key),
    problem,
  }
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** The folded wire name of a text. @throws WaypostError WAY_HTTP_BODY. */
function wireName(text: string): Uint8Array {
  try {
    return nameOfKey(foldName(parseName(text)))
  } catch (error) {
    if (error instanceof NameError) throw new WaypostError('WAY_HTTP_BODY', error.message)
    throw error
  }
}
