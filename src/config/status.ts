/** What is written back to the API server of a cluster. */

/** What holds for a cluster: how its status is written; null: it is not. */
export interface StatusConfig {
  /** Name of the Lease of the leader election. */
  readonly lease: string
  /** Its namespace; null: that of the credentials. */
  readonly namespace: string | null
  readonly writesPerSecond: number
}
