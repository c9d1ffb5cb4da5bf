/** Status writers of the networks whose source is an API server: what they read of the control thread. */
import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { KubernetesClient } from '../cluster/kubernetes/client.ts'
import type { ObjectKey } from '../cluster/objects.ts'
import type { StatusConfig } from '../config/status.ts'
import type { Config } from '../config.ts'
import type { Control, ControlledNetwork } from '../control/control.ts'
import type { PublishedService, RouteChange } from '../control/published.ts'
import { familyOf } from '../ip/address.ts'
import { formatPrefix } from '../ip/prefix.ts'
import type { StatusFigures } from '../observe/sources.ts'
import { systemClock } from '../status/clock.ts'
import { type Complaint, complaintsOf, refusalOf } from '../status/complaints.ts'
import type { EventView } from '../status/events.ts'
import { Exhaustion } from '../status/exhaustion.ts'
import { TIMING } from '../status/leader/election.ts'
import { type Log, Status, type StatusFigures as StatusWriterFigures } from '../status/status.ts'
import { isSubjectKind, type Subject } from '../status/subject.ts'
import type { SyncVersionView } from '../status/sync-version.ts'
import type { Sources } from './sources.ts'

/** One network with an API server to write to. */
interface WrittenNetwork {
  readonly controlled: ControlledNetwork
  readonly config: StatusConfig
  /** The client of its API server. */
  open(): Promise<KubernetesClient>
}

/** Networks with an API server that is told of our work. */
export function writtenNetworks(control: Control, config: Config, sources: Sources): WrittenNetwork[] {
  return control.networks.flatMap(controlled => {
    const { name } = controlled.settings
    const status = config.networks.find(network => network.name === name)?.cluster.status ?? null
    const client = status === null ? null : sources.client(name)
    return status === null || client === null ? [] : [{ controlled, config: status, open: () => client.get() }]
  })
}

/** A network and, from its first complete state on, what writes its status. */
interface Entry extends WrittenNetwork {
  isStarted: boolean
  status: Status | null
  exhaustion: Exhaustion | null
}

/** The status writers, by network. */
export class StatusWriters {
  /** As client-go's components name themselves: a process that comes back is another candidate. */
  readonly #identity = `${hostname()}_${randomUUID()}`
  readonly #networks: ReadonlyMap<string, Entry>
  readonly #log: Log
  #isStopped = false

  constructor(networks: readonly WrittenNetwork[], log: Log) {
    this.#log = log
    const entries = networks.map(network => ({ ...network, isStarted: false, status: null, exhaustion: null }))
    this.#networks = new Map(entries.map(entry => [entry.controlled.settings.name, entry]))
  }

  /** Networks whose source has given its first state become candidates: before, there would be nothing right to write. */
  start(): void {
    for (const entry of this.#networks.values()) {
      if (entry.isStarted || !entry.controlled.feed.hasSynced) continue
      entry.isStarted = true
      // The source has it open already, so this hardly fails; then it is tried again when something else happens.
      entry.open().then(
        client => this.#begin(entry, client),
        error => {
          entry.isStarted = false
          const network = entry.controlled.settings.name
          this.#log.warn({ event: 'status_failed', network }, `Cannot write the status of the cluster: ${error}`)
        },
      )
    }
  }

  routesChanged(changes: readonly RouteChange[]): void {
    for (const { network, service } of changes) this.#networks.get(network)?.status?.routesChanged([service])
  }

  /** @param service null: what the source says is wrong with its objects */
  troubleChanged(network: string, service: ObjectKey | null): void {
    const entry = this.#networks.get(network)
    if (service !== null) entry?.status?.troubleChanged(service)
    else if (entry !== undefined) for (const key of refusedObjects(entry.controlled)) entry.status?.troubleChanged(key)
  }

  /** A Service that is being created found the pool full. */
  poolExhausted(network: string, service: ObjectKey, reason: string, note: string): void {
    this.#networks.get(network)?.exhaustion?.note(service, reason, note)
  }

