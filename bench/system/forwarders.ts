/** Servers for `bench/system/forward.ts`: forwarders with the same upstream and a cache of the usual size, and upstreams. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findProgram } from './peers.ts'

/** A program and how it is configured. */
export interface Forwarder {
  readonly name: string
  /** null: it is not installed. */
  readonly program: string | null
  /** Whether it also answers for {@link OWN_ZONE}. */
  readonly hasOwnZone?: boolean
  /** Writes its configuration into `directory`. */
  command(
    directory: string,
    port: number,
    upstream: number,
  ): { readonly args: readonly string[]; readonly env?: Readonly<Record<string, string>> }
}

const ENTRY = fileURLToPath(new URL('../../bin/waypost.js', import.meta.url))
/** Every name below it has an address; the TTL is long, so that a cache keeps what it has. */
const ZONE = 'bench.example'
/** A zone of our own that has the names that are asked again and again, with one address each. */
export const OWN_ZONE = 'bench.internal'
/** How many names are asked again and again. */
export const HOT_NAMES = 1000
const ZONE_HEAD = '@ SOA ns hostmaster 1 7200 1800 86400 60\n@ NS ns\nns AAAA ::1\n'
const ZONE_FILE = `$ORIGIN ${ZONE}.\n$TTL 3600\n${ZONE_HEAD}* A 192.0.2.1\n`

/** All of them, ours first. */
export function forwarders(): readonly Forwarder[] {
  return [
    { name: 'Waypost', program: process.execPath, hasOwnZone: true, command: waypost('batched') },
    { name: 'Waypost on node:dgram', program: process.execPath, command: waypost('portable') },
    { name: 'Unbound', program: findProgram('unbound'), command: unbound },
    { name: 'dnsmasq', program: findProgram('dnsmasq'), command: dnsmasq },
    { name: 'CoreDNS', program: process.env['COREDNS_BIN'] ?? findProgram('coredns'), command: coredns },
  ]
}

/** Who can be the upstream. */
export function authorities(): readonly Forwarder[] {
  return [
    { name: 'NSD', program: findProgram('nsd'), command: nsd },
    { name: 'Knot DNS', program: findProgram('knotd'), command: knot },
  ]
}

/** Writes a query file of `native/load.c` with names that begin with `prefix`. @returns its path. */
export function writeQueries(directory: string, prefix: string, count: number, zone: string = ZONE): string {
  const tail = zone.split('.').flatMap(label => [label.length, ...Buffer.from(label)])
  const parts: Buffer[] = []
  for (let i = 0; i < count; i++) {
    const label = `${prefix}-${i}`
    const name = [label.length, ...Buffer.from(label), ...tail, 0]
    const message = [0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...name, 0, 1, 0, 1]
    parts.push(Buffer.from([0, message.length, 0, 1, ...message]))
  }
  const file = join(directory, `${prefix}.${zone}.bin`)
  writeFileSync(file, Buffer.concat(parts))
  return file
}

function waypost(transport: 'batched' | 'portable'): Forwarder['command'] {
  return (directory, port, upstream) => {
    const file = join(directory, 'waypost.yaml')
    const zones = join(directory, 'zones')
    mkdirSync(zones, { recursive: true })
    const hosts = Array.from({ length: HOT_NAMES }, (_, i) => `hot-${i} A 192.0.2.1\n`).join('')
    writeFileSync(join(zones, `${OWN_ZONE}.zone`), `$ORIGIN ${OWN_ZONE}.\n$TTL 3600\n${ZONE_HEAD}${hosts}`)
    writeFileSync(
      file,
      [
        `networks: [{ name: bench, cluster: { source: { manifests: ${join(directory, 'none')} } } }]`,
        `dns: { listen: ["[::1]:${port}"], workers: 1, transport: ${transport}, zones: ${zones}, forward: { upstreams: ["[::1]:${upstream}"] } }`,
        `http: { listen: "[::1]:${port + 1}" }`,
        `data: ${join(directory, 'data')}`,
      ].join('\n'),
    )
    return { args: [ENTRY, 'serve', '--config', file] }
  }
}

function unbound(directory: string, port: number, upstream: number): { args: readonly string[] } {
  const file = join(directory, 'unbound.conf')
  const settings = [
    `interface: ::1@${port}`,
    'num-threads: 1',
    'username: ""',
    'chroot: ""',
    `directory: "${directory}"`,
    'pidfile: ""',
    'use-syslog: no',
    'access-control: ::1 allow',
    'do-not-query-localhost: no',
    'module-config: "iterator"',
    'msg-cache-size: 64m',
    'rrset-cache-size: 128m',
    'outgoing-range: 4096',
    'num-queries-per-thread: 2048',
  ]
  const forward = `forward-zone:\n  name: "."\n  forward-addr: ::1@${upstream}\n`
  writeFileSync(
    file,
    `server:\n${settings.map(line => `  ${line}\n`).join('')}${forward}remote-control:\n  control-enable: no\n`,
  )
  return { args: ['-d', '-c', file] }
}

function dnsmasq(directory: string, port: number, upstream: number): { args: readonly string[] } {
  const file = join(directory, 'dnsmasq.conf')
  const settings = [
    'no-resolv',
    'no-hosts',
    'no-daemon',
    'listen-address=::1',
    'bind-interfaces',
    `port=${port}`,
    `server=::1#${upstream}`,
    'cache-size=10000',
    'dns-forward-max=2000',
  ]
  writeFileSync(file, `${settings.join('\n')}\n`)
  return { args: [`--conf-file=${file}`] }
}

function coredns(directory: string, port: number, upstream: number): ReturnType<Forwarder['command']> {
  const file = join(directory, 'Corefile')
  writeFileSync(file, `.:${port} {\n  bind ::1\n  cache 3600\n  forward . [::1]:${upstream}\n}\n`)
  return { args: ['-conf', file, '-quiet'], env: { GOMAXPROCS: '1' } }
}

function nsd(directory: string, port: number): { args: readonly string[] } {
  const file = join(directory, 'nsd.conf')
  const zone = join(directory, 'zone')
  writeFileSync(zone, ZONE_FILE)
  const paths = ['pidfile', 'xfrdfile', 'zonelistfile', 'cookie-secret-file']
    .map(key => `  ${key}: "${join(directory, key)}"\n`)
    .join('')
  const server = `server:\n  ip-address: ::1@${port}\n  server-count: 1\n  username: ""\n  xfrdir: "${directory}"\n  rrl-ratelimit: 0\n  rrl-whitelist-ratelimit: 0\n${paths}`
  writeFileSync(file, `${server}remote-control:\n  control-enable: no\nzone:\n  name: ${ZONE}\n  zonefile: ${zone}\n`)
  return { args: ['-d', '-c', file] }
}

function knot(directory: string, port: number): { args: readonly string[] } {
  const file = join(directory, 'knot.conf')
  const zone = join(directory, 'zone')
  writeFileSync(zone, ZONE_FILE)
  const server = `server:\n  rundir: ${directory}\n  listen: ::1@${port}\n  udp-workers: 1\n  tcp-workers: 1\n  background-workers: 1\n`
  const rest = `database:\n  storage: ${directory}\nlog:\n  - target: stderr\n    any: error\nzone:\n  - domain: ${ZONE}\n    file: ${zone}\n`
  writeFileSync(file, `${server}${rest}`)
  return { args: ['-c', file] }
}
