/** Makes the source of each network, and keeps the client of its cluster for all who need it. */

import type { ClusterAddressSink } from '../cluster/kubernetes/addresses.ts'
import type { KubernetesClient } from '../cluster/kubernetes/client.ts'
import { type KubernetesClientOptions, openKubernetesClient } from '../cluster/kubernetes/open-client.ts'
import { SharedClient } from '../cluster/kubernetes/shared-client.ts'
import { KubernetesSource } from '../cluster/kubernetes.ts'
import type { SourceLog } from '../cluster/manifests.ts'
import { ManifestSource } from '../cluster/manifests.ts'
import type { Source } from '../cluster/source.ts'
import type { Config, NetworkConfig } from '../config.ts'
import { VERSION } from '../version.ts'

/** Opens the client of a network's API server. */
export type OpenClient = (settings: KubernetesClientOptions) => Promise<KubernetesClient>

/** See the top of the file. */
export class Sources {
  readonly #config: Config
  readonly #log: SourceLog
  readonly #open: OpenClient
  readonly #sinkOf: (network: string) => ClusterAddressSink | null
  /** By the network's name. */
  readonly #clients = new Map<string, SharedClient>()

  /** @param sinkOf who is told of a network's ServiceCIDRs and IPAddresses; null: nobody. */
  constructor(
    config: Config,
    log: SourceLog,
    sinkOf: (network: string) => ClusterAddressSink | null,
    open: OpenClient = openKubernetesClient,
  ) {
    this.#open = open
    this.#config = config
    this.#log = log
    this.#sinkOf = sinkOf
  }

  /** The source of the network with this name. */
  make(name: string): Source {
    const { source } = this.#network(name).cluster
    if (source.manifests !== null) return new ManifestSource({ directory: source.manifests, logger: this.#log })
    const client = this.client(name)
    if (client === null) throw new Error(`Cannot make a source: network "${name}" has none`)
    return new KubernetesSource({
      client: () => client.get(),
      namespaces: source.kubernetes?.namespaces ?? null,
      labelSelector: source.kubernetes?.labelSelector ?? null,
      pods: this.#config.dns.pods === 'verified',
      addresses: this.#sinkOf(name),
      logger: this.#log,
    })
  }

  /** The client of the network's cluster; null when it is no cluster but a folder. */
  client(name: string): SharedClient | null {
    const { kubernetes } = this.#network(name).cluster.source
    if (kubernetes === null) return null
    const known = this.#clients.get(name)
    if (known !== undefined) return known
    const { kubeconfig, context } = kubernetes
    const userAgent = `waypost/${VERSION}`
    const client = new SharedClient(signal => this.#open({ kubeconfig, context, userAgent, signal }))
    this.#clients.set(name, client)
    return client
  }

  async close(): Promise<void> {
    await Promise.all(Array.from(this.#clients.values(), client => client.close()))
  }

  #network(name: string): NetworkConfig {
    const network = this.#config.networks.find(candidate => candidate.name === name)
    if (network === undefined) throw new Error(`Cannot make a source: no network is called "${name}"`)
    return network
  }
}
