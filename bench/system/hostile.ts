/**
 * Answer rates while others misbehave: `npm run bench:hostile [-- --connections 20000]`. Slow clients hold connections
 * from many addresses of loopback and send an octet now and then; meanwhile one good client asks over UDP and one over
 * TCP. Read the ratios: all of it shares one machine.
 */
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

const EXAMPLE = fileURLToPath(new URL('../../examples/kuard', import.meta.url))
const QUERY = makeQuery('kuard.default.svc.cluster.local', 'AAAA', { udpSize: null })
const MEASURED_MS = 1500
/** Connections from one address. */
const PER_ADDRESS = 200
/** Connections that are made at one time. */
const AT_ONCE = 100

const { values } = parseArgs({ options: { connections: { type: 'string' } } })
const connections = Number(values.connections ?? 20_000)
const folder = temporaryFolder()
const server = await start()
const ports = portsOf(server)
const rows: string[] = []
try {
  await Promise.all([rateOfUdp(), rateOfTcp()])
  await report('nobody else', 0)
  await under('TCP, half a message', ports.dns, connections, Uint8Array.of(0, 40, 1, 2))
  await under('TLS, half a handshake', ports.tls, Math.min(connections, 5000), Uint8Array.of(22, 3, 1, 2, 0))
  await under('HTTPS, half a handshake', ports.https, Math.min(connections, 5000), Uint8Array.of(22, 3, 1, 2, 0))
  await under('TCP, closed on one side', ports.dns, Math.min(connections, 5000), null)
  process.stdout.write(`${rows.join('\n')}\n`)
} finally {
  await server.end()
  folder.dispose()
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
  return await startWaypost({ args: ['--config', file] })
}

function portsOf({ logs }: RunningWaypost): Readonly<Record<'dns' | 'tls' | 'https', number>> {
  const bound = logs.find(({ event }) => event === 'listening') as unknown as Record<string, { port: number }[]>
  const portOf = (kind: string): number => bound[kind]?.[0]?.port ?? 0
  return { dns: portOf('dns'), tls: portOf('tls'), https: portOf('https') }
}

/** Measures while so many connections stand still; null: each closes its side at once. */
async function under(name: string, port: number, count: number, sent: Uint8Array | null): Promise<void> {
  const open: Socket[] = []
  for (let i = 0; i < count; i += AT_ONCE) {
    const made = Array.from({ length: Math.min(AT_ONCE, count - i) }, (_, j) => slowClient(port, i + j, sent))
    open.push(...(await Promise.all(made)))
  }
  const timer = setInterval(() => {
    for (let i = 0; i < open.length; i += 20) if (sent !== null) open[i]?.write(Uint8Array.of(0))
  }, 500)
  await report(name, open.filter(({ destroyed }) => !destroyed).length)
  clearInterval(timer)
  for (const socket of open) socket.destroy()
  await delay(500)
}

async function slowClient(port: number, i: number, sent: Uint8Array | null): Promise<Socket> {
  const block = Math.floor(i / PER_ADDRESS)
  const localAddress = `127.1.${block >> 8}.${1 + (block & 0xff)}`
  const socket = connect({ port, host: '127.0.0.1', localAddress, allowHalfOpen: true })
  socket.on('error', () => {})
  await Promise.race([once(socket, 'connect'), once(socket, 'close')])
  if (sent === null) socket.end()
  else socket.write(sent)
  return socket
}

async function report(name: string, held: number): Promise<void> {
  const [udp, tcp] = [await rateOfUdp(), await rateOfTcp()]
  rows.push(`| ${name} | ${held.toLocaleString('en')} | ${udp.toLocaleString('en')} | ${tcp.toLocaleString('en')} |`)
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
