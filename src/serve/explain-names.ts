/** `waypost explain` for names that are no Service's: apps, Pods, and the zone's own. */
import type { ControlledNetwork } from '../control/control.ts'
import type { ServedZone } from '../control/view-zones.ts'
import { type Address, formatAddress } from '../ip/address.ts'
import { addressOfReverseLabels } from '../ip/arpa.ts'
import { dashedLabel } from '../naming/labels.ts'
import type { Allocator } from '../pool/allocator.ts'
import { isInZone, labelsOf, type NameKey, nameOfKey } from '../wire/name.ts'

/** The app that has an address, and the addresses that an app has. */
export interface AppClaims {
  addressesOf(network: string, app: string): readonly Address[]
  holderOf(network: string, address: Address): string | null
}

/** The apps of the claims. */
export function appClaims(allocator: Allocator): AppClaims {
  return {
    addressesOf: (network, app) => allocator.addressesOf(network, { kind: 'App', name: app }),
    holderOf: (network, address) => {
      const claim = allocator.holderOf(network, address)
      return claim?.owner.kind === 'App' && claim.state !== 'resting' ? claim.owner.name : null
    },
  }
}

/** What the name has to do with anything but a Service; empty when nothing. */
export function otherLines(entry: ControlledNetwork, zone: ServedZone, key: NameKey, apps: AppClaims): string[] {
  const { context } = entry.names
  if (isInZone(key, context.domainKey)) return podLines(entry, labelsBefore(key, context.domainKey))
  if (isInZone(key, context.flycastKey)) return appLines(entry, labelsBefore(key, context.flycastKey), apps)
  return zone.role === 'reverse' ? pointerLines(entry, key, apps) : []
}

/** `<app>` and `svc.<app>`. */
function appLines(entry: ControlledNetwork, labels: readonly string[], apps: AppClaims): string[] {
  const app = labels.at(-1)
  if (app === undefined || labels.length > 2 || (labels.length === 2 && labels[0] !== 'svc')) return []
  const lines: string[] = []
  if (labels.length === 1) {
    const addresses = apps.addressesOf(entry.settings.name, app).map(address => formatAddress(address))
    const has = addresses.length === 0 ? 'no address of its own' : `the address ${addresses.join(' and ')}`
    lines.push(`App "${app}" has ${has}.`)
  }
  const namespaces = Array.from(entry.network.store.namespaces()).filter(namespace => namespace.app === app)
  for (const { name, origin } of namespaces) lines.push(`Namespace "${name}" of ${origin} belongs to app "${app}".`)
  return lines
}

/** `<dashed address>.<namespace>.pod`. */
function podLines(entry: ControlledNetwork, labels: readonly string[]): string[] {
  const [namespace = '', pod] = labels.slice(-2)
  if (pod !== 'pod' || labels.length < 2) return []
  const mode = entry.names.context.pods
  if (mode === 'disabled') return ['Pods have no names, because dns.pods is "disabled".']
  if (labels.length !== 3) return []
  if (mode === 'insecure') {
    return [`As dns.pods is "insecure", every address has a name in namespace "${namespace}", if that exists.`]
  }
  const found = Array.from(entry.network.store.pods(namespace)).filter(candidate =>
    candidate.addresses.some(address => dashedLabel(address) === labels[0]),
  )
  if (found.length === 0) return [`No Pod of namespace "${namespace}" has this address.`]
  return found.map(({ key, origin, phase, terminating }) => {
    const state = terminating ? 'is being deleted' : `is ${phase}`
    return `Pod "${key}" of ${origin} has this address and ${state}.`
  })
}

function pointerLines(entry: ControlledNetwork, key: NameKey, apps: AppClaims): string[] {
  const address = addressOfReverseLabels(labelsOf(nameOfKey(key)))
  const app = address === null ? null : apps.holderOf(entry.settings.name, address)
  return address === null || app === null ? [] : [`App "${app}" has the address ${formatAddress(address)}.`]
}

function labelsBefore(key: NameKey, suffix: NameKey): string[] {
  return labelsOf(nameOfKey(key)).slice(0, -labelsOf(nameOfKey(suffix)).length)
}
