/** The `admission` section of the configuration file. */
import { familyOf, parseAddress } from '../ip/address.ts'
import type { BrokenRule } from './document.ts'
import { list, object, optional, orNull, required, type Schema, value } from './schema.ts'
import { choice, type ListenAddress, listenAddress, type Scalar, text } from './values.ts'

/** Certificate and key, PEM files. */
export interface CertificateFiles {
  readonly cert: string
  readonly key: string
}

/** How the listener gets its certificate; `auto`: Waypost makes it. */
export type AdmissionTls = 'auto' | 'off' | CertificateFiles

/** The content of `admission`. `undefined` stands for a default that depends on the address. */
export interface FileAdmission {
  readonly listen: ListenAddress | null
  readonly tls: AdmissionTls | undefined
  readonly service: string
  readonly names: readonly string[]
  readonly webhook: string
  readonly secret: string
}

/** A name of a Kubernetes object (RFC 1123 subdomain). */
const objectName: Scalar<string> = {
  allowed: 'name of an object',
  parse: input =>
    typeof input === 'string' && input.length <= 253 && /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(input)
      ? { value: input }
      : { reason: 'must be a name of lower-case letters, digits, hyphens and dots' },
}

/** The schema of `admission`; `location` reads a path. */
export function admissionSchema(location: Scalar<string>): Schema<FileAdmission> {
  return object<FileAdmission>({
    listen: optional(orNull(value(listenAddress)), null, 'none', 'Where API servers ask for addresses, HTTPS.'),
    tls: optional(
      tlsSchema(location),
      undefined,
      '`off` on loopback, else `auto`',
      'The certificate of this listener: files, read again when they change; made and renewed by Waypost; or none.',
    ),
    service: optional(
      value(objectName),
      'waypost',
      '`waypost`',
      'The Service under which API servers call, in the namespace of the credentials: `auto` makes certificates for it.',
    ),
    names: optional(
      list(value(text('text', 1, 253)), 0),
      [],
      'none',
      'Further names and addresses in these certificates, for API servers that call by URL.',
    ),
    webhook: optional(
      value(objectName),
      'waypost',
      '`waypost`',
      'The MutatingWebhookConfiguration whose `caBundle` `auto` keeps up to date.',
    ),
    secret: optional(
      value(objectName),
      'waypost-admission-ca',
      '`waypost-admission-ca`',
      'The Secret in which the replicas share the authority that `auto` signs with.',
    ),
  })
}

/** Rules between the keys. `hasCluster`: some network's source is an API server. */
export function admissionFaults({ listen, tls }: FileAdmission, hasCluster: boolean): BrokenRule[] {
  if (listen === null) return []
  const isLocal = isLoopback(listen.address)
  if (tls === 'off' && !isLocal) {
    const reason = `"off" is for loopback only, and others can reach ${listen.address}`
    return [{ path: 'admission.tls', reason }]
  }
  if (tlsOf(tls, listen) === 'auto' && !hasCluster) {
    const reason = '"auto" keeps its authority in a cluster, and no network has a Kubernetes source; name files instead'
    return [{ path: 'admission.tls', reason }]
  }
  return []
}

/** The way that holds when none is named. */
export function tlsOf(tls: AdmissionTls | undefined, listen: ListenAddress | null): AdmissionTls {
  return tls ?? (listen === null || isLoopback(listen.address) ? 'off' : 'auto')
}

function tlsSchema(location: Scalar<string>): Schema<AdmissionTls> {
  const word = value(choice(['auto', 'off']))
  const files = object<CertificateFiles>({
    cert: required(value(location), 'PEM file of the certificate and those that it is signed with.'),
    key: required(value(location), 'PEM file of the key.'),
  })
  return {
    allowed: '`auto`, `off`, or `{ cert, key }`',
    rows: () => [],
    read: (node, path, faults) =>
      node.kind === 'map' ? files.read(node, path, faults) : word.read(node, path, faults),
  }
}

function isLoopback(text: string): boolean {
  const bytes = parseAddress(text)
  if (bytes === null) return false
  if (familyOf(bytes) === 'IPv4') return bytes[12] === 127
  return bytes[15] === 1 && bytes.subarray(0, 15).every(byte => byte === 0)
}
