/** The allocator of the fake API server: each ClusterIP is an IPAddress object, and so in use only once. */
import type { Obj, ObjectStore, Rule } from './objects.ts'
import { resource } from './resources.ts'
import { Refusal } from './status.ts'

/** Gives Services addresses below `prefix` (`fdaa:0:48c8:0:1::`), from :100 up, unless they name some. */
export function serviceAddresses(store: ObjectStore, prefix: string): Rule {
  const addresses = resource('ipaddresses')
  let last = 0xff
  const isTaken = (address: string): boolean => store.get(addresses, null, address) !== null
  const place = (): string => {
    do last++
    while (isTaken(prefix + last.toString(16)))
    return prefix + last.toString(16)
  }
  const take = (service: Obj, address: string): void => {
    const labels = {
      'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io',
      'ipaddress.kubernetes.io/ip-family': address.includes(':') ? 'IPv6' : 'IPv4',
    }
    const { namespace, name } = service.metadata
    const parentRef = { group: '', resource: 'services', namespace, name }
    store.create(addresses, null, { metadata: { name: address, labels }, spec: { parentRef } })
  }
  return {
    resource: resource('services'),
    admit: (service, before, dryRun) => {
      const spec = (service['spec'] ?? {}) as Record<string, unknown>
      if (spec['type'] === 'ExternalName') return service
      const named = clusterIPsOf(service)
      if (named[0] === 'None') return service
      const held = before === null ? [] : clusterIPsOf(before)
      const wanted = named.length > 0 ? named : held.length > 0 ? held : [place()]
      for (const address of wanted.filter(candidate => !held.includes(candidate))) {
        if (isTaken(address)) {
          const message = `Service "${service.metadata.name}" is invalid: spec.clusterIPs: Invalid value: ["${address}"]: failed to allocate IP ${address}: provided IP is already allocated`
          throw new Refusal(422, 'Invalid', message)
        }
        if (!dryRun) take(service, address)
      }
      return { ...service, spec: { ...spec, clusterIP: wanted[0], clusterIPs: wanted } }
    },
    removed: service => {
      for (const address of clusterIPsOf(service)) {
        if (address !== 'None' && isTaken(address)) store.delete(addresses, null, address)
      }
    },
  }
}

function clusterIPsOf(service: Obj): string[] {
  const { clusterIP, clusterIPs } = (service['spec'] ?? {}) as { clusterIP?: string; clusterIPs?: string[] }
  if (clusterIPs !== undefined && clusterIPs.length > 0) return clusterIPs
  return clusterIP === undefined || clusterIP === '' ? [] : [clusterIP]
}
