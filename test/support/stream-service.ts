/** A stream server around the stub, with TLS and HTTPS, and what it has counted. */
import type { CounterSnapshot, LabelledCount } from '#src/dns/counters.ts'
import { allocateCounters, readCounters } from '#src/dns/counters.ts'
import type { ProxySetting } from '#src/dns/proxy/setting.ts'
import { HttpsService } from '#src/dns/secure/https-service.ts'
import type { Certificate } from '#src/dns/secure/tls-gate.ts'
import { TlsStreams } from '#src/dns/secure/tls-streams.ts'
import { type StreamLimits, StreamServer } from '#src/dns/tcp/stream-server.ts'
import type { AnswerContext } from '#src/dns/transport.ts'
import { packViews } from '#src/dns/views.ts'
import { CONTROL_BYTES } from '#src/index/layout.ts'
import { prefix as prefixOf } from '#support/ip.ts'
import { makeCertificate } from './certificate.ts'
import { stubContext } from './stub-answerer.ts'

/** What is served, and how. */
export interface StreamSetting {
  readonly kind?: 'tcp' | 'tls' | 'https'
  readonly limits?: Partial<StreamLimits>
  readonly address?: string
  /** Prefixes of sources whose views are 3, 4, … */
  readonly sources?: readonly string[]
  /** Prefixes of balancers; the listener takes PROXY headers then. */
  readonly trusted?: readonly string[]
  readonly certificate?: Certificate
  /** Other parts than the stub's. */
  readonly context?: Partial<AnswerContext>
}

/** A server that runs. */
export interface RunningStreams {
  readonly listen: { address: string; port: number }
  readonly certificate: Certificate
  counters(): CounterSnapshot
  /** Reasons of closed connections that have a count. */
  closed(): Record<string, number>
  setCertificate(certificate: Certificate): void
  stop(deadlineMs: number): Promise<void>
}

const LIMITS: StreamLimits = { idleMs: 60_000, maxConnections: 100, maxBytesPerConnection: 262_144 }

/** Starts it on a free port of loopback. */
export async function startStreams(setting: StreamSetting = {}): Promise<RunningStreams> {
  const { kind = 'tcp', address = '::1', sources = ['::/0', '0.0.0.0/0'], certificate = makeCertificate() } = setting
  const limits = { ...LIMITS, ...setting.limits }
  const counters = allocateCounters(1)
  const views = packViews(sources.map((text, i) => ({ prefix: prefixOf(text), view: 3 + i })))
  const stub = stubContext({ control: new SharedArrayBuffer(CONTROL_BYTES), counters, views }, 65_535)
  const context = { ...stub.context, ...setting.context }
  const bounds = { idleMs: limits.idleMs, maxBytes: limits.maxBytesPerConnection }
  const secure =
    kind === 'tls'
      ? new TlsStreams(context, bounds, certificate)
      : kind === 'https'
        ? new HttpsService(context, bounds, '/dns-query', certificate)
        : null
  const server = new StreamServer(context, limits, proxyOf(setting, address))
  const asked = [{ address, port: 0 }]
  const [listen = { address, port: 0 }] = await (secure === null ? server.listen(asked) : server.listen(asked, secure))
  return {
    listen,
    certificate,
    counters: () => readCounters(counters),
    closed: () => counted(readCounters(counters).tcpClosed),
    setCertificate: next => secure?.setCertificate(next),
    stop: deadlineMs => server.stop(deadlineMs),
  }
}

/** The counts that are not 0, by their labels. */
export function counted(counts: readonly LabelledCount[]): Record<string, number> {
  return Object.fromEntries(counts.filter(({ value }) => value > 0).map(({ labels, value }) => [labels.join(), value]))
}

function proxyOf({ trusted }: StreamSetting, address: string): ProxySetting | null {
  if (trusted === undefined) return null
  const views = trusted.map(text => ({ prefix: prefixOf(text), view: 0 }))
  return { listen: [{ address, port: 0 }], trusted: packViews(views) }
}
