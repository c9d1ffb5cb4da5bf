/** The API over a hub and a made-up backend, on a free loopback port. */
import { connect, type Socket } from 'node:net'
import { WaypostError } from '#src/errors.ts'
import { type ApiOptions, buildApi } from '#src/feed/api.ts'
import type {
  AddressView,
  ApiBackend,
  AppAddress,
  CacheEntryView,
  Explanation,
  Readiness,
  ServiceView,
} from '#src/feed/backend.ts'
import type { RouteHubOptions } from '#src/feed/hub.ts'
import { route } from '../route/fixtures.ts'
import { FakeClock } from './fake-clock.ts'
import { World } from './world.ts'

/** Timers in the test's hand, the event loop as it is. */
export class HalfFakeClock extends FakeClock {
  override soon(work: () => void): void {
    setImmediate(work)
  }
}

export class FakeBackend implements ApiBackend {
  readonly networks: readonly string[]
  readiness: Readiness = { ready: true, reasons: [], details: { problems: [] } }
  list: ServiceView[] = []
  claims: AddressView[] = []
  cached: CacheEntryView[] = []
  failure: Error | null = null

  constructor(networks: readonly string[] = ['default']) {
    this.networks = networks
  }

  ready(): Readiness {
    return this.readiness
  }

  metrics(): Promise<{ contentType: string; text: string }> {
    return Promise.resolve({ contentType: 'text/plain; version=0.0.4', text: 'up 1\n' })
  }

  services(): Iterable<ServiceView> {
    if (this.failure !== null) throw this.failure
    return this.list
  }

  service(key: string, network: string): ServiceView | null {
    return this.list.find(view => view.service === key && view.network === network) ?? null
  }

  addresses(): Iterable<AddressView> {
    return this.claims
  }

  allocateApp(network: string, app: string): AppAddress {
    if (this.failure !== null) throw this.failure
    const held = this.claims.find(claim => claim.owner.name === app && claim.network === network)
    const address = held?.address ?? `fdaa::a:${(this.claims.length + 1).toString(16)}`
    if (held === undefined) {
      this.claims.push({ address, network, owner: { kind: 'App', name: app }, state: 'bound', until: null })
    }
    return { created: held === undefined, network, app, address, names: [`${app}.flycast`] }
  }

  releaseAddress(address: string, network: string | null): void {
    const held = this.claims.filter(claim => claim.address === address && (network ?? claim.network) === claim.network)
    if (held.length === 0) throw new WaypostError('WAY_ADDRESS_UNKNOWN', `Nothing has ${address}`)
    if (held.length > 1) throw new WaypostError('WAY_ADDRESS_AMBIGUOUS', `Several networks have ${address}`)
    if (held[0]?.owner.kind === 'Service') throw new WaypostError('WAY_ADDRESS_OF_SERVICE', `A Service has ${address}`)
    this.claims = this.claims.filter(claim => claim !== held[0])
  }

  review(network: string | null, body: unknown): unknown {
    return { apiVersion: 'admission.k8s.io/v1', response: { network, body } }
  }

  explain(name: string, type: string | null, from: string | null): Explanation {
    return { lines: [`${name} ${type} ${from}`] }
  }

  async cacheEntries(name: string): Promise<readonly CacheEntryView[]> {
    if (this.failure !== null) throw this.failure
    return this.cached.filter(entry => entry.name === name)
  }

  async flushCache(name: string, below: boolean): Promise<number> {
    const before = this.cached.length
    this.cached = this.cached.filter(entry => entry.name !== name && !(below && entry.name.endsWith(`.${name}`)))
    return before - this.cached.length
  }
}

export function cacheEntry(name: string): CacheEntryView {
  return {
    name,
    type: 'AAAA',
    kind: 'positive',
    dnssecOk: false,
    checkingDisabled: false,
    authentic: true,
    ttl: 12,
    stale: false,
    age: 48,
    bytes: 28,
    records: 1,
    hits: 3,
  }
}

export function serviceView(fields: Partial<ServiceView> = {}): ServiceView {
  return {
    service: 'default/kuard',
    network: 'default',
    type: 'ClusterIP',
    addresses: ['fdaa:0:48c8:0:1::1a'],
    names: ['kuard.default.svc.cluster.local'],
    syncVersion: '1',
    routes: [route()],
    problem: null,
    ...fields,
  }
}

export interface TestServer {
  readonly url: string
  readonly port: number
  readonly world: World
  readonly clock: HalfFakeClock
  readonly backend: FakeBackend
  readonly logged: string[]
  /** Cuts every connection. */
  breakConnections(): void
  close(): Promise<void>
}

export interface TestServerOptions {
  readonly hub?: Partial<RouteHubOptions>
  readonly api?: Partial<ApiOptions>
  readonly networks?: readonly string[]
}

/** Starts one; tests close it themselves. */
export async function startServer({
  hub = {},
  api = {},
  networks = ['default'],
}: TestServerOptions = {}): Promise<TestServer> {
  const clock = new HalfFakeClock()
  const world = new World({ clock, networks, ...hub })
  const backend = new FakeBackend(networks)
  const logged: string[] = []
  const logger = {
    error: (fields: object, message: string) => void logged.push(`${JSON.stringify(fields)} ${message}`),
  }
  const app = buildApi(backend, world.hub, { token: null, listen: { address: '::1', port: 0 }, logger, ...api })
  const url = await app.listen({ host: '::1', port: 0 })
  const close = async (): Promise<void> => {
    await app.close()
  }
  const breakConnections = (): void => app.server.closeAllConnections()
  return { url, port: Number(new URL(url).port), world, clock, backend, logged, breakConnections, close }
}

/** The condition is met some turns of the event loop later. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + 10_000
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`waited in vain until ${what}`)
    await new Promise(resolve => setTimeout(resolve, 2))
  }
}

/** A connection on which a test says what it likes. */
export class RawConnection {
  readonly socket: Socket
  text = ''
  isClosed = false

  constructor(port: number) {
    this.socket = connect(port, '::1')
    this.socket.setEncoding('utf8')
    this.socket.on('data', chunk => {
      this.text += String(chunk)
    })
    this.socket.on('error', () => {})
    this.socket.on('close', () => {
      this.isClosed = true
    })
  }

  send(text: string): this {
    this.socket.write(text)
    return this
  }

  async until(pattern: RegExp): Promise<string> {
    await until(() => pattern.test(this.text), `${pattern} is in ${this.text.slice(-500)}`)
    return this.text
  }
}
