/** Forwarding with real servers and clients: Unbound and Knot DNS as upstreams; dig and kdig. Skipped without them. */
import { type ChildProcess, execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeCertificate } from '../support/certificate.ts'
import { ask } from '../support/dns-client.ts'
import { freePort, missingPrograms, startUnbound } from '../support/unbound.ts'
import { type RunningWaypost, startWaypost, temporaryFolder, until } from '../support/waypost.ts'

const LONG = ['x', 'y', 'z', '1', '2', '3'].map(letter => `"${letter.repeat(250)}"`).join(' ')
const ZONE = [
  'local-zone: "example." static',
  'local-data: "example. 300 SOA ns.example. hm.example. 1 2 3 4 60"',
  'local-data: "www.example. 300 A 192.0.2.1"',
  'local-data: "www.example. 300 AAAA 2001:db8::1"',
  'local-data: "mail.example. 300 MX 10 www.example."',
  `local-data: 'long.example. 300 TXT ${LONG}'`,
]

const folder = temporaryFolder()
const children: ChildProcess[] = []
let upstream = 0
let tlsUpstream = 0
let server: RunningWaypost

const missing = missingPrograms(['unbound', 'dig', 'kdig'])
describe.skipIf(missing.length > 0)('Unbound as the upstream', () => {
  beforeAll(async () => {
    const certificate = makeCertificate('dns.example')
    for (const [name, text] of Object.entries(certificate)) writeFileSync(join(folder.path, `${name}.pem`), text)
    upstream = await freePort()
    tlsUpstream = await freePort()
    await start()
    server = await startServer({
      upstreams: [`[::1]:${upstream}`],
      zones: [
        { zone: 'tls.example', upstreams: [secure('localhost')] },
        { zone: 'mistrusted.example', upstreams: [secure('dns.other')] },
      ],
    })
  })
  afterAll(async () => {
    await server.end()
    for (const child of children) child.kill('SIGKILL')
    folder.dispose()
  })

  it('answers dig as it would itself, with RA and without AA', () => {
    const text = dig('A', 'www.example')
    expect(text).toContain('status: NOERROR')
    expect(text).toMatch(/flags: qr rd ra;/)
    expect(text).toMatch(/www\.example\.\s+300\s+IN\s+A\s+192\.0\.2\.1/)
    expect(text).not.toMatch(/malformed|Warning/i)
    expect(dig('+short', 'MX', 'mail.example')).toBe('10 www.example.\n')
    expect(dig('+short', '+tcp', 'AAAA', 'www.example')).toBe('2001:db8::1\n')
    expect(dig('+short', '+noedns', 'A', 'WWW.eXample')).toBe('192.0.2.1\n')
  })

  it('has its denials passed on with their SOA', () => {
    expect(dig('A', 'nothing.example')).toMatch(/status: NXDOMAIN[\s\S]*AUTHORITY: 1[\s\S]*IN\s+SOA/)
    expect(dig('TXT', 'www.example')).toMatch(/status: NOERROR[\s\S]*ANSWER: 0, AUTHORITY: 1/)
  })

  it('is asked over TCP for what is too long', () => {
    expect(dig('+short', '+bufsize=512', 'TXT', 'long.example')).toContain('"333')
    expect(dig('+ignore', '+bufsize=512', 'TXT', 'long.example')).toMatch(/flags: qr tc rd ra/)
  })

  it('answers kdig, which checks more', () => {
    const text = run('kdig', '@::1', '-p', String(server.dnsPort), '+retry=0', '+time=4', 'A', 'www.example')
    expect(text).toContain('status: NOERROR')
    expect(text).not.toMatch(/WARNING/)
  })

  it('is not asked without RD', () => {
    expect(dig('+norec', 'A', 'www.example')).toMatch(/status: REFUSED[\s\S]*EDE: 20/)
  })

  it('is asked over TLS when its certificate has the name, and not when it has another one', () => {
    expect(dig('+short', 'A', 'www.tls.example')).toBe('192.0.2.9\n')
    expect(dig('A', 'www.mistrusted.example')).toMatch(/status: SERVFAIL[\s\S]*EDE: 23/)
  })

  it('that has gone makes SERVFAIL with a reason, and answers again when it is back', async () => {
    const [unbound] = children
    unbound?.kill('SIGKILL')
    if (unbound !== undefined) await once(unbound, 'exit')
    expect(dig('A', 'gone.example')).toMatch(/status: SERVFAIL[\s\S]*EDE: 2[23]/)
    await start()
    const isBack = async (): Promise<boolean> =>
      (await ask({ name: 'www.example', type: 'A', port: server.dnsPort })).rcode === 0
    await until(() => isBack().catch(() => false), 30_000)
  })
})

async function start(): Promise<void> {
  const lines = [
    ...ZONE,
    'local-zone: "tls.example." static',
    'local-data: "www.tls.example. 300 A 192.0.2.9"',
    'local-data: "www.mistrusted.example. 300 A 192.0.2.9"',
  ]
  const place = { folder: folder.path, port: upstream, tlsPort: tlsUpstream }
  children.unshift(await startUnbound({ ...place, lines, probe: 'www.example' }))
}

async function startServer(forward: object): Promise<RunningWaypost> {
  mkdirSync(join(folder.path, 'manifests'))
  const config = {
    networks: [{ name: 'default', cluster: { source: { manifests: join(folder.path, 'manifests') } } }],
    dns: { listen: ['[::1]:0'], zones: null, forward },
    http: { listen: '[::1]:0' },
    data: join(folder.path, 'data'),
  }
  const file = join(folder.path, 'waypost.yaml')
  writeFileSync(file, JSON.stringify(config))
  return await startWaypost({ args: ['--config', file] })
}

function secure(serverName: string): object {
  return { address: `tls://[::1]:${tlsUpstream}`, serverName, ca: join(folder.path, 'cert.pem') }
}

function dig(...args: string[]): string {
  return run('dig', '@::1', '-p', String(server.dnsPort), '+tries=1', '+time=6', ...args)
}

function run(program: string, ...args: string[]): string {
  return execFileSync(program, args, { encoding: 'utf8', timeout: 20_000 })
}
