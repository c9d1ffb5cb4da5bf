/**
 * What the HTTP API needs from the control thread. The API knows nothing else of the cluster: it reads these views and
 * passes requests on. Everything here is called on the control thread. Errors that a caller may see are thrown as
 * `WaypostError`; its status is the answer's.
 */
import type { Route } from '../route/route.ts'

/** One element of `GET /v1/services`. The key order is the answer's. */
export interface ServiceView {
  /** `namespace/name`. */
  readonly service: string
  readonly network: string
  readonly type: string
  /** RFC 5952 text; empty while the Service has none. */
  readonly addresses: readonly string[]
  /** Every name under which the addresses are found, without the final dot. */
  readonly names: readonly string[]
  /** Hash of the routes' sync versions, null without routes. */
  readonly syncVersion: string | null
  readonly routes: readonly Route[]
  readonly problem: { readonly code: string; readonly message: string } | null
}

/** One element of `GET /v1/addresses`. */
export interface AddressView {
  readonly address: string
  readonly network: string
  readonly owner: { readonly kind: 'Service' | 'App'; readonly name: string }
  readonly state: 'bound' | 'reserved' | 'resting'
  /** RFC 3339, or null. */
  readonly until: string | null
}

/** The answer to `POST /v1/addresses`. */
export interface AppAddress {
  /** Whether this request made the claim (201) or found it (200). Not part of the answer's body. */
  readonly created: boolean
  readonly network: string
  readonly app: string
  readonly address: string
  readonly names: readonly string[]
}

/** What `/ready` says. */
export interface Readiness {
  readonly ready: boolean
  /** One sentence each; empty when ready. */
  readonly reasons: readonly string[]
  /** Anything that helps an operator: problems of the source, ages, counts. Must survive JSON. */
  readonly details: unknown
}

/** The answer to `GET /v1/explain`. */
export interface Explanation {
  /** One sentence a line, in the order of the decision. */
  readonly lines: readonly string[]
}

/** One element of `GET /v1/cache`. */
export interface CacheEntryView {
  /** With the final dot. */
  readonly name: string
  readonly type: string
  readonly kind: 'positive' | 'nodata' | 'nxdomain' | 'failure'
  readonly dnssecOk: boolean
  readonly checkingDisabled: boolean
  readonly authentic: boolean
  readonly ttl: number
  readonly stale: boolean
  readonly age: number
  readonly bytes: number
  readonly records: number
  readonly hits: number
}

/** What supervisors and scrapers ask. */
export interface ProbeBackend {
  ready(): Readiness
  /** The metrics page and its content type. */
  metrics(): Promise<{ readonly contentType: string; readonly text: string }>
}

/** See the top of the file. */
export interface ApiBackend extends ProbeBackend {
  /** Names of the configured networks, in the configuration's order; they do not change while the process runs. */
  readonly networks: readonly string[]
  /**
   * Every Service, sorted by key, then network. Read lazily over several turns of the event loop, so it must survive
   * changes in between; each element is consistent in itself.
   */
  services(): Iterable<ServiceView>
  /** The Service of this key (`namespace/name`) in the network, or null. */
  service(key: string, network: string): ServiceView | null
  /** Every claim and every adopted address. Read lazily, as {@link services}. */
  addresses(): Iterable<AddressView>
  /**
   * Gives the app its address; the claim is durable before this returns (or resolves).
   *
   * @param network one of {@link networks}, checked.
   * @param app one lower-case RFC 1123 label, checked.
   * @throws WaypostError WAY_POOL_EXHAUSTED, WAY_LEDGER_WRITE, WAY_NAME_TAKEN …
   */
  allocateApp(network: string, app: string): AppAddress | Promise<AppAddress>
  /**
   * Releases an app's address.
   *
   * @param address canonical RFC 5952 text.
   * @param network one of {@link networks}, checked, or null: the one that has the address.
   * @throws WaypostError WAY_ADDRESS_UNKNOWN, WAY_ADDRESS_OF_SERVICE, WAY_ADDRESS_AMBIGUOUS, WAY_LEDGER_WRITE.
   */
  releaseAddress(address: string, network: string | null): void | Promise<void>
  /**
   * Answers an AdmissionReview about a Service.
   *
   * @param network one of {@link networks}, checked, or null: the only one.
   * @param body any JSON.
   * @throws WaypostError WAY_ADMISSION_REVIEW, WAY_NETWORK_UNKNOWN.
   */
  review(network: string | null, body: unknown): unknown
  /**
   * Why a name answers what it answers.
   *
   * @param name as the user wrote it; not longer than 1,024 characters, otherwise unchecked.
   * @param type as the user wrote it (`AAAA`), or null for every type.
   * @param from canonical text of the source address, or null for the first network.
   * @throws WaypostError WAY_HTTP_BODY when the name or the type is malformed.
   */
  explain(name: string, type: string | null, from: string | null): Explanation | Promise<Explanation>
  /**
   * Answers of upstreams that are kept for a name.
   *
   * @param name as the user wrote it.
   * @throws WaypostError WAY_HTTP_BODY when it is malformed, WAY_CACHE_OFF, WAY_HTTP_BUSY.
   */
  cacheEntries(name: string): Promise<readonly CacheEntryView[]>
  /**
   * Takes them out, and with `below` those of all names below.
   *
   * @returns how many. @throws WaypostError as {@link cacheEntries}.
   */
  flushCache(name: string, below: boolean): Promise<number>
}
