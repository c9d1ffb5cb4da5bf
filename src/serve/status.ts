/** Status writers of the networks whose source is an API server: what they read of the control thread. */
import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { KubernetesClient } from '../cluster/kubernetes/client.ts'
import type { ObjectKey } from '../cluster/objects.ts'
import type { StatusConfig } from '../config/status.ts'
import type { ControlledNetwork } from '../control/control.ts'
import type { PublishedService, RouteChange } from '../control/network.ts'
import { familyOf } from '../ip/address.ts'
import { formatPrefix } from '../ip/prefix.ts'
import type { StatusFigures } from '../observe/sources.ts'
import { systemClock } from '../status/clock.ts'
import { type Complaint, complaintsOf } from '../status/complaints.ts'
import type { EventView } from '../status/events.ts'
import { TIMING } from '../status/leader/election.ts'
import { type Log, Status } from '../status/status.ts'
import type { SyncVersionView } from '../status/sync-version.ts'

/** One network with an API server to write to. */
export interface WrittenNetwork {
  readonly controlled: ControlledNetwork
  readonly config: StatusConfig
  readonly client: KubernetesClient
}

/** The status writers, by network. */
export class StatusWriters {
  readonly #networks = new Map<string, { readonly controlled: ControlledNetwork; readonly status: Status }>()

  constructor(networks: readonly WrittenNetwork[], log: Log) {
    // As client-go's components name themselves: a process that comes back is another candidate.
    const identity = `${hostname()}_${randomUUID()}`
    for (const { controlled, config, client } of networks) {
      const network = controlled.settings.name
      const { lease, namespace, writesPerSecond } = config
      const status = new Status({
        network,
        client,
        lease: { name: lease, namespace },
        identity,
        timing: TIMING,
        perSecond: writesPerSecond,
        syncVersions: syncVersionView(controlled),
        events: eventView(controlled),
        clock: systemClock,
        random: Math.random,
        log,
      })
      this.#networks.set(network, { controlled, status })
    }
  }

  /** Networks whose source has given its first state become candidates: before, there would be nothing right to write. */
  start(): void {
    for (const { controlled, status } of this.#networks.values()) if (controlled.feed.hasSynced) status.start()
  }

  routesChanged(changes: readonly RouteChange[]): void {
    for (const { network, service } of changes) this.#networks.get(network)?.status.routesChanged([service])
  }

  troubleChanged(network: string, service: ObjectKey): void {
    this.#networks.get(network)?.status.troubleChanged(service)
  }

  figures(): readonly StatusFigures[] {
    return Array.from(this.#networks.values(), ({ status }) => {
      const { writes, events, ...figures } = status.figures()
      return {
        ...figures,
        writes: Array.from(writes, ([result, value]) => ({ labels: [result], value })),
        events: events.map(({ reason, result, count }) => ({ labels: [reason, result], value: count })),
      }
    })
  }

  /** Gives the Leases back; at most a second. */
  async stop(): Promise<void> {
    await Promise.all(Array.from(this.#networks.values(), ({ status }) => status.stop()))
  }
}

function syncVersionView({ network }: ControlledNetwork): SyncVersionView {
  return {
    observed: key => network.store.record(key),
    desired: key => network.published.get(key)?.syncVersion,
    services: () => network.published.keys(),
  }
}

function eventView(controlled: ControlledNetwork): EventView {
  const { network } = controlled
  return {
    subject: key => {
      const service = network.store.service(key)
      const record = network.store.record(key)
      if (service === null || record === null) return null
      return { apiVersion: 'v1', kind: 'Service', namespace: service.namespace, name: service.name, uid: record.uid }
    },
    complaints: key => serviceComplaints(controlled, key),
    troubled: () => {
      const published = Iterator.from(network.published)
      return published.filter(([, entry]) => isTroubled(entry)).map(([key]) => key)
    },
  }
}

function isTroubled({ outside, problem }: PublishedService): boolean {
  return problem !== null || outside.length > 0
}

function serviceComplaints({ network, settings }: ControlledNetwork, key: ObjectKey): readonly Complaint[] {
  const published = network.published.get(key)
  if (published === undefined || !isTroubled(published)) return []
  const { problem, outside } = published
  const clusterIPs = network.store.service(key)?.clusterIPs ?? []
  // Pools are IPv6: an IPv4 address is the API server's own business.
  const strange = outside.filter(address => familyOf(address) === 'IPv6')
  return complaintsOf({ clusterIPs, problem, outside: strange }, formatPrefix(settings.cluster.serviceCidr))
}
