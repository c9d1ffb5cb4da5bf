/**
 * The control thread's side of all networks: their feeds, the retries of what waits for an address, zone files, and
 * what may change while the process runs.
 */
import { randomBytes } from 'node:crypto'
import type { ObjectKey } from '../cluster/objects.ts'
import type { Source } from '../cluster/source.ts'
import type { IndexWriter } from '../index/writer.ts'
import type { Address } from '../ip/address.ts'
import type { Prefix } from '../ip/prefix.ts'
import { namingContext, type PodMode } from '../naming/context.ts'
import type { Allocator } from '../pool/allocator.ts'
import type { Zone } from '../zone/zone.ts'
import type { AddressGiver } from './address-need.ts'
import { ClusterFeed } from './cluster-feed.ts'
import { LastState } from './last-state.ts'
import type { Log } from './log.ts'
import { Network } from './network.ts'
import { NetworkNames } from './network-names.ts'
import type { RouteChange } from './published.ts'

/** A network as it is configured. */
export interface NetworkSettings {
  readonly name: string
  /** null: every source sees it. */
  readonly prefix: Prefix | null
  readonly cluster: {
    readonly name: string
    readonly domain: string
    readonly serviceCidr: Prefix
    readonly addressGiver: AddressGiver
  }
}

/** One network with all its parts. */
export interface ControlledNetwork {
  readonly settings: NetworkSettings
  /** Its number in the name index. */
  readonly view: number
  readonly network: Network
  readonly names: NetworkNames
  readonly feed: ClusterFeed
}

/** Settings of the names that a reload may change. */
export interface NamingSettings {
  readonly ttl: number
  readonly pods: PodMode
  readonly serverAddresses: readonly Address[]
}

/** What the control thread is made of. */
export interface ControlOptions {
  readonly networks: readonly NetworkSettings[]
  readonly naming: NamingSettings
  readonly proxyName: string | null
  readonly directory: string
  readonly allocator: Allocator
  readonly writer: IndexWriter
  readonly log: Log
  /** The source of the network with this name. */
  makeSource(network: string): Source
  /** The Services whose routes changed in one published step. */
  onPublish(changes: readonly RouteChange[]): void
  /** What is wrong with a Service, or, null, with the input as a whole, changed. */
  onTrouble(network: string, service: ObjectKey | null): void
  /** Seconds that one reconcile step took. */
  onReconciled(seconds: number): void
  /** Seconds from what triggered a change of a headless Service's endpoints to the publish of its names. */
  onProgrammed(seconds: number): void
  /** Something about readiness may have changed. */
  onState(): void
  /** Much was read or changed at once, and is done. */
  onBulk(): void
  onError(error: unknown): void
}

/** Least milliseconds between two saves of the last state. */
const SAVE_INTERVAL = 2000

/** See the top of the file. */
export class Control {
  readonly networks: readonly ControlledNetwork[]
  readonly #options: ControlOptions
  #naming: NamingSettings
  #retry: { timer: NodeJS.Timeout; at: number } | null = null
  #poolVersion: number

