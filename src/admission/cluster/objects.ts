/** IPAddress objects: whose an address is in the cluster, and what an app's looks like. */
import type { IpAddress } from '../../cluster/kubernetes/addresses.ts'
import { type Address, familyOf, formatAddress } from '../../ip/address.ts'
import type { OwnerRef } from '../../pool/claims.ts'
import type { Fields } from '../review.ts'

/** Where IPAddress objects are. */
export const IP_ADDRESSES = '/apis/networking.k8s.io/v1/ipaddresses'

/** Label that says who looks after an IPAddress. The API server's own repair leaves those of others alone. */
export const MANAGED_BY = 'ipaddress.kubernetes.io/managed-by'
const IP_FAMILY = 'ipaddress.kubernetes.io/ip-family'

/** Our value of {@link MANAGED_BY}. */
export const OURS = 'waypost.fly.io'

/** What the parentRef of an app's address names; there is no such resource, and nobody looks it up. */
const APP_GROUP = 'fly.io'
const APP_RESOURCE = 'apps'

/** Whose an IPAddress is: a Service's, an app's of this network, or, null, of no concern to us. */
export function ownerOf({ parent, managedBy }: IpAddress, network: string): OwnerRef | null {
  if (parent === null) return null
  const { group, resource, namespace, name } = parent
  if (group === '' && resource === 'services') return { kind: 'Service', name: `${namespace}/${name}` }
  const isApp = group === APP_GROUP && resource === APP_RESOURCE && namespace === network && managedBy === OURS
  return isApp ? { kind: 'App', name } : null
}

/**
 * The IPAddress of an app. Its parentRef, which the API wants, is `apps.fly.io NETWORK/APP`: that is what `kubectl get
 * ipaddress` shows. The network keeps two networks of one cluster apart.
 */
export function appAddressObject(network: string, app: string, address: Address): Fields {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'IPAddress',
    metadata: {
      name: formatAddress(address),
      labels: { [MANAGED_BY]: OURS, [IP_FAMILY]: familyOf(address) },
    },
    spec: { parentRef: { group: APP_GROUP, resource: APP_RESOURCE, namespace: network, name: app } },
  }
}
