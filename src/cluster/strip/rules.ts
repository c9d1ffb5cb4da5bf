/** Syntax rules of names, ports and addresses, with the API server's words for a breach of each. */
import { familyOf } from '../../ip/address.ts'

const LABEL_1123 = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/
const LABEL_1035 = /^[a-z]([-a-z0-9]*[a-z0-9])?$/
const SUBDOMAIN_1123 = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/
const PORT_NAME = /^(?=.*[a-z])(?!.*--)[a-z0-9]([-a-z0-9]*[a-z0-9])?$/
const QUALIFIED_NAME = /^([a-z0-9][-a-z0-9.]*\/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/
const LABEL_VALUE = /^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$/

export const MUST_BE_LABEL_1123: string =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with " +
  'an alphanumeric character, with no more than 63 characters'
export const MUST_BE_LABEL_1035: string =
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, " +
  'and end with an alphanumeric character, with no more than 63 characters'
export const MUST_BE_SUBDOMAIN_1123: string =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and " +
  'end with an alphanumeric character, each label with no more than 63 characters and all with no more than 253'
export const MUST_BE_PORT_NUMBER: string = 'must be between 1 and 65535, inclusive'
export const MUST_BE_PORT_NAME: string =
  "must be no more than 15 characters of lower case letters, digits and single '-', with at least one letter, and must " +
  'start and end with a letter or a digit'
export const MUST_BE_QUALIFIED_NAME: string =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character, " +
  "with no more than 63 characters and an optional DNS subdomain and '/' in front"
export const MUST_BE_LABEL_VALUE: string =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and " +
  'end with an alphanumeric character, with no more than 63 characters'
export const MUST_BE_ADDRESS: string = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'

/** RFC 1123 label: Namespaces, hostnames, port names. */
export function isLabel1123(text: string): boolean {
  return text.length <= 63 && LABEL_1123.test(text)
}

/** RFC 1035 label: Services. */
export function isLabel1035(text: string): boolean {
  return text.length <= 63 && LABEL_1035.test(text)
}

/** RFC 1123 subdomain whose labels fit into DNS: Pods, EndpointSlices, external names. */
export function isSubdomain1123(text: string): boolean {
  if (text.length > 253 || !SUBDOMAIN_1123.test(text)) return false
  return text.length <= 63 || text.split('.').every(label => label.length <= 63)
}

/** A port number that traffic can be sent to. */
export function isPortNumber(port: number): boolean {
  return port >= 1 && port <= 65_535
}

/** A container port's name (IANA service name, RFC 6335 section 5.1). */
export function isPortName(text: string): boolean {
  return text.length <= 15 && PORT_NAME.test(text)
}

/** A label or annotation key, or an appProtocol: an optional DNS prefix, a slash and a name. */
export function isQualifiedName(text: string): boolean {
  const name = text.length - text.lastIndexOf('/') - 1
  return name <= 63 && text.length <= 317 && QUALIFIED_NAME.test(text)
}

/** The value of a label. */
export function isLabelValue(text: string): boolean {
  return text.length <= 63 && LABEL_VALUE.test(text)
}

/**
 * Why the address at `offset` can be no endpoint and no ClusterIP, or null when it can (`ValidateNonSpecialIP` of
 * pkg/apis/core/validation; all of multicast is refused, not only the link-local part).
 */
export function specialAddress(bytes: Uint8Array, offset = 0): string | null {
  if (familyOf(bytes, offset) === 'IPv4') {
    const first = bytes[offset + 12] as number
    const isUnspecified = (first | (bytes[offset + 13] as number) | (bytes[offset + 14] as number)) === 0
    if (isUnspecified && bytes[offset + 15] === 0) return 'may not be unspecified (0.0.0.0)'
    if (first === 127) return 'may not be in the loopback range (127.0.0.0/8, ::1/128)'
    if (first === 169 && bytes[offset + 13] === 254) {
      return 'may not be in the link-local range (169.254.0.0/16, fe80::/10)'
    }
    return first >= 224 && first <= 239 ? 'may not be in the multicast range (224.0.0.0/4, ff00::/8)' : null
  }
  const first = bytes[offset] as number
  if (first === 0xff) return 'may not be in the multicast range (224.0.0.0/4, ff00::/8)'
  if (first === 0xfe && ((bytes[offset + 1] as number) & 0xc0) === 0x80) {
    return 'may not be in the link-local range (169.254.0.0/16, fe80::/10)'
  }
  if (first !== 0) return null
  for (let i = 1; i < 15; i++) if (bytes[offset + i] !== 0) return null
  if (bytes[offset + 15] === 0) return 'may not be unspecified (::)'
  return bytes[offset + 15] === 1 ? 'may not be in the loopback range (127.0.0.0/8, ::1/128)' : null
}
