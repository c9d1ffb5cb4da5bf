/**
 * All names of one network: what Services, namespaces, Pods, apps and zone files put into its view of the name index.
 * Callers say what is; the difference to what was is found here.
 */
import type { Namespace, ObjectKey, Pod } from '../cluster/objects.ts'
import type { IndexWriter } from '../index/writer.ts'
import type { Address } from '../ip/address.ts'
import { reverseZoneLabels } from '../ip/arpa.ts'
import { containsPrefix, type Prefix } from '../ip/prefix.ts'
import type { NamingContext, OwnedNode, ServiceFacts } from '../naming/context.ts'
import { diffNodes } from '../naming/diff.ts'
import { LargePlans } from '../naming/large-plans.ts'
import { diffService } from '../naming/service.ts'
import {
  appNodes,
  clusterZoneNodes,
  flycastZoneNodes,
  namespaceNodes,
  podNodes,
  reverseZoneNode,
  zoneSoa,
} from '../naming/zone.ts'
import { foldName, formatName, isInZone, joinName, type Name, type NameKey } from '../wire/name.ts'
import type { Zone } from '../zone/zone.ts'
import { NameTable } from './name-table.ts'
import { type ServedZone, ViewZones } from './view-zones.ts'

/** What a network's names need. */
export interface NetworkNamesOptions {
  readonly writer: IndexWriter
  /** The network's number in the index. */
  readonly view: number
  readonly context: NamingContext
  /** The network's prefix; null for a network that accepts every source. */
  readonly prefix: Prefix | null
  readonly serviceCidr: Prefix
  /** Seconds since the epoch, for serials. */
  now(): number
}

/** An owner that is no Service: what it has published, and how to make it again under other naming rules. */
interface SmallOwner {
  readonly owner: number
  readonly nodes: readonly OwnedNode[]
  make(context: NamingContext): readonly OwnedNode[]
}

/** A namespace exists while there is anything of it, with or without an object. */
interface NamespaceState {
  object: Namespace | null
  services: number
  hasPods: boolean
}

const FILE_OWNER = 1
const ZONE_OWNER = 2
const FIRST_OWNER = 16

/** See the top of the file. */
export class NetworkNames {
  readonly #zones: ViewZones
  readonly #table: NameTable
  readonly #namespaces = new Map<string, NamespaceState>()
  /** What the small owners (zone, namespaces, apps, pods) have published, by a key of their own. */
  readonly #small = new Map<string, SmallOwner>()
  readonly #plans = new LargePlans()
  readonly #files = new Map<NameKey, Zone>()
  #context: NamingContext
  #cluster: ServedZone
  #flycast: ServedZone
  #nextOwner = FIRST_OWNER
  #recount = false
  /** Whether a zone file lies below the cluster's domain or flycast, which is rare. */
  #hasInnerFiles = false

  constructor(options: NetworkNamesOptions) {
    this.#context = options.context
    this.#zones = new ViewZones({
      writer: options.writer,
      view: options.view,
      soa: (apex, serial) => zoneSoa(this.#context, apex, serial),
      apexNode: apex => reverseZoneNode(this.#context, apex),
      owner: ZONE_OWNER,
      now: options.now,
    })
    this.#table = new NameTable(options.writer, options.view, this.#zones)
    this.#cluster = this.#zones.open(this.#context.domain, 'cluster')
    this.#flycast = this.#zones.open(this.#context.flycast, 'flycast')
    for (const prefix of reversePrefixes(options)) this.#zones.open(joinName(reverseZoneLabels(prefix)), 'reverse')
    this.#setZoneNodes()
    this.commit()
  }

  /** Whether Pods have names of their own. */
  get publishesPods(): boolean {
    return this.#context.pods === 'verified'
  }

  get context(): NamingContext {
    return this.#context
  }

  /** The zones that are answered, for `explain` and for the list at start-up. */
  zones(): Iterable<ServedZone> {
    return this.#zones.zones()
  }

  /** The deepest zone that holds a name. */
  findZone(key: NameKey): ServedZone | null {
    return this.#zones.find(key)
  }

