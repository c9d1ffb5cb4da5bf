/** Certificates of the DNS listeners, from files: read again when they change, so that connections go on. */
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import type { Certificates } from '../dns/messages.ts'
import type { Certificate } from '../dns/secure/tls-gate.ts'
import { WaypostError } from '../errors.ts'

/** Where a listener's certificate is. */
export interface CertificatePaths {
  readonly cert: string
  readonly key: string
}

/** Which listeners need one, and who hears of changes. */
export interface DnsCertificatesOptions {
  readonly tls: CertificatePaths | null
  readonly https: CertificatePaths | null
  /** Other files that can be used. */
  onChange(certificates: Certificates): void
  /** Files that cannot be used: what was there before stays. Once for each reason. */
  onProblem(message: string): void
}

/** A certificate and when it ends. */
interface Loaded {
  readonly certificate: Certificate
  readonly expiresAt: number
}

const LISTENERS = ['tls', 'https'] as const
/**
 * The files are read and not watched: a mounted Secret changes by a link two folders up, and the two files of a pair do
 * not change together.
 */
const INTERVAL_MS = 5000

/** See the top of the file. */
export class DnsCertificates {
  readonly #options: DnsCertificatesOptions
  readonly #timer: NodeJS.Timeout | undefined
  readonly #loaded: Map<(typeof LISTENERS)[number], Loaded> = new Map()
  readonly #problems: Map<(typeof LISTENERS)[number], string> = new Map()

  /** Reads the files. @throws WaypostError `WAY_DNS_CERTIFICATE` when one cannot be used. */
  constructor(options: DnsCertificatesOptions, intervalMs: number = INTERVAL_MS) {
    this.#options = options
    for (const listener of LISTENERS) {
      const paths = options[listener]
      if (paths !== null) this.#loaded.set(listener, load(paths))
    }
    if (this.#loaded.size > 0) this.#timer = setInterval(() => this.reload(), intervalMs).unref()
  }

  /** What is used now. */
  get present(): Certificates {
    const of = (listener: (typeof LISTENERS)[number]): Certificate | null =>
      this.#loaded.get(listener)?.certificate ?? null
    return { tls: of('tls'), https: of('https') }
  }

  /** When they end, in seconds since 1970, by listener. */
  get expiry(): readonly { readonly labels: readonly string[]; readonly value: number }[] {
    return Array.from(this.#loaded, ([listener, { expiresAt }]) => ({ labels: [listener], value: expiresAt }))
  }

  /** Reads the files again. */
  reload(): void {
    const changed = LISTENERS.filter(listener => this.#reloadOne(listener))
    if (changed.length > 0) this.#options.onChange(this.present)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #reloadOne(listener: (typeof LISTENERS)[number]): boolean {
    const paths = this.#options[listener]
    const before = this.#loaded.get(listener)?.certificate
    if (paths === null || before === undefined) return false
    try {
      const next = load(paths)
      this.#problems.delete(listener)
      if (next.certificate.cert === before.cert && next.certificate.key === before.key) return false
      this.#loaded.set(listener, next)
      return true
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      if (this.#problems.get(listener) !== message) this.#options.onProblem(message)
      this.#problems.set(listener, message)
      return false
    }
  }
}

function load({ cert, key }: CertificatePaths): Loaded {
  try {
    const certificate = { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') }
    // Says also when the two do not belong together.
    createSecureContext(certificate)
    const expiresAt = Math.floor(Date.parse(new X509Certificate(certificate.cert).validTo) / 1000)
    return { certificate, expiresAt }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    const message = `Cannot use the certificate "${cert}" with the key "${key}": ${reason}`
    throw new WaypostError('WAY_DNS_CERTIFICATE', message, { cause: error })
  }
}