  constructor(options: ControlOptions) {
    this.#options = options
    this.#naming = options.naming
    this.#poolVersion = options.allocator.version
    this.networks = options.networks.map((settings, view) => this.#makeNetwork(settings, view))
  }

  /** Whether every network serves something. */
  get serving(): boolean {
    return this.networks.every(({ feed }) => feed.serving)
  }

  /** The network of this name. */
  find(name: string): ControlledNetwork | null {
    return this.networks.find(({ settings }) => settings.name === name) ?? null
  }

  /** Publishes what is on disk: the apps of the ledger and each network's last state. */
  async restore(): Promise<void> {
    for (const claim of this.#options.allocator.claims()) {
      if (claim.owner.kind === 'App' && claim.state === 'bound') this.publishApp(claim.network, claim.owner.name)
    }
    await Promise.all(this.networks.map(({ feed }) => feed.restore()))
  }

  /** Starts the sources; each goes on by itself. */
  start(): void {
    for (const { feed } of this.networks) feed.start().catch(error => this.#options.onError(error))
  }

  /** Publishes an app's names as its claims are now, at once. What it gave back may serve a Service that waits. */
  publishApp(network: string, app: string): void {
    this.find(network)?.network.publishApp(app)
    this.#retryFreed()
  }

  /** Serves exactly these zone files in every network; gives the apexes that the cluster itself serves. */
  async setZoneFiles(files: readonly Zone[]): Promise<readonly string[]> {
    const refused = new Set<string>()
    for (const { names, network } of this.networks) {
      const result = names.setFiles(files)
      for (const apex of result.refused) refused.add(apex)
      if (result.moved) await network.republish()
    }
    return [...refused]
  }

  /** New TTL or server addresses: every name is published again. */
  async setNaming(naming: NamingSettings): Promise<void> {
    this.#naming = naming
    for (const { settings, names, network } of this.networks) {
      names.setContext(this.#contextOf(settings))
      await network.republish()
    }
  }

  async stop(): Promise<void> {
    if (this.#retry !== null) clearTimeout(this.#retry.timer)
    await Promise.all(this.networks.map(({ feed }) => feed.stop()))
  }

  #makeNetwork(settings: NetworkSettings, view: number): ControlledNetwork {
    const { allocator, directory, log, onState, proxyName, writer } = this.#options
    const { name, prefix, cluster } = settings
    allocator.setPools(name, [cluster.serviceCidr])
    const now = (): number => Date.now() / 1000
    const context = this.#contextOf(settings)
    const names = new NetworkNames({ writer, view, context, prefix, serviceCidr: cluster.serviceCidr, now })
    const network = new Network({
      name,
      allocator,
      names,
      proxyName,
      addressGiver: cluster.addressGiver,
      log,
      now: () => performance.now(),
      clock: Date.now,
      onPublish: this.#options.onPublish,
      onTrouble: service => this.#options.onTrouble(name, service),
      onWaiting: retryAt => this.#retryAt(retryAt),
      onReconciled: seconds => {
        this.#options.onReconciled(seconds)
        this.#retryFreed()
      },
      onProgrammed: this.#options.onProgrammed,
      onError: this.#options.onError,
    })
    const objects = (): ReturnType<typeof network.store.objects> => network.store.objects()
    const lastState = new LastState({
      directory,
      network: name,
      cluster: cluster.name,
      objects,
      log,
      now: Date.now,
      intervalMs: SAVE_INTERVAL,
    })
    const feed = new ClusterFeed({
      network,
      source: this.#options.makeSource(name),
      lastState,
      log,
      onServing: () => {
        names.setSynced()
        onState()
      },
      onSynced: () => {
        this.#settle(name)
        onState()
      },
      onProblems: () => this.#options.onTrouble(name, null),
      onBulk: this.#options.onBulk,
    })
    return { settings, view, network, names, feed }
  }

  #contextOf({ cluster }: NetworkSettings): ReturnType<typeof namingContext> {
    return namingContext({ domain: cluster.domain, ...this.#naming })
  }

  /** The source has named every Service; claims of those it did not name end. */
  #settle(network: string): void {
    try {
      this.#options.allocator.settle(network)
    } catch (error) {
      this.#options.log.error({ event: 'settle_failed', network, error: String(error) }, 'Claims could not be released')
      setTimeout(() => this.#settle(network), RETRY_MS).unref()
      return
    }
    this.#retryFreed()
  }

  /** Something was released or rested: whoever waits may be served. */
  #retryFreed(): void {
    const { version } = this.#options.allocator
    if (version === this.#poolVersion) return
    this.#poolVersion = version
    this.#retryWaiting()
  }

  #retryWaiting(): void {
    for (const { network } of this.networks) network.retryWaiting()
  }

  #retryAt(time: number | null): void {
    if (time === null || (this.#retry !== null && this.#retry.at <= time)) return
    if (this.#retry !== null) clearTimeout(this.#retry.timer)
    // setTimeout counts in 31 bits; a longer rest is looked at again on the way.
    const delay = Math.min(Math.max(time - Date.now(), 1), 2 ** 31 - 1)
    const timer = setTimeout(() => {
      this.#retry = null
      this.#retryWaiting()
    }, delay)
    timer.unref()
    this.#retry = { timer, at: time }
  }
}

/** Milliseconds until a release that could not be written is tried again. */
const RETRY_MS = 1000

/** A seed that nobody outside can know, so that nobody can make names collide in the index. */
export function indexSeed(): number {
  return randomBytes(4).readUInt32LE()
}
