/** The `dns.forward` section: which names go to which upstreams. */
import { list, object, optional, required, type Schema, value } from '../schema.ts'
import { choice, duration, flag, integer, type Scalar, zoneName } from '../values.ts'
import { type FileServer, type FileUpstream, RESOLV_CONF, upstreamSchema } from './upstream.ts'

/** How one of several upstreams is chosen. */
export type ForwardPolicy = 'latency' | 'random' | 'round-robin' | 'sequential'

/** The content of `dns.forward`. */
export interface FileForward {
  readonly upstreams: readonly FileUpstream[]
  readonly policy: ForwardPolicy
  readonly zones: readonly {
    readonly zone: string
    readonly upstreams: readonly FileUpstream[]
    readonly policy: ForwardPolicy | null
  }[]
  readonly maxInFlight: number
  readonly deadline: number
  readonly randomCase: boolean
}

/** An upstream, ready to be asked; `ca` is PEM text. */
export type UpstreamConfig = Omit<FileServer, 'kind'>

/** Where foreign names go. Zones are lower-case without the final dot; the root is `.`. */
export interface ForwardConfig {
  readonly zones: readonly {
    readonly zone: string
    readonly upstreams: readonly UpstreamConfig[]
    readonly policy: ForwardPolicy
  }[]
  /** Questions that may wait for an upstream at one time. */
  readonly maxInFlight: number
  /** A question that has waited so long is SERVFAIL, in milliseconds. */
  readonly deadlineMs: number
  /** Whether letters of questions get a random case (draft-vixie-dnsext-dns0x20). */
  readonly randomCase: boolean
}

const SECOND = 1000
const POLICY = choice(['latency', 'random', 'round-robin', 'sequential'])

/** The schema; `location` reads a path. */
export function forwardSchema(location: Scalar<string>): Schema<FileForward> {
  const upstream = upstreamSchema(location)
  return object<FileForward>({
    upstreams: optional(
      list(upstream, 0),
      [{ kind: 'file', path: RESOLV_CONF }],
      '`["/etc/resolv.conf"]`',
      'Who is asked for names outside of our zones: `ADDRESS[:PORT]`, `tcp://ADDRESS`, `tls://ADDRESS#SERVERNAME`, ' +
        '`https://ADDRESS/PATH#SERVERNAME`, the path of a resolv.conf file, or a map of `address`, `serverName` and ' +
        '`ca` (file of certificates). An empty list: only the names in `zones`. Without `dns.forward` such names are refused.',
    ),
    policy: optional(
      value(POLICY),
      'latency',
      '`latency`',
      'Which upstream is asked first: the fastest by its answers, any, each in turn, or the first that works.',
    ),
    zones: optional(
      list(
        object<FileForward['zones'][number]>({
          zone: required(value(zoneName), 'Names in this zone go to upstreams of their own; the longest zone wins.'),
          upstreams: required(list(upstream, 1), 'As `dns.forward.upstreams`.'),
          policy: optional(value(POLICY), null, '`dns.forward.policy`', 'As `dns.forward.policy`.'),
        }),
        0,
      ),
      [],
      'none',
      '',
    ),
    maxInFlight: optional(
      value(integer(1, 1_000_000)),
      10_000,
      '`10000`',
      'Questions that wait for upstreams at one time; more are answered SERVFAIL at once.',
    ),
    deadline: optional(
      value(duration(100, 30 * SECOND)),
      4 * SECOND,
      '`4s`',
      'How long an answer may take with all its tries; then SERVFAIL. Clients give up after 5 s.',
    ),
    randomCase: optional(
      value(flag),
      false,
      '`false`',
      'Letters of questions to upstreams over UDP and TCP get a random case, which answers must repeat.',
    ),
  })
}
