/**
 * Which SRV records (RFC 2782) a Service has, before any name is written: rows of (target, port number), the same for
 * each zone that the Service is in. The bare Service name has all rows; `_port._proto` has a choice of them.
 */
import type { EndpointSlice, Protocol } from '../cluster/objects.ts'
import type { Endpoints, Position } from './endpoints.ts'
import { isLabel } from './labels.ts'
import type { Target, Targets } from './targets.ts'

/** The rows of `_port._proto`. */
export interface PortSet {
  /** `_http` */
  readonly port: string
  /** `_tcp` */
  readonly protocol: string
  /** Numbers of rows. */
  readonly rows: number[]
}

/** All SRV records of a Service. No two rows are equal. */
export interface SrvTable {
  readonly targets: Target[]
  /** By row. */
  readonly ports: number[]
  readonly sets: PortSet[]
}

/** A port as Services and slices both have it. */
interface NamedPort {
  readonly name: string | null
  readonly port: number | null
  readonly protocol: Protocol
}

/** What the ports of one target come to: its rows, and which of them are in which set. */
interface PortPlan {
  readonly numbers: number[]
  readonly sets: number[]
  /** By entry of `sets`: index into `numbers`. */
  readonly rows: number[]
}

/** An equal share of 100 for each record of a set; never 0, which would mean "hardly ever" (RFC 2782). */
export function weightOf(records: number): number {
  return Math.max(1, Math.floor(100 / records))
}

/** `_name`, or null when the port has no name or one that does not fit into a label. */
export function portLabel(name: string | null): string | null {
  return name !== null && isLabel(name) && name.length < 63 ? `_${name.toLowerCase()}` : null
}

/** `_tcp`, `_udp` or `_sctp`. */
export function protocolLabel(protocol: Protocol): string {
  return `_${protocol.toLowerCase()}`
}

/** The table of a ClusterIP Service: its own ports, and the Service itself (row target 0) as the only target. */
export function clusterSrv(ports: readonly NamedPort[]): SrvTable {
  const builder = new SrvBuilder()
  builder.add(0, builder.plan(ports))
  return builder.table
}

/**
 * The table of a headless Service: for each target the ports of the slices that its endpoints are in. The numbers are
 * the slices' (the Pods' ports) and may differ from slice to slice; ports that the slice leaves open have no record.
 */
export function headlessSrv(targets: Targets): SrvTable {
  const { endpoints } = targets
  const builder = new SrvBuilder()
  const plans: PortPlan[] = []
  const isSimple = endpoints.copies.size === 0
  for (const target of targets.all) {
    if (isSimple && targets.next(target) < 0) {
      const slice = endpoints.sliceOf(target)
      plans[slice] ??= builder.plan((endpoints.slices[slice] as EndpointSlice).ports)
      builder.add(target, plans[slice])
    } else {
      builder.add(target, builder.plan(targets.members(target).flatMap(member => portsOf(endpoints, member))))
    }
  }
  return builder.table
}

/** The sets alone, without rows: what names `_port._proto` a headless Service has. */
export function headlessPorts({ endpoints }: Targets): readonly PortSet[] {
  const builder = new SrvBuilder()
  const planned = new Set<number>()
  for (const endpoint of endpoints.ready) {
    const slice = endpoints.sliceOf(endpoint)
    if (endpoints.copies.size === 0 && planned.has(slice)) continue
    planned.add(slice)
    builder.plan(portsOf(endpoints, endpoint))
  }
  return builder.table.sets
}

/**
 * The ports that an endpoint is ready on. One address may be in several slices with other ports; where two slices have
 * the same port of it, the better conditions decide as they do for the address.
 */
export function portsOf(endpoints: Endpoints, endpoint: Position): NamedPort[] {
  const best = new Map<string, { port: NamedPort; position: Position }>()
  for (const position of endpoints.copies.get(endpoint) ?? [endpoint]) {
    for (const port of endpoints.sliceAt(position).ports) {
      const key = `${port.protocol} ${port.port} ${port.name}`
      const known = best.get(key)
      if (known === undefined || endpoints.rankAt(position) > endpoints.rankAt(known.position)) {
        best.set(key, { port, position })
      }
    }
  }
  return [...best.values()].filter(({ position }) => endpoints.isReadyAt(position)).map(({ port }) => port)
}

class SrvBuilder {
  readonly table: SrvTable = { targets: [], ports: [], sets: [] }
  readonly #setOf = new Map<string, number>()

  plan(ports: readonly NamedPort[]): PortPlan {
    const plan: PortPlan = { numbers: [], sets: [], rows: [] }
    for (const { name, port, protocol } of ports) {
      if (port === null || port === 0) continue
      let row = plan.numbers.indexOf(port)
      if (row < 0) row = plan.numbers.push(port) - 1
      const label = portLabel(name)
      if (label === null) continue
      const set = this.#set(label, protocolLabel(protocol))
      if (plan.sets.some((other, i) => other === set && plan.rows[i] === row)) continue
      plan.sets.push(set)
      plan.rows.push(row)
    }
    return plan
  }

  add(target: Target, plan: PortPlan): void {
    const first = this.table.ports.length
    for (const number of plan.numbers) {
      this.table.targets.push(target)
      this.table.ports.push(number)
    }
    for (let i = 0; i < plan.sets.length; i++) {
      const set = this.table.sets[plan.sets[i] as number] as PortSet
      set.rows.push(first + (plan.rows[i] as number))
    }
  }

  #set(port: string, protocol: string): number {
    const key = `${port}.${protocol}`
    const known = this.#setOf.get(key)
    if (known !== undefined) return known
    const set = this.table.sets.push({ port, protocol, rows: [] }) - 1
    this.#setOf.set(key, set)
    return set
  }
}
