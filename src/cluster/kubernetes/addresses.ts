/**
 * The API server's own books of addresses (KEP-1880): ServiceCIDRs are its pools, IPAddresses its claims. Who hands
 * out addresses beside it reads them here.
 */
import { type Address, formatAddress, parseAddress } from '../../ip/address.ts'
import { isPrefix, type Prefix, parsePrefix } from '../../ip/prefix.ts'
import { Faults } from '../strip/faults.ts'
import { arrayAt, type Fields, isFields, objectAt, textAt } from '../strip/fields.ts'
import { detach, type Interner } from '../strip/intern.ts'
import type { Change, ReadObject } from './collection.ts'

/** networking.k8s.io/v1 ServiceCIDR. */
export interface ServiceCidr {
  readonly name: string
  /** At most one a family. */
  readonly prefixes: readonly Prefix[]
  /**
   * Its condition Ready is true, or not set yet, and it is not being deleted: the API server gives addresses of it
   * (`isReady` in pkg/registry/core/service/ipallocator/cidrallocator.go).
   */
  readonly ready: boolean
}

/** networking.k8s.io/v1 IPAddress. */
export interface IpAddress {
  readonly address: Address
  /** Whose it is; null when it does not say. */
  readonly parent: {
    readonly group: string
    readonly resource: string
    readonly namespace: string
    readonly name: string
  } | null
  /** Label `ipaddress.kubernetes.io/managed-by`, or ''. */
  readonly managedBy: string
}

/** Who wants to know. All calls come from the control thread, one at a time; changes are keyed by the object's name. */
export interface ClusterAddressSink {
  serviceCidrs(changes: readonly Change<ServiceCidr>[]): void
  ipAddresses(changes: readonly Change<IpAddress>[]): void
  /** Everything that is there has been told. A server without these resources, or that hides them, has nothing. */
  synced(): void
}

const MANAGED_BY = 'ipaddress.kubernetes.io/managed-by'

/** Reads a ServiceCIDR. */
export function readServiceCidr(value: Fields): ReadObject<ServiceCidr> {
  const faults = new Faults()
  const metadata = objectAt(value, 'metadata', '', faults)
  const name = detach(textAt(metadata, 'name', 'metadata', faults) ?? '')
  const prefixes: Prefix[] = []
  for (const [i, text] of arrayAt(objectAt(value, 'spec', '', faults), 'cidrs', 'spec', faults).entries()) {
    const prefix = typeof text === 'string' ? parsePrefix(text) : { reason: 'must be a string' }
    if (isPrefix(prefix)) prefixes.push(prefix)
    else faults.invalid(`spec.cidrs[${i}]`, text, prefix.reason)
  }
  const isDeleted = typeof metadata['deletionTimestamp'] === 'string'
  const object = { name, prefixes, ready: isReady(value, faults) && !isDeleted }
  return { found: faults.list.length === 0 ? { key: name, object } : null, faults: faults.list }
}

/** Reads an IPAddress. Its name is the address. */
export function readIpAddress(value: Fields, interner: Interner): ReadObject<IpAddress> {
  const faults = new Faults()
  const metadata = objectAt(value, 'metadata', '', faults)
  const name = textAt(metadata, 'name', 'metadata', faults) ?? ''
  const address = parseAddress(name)
  if (address === null) faults.invalid('metadata.name', name, 'must be a valid IP address')
  const labels = objectAt(metadata, 'labels', 'metadata', faults)
  const reference = objectAt(value, 'spec', '', faults)['parentRef']
  const parent = isFields(reference) ? parentOf(reference, interner, faults) : null
  const managedBy = interner.string(textAt(labels, MANAGED_BY, 'metadata.labels', faults) ?? '')
  if (address === null || faults.list.length > 0) return { found: null, faults: faults.list }
  return { found: { key: formatAddress(address), object: { address, parent, managedBy } }, faults: [] }
}

function parentOf(reference: Fields, interner: Interner, faults: Faults): IpAddress['parent'] {
  const text = (name: string): string => textAt(reference, name, 'spec.parentRef', faults) ?? ''
  return {
    group: interner.string(text('group')),
    resource: interner.string(text('resource')),
    namespace: interner.string(text('namespace')),
    name: detach(text('name')),
  }
}

function isReady(value: Fields, faults: Faults): boolean {
  const conditions = arrayAt(objectAt(value, 'status', '', faults), 'conditions', 'status', faults)
  const ready = conditions.find(item => isFields(item) && item['type'] === 'Ready')
  return !isFields(ready) || ready['status'] === 'True'
}
