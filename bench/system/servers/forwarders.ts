/** The servers of `bench:forward`: forwarders with the same upstream and a cache of the usual size, and upstreams. */
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  corednsCommand,
  dnsmasqCommand,
  knotCommand,
  nsdCommand,
  type ServedZone,
  unboundCommand,
} from './configuration.ts'
import { type Command, fileNameOf, findCoredns, findProgram, type RunningProgram, startProgram } from './program.ts'

/** A program and how it is configured. */
export interface Forwarder {
  readonly name: string
  /** null: it is not installed. */
  readonly program: string | null
  /** Whether it also answers for {@link OWN_ZONE}. */
  readonly hasOwnZone?: boolean
  /** Writes its configuration into `directory`. */
  command(directory: string, port: number, upstream: number): Command
}

const ENTRY = fileURLToPath(new URL('../../../bin/waypost.js', import.meta.url))
/** Every name below it has an address; the TTL is long, so that a cache keeps what it has. */
const ZONE = 'bench.example'
/** An A record of it. */
const QUESTION = { name: `probe.${ZONE}`, type: 1 }
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
    { name: 'CoreDNS', program: findCoredns(), command: coredns },
  ]
}

/** Who can be the upstream. */
export function authorities(): readonly Forwarder[] {
  return [
    {
      name: 'NSD',
      program: findProgram('nsd'),
      command: (directory, port) => nsdCommand(directory, port, zoneIn(directory)),
    },
    {
      name: 'Knot DNS',
      program: findProgram('knotd'),
      command: (directory, port) => knotCommand(directory, port, zoneIn(directory)),
    },
  ]
}

/** Starts one on a core, with its files in a folder of its own below `parent`, and waits until it answers. */
export async function startForwarder(
  { name, program, command }: Forwarder,
  place: { readonly parent: string; readonly port: number; readonly upstream: number; readonly cpu: number },
): Promise<RunningProgram & { readonly directory: string }> {
  if (program === null) throw new Error(`${name} is not installed`)
  const { parent, port, upstream, cpu } = place
  const directory = mkdtempSync(join(parent, `${fileNameOf(name)}-`))
  const running = await startProgram({
    name,
    program,
    directory,
    command: () => command(directory, port, upstream),
    port,
    cpu,
    question: QUESTION,
  })
  return { ...running, directory }
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

function unbound(directory: string, port: number, upstream: number): Command {
  const server = [
    'do-not-query-localhost: no',
    'module-config: "iterator"',
    'msg-cache-size: 64m',
    'rrset-cache-size: 128m',
    'outgoing-range: 4096',
    'num-queries-per-thread: 2048',
  ]
  return unboundCommand(directory, port, server, ['forward-zone:', '  name: "."', `  forward-addr: ::1@${upstream}`])
}

function dnsmasq(directory: string, port: number, upstream: number): Command {
  return dnsmasqCommand(directory, port, [`server=::1#${upstream}`, 'cache-size=10000', 'dns-forward-max=2000'])
}

function coredns(directory: string, port: number, upstream: number): Command {
  return corednsCommand(directory, port, '.', ['cache 3600', `forward . [::1]:${upstream}`])
}

/** The zone of the upstream, as a file. */
function zoneIn(directory: string): ServedZone {
  const file = join(directory, 'zone')
  writeFileSync(file, ZONE_FILE)
  return { name: ZONE, file }
}
