/** The one client of a cluster, opened when somebody first needs it, and again while that fails. */
import type { KubernetesClient } from './client.ts'

/** So long a failure stands for all who ask. */
const FAILURE_MS = 5_000

/** See the top of the file. */
export class SharedClient {
  readonly #open: (signal: AbortSignal) => Promise<KubernetesClient>
  readonly #closing = new AbortController()
  #opened: Promise<KubernetesClient> | null = null
  #failedAt: number | null = null

  constructor(open: (signal: AbortSignal) => Promise<KubernetesClient>) {
    this.#open = open
  }

  /** Rejects with WAY_KUBERNETES_CONFIG while the credentials cannot be read. */
  get(): Promise<KubernetesClient> {
    const hasFailed = this.#failedAt !== null && performance.now() - this.#failedAt > FAILURE_MS
    if (this.#opened !== null && !hasFailed) return this.#opened
    this.#failedAt = null
    const opened = this.#open(this.#closing.signal)
    this.#opened = opened
    opened.catch(() => {
      this.#failedAt = performance.now()
    })
    return opened
  }

  /** Ends what is being opened, and every connection. */
  async close(): Promise<void> {
    this.#closing.abort()
    const client = await this.#opened?.catch(() => null)
    await client?.close()
  }
}
