/**
 * The names below a Service's name: one per hostname, which several endpoints may share, and one per address for the
 * endpoints without a hostname (Kubernetes DNS specification 1.1.0, section 2.1).
 */
import { ADDRESS_BYTES, parseAddress } from '../ip/address.ts'
import type { Endpoints, Position } from './endpoints.ts'
import { dashedLabel, isLabel, putDashed } from './labels.ts'

/** A name below a Service's name, by the first endpoint that has it. */
export type Target = Position

/** A length octet and 63 octets. */
const LABEL_STRIDE = 64
const MAYBE_DASHED = /^[0-9a-f]+-[0-9a-f-]+$/

/** The ready endpoints of a Service, grouped by label. */
export class Targets {
  readonly endpoints: Endpoints
  /** In order of position. */
  readonly all: readonly Target[]
  /** Labels in wire form, written when {@link wireLabelAt} is asked for them. */
  readonly wireLabels: Uint8Array

  /** By position; null when no endpoint has a hostname, which is nearly always so. */
  readonly #hostnames: readonly (string | null)[] | null
  readonly #byHostname: ReadonlyMap<string, Target>
  /** By position: the next endpoint with the same hostname, or 0 (nothing comes before the first endpoint). */
  readonly #next: Int32Array | null

  constructor(endpoints: Endpoints) {
    this.endpoints = endpoints
    this.wireLabels = new Uint8Array(LABEL_STRIDE * endpoints.total)
    this.#hostnames = hostnamesOf(endpoints)
    this.#next = this.#hostnames === null ? null : new Int32Array(endpoints.total)
    const byHostname = new Map<string, Target>()
    this.#byHostname = byHostname
    this.all = this.#hostnames === null ? endpoints.ready : this.#group(byHostname)
  }

  get hasHostnames(): boolean {
    return this.#hostnames !== null
  }

  /** The hostname, lower-case, or null: the endpoint is named by its dashed address. */
  hostnameOf(endpoint: Position): string | null {
    return this.#hostnames === null ? null : (this.#hostnames[endpoint] as string | null)
  }

  labelOf(endpoint: Position): string {
    return this.hostnameOf(endpoint) ?? this.dashedOf(endpoint)
  }

  /** The label that an endpoint without a hostname has. */
  dashedOf(position: Position): string {
    return dashedLabel(this.endpoints.addresses, ADDRESS_BYTES * position)
  }

  /** The label in wire form, its length octet first, from this index of {@link wireLabels} on. */
  wireLabelAt(endpoint: Position): number {
    const at = LABEL_STRIDE * endpoint
    if (this.wireLabels[at] === 0) this.#putLabel(endpoint, at)
    return at
  }

  /** Takes over the labels of slices that another state of the Service has too. */
  takeLabels(old: Targets): void {
    if (this.hasHostnames || old.hasHostnames) return
    const starts = new Map(old.endpoints.slices.map((slice, i) => [slice, old.endpoints.startOf(i)]))
    for (const [i, slice] of this.endpoints.slices.entries()) {
      const start = starts.get(slice)
      if (start === undefined) continue
      const labels = old.wireLabels.subarray(LABEL_STRIDE * start, LABEL_STRIDE * (start + slice.conditions.length))
      this.wireLabels.set(labels, LABEL_STRIDE * this.endpoints.startOf(i))
    }
  }

  /** The next endpoint with the same label, or −1. A target is its own first endpoint. */
  next(endpoint: Position): Position {
    return this.#next === null ? -1 : (this.#next[endpoint] as number) - 1
  }

  /** The endpoints that have the target's label. */
  members(target: Target): Position[] {
    const members: Position[] = []
    for (let endpoint = target; endpoint >= 0; endpoint = this.next(endpoint)) members.push(endpoint)
    return members
  }

  /** The target with this label (lower-case), or −1. */
  find(label: string): Target {
    const named = this.#byHostname.get(label)
    if (named !== undefined) return named
    const endpoint = dashedEndpoint(this.endpoints, label)
    return endpoint >= 0 && this.endpoints.isReady(endpoint) && this.hostnameOf(endpoint) === null ? endpoint : -1
  }

  #putLabel(endpoint: Position, at: number): void {
    const out = this.wireLabels
    const hostname = this.hostnameOf(endpoint)
    let end = at + 1
    if (hostname === null) end = putDashed(this.endpoints.addresses, ADDRESS_BYTES * endpoint, out, end)
    else for (let i = 0; i < hostname.length; i++) out[end++] = hostname.charCodeAt(i)
    out[at] = end - at - 1
  }

  #group(byHostname: Map<string, Target>): Target[] {
    const all: Target[] = []
    const last = new Map<Target, Position>()
    for (const endpoint of this.endpoints.ready) {
      const hostname = this.hostnameOf(endpoint)
      const target = hostname === null ? undefined : byHostname.get(hostname)
      if (target === undefined) {
        if (hostname !== null) byHostname.set(hostname, endpoint)
        all.push(endpoint)
        continue
      }
      const previous = last.get(target) ?? target
      if (this.#next !== null) this.#next[previous] = endpoint + 1
      last.set(target, endpoint)
    }
    return all
  }
}

/** A hostname that is no label is as good as none: the endpoint keeps its dashed name. */
function hostnamesOf(endpoints: Endpoints): (string | null)[] | null {
  let hostnames: (string | null)[] | null = null
  const lookalikes: string[] = []
  for (const endpoint of endpoints.ready) {
    const written = endpoints.metaAt(endpoints.speaker(endpoint)).hostname
    if (written === null || !isLabel(written)) continue
    hostnames ??= new Array<string | null>(endpoints.total).fill(null)
    const hostname = written.toLowerCase()
    hostnames[endpoint] = hostname
    if (MAYBE_DASHED.test(hostname)) lookalikes.push(hostname)
  }
  if (hostnames === null) return null
  // A hostname may spell the dashed address of an endpoint that has none: one name, so one target.
  for (const hostname of lookalikes) {
    const endpoint = dashedEndpoint(endpoints, hostname)
    if (endpoint >= 0 && endpoints.isReady(endpoint)) hostnames[endpoint] ??= hostname
  }
  return hostnames
}

/** The endpoint whose dashed address the label is, or −1. */
function dashedEndpoint(endpoints: Endpoints, label: string): Position {
  if (!MAYBE_DASHED.test(label)) return -1
  const address = parseAddress(label.replaceAll('-', '.')) ?? parseAddress(label.replaceAll('-', ':'))
  return address !== null && dashedLabel(address) === label ? endpoints.find(address) : -1
}
