/** Which endpoints of a Service's slices stand behind one of its ports, by kube-proxy's rules. */
import {
  type EndpointMeta,
  type EndpointPort,
  type EndpointSlice,
  READY,
  SERVING,
  type ServicePort,
  TERMINATING,
} from '../cluster/objects.ts'
import { type Family, formatAddress } from '../ip/address.ts'
import { Candidates } from './candidates.ts'
import { Hash64 } from './hash.ts'
import type { Backend, BackendState } from './route.ts'

/** The backends of one Service port in one address family. */
export interface PortBackends {
  /** Sorted by address bytes, then port. */
  readonly backends: readonly Backend[]
  /** Hash of the list, to be fed to the hash of each route that has it. */
  readonly hash: Hash64
  /** What the slices say of the application protocol; the first by slice name that says anything. */
  readonly appProtocol: string | null
}

/** By condition bits: ready wins when an endpoint is both ready and serving-and-terminating; null is left out. */
const STATES: readonly (BackendState | null)[] = Array.from({ length: 8 }, (_, bits) => {
  if ((bits & READY) !== 0) return 'ready'
  return (bits & SERVING) !== 0 && (bits & TERMINATING) !== 0 ? 'draining' : null
})

const candidates = new Candidates()

/**
 * Joins slices to a Service port by port name and protocol (the number is the slice's), takes each address and port
 * once, and keeps the endpoints that are ready or draining. A slice port without name or number is skipped, as
 * kube-proxy does (pkg/proxy/endpointslicecache.go).
 *
 * @param slices all of the Service's slices, sorted by name.
 */
export function backendsOfPort(slices: readonly EndpointSlice[], family: Family, port: ServicePort): PortBackends {
  const appProtocol = gather(slices, family, port)
  const backends: Backend[] = []
  return { backends, hash: pick(slices, backends), appProtocol }
}

/** {@link backendsOfPort} without the list, which is most of the work. */
export function hashBackendsOfPort(
  slices: readonly EndpointSlice[],
  family: Family,
  port: ServicePort,
): Omit<PortBackends, 'backends'> {
  const appProtocol = gather(slices, family, port)
  return { hash: pick(slices, null), appProtocol }
}

/** Makes the endpoints behind a port the candidates, in order; returns what the slices say of the application protocol. */
function gather(slices: readonly EndpointSlice[], family: Family, port: ServicePort): string | null {
  candidates.clear()
  let appProtocol: string | null = null
  for (let s = 0; s < slices.length; s++) {
    const slice = slices[s] as EndpointSlice
    if (slice.addressType !== family) continue
    for (const slicePort of slice.ports) {
      if (!joins(slicePort, port)) continue
      candidates.add(slice, s, slicePort.port as number)
      appProtocol ??= slicePort.appProtocol
    }
  }
  candidates.sort()
  return appProtocol
}

function joins(slicePort: EndpointPort, port: ServicePort): boolean {
  return slicePort.name === port.name && slicePort.protocol === port.protocol && !!slicePort.port
}

/** The hash of the candidates that are backends; appends them to `backends`. */
function pick(slices: readonly EndpointSlice[], backends: Backend[] | null): Hash64 {
  const hash = new Hash64()
  const { count, order } = candidates
  let previous = -1
  for (let i = 0; i < count; i++) {
    const index = order[i] as number
    if (previous >= 0 && candidates.same(previous, index)) continue
    previous = index
    const slice = slices[candidates.slices[index] as number] as EndpointSlice
    const endpoint = candidates.endpoints[index] as number
    const state = STATES[(slice.conditions[endpoint] as number) & 7] as BackendState | null
    if (state === null) continue
    const meta = slice.meta[endpoint] as EndpointMeta
    hashBackend(hash, index, state, meta)
    backends?.push({
      address: formatAddress(slice.addresses, 16 * endpoint),
      port: candidates.ports[index] as number,
      state,
      zone: meta.zone,
      node: meta.node,
      forZones: meta.forZones,
      forNodes: meta.forNodes,
    })
  }
  return hash
}

function hashBackend(hash: Hash64, index: number, state: BackendState, meta: EndpointMeta): void {
  const { words, ports } = candidates
  for (let w = 0; w < 4; w++) hash.word(words[4 * index + w] as number)
  hash.word(((ports[index] as number) << 1) | (state === 'ready' ? 1 : 0))
  hash.text(meta.zone)
  hash.text(meta.node)
  hash.texts(meta.forZones)
  hash.texts(meta.forNodes)
}
