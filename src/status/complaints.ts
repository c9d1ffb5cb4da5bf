/** What people are told about a Service, in the words that Kubernetes has for it where it has some. */
import { type Address, familyOf, formatAddress } from '../ip/address.ts'

/** Something wrong with an object, as it is shown by `kubectl describe`. */
export interface Complaint {
  /** CamelCase, for machines. */
  readonly reason: string
  /** What we tried. */
  readonly action: 'ClusterIPAllocation' | 'NamePublication' | 'ObjectValidation'
  /** One sentence or two. The same fault has the same note each time, so that repetitions are counted. */
  readonly note: string
}

/** What is published for a Service, as far as it is worth a complaint. */
export interface ServiceTrouble {
  /** The addresses that the Service itself names. */
  readonly clusterIPs: readonly Address[]
  readonly problem: { readonly code: string; readonly message: string } | null
  /** Addresses outside every pool of their family. */
  readonly outside: readonly Address[]
}

/**
 * The complaints about a Service; empty when all is well.
 *
 * The reasons and notes of the first three are those of kube-apiserver's repair loop
 * (pkg/registry/core/service/ipallocator/controller/repairip.go) and allocator.
 */
export function complaintsOf({ clusterIPs, problem, outside }: ServiceTrouble, pool: string): readonly Complaint[] {
  const complaints = outside.map(address => allocation('ClusterIPOutOfRange', outOfRange(address)))
  if (problem === null) return complaints
  return [...complaints, ...problemComplaints(problem, clusterIPs, pool)]
}

function problemComplaints(
  { code, message }: { readonly code: string; readonly message: string },
  clusterIPs: readonly Address[],
  pool: string,
): readonly Complaint[] {
  switch (code) {
    case 'WAY_ADDRESS_TAKEN':
      return clusterIPs
        .filter(address => message.includes(formatAddress(address)))
        .map(address => allocation('ClusterIPAlreadyAllocated', assignedTwice(address)))
    case 'WAY_POOL_EXHAUSTED': {
      const note = `failed to allocate a serviceIP: range is full; the service CIDR ${pool} is full, you must widen the CIDR in order to create new services`
      return [allocation('ServiceCIDRFull', note)]
    }
    case 'WAY_POOL_FAMILY':
      return [allocation('IPFamilyNotConfigured', message)]
    case 'WAY_NAME_INVALID':
      return [{ reason: 'NameNotServed', action: 'NamePublication', note: message }]
    default:
      return [allocation('ClusterIPNotAllocated', message)]
  }
}

/** What is left out of an object, or that all of it is; the source's own sentence. */
export function refusalOf(message: string): Complaint {
  return { reason: 'ObjectRefused', action: 'ObjectValidation', note: message }
}

function allocation(reason: string, note: string): Complaint {
  return { reason, action: 'ClusterIPAllocation', note }
}

function assignedTwice(address: Address): string {
  return `Cluster IP ${bracketed(address)} was assigned to multiple services; please recreate service`
}

function outOfRange(address: Address): string {
  return `Cluster IP ${bracketed(address)} is not within any configured Service CIDR; please recreate service`
}

/** `[IPv6]:fd00::1`, the repair loop's way of writing it. */
function bracketed(address: Address): string {
  return `[${familyOf(address)}]:${formatAddress(address)}`
}
