/** How foreign names are forwarded, as the control thread hands it to the threads of the data plane. */

/** How queries travel to an upstream; `udp` goes on over TCP when an answer is cut. */
export type UpstreamProtocol = 'udp' | 'tcp' | 'tls' | 'https'

/** How one of several upstreams is chosen. */
export type ForwardPolicy = 'latency' | 'random' | 'round-robin' | 'sequential'

/** How an upstream is. `looping`: what it is asked comes back to us; `self`: it is one of our own addresses. */
export type UpstreamState = 'good' | 'suspect' | 'looping' | 'self'

/** One name server. */
export interface UpstreamOptions {
  /** In logs and metrics: `10.0.0.53:53`. */
  readonly label: string
  readonly protocol: UpstreamProtocol
  readonly address: string
  readonly port: number
  /** Name that its certificate must have; null: its address. */
  readonly serverName: string | null
  /** Path of the URL (`https`). */
  readonly path: string | null
  /** Certificates that are trusted, in PEM; null: those that Node.js brings. */
  readonly ca: string | null
}

/** Names of one zone and who is asked for them. */
export interface ForwardZone {
  /** Folded wire name. */
  readonly apex: Uint8Array
  /** Places in {@link ForwardOptions.upstreams}. */
  readonly upstreams: readonly number[]
  readonly policy: ForwardPolicy
}

/** See the top of the file. */
export interface ForwardOptions {
  readonly zones: readonly ForwardZone[]
  /** Each server once, whichever zones use it. */
  readonly upstreams: readonly UpstreamOptions[]
  readonly maxInFlight: number
  readonly deadlineMs: number
  readonly randomCase: boolean
}
