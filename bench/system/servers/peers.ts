/** The servers of `bench:dns`: how each is found and configured with the same data. */
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { corednsCommand, dnsmasqCommand, knotCommand, nsdCommand, unboundCommand } from './configuration.ts'
import type { DataSet, ZoneRecord } from './data-set.ts'
import { type Command, fileNameOf, findCoredns, findProgram, type RunningProgram, startProgram } from './program.ts'

/** A server that can be started. */
export interface Peer {
  readonly name: string
  /** Its program, or null when it is not installed. */
  readonly program: string | null
  /** Writes its configuration into `directory`. */
  command(data: DataSet, directory: string, port: number): Command
}

/** Names of the peer that only echoes, and of the server that the others are compared with. */
export const FLOOR = 'echo (C)'
export const OURS = 'Waypost'

const ENTRY = fileURLToPath(new URL('../../../bin/waypost.js', import.meta.url))
const ZONE = 'cluster.local'
/** An address that is in every data set. */
const QUESTION = { name: `svc-0.ns-0.svc.${ZONE}`, type: 28 }

/** All servers that the comparison knows, the present one and its floor first. */
export function knownPeers(echo: string | null): Peer[] {
  return [
    { name: FLOOR, program: echo, command: (_data, _directory, port) => ({ args: ['::1', String(port)] }) },
    waypost(OURS, 'batched'),
    waypost('Waypost on node:dgram', 'portable'),
    {
      name: 'Knot DNS',
      program: findProgram('knotd'),
      command: (data, directory, port) => knotCommand(directory, port, { name: ZONE, file: data.zoneFile }),
    },
    {
      name: 'NSD',
      program: findProgram('nsd'),
      command: (data, directory, port) => nsdCommand(directory, port, { name: ZONE, file: data.zoneFile }),
    },
    { name: 'Unbound (local-data)', program: findProgram('unbound'), command: unbound },
    { name: 'dnsmasq', program: findProgram('dnsmasq'), command: dnsmasq },
    coredns('CoreDNS (cache + file)', ['cache 30']),
    coredns('CoreDNS (file)', []),
  ]
}

/** Starts a peer on one core and waits until it answers. */
export async function startPeer(peer: Peer, data: DataSet, port: number, cpu: number): Promise<RunningProgram> {
  const { name, program } = peer
  if (program === null) throw new Error(`${name} is not installed`)
  const directory = join(data.directory, fileNameOf(name))
  const command = (): Command => peer.command(data, directory, port)
  return await startProgram({
    name,
    program,
    directory,
    command,
    port,
    cpu,
    question: QUESTION,
    isEcho: name === FLOOR,
  })
}

function waypost(name: string, transport: 'batched' | 'portable'): Peer {
  return {
    name,
    program: process.execPath,
    command: (data, directory, port) => ({
      args: [
        ENTRY,
        'serve',
        ...['--manifests', data.manifests, '--data', join(directory, 'data'), '--dns', `[::1]:${port}`],
        ...['--http', `[::1]:${port + 1}`, '--workers', '1', '--transport', transport],
      ],
    }),
  }
}

function unbound(data: DataSet, directory: string, port: number): Command {
  const soa = `${ZONE}. 5 SOA ns.dns.${ZONE}. hostmaster.${ZONE}. 1 7200 1800 86400 5`
  return unboundCommand(directory, port, [
    'incoming-num-tcp: 200',
    `local-zone: "${ZONE}." static`,
    `local-data: "${soa}"`,
    ...data.records.map(({ name, type, data: value }) => `local-data: "${name} 5 ${type} ${value}"`),
  ])
}

function dnsmasq(data: DataSet, directory: string, port: number): Command {
  const hosts = join(directory, 'hosts')
  const addresses = data.records.filter(record => record.type === 'AAAA')
  writeFileSync(hosts, `${addresses.map(record => `${record.data} ${record.name.slice(0, -1)}`).join('\n')}\n`)
  const settings = ['local=/local/', 'cache-size=0', 'local-ttl=5', `addn-hosts=${hosts}`]
  return dnsmasqCommand(directory, port, [...settings, ...data.records.flatMap(dnsmasqSrv)])
}

function dnsmasqSrv({ name, type, data }: ZoneRecord): string[] {
  if (type !== 'SRV') return []
  const [priority, weight, port, target = ''] = data.split(' ')
  return [`srv-host=${name.slice(0, -1)},${target.slice(0, -1)},${port},${priority},${weight}`]
}

function coredns(name: string, plugins: readonly string[]): Peer {
  return {
    name,
    program: findCoredns(),
    command: (data, directory, port) =>
      corednsCommand(directory, port, ZONE, [...plugins, `file ${data.zoneFile} ${ZONE}`]),
  }
}

/** The version that a server says of itself, for the report. */
export function versionOf(peer: Peer): string {
  if (peer.program === null || peer.program === process.execPath || peer.name === FLOOR) return ''
  const flag =
    { NSD: '-v', 'Knot DNS': '-V', dnsmasq: '-v' }[peer.name] ?? (peer.name.startsWith('CoreDNS') ? '-version' : '-V')
  try {
    return (
      execFileSync(peer.program, [flag], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).split('\n')[0] ?? ''
    )
  } catch (error) {
    return String((error as { stderr?: string }).stderr ?? '').split('\n')[0] ?? ''
  }
}