  figures(): readonly StatusFigures[] {
    return Array.from(this.#networks, ([network, { status, exhaustion }]) => {
      const { writes, events, ...figures } = status?.figures() ?? { ...NO_FIGURES, network }
      return {
        ...figures,
        writes: Array.from(writes, ([result, value]) => ({ labels: [result], value })),
        events: [...events, ...(exhaustion?.counts ?? [])].map(({ reason, result, count }) => ({
          labels: [reason, result],
          value: count,
        })),
      }
    })
  }

  /** Gives the Leases back; at most a second. */
  async stop(): Promise<void> {
    this.#isStopped = true
    for (const { exhaustion } of this.#networks.values()) exhaustion?.stop()
    await Promise.all(Array.from(this.#networks.values(), ({ status }) => status?.stop()))
  }

  #begin(entry: Entry, client: KubernetesClient): void {
    if (this.#isStopped) return
    const { controlled, config } = entry
    const network = controlled.settings.name
    const shared = { client, identity: this.#identity, clock: systemClock, random: Math.random }
    const events = eventView(controlled)
    entry.exhaustion = new Exhaustion({
      ...shared,
      subject: key => events.subject(key),
      onTrouble: (service, answer) => {
        if (answer === null) return
        const fields = { event: 'event_failed', network, service, result: answer.result }
        this.#log.warn(fields, 'Cannot write that the pool was full')
      },
    })
    entry.status = new Status({
      ...shared,
      network,
      lease: { name: config.lease, namespace: config.namespace },
      timing: TIMING,
      perSecond: config.writesPerSecond,
      syncVersions: syncVersionView(controlled),
      events,
      log: this.#log,
    })
    entry.status.start()
  }
}

const NO_FIGURES: Omit<StatusWriterFigures, 'network'> = {
  isLeader: false,
  transitions: 0,
  dirty: 0,
  waitingEvents: 0,
  writes: new Map(),
  events: [],
}

function syncVersionView({ network }: ControlledNetwork): SyncVersionView {
  return {
    observed: key => network.store.record(key),
    desired: key => network.published.get(key)?.syncVersion,
    services: () => network.published.keys(),
  }
}

/** Keys of Services are `namespace/name`; those of objects that the source refused have their kind in front. */
function eventView(controlled: ControlledNetwork): EventView {
  const { network } = controlled
  return {
    subject: key => {
      if (key.includes(' ')) return refusedSubject(key)
      const service = network.store.service(key)
      const record = network.store.record(key)
      if (service === null || record === null) return null
      return { kind: 'Service', namespace: service.namespace, name: service.name, uid: record.uid }
    },
    complaints: key => (key.includes(' ') ? refusals(controlled, key) : serviceComplaints(controlled, key)),
    troubled: () => {
      const published = Iterator.from(network.published)
      const services = published.filter(([, entry]) => isTroubled(entry)).map(([key]) => key)
      return [...services, ...refusedObjects(controlled)]
    },
  }
}

/** Objects of which the source left out something, or all. */
function refusedObjects({ feed }: ControlledNetwork): ReadonlySet<string> {
  return new Set(
    feed.problemList.flatMap(({ object }) => (object === undefined ? [] : [`${object.kind} ${object.key}`])),
  )
}

function refusedSubject(text: string): Subject | null {
  const [kind = '', key = ''] = text.split(' ')
  const slash = key.indexOf('/')
  return isSubjectKind(kind)
    ? { kind, namespace: key.slice(0, Math.max(0, slash)), name: key.slice(slash + 1), uid: null }
    : null
}

function refusals({ feed }: ControlledNetwork, text: string): readonly Complaint[] {
  const own = feed.problemList.filter(({ object }) => object !== undefined && `${object.kind} ${object.key}` === text)
  return own.map(({ field, message }) => refusalOf(field === null ? message : `${message} (${field})`))
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