  /** Publishes the difference between two states of one Service. `before` null and `owner` known: all of it again. */
  setService(owner: number, before: ServiceFacts | null, after: ServiceFacts | null): void {
    const { set, removed } = diffService(this.#context, before, after, this.#plans)
    for (const node of set) this.#set(owner, node)
    for (const gone of removed) this.#remove(owner, gone.role, gone.key)
  }

  /** A Service came (1) or went (-1). */
  countService(key: ObjectKey, difference: 1 | -1): void {
    const name = key.slice(0, key.indexOf('/'))
    const namespace = this.#namespaces.get(name) ?? { object: null, services: 0, hasPods: false }
    namespace.services += difference
    this.#namespaces.set(name, namespace)
    if (namespace.services <= 1) this.#publishNamespace(name)
  }

  /** A Namespace object as it is now, null when there is none, and whether Pods are in it. */
  setNamespace(name: string, object: Namespace | null, hasPods: boolean): void {
    const services = this.#namespaces.get(name)?.services ?? 0
    this.#namespaces.set(name, { object, services, hasPods })
    this.#publishNamespace(name)
  }

  /** The addresses of `<app>.flycast`; none: the name goes. */
  setApp(app: string, addresses: readonly Address[]): void {
    this.#setSmall(`app ${app}`, context => appNodes(context, app, addresses))
  }

  /** A Pod as it is now; null when it is gone. */
  setPod(key: ObjectKey, pod: Pod | null): void {
    this.#setSmall(`pod ${key}`, context => (pod === null ? [] : podNodes(context, pod)))
  }

  /**
   * Serves exactly these zone files beside the cluster's zones.
   *
   * @returns the apexes that are refused because the cluster itself serves them, and whether a zone came or went, so
   *   that reverse records may have to move to another zone: call {@link beginRepublish} and publish everything again.
   */
  setFiles(files: readonly Zone[]): { refused: string[]; moved: boolean } {
    const refused: string[] = []
    const wanted = new Map<NameKey, Zone>(files.map(file => [foldName(file.apex), file]))
    let moved = false
    for (const [key, file] of this.#files) {
      if (wanted.has(key)) continue
      this.#removeFile(key, file)
      moved = true
    }
    for (const [key, file] of wanted) {
      const before = this.#files.get(key) ?? null
      if (before === file) continue
      const zone = this.#zones.setFile(file)
      if (zone === null) {
        refused.push(formatName(file.apex))
        continue
      }
      if (before === null) moved = true
      this.#setFileNodes(zone, before, file)
      this.#files.set(key, file)
    }
    this.#hasInnerFiles = [...this.#files.keys()].some(
      key => isInZone(key, this.#cluster.key) || isInZone(key, this.#flycast.key),
    )
    this.commit()
    return { refused, moved }
  }

  /**
   * Before the caller publishes every Service again: reverse records are counted anew in the zones where they land.
   * What is not a Service's is published again here.
   */
  beginRepublish(): void {
    for (const zone of this.#zones.zones()) zone.records = 0
    this.#recount = true
    for (const [key, { make }] of [...this.#small]) this.#setSmall(key, make)
  }

  /** After everything was published again. */
  endRepublish(): void {
    this.#recount = false
    this.#zones.closeEmpty()
    this.commit()
  }

  /** New naming rules (TTL, server addresses). They hold for what is published from now on: publish everything again. */
  setContext(context: NamingContext): void {
    this.#context = context
    this.#zones.rewrite()
  }

  /** Until then every name of the cluster's zones answers SERVFAIL (law 5). */
  setSynced(): void {
    this.#zones.setUnsynced(false)
  }

  /** Moves the serials of the zones that changed. */
  commit(): void {
    this.#zones.commit()
  }

  #setZoneNodes(): void {
    this.#setSmall('zone', context => [...clusterZoneNodes(context), ...flycastZoneNodes(context)], ZONE_OWNER)
  }

  #publishNamespace(name: string): void {
    const namespace = this.#namespaces.get(name)
    if (namespace === undefined) return
    if (namespace.object === null && namespace.services === 0 && !namespace.hasPods) {
      this.#namespaces.delete(name)
      this.#setSmall(`namespace ${name}`, () => [])
      return
    }
    const object: Namespace = namespace.object ?? { kind: 'Namespace', name, app: null, origin: '' }
    this.#setSmall(`namespace ${name}`, context => namespaceNodes(context, object))
  }

  #setSmall(key: string, make: SmallOwner['make'], tag?: number): void {
    const before = this.#small.get(key) ?? { owner: tag ?? this.#nextOwner++, nodes: [] }
    const nodes = make(this.#context)
    const { set, removed } = diffNodes(before.nodes, nodes)
    for (const node of this.#recount ? nodes : set) this.#set(before.owner, node)
    for (const gone of removed) this.#remove(before.owner, gone.role, gone.key)
    if (nodes.length === 0) this.#small.delete(key)
    else this.#small.set(key, { owner: before.owner, nodes, make })
  }

  #set(owner: number, { role, node }: OwnedNode): void {
    if (role !== 'reverse') {
      this.#table.set(owner, this.#zoneOf(role, node.name), node)
      return
    }
    const zone = this.#zones.reverseZoneOf(node.name)
    if (this.#table.set(owner, zone, node) || this.#recount) this.#zones.countRecord(zone, 1)
  }

  #remove(owner: number, role: OwnedNode['role'], key: NameKey): void {
    if (role !== 'reverse') {
      this.#table.remove(owner, this.#zoneOf(role, key), key)
      return
    }
    const zone = this.#zones.find(key)
    if (zone !== null && this.#table.remove(owner, zone, key)) this.#zones.countRecord(zone, -1)
  }

  /** The zone of a name of the cluster: a zone file below the cluster's domain has what lies inside of it. */
  #zoneOf(role: 'cluster' | 'flycast', name: Name | NameKey): ServedZone {
    const zone = role === 'cluster' ? this.#cluster : this.#flycast
    return this.#hasInnerFiles ? (this.#zones.find(name) ?? zone) : zone
  }

  #setFileNodes(zone: ServedZone, before: Zone | null, file: Zone): void {
    const gone = new Set(before?.nodes.map(node => foldName(node.name)))
    for (const node of file.nodes) {
      this.#table.set(FILE_OWNER, zone, node)
      gone.delete(foldName(node.name))
    }
    for (const key of gone) this.#table.remove(FILE_OWNER, zone, key)
  }

  #removeFile(key: NameKey, file: Zone): void {
    const zone = this.#zones.get(key)
    this.#files.delete(key)
    if (zone === null) return
    for (const node of file.nodes) this.#table.remove(FILE_OWNER, zone, foldName(node.name))
    this.#zones.removeFile(key)
  }
}

/** The reverse zones that are always there: the network's prefix and, when it lies elsewhere, the service CIDR. */
function reversePrefixes(options: NetworkNamesOptions): Prefix[] {
  const { prefix, serviceCidr } = options
  if (prefix === null) return [serviceCidr]
  return containsPrefix(prefix, serviceCidr) ? [prefix] : [prefix, serviceCidr]
}
