/** Forwarding over TLS and HTTPS to a real Unbound, through a relay that counts its connections. Skipped without Unbound. */
import { type ChildProcess, execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeCertificate } from '../support/certificate.ts'
import { ask } from '../support/dns-client.ts'
import { freePort, missingPrograms, startUnbound, unboundHasHttps } from '../support/unbound.ts'
import { type RunningWaypost, startWaypost, temporaryFolder, until } from '../support/waypost.ts'

/** Every name in them has an address. */
const ZONES = ['tls.example', 'https.example', 'strange-tls.example', 'strange-https.example']
const LINES = ZONES.flatMap(zone => [
  `local-zone: "${zone}." redirect`,
  `local-data: "${zone}. 300 A 192.0.2.9"`,
  `local-data: '${zone}. 300 TXT "${'x'.repeat(250)}" "${'y'.repeat(250)}" "${'z'.repeat(250)}" "${'1'.repeat(250)}" "${'2'.repeat(250)}"'`,
])
/** The forwarder's own, and what a busy machine adds. */
const DEADLINE_MS = 4000
const GRACE_MS = 2500
const NOERROR = 0
const SERVFAIL = 2

const folder = temporaryFolder()
let unbound: ChildProcess | null = null
let ports = { folder: folder.path, port: 0, tlsPort: 0, httpsPort: 0 }
/** By the first label of the zone. */
let relays: Readonly<Record<'tls' | 'https' | 'strange-tls' | 'strange-https', Relay>>
let server: RunningWaypost
let names = 0

const missing = missingPrograms(['unbound', 'dig', 'kdig'])
describe.skipIf(missing.length > 0 || !unboundHasHttps())('Unbound as an upstream over TLS and HTTPS', () => {
  beforeAll(async () => {
    for (const [name, text] of Object.entries(makeCertificate())) writeFileSync(join(folder.path, `${name}.pem`), text)
    ports = { ...ports, port: await freePort(), tlsPort: await freePort(), httpsPort: await freePort() }
    await start()
    relays = {
      tls: await Relay.start(ports.tlsPort),
      https: await Relay.start(ports.httpsPort),
      'strange-tls': await Relay.start(ports.tlsPort),
      'strange-https': await Relay.start(ports.httpsPort),
    }
    server = await startServer()
  })
  afterAll(async () => {
    await server?.end()
    unbound?.kill('SIGKILL')
    for (const relay of Object.values(relays ?? {})) relay.close()
    folder.dispose()
  })

  it.each(['tls', 'https'] as const)('answers dig and kdig over %s, also what is long', async kind => {
    expect(await dig('A', newName(kind))).toMatch(/status: NOERROR[\s\S]*IN\s+A\s+192\.0\.2\.9/)
    expect(await dig('+short', 'TXT', newName(kind))).toContain('"222')
    expect(await dig('AAAA', newName(kind))).toMatch(/status: NOERROR[\s\S]*ANSWER: 0/)
    const text = await run('kdig', '@::1', '-p', String(server.dnsPort), '+retry=0', '+time=4', 'A', newName(kind))
    expect(text).toContain('192.0.2.9')
    expect(text).not.toMatch(/WARNING/)
    expect(relays[kind].connections).toBeGreaterThan(0)
  })

  it.each(['tls', 'https'] as const)('is asked over one connection of %s, question after question', async kind => {
    expect(await resolve(kind)).toBe(NOERROR)
    const before = relays[kind].connections
    for (let i = 0; i < 20; i++) expect(await resolve(kind)).toBe(NOERROR)
    const many = Array.from({ length: 50 }, () => resolve(kind))
    expect(await Promise.all(many)).toEqual(many.map(() => NOERROR))
    expect(relays[kind].connections).toBe(before)
  })

  it.each(['tls', 'https'] as const)('is not believed over %s when its certificate has another name', async kind => {
    for (let i = 0; i < 3; i++) {
      expect(await dig('A', newName(`strange-${kind}`))).toMatch(/status: SERVFAIL[\s\S]*EDE: 23/)
    }
    const found = await until(() =>
      server.logs.find(({ event, msg }) => event === 'upstream_suspect' && String(msg).includes('dns.other')),
    )
    expect(String(found['msg'])).toMatch(/not in the cert|does not match/)
    expect(await resolve(kind)).toBe(NOERROR)
  })

  it.each(['tls', 'https'] as const)(
    'that is started again loses no question of %s beyond its deadline',
    async kind => {
      const outcomes: Promise<{ readonly rcode: number | null; readonly ms: number }>[] = []
      const timer = setInterval(() => outcomes.push(timed(kind)), 50)
      try {
        await until(() => outcomes.length >= 5)
        const before = relays[kind].connections
        unbound?.kill('SIGKILL')
        if (unbound !== null) await once(unbound, 'exit')
        const gone = outcomes.length
        await until(() => outcomes.length >= gone + 10)
        await start()
        await until(async () => (await resolve(kind).catch(() => null)) === NOERROR, 30_000)
        const back = outcomes.length
        await until(() => outcomes.length >= back + 10)
        clearInterval(timer)
        const all = await Promise.all(outcomes)
        expect(all.filter(({ rcode }) => rcode !== NOERROR && rcode !== SERVFAIL)).toEqual([])
        expect(Math.max(...all.map(({ ms }) => ms))).toBeLessThan(DEADLINE_MS + GRACE_MS)
        expect(all.slice(back).map(({ rcode }) => rcode)).toEqual(all.slice(back).map(() => NOERROR))
        expect(relays[kind].connections).toBeGreaterThan(before)
      } finally {
        clearInterval(timer)
      }
    },
  )
})

