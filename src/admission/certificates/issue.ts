/**
 * Makes certificates: an authority, and serving certificates that it signs (RFC 5280). P-256 with SHA-256, which every
 * API server speaks. The library is loaded when the first certificate is made: most servers make none.
 */
import { createPrivateKey, webcrypto, X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'

/** A certificate with its key, both PEM. */
export interface KeyedCertificate {
  readonly cert: string
  readonly key: string
}

const HOUR = 3_600_000
const DAY = 24 * HOUR
/** How long an authority is valid. */
export const AUTHORITY_LIFE: number = 365 * DAY
/** How long a serving certificate is valid. */
export const SERVING_LIFE: number = 30 * DAY
/** Clocks may be off by this. */
const SKEW = HOUR

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const

type Library = typeof import('@peculiar/x509')
let library: Promise<Library> | null = null

/** The library wants a polyfill of decorators' metadata to be there before it. */
async function load(): Promise<Library> {
  library ??= import('reflect-metadata').then(() => import('@peculiar/x509'))
  return await library
}

/** A new authority, valid from now. `now` is milliseconds since the epoch. */
export async function makeAuthority(now: number): Promise<KeyedCertificate> {
  const x509 = await load()
  const keys = await makeKeys()
  const usages = x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=waypost admission ${new Date(now).toISOString()}`,
    notBefore: new Date(now - SKEW),
    notAfter: new Date(now + AUTHORITY_LIFE),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(usages, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return { cert: lines(certificate.toString('pem')), key: await exportKey(keys.privateKey) }
}

/**
 * A serving certificate for these names and addresses, valid from now and not longer than its authority.
 *
 * @throws Error when the authority's PEM cannot be used.
 */
export async function issueServing(
  authority: KeyedCertificate,
  names: readonly string[],
  now: number,
): Promise<KeyedCertificate> {
  const x509 = await load()
  const issuer = new x509.X509Certificate(authority.cert)
  const signingKey = await importKey(authority.key)
  const keys = await makeKeys()
  const certificate = await x509.X509CertificateGenerator.create({
    subject: 'CN=waypost admission',
    issuer: issuer.subjectName,
    notBefore: new Date(now - SKEW),
    notAfter: new Date(Math.min(now + SERVING_LIFE, issuer.notAfter.getTime())),
    signingAlgorithm: ALGORITHM,
    publicKey: keys.publicKey,
    signingKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(
        names.map(value => ({ type: isIP(value) === 0 ? ('dns' as const) : ('ip' as const), value })),
      ),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return { cert: lines(certificate.toString('pem')), key: await exportKey(keys.privateKey) }
}

/**
 * Whether the pair is an authority that we can sign with: it parses, its key is of the kind that we make and is the
 * certificate's, it is valid now.
 */
export function isAuthority({ cert, key }: KeyedCertificate, now: number): boolean {
  try {
    const certificate = new X509Certificate(cert)
    const privateKey = createPrivateKey(key)
    const isOurKind = privateKey.asymmetricKeyDetails?.namedCurve === 'prime256v1'
    return isOurKind && certificate.ca && certificate.checkPrivateKey(privateKey) && endOf(cert) > now
  } catch {
    return false
  }
}

/** When a PEM certificate ends, in milliseconds since the epoch; 0 for one that does not parse. */
export function endOf(cert: string): number {
  try {
    return new X509Certificate(cert).validToDate.getTime()
  } catch {
    return 0
  }
}

/** Whether less than a third of a certificate's life is left. */
export function isOld(cert: string, now: number): boolean {
  const end = endOf(cert)
  if (end === 0) return true
  const begin = new X509Certificate(cert).validFromDate.getTime()
  return end - now < (end - begin) / 3
}

async function makeKeys(): Promise<webcrypto.CryptoKeyPair> {
  return await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  const text = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key)).toString('base64')
  return lines(`-----BEGIN PRIVATE KEY-----\n${text.replace(/(.{64})/g, '$1\n').trimEnd()}\n-----END PRIVATE KEY-----`)
}

async function importKey(pem: string): Promise<webcrypto.CryptoKey> {
  const der = createPrivateKey(pem).export({ format: 'der', type: 'pkcs8' })
  return await webcrypto.subtle.importKey('pkcs8', new Uint8Array(der), ALGORITHM, false, ['sign'])
}

function lines(text: string): string {
  return `${text.trim()}\n`
}
