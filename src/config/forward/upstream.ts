/** How an upstream name server is written: `10.0.0.53`, `[fdaa::53]:5353`, `tls://…#name`, `https://…`, a resolv.conf file. */
import { formatAddress, parseAddress } from '../../ip/address.ts'
import { object, optional, required, type Schema, value } from '../schema.ts'
import { nullable, type Parsed, type Scalar } from '../values.ts'

/** How queries travel to an upstream. `udp` goes on over TCP when an answer is cut. */
export type UpstreamProtocol = 'udp' | 'tcp' | 'tls' | 'https'

/** A server as the file names it; `ca` is a path. */
export interface FileServer {
  readonly kind: 'server'
  readonly protocol: UpstreamProtocol
  readonly address: string
  readonly port: number
  /** Name in the server's certificate; null: its address. */
  readonly serverName: string | null
  /** Path of the URL, `https` only. */
  readonly path: string | null
  readonly ca: string | null
}

/** A file in the form of resolv.conf(5) whose servers are meant. */
export interface FileResolvConf {
  readonly kind: 'file'
  readonly path: string
}

export type FileUpstream = FileServer | FileResolvConf

const PORTS: Readonly<Record<UpstreamProtocol, number>> = { udp: 53, tcp: 53, tls: 853, https: 443 }
const FORMS =
  '10.0.0.53, [fdaa::53]:53, tcp://…, tls://10.0.0.53#name, https://10.0.0.53/dns-query#name, /etc/resolv.conf'
const SERVER_NAME = /^[A-Za-z0-9]([A-Za-z0-9.-]{0,252})$/

/** The text form. */
const upstreamText: Scalar<FileUpstream> = {
  allowed: 'upstream',
  parse: input => {
    if (typeof input !== 'string' || input === '') return { reason: `must be an upstream such as ${FORMS}` }
    if (/^(\/|\.\/|\.\.\/|~\/)/.test(input)) return { value: { kind: 'file', path: input } }
    return input.startsWith('https://') ? parseUrl(input) : parseServer(input)
  },
}

/**
 * An upstream: its text, or a map when there is more to say about its certificate.
 *
 * @param location reads a path.
 */
export function upstreamSchema(location: Scalar<string>): Schema<FileUpstream> {
  const plain = value(upstreamText)
  const map = object<{ address: FileUpstream; serverName: string | null; ca: string | null }>({
    address: required(plain, ''),
    serverName: optional(value(nullable(serverName)), null, '', ''),
    ca: optional(value(nullable(location)), null, '', ''),
  })
  return {
    allowed: 'upstream',
    rows: () => [],
    read: (node, at, faults) => {
      if (node.kind !== 'map') return located(plain.read(node, at, faults), location)
      const read = map.read(node, at, faults)
      if (read === null) return null
      const { address, serverName: name, ca } = read.value
      if (address.kind === 'file' || !isSecure(address.protocol)) {
        faults.push({
          path: `${at}.address`,
          line: node.line,
          reason: 'must begin with tls:// or https:// in this form',
        })
        return null
      }
      return { value: { ...address, serverName: name ?? address.serverName, ca } }
    },
  }
}

const serverName: Scalar<string> = {
  allowed: 'server name',
  parse: input => (typeof input === 'string' && SERVER_NAME.test(input) ? { value: input } : { reason: NO_NAME }),
}
const NO_NAME = 'must be the name in the certificate of the server, such as dns.example.net'

function isSecure(protocol: UpstreamProtocol): boolean {
  return protocol === 'tls' || protocol === 'https'
}

function located(read: { readonly value: FileUpstream } | null, location: Scalar<string>): typeof read {
  if (read === null || read.value.kind !== 'file') return read
  const full = location.parse(read.value.path)
  return 'value' in full ? { value: { kind: 'file', path: full.value } } : null
}

/** `[scheme://]address[:port][#name]`. */
function parseServer(input: string): Parsed<FileServer> {
  const match = /^(?:(udp|tcp|tls):\/\/)?([^#/]+)(?:#(.+))?$/.exec(input)
  const protocol = (match?.[1] ?? 'udp') as UpstreamProtocol
  const place = readPlace(match?.[2] ?? '', PORTS[protocol])
  if (place === null) return { reason: `must be an upstream such as ${FORMS}; a server is named by its address` }
  const name = match?.[3] ?? null
  if (name !== null && protocol !== 'tls') return { reason: 'has a server name, which needs tls:// or https://' }
  if (name !== null && !SERVER_NAME.test(name)) return { reason: `has "${name}" as its server name: it ${NO_NAME}` }
  return { value: { kind: 'server', protocol, ...place, serverName: name, path: null, ca: null } }
}

/** `https://address[:port]/path[#name]`. The address spares us a look-up of the resolver's own name. */
function parseUrl(input: string): Parsed<FileServer> {
  const url = URL.canParse(input) ? new URL(input) : null
  const host = url?.hostname.replace(/^\[(.*)\]$/, '$1') ?? ''
  const address = parseAddress(host)
  if (address === null && host !== '') {
    const reason = `has the name "${host}" in place of an address, and nobody could look it up: `
    return { reason: `${reason}write https://ADDRESS${url?.pathname ?? ''}#${host}` }
  }
  if (url === null || address === null || url.username !== '' || url.search !== '') {
    return { reason: 'must be a URL with an address, such as https://10.0.0.53/dns-query#dns.example.net' }
  }
  const name = url.hash === '' ? null : decodeURIComponent(url.hash.slice(1))
  if (name !== null && !SERVER_NAME.test(name)) return { reason: `has "${name}" as its server name: it ${NO_NAME}` }
  const port = url.port === '' ? PORTS.https : Number(url.port)
  const at = url.pathname === '/' ? '/dns-query' : url.pathname
  const place = { address: formatAddress(address), port }
  return { value: { kind: 'server', protocol: 'https', ...place, serverName: name, path: at, ca: null } }
}

/** `10.0.0.53`, `10.0.0.53:5353`, `fdaa::53`, `[fdaa::53]`, `[fdaa::53]:5353`. */
function readPlace(input: string, usual: number): { readonly address: string; readonly port: number } | null {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+))(?::([0-9]{1,5}))?$/.exec(input)
  const address = parseAddress(match?.[1] ?? match?.[2] ?? input)
  const port = match?.[3] === undefined ? usual : Number(match[3])
  return address === null || port < 1 || port > 65_535 ? null : { address: formatAddress(address), port }
}

/** Servers of a text in the form of resolv.conf(5), in its order; a line that names no address is passed over. */
export function readResolvConf(content: string): readonly FileServer[] {
  const servers: FileServer[] = []
  for (const line of content.split('\n')) {
    const address = parseAddress(/^\s*nameserver\s+(\S+)/.exec(line)?.[1] ?? '')
    if (address === null || servers.some(server => server.address === formatAddress(address))) continue
    const place = { address: formatAddress(address), port: PORTS.udp }
    servers.push({ kind: 'server', protocol: 'udp', ...place, serverName: null, path: null, ca: null })
  }
  return servers
}

/** Where resolvers find their servers. */
export const RESOLV_CONF = '/etc/resolv.conf'

/** `10.0.0.53:53`, `tls://10.0.0.53:853#name`: how an upstream is called in logs and metrics. */
export function formatUpstream(server: Omit<FileServer, 'kind' | 'ca'>): string {
  const { protocol, address, port, path: at, serverName: name } = server
  const place = `${address.includes(':') ? `[${address}]` : address}:${port}`
  return `${protocol === 'udp' ? '' : `${protocol}://`}${place}${at ?? ''}${name === null ? '' : `#${name}`}`
}
