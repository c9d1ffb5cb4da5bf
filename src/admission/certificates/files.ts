/** The serving certificate from two files, as cert-manager writes them: read again whenever they change. */
import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import { WaypostError } from '../../errors.ts'
import type { KeyedCertificate } from './issue.ts'

/** What the watch needs. */
export interface CertificateFilesOptions {
  readonly cert: string
  readonly key: string
  readonly intervalMs: number
  /** A pair that fits, other than the one before. */
  onCertificate(certificate: KeyedCertificate): void
  /** The files cannot be used; the pair before stays. Called once for each reason. */
  onProblem(message: string): void
}

/**
 * Reads the files now and from then on every `intervalMs`. They are read and not watched: a mounted Secret changes by
 * a link two folders up, and the two files of a pair that is written in place do not change together.
 *
 * @returns ends the watch.
 * @throws WaypostError WAY_ADMISSION_CERTIFICATE when the files cannot be used at the start.
 */
export function watchCertificateFiles(options: CertificateFilesOptions): () => void {
  let present = readPair(options)
  let problem = ''
  options.onCertificate(present)
  const timer = setInterval(() => {
    try {
      const next = readPair(options)
      problem = ''
      if (next.cert === present.cert && next.key === present.key) return
      present = next
      options.onCertificate(next)
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      if (message !== problem) options.onProblem(message)
      problem = message
    }
  }, options.intervalMs)
  timer.unref()
  return () => clearInterval(timer)
}

function readPair({ cert, key }: CertificateFilesOptions): KeyedCertificate {
  try {
    const pair = { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') }
    createSecureContext(pair)
    return pair
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    const message = `Cannot use the certificate "${cert}" with the key "${key}": ${reason}`
    throw new WaypostError('WAY_ADMISSION_CERTIFICATE', message, { cause: error })
  }
}
