/** What a network with an API server has besides its Services: the cluster's addresses, its apps', and the reconcile. */
import type { Logger } from 'pino'
import { AppAddresses } from '../admission/cluster/app-addresses.ts'
import { ClusterAddresses } from '../admission/cluster/cluster-addresses.ts'
import type { FindingSink } from '../admission/cluster/findings.ts'
import { type ReconcileFigures, Reconciler } from '../admission/cluster/reconcile.ts'
import { SecondLook } from '../admission/cluster/second-look.ts'
import type { KubernetesClient } from '../cluster/kubernetes/client.ts'
import type { NetworkConfig } from '../config.ts'
import type { Control } from '../control/control.ts'
import type { Allocator } from '../pool/allocator.ts'

/** What it is made of. */
export interface ClusterSideOptions {
  readonly network: NetworkConfig
  readonly leaseMs: number
  readonly allocator: Allocator
  readonly client: () => Promise<KubernetesClient>
  /** Made after this. */
  readonly control: () => Control
  readonly onFinding: FindingSink
  readonly log: Logger
}

/** See the top of the file. */
export class ClusterSide {
  readonly network: string
  readonly addresses: ClusterAddresses
  readonly apps: AppAddresses
  readonly secondLook: SecondLook
  readonly #reconciler: Reconciler

  constructor({ network, leaseMs, allocator, client, control, onFinding, log }: ClusterSideOptions) {
    const { name, cluster } = network
    const onApp = (app: string): void => control().publishApp(name, app)
    const entry = () => control().find(name)
    this.network = name
    this.addresses = new ClusterAddresses({
      network: name,
      configured: cluster.serviceCidr,
      allocator,
      onApp,
      log,
    })
    this.apps = new AppAddresses({ network: name, client, allocator })
    this.secondLook = new SecondLook({
      network: name,
      client,
      allocator,
      isWatched: address => this.addresses.has(address),
      later: (callback, ms) => setTimeout(callback, ms).unref(),
    })
    this.#reconciler = new Reconciler({
      network: name,
      allocator,
      addresses: this.addresses,
      leaseMs,
      services: () => entry()?.network.store.services() ?? [],
      seenAt: () => {
        const feed = entry()?.feed
        if (feed?.hasSynced !== true) return null
        return feed.staleSince() === null ? Date.now() : feed.lastSeen()
      },
      recheck: keys => entry()?.network.recheck(keys),
      createApp: (app, address) => this.apps.create(app, address),
      onApp,
      onFinding,
      log,
    })
  }

  figures(): ReconcileFigures {
    return this.#reconciler.figures()
  }

  /** The Services are known: compares now and from time to time. */
  start(): void {
    this.#reconciler.start()
    this.#reconciler.full()
  }

  stop(): void {
    this.#reconciler.stop()
  }
}
