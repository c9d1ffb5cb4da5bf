/**
 * Answer rates while others misbehave: `npm run bench:hostile [-- --connections 20000]`. Slow clients hold connections
 * from many addresses of loopback and send an octet now and then; others close their side behind a query, which is to be
 * answered before the connection ends. Meanwhile one good client asks over UDP and one over TCP. Read the ratios: all of
 * it shares one machine.
 *
 * The server and this process need a descriptor for each connection. Where the limit cannot be raised as far, there are
 * as many connections as it leaves room for, and the table says so.
 */
import { execFileSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { makeQuery } from '#support/answering.ts'
import { makeCertificate } from '#support/certificate.ts'
import { type RunningWaypost, startWaypost, temporaryFolder } from '#support/waypost.ts'
import { saveResult } from '../report.ts'
import { machine } from './measure.ts'

const EXAMPLE = fileURLToPath(new URL('../../examples/kuard', import.meta.url))
const QUERY = makeQuery('kuard.default.svc.cluster.local', 'AAAA', { udpSize: null })
const MEASURED_MS = 1500
/** Connections from one address. */
const PER_ADDRESS = 200
/** Connections that are made at one time. */
const AT_ONCE = 100
/** Descriptors that a process needs for other things. */
const OTHERS = 200
/** For the server to close what its clients have closed. */
const CLOSED_WITHIN_MS = 10_000

interface Row {
  readonly peers: string
  /** Connections that were open while the good clients asked. */
  readonly held: number
  /** Answers a second. */
  readonly udp: number
  readonly tcp: number
  readonly note: string
}

const { values } = parseArgs({ options: { connections: { type: 'string' } } })
const asked = Number(values.connections ?? 20_000)
const limit = descriptorLimit(asked + OTHERS)
const connections = Math.min(asked, limit - OTHERS)
const folder = temporaryFolder()
const server = await start()
const ports = portsOf(server)
const rows: Row[] = []
const fewer = Math.min(connections, 5000)
try {
  await Promise.all([rateOfUdp(), rateOfTcp()])
  await report('nobody else', 0)
  await under('TCP, half a message', ports.dns, connections, Uint8Array.of(0, 40, 1, 2))
  await under('TLS, half a handshake', ports.tls, fewer, Uint8Array.of(22, 3, 1, 2, 0))
  await under('HTTPS, half a handshake', ports.https, fewer, Uint8Array.of(22, 3, 1, 2, 0))
  await halfClosed(fewer)
  await report('nobody else, at the end', 0)
  save()
} finally {
  await server.end()
  folder.dispose()
}

/** A command for the shell that raises the limit of descriptors as far as it goes, and never lowers it. */
function raising(wanted: number): string {
  return `[ "$(ulimit -Hn)" = unlimited ] || [ "$(ulimit -Hn)" -ge ${wanted} ] || ulimit -Hn ${wanted} 2>/dev/null; ulimit -Sn "$(ulimit -Hn)"`
}

/** How many descriptors a process may have; Node.js raises its own limit to the hard one, which root may raise. */
function descriptorLimit(wanted: number): number {
  const text = execFileSync('sh', ['-c', `${raising(wanted)}; ulimit -n`], { encoding: 'utf8' }).trim()
  return text === 'unlimited' ? wanted : Number(text)
}

function save(): void {
  const date = new Date().toISOString()
  const bound = connections < asked ? `, of ${asked.toLocaleString('en')} that were asked for` : ''
  const head = `${machine()}; at most ${connections.toLocaleString('en')} connections${bound}; ${limit.toLocaleString('en')} descriptors a process; ${date.slice(0, 10)}`
  const lines = rows.map(({ peers, held, udp, tcp, note }) => {
    return `| ${peers} | ${[held, udp, tcp].map(value => value.toLocaleString('en')).join(' | ')} | ${note} |`
  })
  const title = ['| peers | connections held | answers/s over UDP | over TCP | note |', '|---|---:|---:|---:|---|']
  const text = `${head}\n\n${[...title, ...lines].join('\n')}\n`
  process.stdout.write(text)
  saveResult('hostile.md', text)
  saveResult('hostile.json', JSON.stringify({ machine: machine(), date, connections, limit, rows }, null, 2))
}

async function start(): Promise<RunningWaypost> {
  const { cert, key } = makeCertificate()
  const files = { cert: join(folder.path, 'cert.pem'), key: join(folder.path, 'key.pem') }
  mkdirSync(join(folder.path, 'zones'))
  writeFileSync(files.cert, cert)
  writeFileSync(files.key, key)
  const listen = ['127.0.0.1:0']
  const dns = {
    listen,
    tls: { listen, ...files },
    https: { listen, ...files },
    zones: join(folder.path, 'zones'),
    tcp: { idle: '60s', maxConnections: 40_000 },
  }
  const networks = [{ name: 'one', cluster: { source: { manifests: EXAMPLE } } }]
  const config = { networks, dns, http: { listen: '[::1]:0' }, data: join(folder.path, 'data') }
  const file = join(folder.path, 'waypost.yaml')
  writeFileSync(file, JSON.stringify(config))
  // With the limit of this process, or with a higher one where that is allowed.
  const raised = (command: string, args: readonly string[]): readonly [string, readonly string[]] => [
    'sh',
    ['-c', `${raising(connections + OTHERS)}; exec "$0" "$@"`, command, ...args],
  ]
  return await startWaypost({ args: ['--config', file], inside: raised, deadlineMs: 60_000 })
}

function portsOf({ logs }: RunningWaypost): Readonly<Record<'dns' | 'tls' | 'https', number>> {
  const bound = logs.find(({ event }) => event === 'listening') as unknown as Record<string, { port: number }[]>
  const portOf = (kind: string): number => bound[kind]?.[0]?.port ?? 0
  return { dns: portOf('dns'), tls: portOf('tls'), https: portOf('https') }
}

/** Measures while so many connections stand still. */
async function under(name: string, port: number, count: number, sent: Uint8Array): Promise<void> {
  const open: Socket[] = []
  for (let i = 0; i < count; i += AT_ONCE) {
    const made = Array.from({ length: Math.min(AT_ONCE, count - i) }, (_, j) => slowClient(port, i + j, sent))
    open.push(...(await Promise.all(made)))
  }
  const timer = setInterval(() => {
    for (let i = 0; i < open.length; i += 20) open[i]?.write(Uint8Array.of(0))
  }, 500)
  await report(name, open.filter(({ destroyed }) => !destroyed).length)
  clearInterval(timer)
  for (const socket of open) socket.destroy()
  await delay(500)
}

async function slowClient(port: number, i: number, sent: Uint8Array): Promise<Socket> {
  const socket = await clientFrom(port, i)
  socket.write(sent)
  return socket
}

/** A connection of client number `i`, which comes from an address that it shares with few others. */
async function clientFrom(port: number, i: number): Promise<Socket> {
  const block = Math.floor(i / PER_ADDRESS)
  const localAddress = `127.1.${block >> 8}.${1 + (block & 0xff)}`
  const socket = connect({ port, host: '127.0.0.1', localAddress, allowHalfOpen: true })
  socket.on('error', () => {})
  await Promise.race([once(socket, 'connect'), once(socket, 'close')])
  return socket
}

/** Clients that ask and close their side at once: each is to be answered, and its connection closed by the server. */
async function halfClosed(count: number): Promise<void> {
  const frame = Buffer.concat([Buffer.from([0, QUERY.length]), QUERY])
  let answered = 0
  let closed = 0
  const open: Socket[] = []
  const come = async (i: number): Promise<void> => {
    const socket = await clientFrom(ports.dns, i)
    open.push(socket)
    socket.once('data', () => answered++)
    socket.once('end', () => closed++)
    socket.end(frame)
  }
  for (let i = 0; i < count; i += AT_ONCE) {
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - i) }, (_, j) => come(i + j)))
  }
  const end = performance.now() + CLOSED_WITHIN_MS
  while (closed < count && performance.now() < end) await delay(10)
  const note = `${answered.toLocaleString('en')} of ${count.toLocaleString('en')} answered, ${closed.toLocaleString('en')} closed by the server`
  await report('TCP, closed on one side behind a query', open.filter(({ destroyed }) => !destroyed).length, note)
  for (const socket of open) socket.destroy()
}