/** Passes octets on to a port, and counts who comes. */
class Relay {
  connections = 0
  readonly #server: Server
  readonly #sockets: Set<Socket> = new Set()

  static async start(to: number): Promise<Relay> {
    const relay = new Relay(to)
    await once(relay.#server, 'listening')
    return relay
  }

  private constructor(to: number) {
    this.#server = createServer(client => {
      this.connections++
      const upstream = connect({ host: '::1', port: to })
      for (const socket of [client, upstream]) {
        this.#sockets.add(socket)
        socket.on('error', () => {})
        socket.on('close', () => {
          this.#sockets.delete(socket)
          client.destroy()
          upstream.destroy()
        })
      }
      client.pipe(upstream).pipe(client)
    }).listen({ host: '::1', port: 0 })
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  close(): void {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }
}

async function start(): Promise<void> {
  unbound = await startUnbound({ ...ports, lines: LINES, probe: 'www.tls.example' })
}

async function startServer(): Promise<RunningWaypost> {
  mkdirSync(join(folder.path, 'manifests'))
  const ca = join(folder.path, 'cert.pem')
  const zone = (kind: keyof typeof relays, serverName: string): object => {
    const place = `[::1]:${relays[kind].port}`
    const address = kind.endsWith('tls') ? `tls://${place}` : `https://${place}/dns-query`
    return { zone: `${kind}.example`, upstreams: [{ address, serverName, ca }] }
  }
  const zones = [
    zone('tls', 'localhost'),
    zone('https', 'localhost'),
    zone('strange-tls', 'dns.other'),
    zone('strange-https', 'dns.other'),
  ]
  const config = {
    networks: [{ name: 'default', cluster: { source: { manifests: join(folder.path, 'manifests') } } }],
    dns: { listen: ['[::1]:0'], zones: null, forward: { upstreams: [], zones } },
    http: { listen: '[::1]:0' },
    data: join(folder.path, 'data'),
  }
  const file = join(folder.path, 'waypost.yaml')
  writeFileSync(file, JSON.stringify(config))
  return await startWaypost({ args: ['--config', file] })
}

/** A name that nobody has asked for. */
function newName(kind: string): string {
  return `n${names++}.${kind}.example`
}

async function resolve(kind: string): Promise<number> {
  return (await ask({ name: newName(kind), type: 'A', port: server.dnsPort, patience: 10_000 })).rcode
}

async function timed(kind: string): Promise<{ readonly rcode: number | null; readonly ms: number }> {
  const start = performance.now()
  const rcode = await resolve(kind).catch(() => null)
  return { rcode, ms: performance.now() - start }
}

async function dig(...args: string[]): Promise<string> {
  return await run('dig', '@::1', '-p', String(server.dnsPort), '+tries=1', '+time=6', ...args)
}

/** Not in a way that stops this process: the relays are in it. */
async function run(program: string, ...args: string[]): Promise<string> {
  return (await promisify(execFile)(program, args, { encoding: 'utf8', timeout: 20_000 })).stdout
}
