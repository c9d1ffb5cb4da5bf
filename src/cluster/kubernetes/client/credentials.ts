/**
 * The present credentials of one client. A token in a file is read again each minute, for the kubelet replaces it
 * there (client-go's transport/token_source.go does the same); everything else is asked for again when it was refused.
 */
import { readFile } from 'node:fs/promises'
import { WaypostError } from '../../../errors.ts'
import type { Access } from './access.ts'

const TOKEN_MS = 60_000
/** Credentials that are refused again and again are not asked for more often than this. */
const RENEW_MS = 10_000

/** See the top of the file. */
export class Credentials {
  readonly #load: () => Promise<Access>
  #access: Access
  #token: string | null = null
  #tokenReadAt = 0
  #renewedAt = Number.NEGATIVE_INFINITY
  #renewing: Promise<void> | null = null

  private constructor(load: () => Promise<Access>, access: Access) {
    this.#load = load
    this.#access = access
  }

  /** @throws WaypostError WAY_KUBERNETES_CONFIG, from `load`. */
  static async open(load: () => Promise<Access>): Promise<Credentials> {
    return new Credentials(load, await load())
  }

  /** Where to ask and as who. The object is the same as long as nothing but the token of a file changes. */
  get access(): Access {
    return this.#access
  }

  /**
   * The headers of a request made now.
   *
   * @throws WaypostError WAY_KUBERNETES_CONFIG when the file of the token cannot be read and never could.
   */
  async headers(): Promise<Readonly<Record<string, string>>> {
    const { headers, tokenFile } = this.#access
    if (tokenFile === null) return headers
    if (this.#token === null || performance.now() - this.#tokenReadAt > TOKEN_MS) await this.#readToken(tokenFile)
    return { ...headers, Authorization: `Bearer ${this.#token}` }
  }

  /** The server refused `used`: looks for others. Gives whether there are other headers to try now. */
  async renew(used: Readonly<Record<string, string>>): Promise<boolean> {
    const { tokenFile } = this.#access
    if (tokenFile !== null) await this.#readToken(tokenFile)
    if ((await this.#isOther(used)) || performance.now() - this.#renewedAt < RENEW_MS) return await this.#isOther(used)
    this.#renewing ??= this.#reload().finally(() => {
      this.#renewing = null
    })
    await this.#renewing
    return await this.#isOther(used)
  }

  async #isOther(used: Readonly<Record<string, string>>): Promise<boolean> {
    const now = await this.headers()
    return JSON.stringify(now) !== JSON.stringify(used)
  }

  async #reload(): Promise<void> {
    this.#renewedAt = performance.now()
    const access = await this.#load()
    if (JSON.stringify(access) !== JSON.stringify(this.#access)) this.#access = access
  }

  /** A file that is away for a moment leaves the token as it was. */
  async #readToken(file: string): Promise<void> {
    this.#tokenReadAt = performance.now()
    try {
      const token = (await readFile(file, 'utf8')).trim()
      if (token !== '') this.#token = token
    } catch (cause) {
      if (this.#token !== null) return
      const reason = cause instanceof Error ? cause.message : String(cause)
      const message = `Cannot use the Kubernetes credentials: the token cannot be read: ${reason}`
      throw new WaypostError('WAY_KUBERNETES_CONFIG', message, { cause })
    }
  }
}