async function report(peers: string, held: number, note = ''): Promise<void> {
  rows.push({ peers, held, udp: await rateOfUdp(), tcp: await rateOfTcp(), note })
}

/** Answers a second to a client that has 32 queries in flight. */
async function rateOfUdp(): Promise<number> {
  const socket = createSocket('udp4')
  let answers = 0
  const ask = (): void => socket.send(QUERY, ports.dns, '127.0.0.1')
  socket.on('message', () => {
    answers++
    ask()
  })
  for (let i = 0; i < 32; i++) ask()
  // For what was lost on the way.
  const again = setInterval(ask, 20)
  await delay(MEASURED_MS)
  clearInterval(again)
  socket.close()
  return Math.round((answers * 1000) / MEASURED_MS)
}

async function rateOfTcp(): Promise<number> {
  const socket = connect(ports.dns, '127.0.0.1')
  await once(socket, 'connect')
  // A server without descriptors resets it: then the answers until then count.
  socket.on('error', () => {})
  const frame = Buffer.concat([Buffer.from([0, QUERY.length]), QUERY])
  let octets = 0
  let size = 0
  socket.on('data', (data: Buffer) => {
    if (size === 0) size = 2 + data.readUInt16BE(0)
    const before = Math.floor(octets / size)
    octets += data.length
    const done = Math.floor(octets / size) - before
    if (done > 0) socket.write(Buffer.concat(Array(done).fill(frame)))
  })
  socket.write(Buffer.concat(Array(32).fill(frame)))
  await delay(MEASURED_MS)
  socket.destroy()
  return Math.round((octets / Math.max(1, size)) * (1000 / MEASURED_MS))
}
