/** `networks[].cluster.status`: what is written back to the API server of a cluster. */
import { object, optional, type Schema, value } from './schema.ts'
import { choice, integer, label, nullable } from './values.ts'

/** The section as it is written; null stands for a default that depends on the rest. */
export interface FileStatus {
  readonly write: 'leader' | 'off'
  readonly lease: string | null
  readonly namespace: string | null
  readonly writesPerSecond: number
}

/** What holds for a cluster: how its status is written; null: it is not. */
export interface StatusConfig {
  /** Name of the Lease of the leader election. */
  readonly lease: string
  /** Its namespace; null: that of the credentials. */
  readonly namespace: string | null
  readonly writesPerSecond: number
}

const DEFAULT_WRITES = 20

/** See {@link FileStatus}. */
export const statusSchema: Schema<FileStatus> = object<FileStatus>({
  write: optional(
    value(choice(['leader', 'off'])),
    'leader',
    '`leader`',
    'Who writes sync versions and Events to the API server: one replica, elected by a Lease, or nobody. Only with a Kubernetes source.',
  ),
  lease: optional(
    value(nullable(label)),
    null,
    "`waypost-` and the network's name",
    'Name of the Lease; replicas that share it elect one of them.',
  ),
  namespace: optional(value(nullable(label)), null, "the credentials' namespace", 'Namespace of the Lease.'),
  writesPerSecond: optional(
    value(integer(1, 1000)),
    DEFAULT_WRITES,
    `\`${DEFAULT_WRITES}\``,
    'Annotations that are written a second, at most; what changes meanwhile is written once.',
  ),
})

/** The status of a cluster whose source is an API server. */
export function resolveStatus(file: FileStatus | null, network: string): StatusConfig | null {
  if (file?.write === 'off') return null
  return {
    // A Lease's name is a DNS subdomain, so the longest network name fits.
    lease: file?.lease ?? `waypost-${network}`,
    namespace: file?.namespace ?? null,
    writesPerSecond: file?.writesPerSecond ?? DEFAULT_WRITES,
  }
}
