/** The thread of connections: its services, put together. */
import type { Caching } from './cache/write/assembly.ts'
import type { Forwarding } from './forward/assembly.ts'
import type { Certificates, SecureAddresses, WorkerRole } from './messages.ts'
import type { HttpsService } from './secure/https-service.ts'
import type { TlsStreams } from './secure/tls-streams.ts'
import { StreamServer } from './tcp/stream-server.ts'
import type { WorkerContext } from './worker-context.ts'

/** The part of the time for stopping in which upstreams may still answer: then the cache is written. */
const FORWARDING_PART = 0.6

/** What speaks TLS and HTTPS; null: there is no certificate for it. */
interface SecureModules {
  readonly tls: typeof import('./secure/tls-streams.ts') | null
  readonly https: typeof import('./secure/https-service.ts') | null
}

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
  static async make(
    context: WorkerContext,
    role: WorkerRole & { kind: 'stream' },
    forwarding: Forwarding | null,
    caching: Caching | null,
  ): Promise<StreamThread> {
    const modules = await loadSecure(context.certificates)
    return new StreamThread(context, role, forwarding, caching, modules)
  }

  private constructor(
    context: WorkerContext,
    role: WorkerRole & { kind: 'stream' },
    forwarding: Forwarding | null,
    caching: Caching | null,
    modules: SecureModules,
  ) {
    const { limits, also } = role
    const bounds = { idleMs: limits.idleMs, maxBytes: limits.maxBytesPerConnection }
    const { tls, https } = context.certificates
    this.#context = context
    this.#role = role
    this.#forwarding = forwarding
    this.#caching = caching
    this.#server = new StreamServer(context, limits, also.proxy)
    this.#tls = tls === null || modules.tls === null ? null : new modules.tls.TlsStreams(context, bounds, tls)
    this.#https =
      https === null || modules.https === null
        ? null
        : new modules.https.HttpsService(context, bounds, also.https.path, https)
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
    const end = performance.now() + deadlineMs
    await Promise.all([this.#server.stop(deadlineMs), this.#forwarding?.stop(deadlineMs * FORWARDING_PART)])
    this.#caching?.save(end - performance.now())
  }

  #setCertificates({ tls, https }: Certificates): void {
    if (tls !== null) this.#tls?.setCertificate(tls)
    if (https !== null) this.#https?.setCertificate(https)
  }
}

/** TLS and HTTP/2 take megabytes of the thread's memory, so they are loaded where they are served. */
async function loadSecure({ tls, https }: Certificates): Promise<SecureModules> {
  return {
    tls: tls === null ? null : await import('./secure/tls-streams.ts'),
    https: https === null ? null : await import('./secure/https-service.ts'),
  }
}
