/** Configurations of other name servers: one thread, on `::1` and a port, without what a comparison does not need. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from './program.ts'

/** A zone that a server has from a master file. */
export interface ServedZone {
  /** Without a dot at the end. */
  readonly name: string
  readonly file: string
}

/** Knot DNS with one zone. */
export function knotCommand(directory: string, port: number, zone: ServedZone): Command {
  const file = write(directory, 'knot.conf', [
    'server:',
    ...indent([`rundir: ${directory}`, `listen: ::1@${port}`, 'udp-workers: 1', 'tcp-workers: 1']),
    ...indent(['background-workers: 1']),
    'database:',
    ...indent([`storage: ${directory}`]),
    'log:',
    ...indent(['- target: stderr', '  any: error']),
    'zone:',
    ...indent([`- domain: ${zone.name}`, `  file: ${zone.file}`]),
  ])
  return { args: ['-c', file] }
}

/** NSD with one zone. */
export function nsdCommand(directory: string, port: number, zone: ServedZone): Command {
  const paths = ['pidfile', 'xfrdfile', 'zonelistfile', 'cookie-secret-file']
  const file = write(directory, 'nsd.conf', [
    'server:',
    ...indent([`ip-address: ::1@${port}`, 'server-count: 1', 'username: ""', `xfrdir: "${directory}"`]),
    ...indent(['tcp-count: 200', 'rrl-ratelimit: 0', 'rrl-whitelist-ratelimit: 0']),
    ...indent(paths.map(key => `${key}: "${join(directory, key)}"`)),
    'remote-control:',
    ...indent(['control-enable: no']),
    'zone:',
    ...indent([`name: ${zone.name}`, `zonefile: ${zone.file}`]),
  ])
  return { args: ['-d', '-c', file] }
}

/** Unbound with further lines of its `server` section, and sections behind it. */
export function unboundCommand(
  directory: string,
  port: number,
  server: readonly string[],
  sections: readonly string[] = [],
): Command {
  const file = write(directory, 'unbound.conf', [
    'server:',
    ...indent([`interface: ::1@${port}`, 'num-threads: 1', 'username: ""', 'chroot: ""', `directory: "${directory}"`]),
    ...indent(['pidfile: ""', 'use-syslog: no', 'access-control: ::1 allow', ...server]),
    ...sections,
    'remote-control:',
    ...indent(['control-enable: no']),
  ])
  return { args: ['-d', '-c', file] }
}

/** dnsmasq with further lines. */
export function dnsmasqCommand(directory: string, port: number, lines: readonly string[]): Command {
  const common = ['no-resolv', 'no-hosts', 'no-daemon', 'listen-address=::1', 'bind-interfaces', `port=${port}`]
  return { args: [`--conf-file=${write(directory, 'dnsmasq.conf', [...common, ...lines])}`] }
}

/** CoreDNS with the plugins of one server block, for `zone` and below. */
export function corednsCommand(directory: string, port: number, zone: string, plugins: readonly string[]): Command {
  const file = write(directory, 'Corefile', [`${zone}:${port} {`, ...indent(['bind ::1', ...plugins]), '}'])
  return { args: ['-conf', file, '-quiet'], env: { GOMAXPROCS: '1' } }
}

function indent(lines: readonly string[]): string[] {
  return lines.map(line => `  ${line}`)
}

function write(directory: string, name: string, lines: readonly string[]): string {
  const file = join(directory, name)
  writeFileSync(file, `${lines.join('\n')}\n`)
  return file
}
