/** Runs Unbound with local data, over UDP and TCP, TLS, and HTTPS where ports for them are named. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ask } from './dns-client.ts'
import { until } from './waypost.ts'

/** How it is set; ports are of `::1`. */
export interface UnboundSetting {
  /** Holds its files, and the certificate as `cert.pem` and `key.pem`. */
  readonly folder: string
  readonly port: number
  readonly tlsPort: number
  /** Left out: no HTTPS. */
  readonly httpsPort?: number
  /** Lines of the section `server`: local zones and data, for example. */
  readonly lines: readonly string[]
  /** A name with one address, which is asked for until it is answered. */
  readonly probe: string
}

const START_DEADLINE = 20_000

/** Programs of the list that are not installed. */
export function missingPrograms(programs: readonly string[]): string[] {
  return programs.filter(program => spawnSync('which', [program], serverPath()).status !== 0)
}

/** Whether Unbound was built with HTTPS. */
export function unboundHasHttps(): boolean {
  return String(spawnSync('unbound', ['-V'], serverPath()).stdout).includes('--with-libnghttp2')
}

/** Starts it and waits until it answers. */
export async function startUnbound(setting: UnboundSetting): Promise<ChildProcess> {
  const { folder, port, tlsPort, httpsPort, lines, probe } = setting
  const https = httpsPort === undefined ? [] : [`interface: ::1@${httpsPort}`, `https-port: ${httpsPort}`]
  const settings = [
    `interface: ::1@${port}`,
    `interface: ::1@${tlsPort}`,
    `tls-port: ${tlsPort}`,
    ...https,
    `tls-service-key: "${join(folder, 'key.pem')}"`,
    `tls-service-pem: "${join(folder, 'cert.pem')}"`,
    'num-threads: 1',
    'username: ""',
    'chroot: ""',
    `directory: "${folder}"`,
    'pidfile: ""',
    'use-syslog: no',
    'access-control: ::1 allow',
    'module-config: "iterator"',
    ...lines,
  ]
  const file = join(folder, 'unbound.conf')
  const server = settings.map(line => `  ${line}`).join('\n')
  writeFileSync(file, `server:\n${server}\nremote-control:\n  control-enable: no\n`)
  const child = spawn('unbound', ['-d', '-c', file], { stdio: 'ignore', ...serverPath() })
  const answers = async (): Promise<boolean> => (await ask({ name: probe, type: 'A', port })).answers.length === 1
  await until(() => answers().catch(() => false), START_DEADLINE)
  return child
}

/** A port that is free for UDP now. */
export async function freePort(): Promise<number> {
  const socket = createSocket('udp6')
  socket.bind({ address: '::1', port: 0 })
  await once(socket, 'listening')
  const { port } = socket.address()
  socket.close()
  return port
}

/** Servers live in folders that are often not on the path. */
function serverPath(): { env: NodeJS.ProcessEnv } {
  return { env: { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/usr/local/sbin` } }
}
