/** The secrets of DNS cookies: those of the configuration, or the process's own, which change every day. */
import { randomBytes } from 'node:crypto'

const SECRET_OCTETS = 16
/** RFC 7873 section 7.1 asks for a new secret at least every 36 days and advises one a day. */
const ROTATION_MS = 24 * 3600 * 1000
/** Own secrets that are taken: cookies made with the one before last are too old anyway. */
const KEPT = 2

/** See the top of the file. */
export class CookieSecrets {
  readonly #timer: NodeJS.Timeout
  #own: readonly Uint8Array[] = [randomBytes(SECRET_OCTETS)]

  /** @param changed is called when the process has another secret of its own. */
  constructor(changed: () => void, rotationMs: number = ROTATION_MS) {
    this.#timer = setInterval(() => {
      this.#own = [randomBytes(SECRET_OCTETS), ...this.#own].slice(0, KEPT)
      changed()
    }, rotationMs)
    this.#timer.unref()
  }

  /** The secrets to use, the first one for new cookies; `configured` as the configuration has them. */
  of(configured: readonly Uint8Array[] | null): readonly Uint8Array[] {
    return configured ?? this.#own
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}
