/** The servers of a comparison: how each is found, configured with the same data, and started on one port. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { DataSet, ZoneRecord } from './data-set.ts'

/** A server that can be started. */
export interface Peer {
  readonly name: string
  /** Its program, or null when it is not installed. */
  readonly program: string | null
  /** Environment and arguments; writes its configuration into `directory`. */
  command(data: DataSet, directory: string, port: number): PeerCommand
}

interface PeerCommand {
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

/** A server that runs. */
export interface RunningPeer {
  readonly pid: number
  readonly port: number
  stop(): Promise<void>
}

/** Names of the peer that only echoes, and of the server that the others are compared with. */
export const FLOOR = 'echo (C)'
export const OURS = 'Waypost'

const ENTRY = fileURLToPath(new URL('../../bin/waypost.js', import.meta.url))

/** All servers that the comparison knows, the present one and its floor first. */
export function knownPeers(echo: string | null): Peer[] {
  return [
    { name: FLOOR, program: echo, command: (_data, _directory, port) => ({ args: ['::1', String(port)] }) },
    waypost(OURS, 'batched'),
    waypost('Waypost on node:dgram', 'portable'),
    { name: 'Knot DNS', program: findProgram('knotd'), command: knot },
    { name: 'NSD', program: findProgram('nsd'), command: nsd },
    { name: 'Unbound (local-data)', program: findProgram('unbound'), command: unbound },
    { name: 'dnsmasq', program: findProgram('dnsmasq'), command: dnsmasq },
    coredns('CoreDNS (cache + file)', true),
    coredns('CoreDNS (file)', false),
  ]
}

/** Starts a peer on one core and waits until it answers. */
export async function startPeer(peer: Peer, data: DataSet, port: number, cpu: number): Promise<RunningPeer> {
  if (peer.program === null) throw new Error(`${peer.name} is not installed`)
  const directory = join(data.directory, peer.name.replaceAll(/[^a-zA-Z]+/g, '-').toLowerCase())
  mkdirSync(directory, { recursive: true })
  const { args, env } = peer.command(data, directory, port)
  const child = spawn('taskset', ['-c', String(cpu), peer.program, ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...env },
  })
  let stderr = ''
  child.stderr?.on('data', chunk => {
    stderr += String(chunk)
  })
  await untilAnswering(peer.name, child, port, () => stderr)
  return { pid: child.pid as number, port, stop: () => stop(child) }
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

function knot(data: DataSet, directory: string, port: number): PeerCommand {
  const file = join(directory, 'knot.conf')
  const zone = `  - domain: cluster.local\n    file: ${data.zoneFile}\n`
  const server = `server:\n    rundir: ${directory}\n    listen: ::1@${port}\n    udp-workers: 1\n    tcp-workers: 1\n    background-workers: 1\n`
  writeFileSync(
    file,
    `${server}database:\n    storage: ${directory}\nlog:\n  - target: stderr\n    any: error\nzone:\n${zone}`,
  )
  return { args: ['-c', file] }
}

function nsd(data: DataSet, directory: string, port: number): PeerCommand {
  const file = join(directory, 'nsd.conf')
  const paths = ['pidfile', 'xfrdfile', 'zonelistfile', 'cookie-secret-file']
    .map(key => `  ${key}: "${join(directory, key)}"\n`)
    .join('')
  const server = `server:\n  ip-address: ::1@${port}\n  server-count: 1\n  username: ""\n  xfrdir: "${directory}"\n  tcp-count: 200\n  rrl-ratelimit: 0\n  rrl-whitelist-ratelimit: 0\n${paths}`
  writeFileSync(
    file,
    `${server}remote-control:\n  control-enable: no\nzone:\n  name: cluster.local\n  zonefile: ${data.zoneFile}\n`,
  )
  return { args: ['-d', '-c', file] }
}

function unbound(data: DataSet, directory: string, port: number): PeerCommand {
  const file = join(directory, 'unbound.conf')
  const lines = data.records.map(({ name, type, data: value }) => `  local-data: "${name} 5 ${type} ${value}"`)
  const settings = [
    `interface: ::1@${port}`,
    'num-threads: 1',
    'username: ""',
    'chroot: ""',
    `directory: "${directory}"`,
    'pidfile: ""',
    'use-syslog: no',
    'access-control: ::1 allow',
    'incoming-num-tcp: 200',
    'local-zone: "cluster.local." static',
    'local-data: "cluster.local. 5 SOA ns.dns.cluster.local. hostmaster.cluster.local. 1 7200 1800 86400 5"',
  ]
  writeFileSync(
    file,
    `server:\n${settings.map(line => `  ${line}`).join('\n')}\n${lines.join('\n')}\nremote-control:\n  control-enable: no\n`,
  )
  return { args: ['-d', '-c', file] }
}

function dnsmasq(data: DataSet, directory: string, port: number): PeerCommand {
  const file = join(directory, 'dnsmasq.conf')
  const hosts = join(directory, 'hosts')
  const addresses = data.records.filter(record => record.type === 'AAAA')
  writeFileSync(hosts, `${addresses.map(record => `${record.data} ${record.name.slice(0, -1)}`).join('\n')}\n`)
  const settings = [
    'no-resolv',
    'no-hosts',
    'no-daemon',
    'listen-address=::1',
    'bind-interfaces',
    `port=${port}`,
    'local=/local/',
  ]
  const lines = [...settings, 'cache-size=0', 'local-ttl=5', `addn-hosts=${hosts}`, ...data.records.flatMap(dnsmasqSrv)]
  writeFileSync(file, `${lines.join('\n')}\n`)
  return { args: ['--conf-file', file].map((arg, i) => (i === 0 ? `${arg}=${file}` : '')).filter(arg => arg !== '') }
}

function dnsmasqSrv({ name, type, data }: ZoneRecord): string[] {
  if (type !== 'SRV') return []
  const [priority, weight, port, target = ''] = data.split(' ')
  return [`srv-host=${name.slice(0, -1)},${target.slice(0, -1)},${port},${priority},${weight}`]
}

function coredns(name: string, cache: boolean): Peer {
  return {
    name,
    program: process.env['COREDNS_BIN'] ?? findProgram('coredns'),
    command: (data, directory, port) => {
      const file = join(directory, 'Corefile')
      const plugins = ['bind ::1', ...(cache ? ['cache 30'] : []), `file ${data.zoneFile} cluster.local`]
      writeFileSync(file, `cluster.local:${port} {\n${plugins.map(line => `  ${line}`).join('\n')}\n}\n`)
      return { args: ['-conf', file, '-quiet'], env: { GOMAXPROCS: '1' } }
    },
  }
}

/** A program on PATH or in the sbin folders, which are often not on it. */
export function findProgram(name: string): string | null {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin', '/sbin']
  return folders.map(folder => join(folder, name)).find(path => existsSync(path)) ?? null
}

/** The version that a server says of itself, for the report. */
export function versionOf(peer: Peer): string {
  if (peer.program === null || peer.program === process.execPath || peer.name.startsWith('echo')) return ''
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

/** Resolves when ten questions in a row are answered at once: the data is loaded and the start-up work is over. */
async function untilAnswering(name: string, child: ChildProcess, port: number, stderr: () => string): Promise<void> {
  const deadline = performance.now() + 60_000
  for (let answered = 0; answered < 10; ) {
    if (child.exitCode !== null) throw new Error(`${name} ended with ${child.exitCode}: ${stderr()}`)
    if (performance.now() > deadline) throw new Error(`${name} does not answer: ${stderr()}`)
    answered = (await probe(port, name.startsWith('echo'))) ? answered + 1 : 0
  }
}

/** Asks for an address that is in every data set; false when there is no answer in 100 ms or it has none (but the echo). */
async function probe(port: number, isEcho: boolean): Promise<boolean> {
  const socket = createSocket('udp6')
  const name = ['svc-0', 'ns-0', 'svc', 'cluster', 'local'].flatMap(label => [label.length, ...Buffer.from(label)])
  const message = Buffer.from([0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...name, 0, 0, 28, 0, 1])
  try {
    return await new Promise<boolean>(resolve => {
      const timer = setTimeout(() => resolve(false), 100)
      socket.on('error', () => setTimeout(() => resolve(false), 50))
      socket.on('message', reply => {
        clearTimeout(timer)
        resolve(reply.readUInt16BE(6) > 0 || isEcho)
      })
      socket.send(message, port, '::1')
    })
  } finally {
    socket.close()
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  const ended = new Promise(resolve => child.once('exit', resolve))
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), 5000)
  await ended
  clearTimeout(timer)
}
