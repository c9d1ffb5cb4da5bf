/** The thread of connections: its services, put together. */
import type { Caching } from './cache/write/assembly.ts'
import type { Forwarding } from './forward/assembly.ts'
import type { Certificates, SecureAddresses, WorkerRole } from './messages.ts'
import { HttpsService } from './secure/https-service.ts'
import { TlsStreams } from './secure/tls-streams.ts'
import { StreamServer } from './tcp/stream-server.ts'
import type { WorkerContext } from './worker-context.ts'

/** The part of the time for stopping in which upstreams may still answer: then the cache is written. */
const FORWARDING_PART = 0.6

/** DNS over TCP, and over TLS and HTTPS where there are certificates for them. */
export class StreamThread {
  readonly #context: WorkerContext
  readonly #role: WorkerRole & { kind: 'stream' }
  readonly #forwarding: Forwarding | null
  readonly #caching: Caching | null
  readonly #server: StreamServer
  readonly #tls: TlsStreams | null
  readonly #https: HttpsService | null

  /** Forwarding and caching end with this thread; null: nothing is forwarded or kept. */
  constructor(
    context: WorkerContext,
    role: WorkerRole & { kind: 'stream' },
    forwarding: Forwarding | null,
    caching: Caching | null,
  ) {
    const { limits, also } = role
    const bounds = { idleMs: limits.idleMs, maxBytes: limits.maxBytesPerConnection }
    const { tls, https } = context.certificates
    this.#context = context
    this.#role = role
    this.#forwarding = forwarding
    this.#caching = caching
    this.#server = new StreamServer(context, limits, also.proxy)
    this.#tls = tls === null ? null : new TlsStreams(context, bounds, tls)
    this.#https = https === null ? null : new HttpsService(context, bounds, also.https.path, https)
    context.onCertificates(certificates => this.#setCertificates(certificates))
  }

  /** @throws WaypostError `WAY_LISTEN`, with nothing left open. */
  async open(): Promise<SecureAddresses> {
    const { listen, also } = this.#role
    await this.#server.listen(listen)
    return {
      tls: this.#tls === null ? [] : await this.#server.listen(also.tls, this.#tls),
      https: this.#https === null ? [] : await this.#server.listen(also.https.listen, this.#https),
    }
  }

  /** Answers until the thread is to stop. */
  async run(): Promise<void> {
    void this.#caching?.load()
    const deadlineMs = await this.#context.stopped
    await Promise.all([this.#server.stop(deadlineMs), this.#forwarding?.stop(deadlineMs * FORWARDING_PART)])
    this.#caching?.save()
  }

  #setCertificates({ tls, https }: Certificates): void {
    if (tls !== null) this.#tls?.setCertificate(tls)
    if (https !== null) this.#https?.setCertificate(https)
  }
}
