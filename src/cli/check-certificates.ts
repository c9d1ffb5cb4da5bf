/** Checks the certificates that a configuration names, for `waypost check`. */
import type { Config } from '../config.ts'
import { WaypostError } from '../errors.ts'
import { DnsCertificates } from '../serve/dns-certificates.ts'
import type { Finding, Report } from './finding.ts'

/** What is there and what is wrong with it; null: the configuration names none. */
export function checkCertificates({ dns }: Config): Report | null {
  const { tls, https } = dns
  const used = [...new Set([tls, https].flatMap(paths => (paths === null ? [] : [paths.cert])))]
  if (used.length === 0) return null
  const findings = [
    ...(tls === null ? [] : findingsOf(tls.cert, { tls, https: null })),
    ...(https === null ? [] : findingsOf(https.cert, { tls: null, https })),
  ]
  return { found: `certificates: ${used.join(', ')}`, findings }
}

function findingsOf(file: string, paths: Pick<Config['dns'], 'tls' | 'https'>): readonly Finding[] {
  try {
    new DnsCertificates({ ...paths, onChange: () => {}, onProblem: () => {} }).stop()
    return []
  } catch (error) {
    if (!(error instanceof WaypostError)) throw error
    return [{ file, line: null, message: error.message, code: error.code }]
  }
}
