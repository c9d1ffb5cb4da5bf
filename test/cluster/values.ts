/** Objects and texts that the tests of this folder share. */

import type { ClusterObject, EndpointSlice, ObjectChange, Pod, Service } from '#src/cluster/objects.ts'
import { type Fault, Interner, type Stripped, stripObject } from '#src/cluster/strip.ts'
import { formatAddress } from '#src/ip/address.ts'

type Fields = Record<string, unknown>

/** Strips with an interner of its own. */
export function strip(value: unknown): Stripped {
  return stripObject(value, 'test.yaml:1', new Interner())
}

/** The faults of a value, as `field: message`. */
export function faultsOf(value: unknown): string[] {
  const stripped = strip(value)
  const faults: readonly Fault[] = stripped.outcome === 'ignored' ? [] : stripped.faults
  return faults.map(({ field, message }) => `${field}: ${message}`)
}

/** The object that a value makes; it must make one without a fault. */
export function objectOf(value: unknown): ClusterObject {
  const stripped = strip(value)
  if (stripped.outcome !== 'object' || stripped.faults.length > 0) throw new Error(JSON.stringify(stripped))
  return stripped.object
}

export function serviceValue(spec: Fields, metadata: Fields = {}): Fields {
  return { apiVersion: 'v1', kind: 'Service', metadata: { name: 'kuard', ...metadata }, spec }
}

/** A Service `default/kuard` with one port unless the spec says otherwise. */
export function service(spec: Fields = {}, metadata: Fields = {}): Service {
  return objectOf(serviceValue({ ports: [{ port: 80 }], ...spec }, metadata)) as Service
}

export function sliceValue(fields: Fields, metadata: Fields = {}): Fields {
  const labels = { 'kubernetes.io/service-name': 'kuard' }
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'kuard-abcde', labels, ...metadata },
    addressType: 'IPv6',
    ...fields,
  }
}

/** A slice of `default/kuard`. */
export function slice(fields: Fields = {}, metadata: Fields = {}): EndpointSlice {
  return objectOf(sliceValue(fields, metadata)) as EndpointSlice
}

export interface PodFields {
  readonly metadata?: Fields
  readonly spec?: Fields
  readonly status?: Fields
}

export function podValue({ metadata, spec, status }: PodFields = {}): Fields {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'kuard-1', labels: { app: 'kuard' }, ...metadata },
    spec: { containers: [{ name: 'main', ports: [{ name: 'http', containerPort: 8080 }] }], ...spec },
    status: {
      phase: 'Running',
      podIPs: [{ ip: 'fd00::1' }],
      conditions: [{ type: 'Ready', status: 'True' }],
      ...status,
    },
  }
}

/** A ready Pod `default/kuard-1` with the label `app: kuard` on fd00::1. */
export function pod(fields: PodFields = {}): Pod {
  return objectOf(podValue(fields)) as Pod
}

export function namespaceValue(name: string, app?: string): Fields {
  const labels = app === undefined ? {} : { 'fly.io/app': app }
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } }
}

/** The key of any object. */
export function keyOf(object: ClusterObject): string {
  return object.kind === 'Namespace' ? object.name : object.key
}

/** The change that puts an object. */
export function put(object: ClusterObject): ObjectChange {
  return { kind: object.kind, key: keyOf(object), object }
}

/** The change that removes an object. */
export function gone(object: ClusterObject): ObjectChange {
  return { kind: object.kind, key: keyOf(object), object: null }
}

/** Addresses of a packed slice as text. */
export function addressesOf(from: EndpointSlice): string[] {
  return from.meta.map((_, i) => formatAddress(from.addresses, i * 16))
}

/** A logger that keeps its lines. */
export class Lines {
  readonly lines: { readonly level: string; readonly fields: Fields; readonly message: string }[] = []

  debug(fields: object, message: string): void {
    this.#add('debug', fields, message)
  }

  info(fields: object, message: string): void {
    this.#add('info', fields, message)
  }

  warn(fields: object, message: string): void {
    this.#add('warn', fields, message)
  }

  /** The `event` of every line. */
  events(): unknown[] {
    return this.lines.map(line => line.fields['event'])
  }

  #add(level: string, fields: object, message: string): void {
    this.lines.push({ level, fields: { ...fields }, message })
  }
}
