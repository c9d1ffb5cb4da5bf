/** A zone as it is served. */
import type { Name } from '../wire/name.ts'
import type { Soa, ZoneNode } from './rrset.ts'

/** A checked zone: what its master file says, in the form that the name index takes. */
export interface Zone {
  readonly apex: Name
  readonly soa: Soa
  /** The apex first; the SOA record is in `soa` only. Empty non-terminals are nodes of their own. */
  readonly nodes: readonly ZoneNode[]
}
