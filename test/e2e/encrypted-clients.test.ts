/** DNS over TLS and HTTPS, cookies and extended errors with the clients that people use. Each is skipped when it is not there. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeCertificate } from '../support/certificate.ts'
import { type RunningWaypost, startWaypost, temporaryFolder } from '../support/waypost.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const KUARD = 'kuard.default.svc.cluster.local'
const ZONE = `$TTL 60
@ SOA ns hostmaster 1 1 1 1 60
@ NS ns
ns AAAA ::1
www AAAA ::1
`

let server: RunningWaypost
let tlsPort = 0
let httpsPort = 0
const folder = temporaryFolder()
const ca = join(folder.path, 'cert.pem')

beforeAll(async () => {
  const { cert, key } = makeCertificate()
  const files = { cert: ca, key: join(folder.path, 'key.pem') }
  mkdirSync(join(folder.path, 'zones'))
  writeFileSync(files.cert, cert)
  writeFileSync(files.key, key)
  writeFileSync(join(folder.path, 'zones/example.test.zone'), `$ORIGIN example.test.\n${ZONE}`)
  const config = {
    networks: [{ name: 'one', cluster: { source: { manifests: join(ROOT, 'examples/kuard') } } }],
    dns: {
      listen: ['[::1]:0'],
      zones: join(folder.path, 'zones'),
      tls: { listen: ['[::1]:0'], ...files },
      https: { listen: ['[::1]:0'], ...files },
    },
    http: { listen: '[::1]:0' },
    data: join(folder.path, 'data'),
  }
  writeFileSync(join(folder.path, 'waypost.yaml'), JSON.stringify(config))
  server = await startWaypost({ args: ['--config', join(folder.path, 'waypost.yaml')] })
  const bound = server.logs.find(({ event }) => event === 'listening') as unknown as Record<string, { port: number }[]>
  tlsPort = bound['tls']?.[0]?.port ?? 0
  httpsPort = bound['https']?.[0]?.port ?? 0
})
afterAll(async () => {
  await server.end()
  folder.dispose()
})

function has(program: string): boolean {
  return spawnSync('which', [program]).status === 0
}

function run(program: string, ...args: string[]): string {
  return execFileSync(program, args, { encoding: 'utf8', timeout: 20_000, stdio: ['pipe', 'pipe', 'pipe'] })
}

function kdig(port: number, ...args: string[]): string {
  return run('kdig', '@::1', '-p', String(port), '+retry=0', '+time=3', `+tls-ca=${ca}`, '+tls-host=localhost', ...args)
}

function plainKdig(...args: string[]): string {
  return run('kdig', '@::1', '-p', String(server.dnsPort), '+retry=0', '+time=3', ...args)
}

describe.skipIf(!has('kdig'))('kdig', () => {
  it('asks over TLS with a checked certificate, and several questions a session', () => {
    const text = kdig(tlsPort, '+tls', '+keepopen', 'AAAA', KUARD, '+tls', 'AAAA', 'www.example.test')
    expect(text).toMatch(/TLS session \(TLS1\.3\)/)
    expect(text).toMatch(/AAAA\s+fdaa:0:48c8:0:1::/)
    expect(text).toMatch(/AAAA\s+::1/)
    expect(text).not.toMatch(/WARNING|;; ERROR/)
  })

  it('asks over HTTPS with GET and POST', () => {
    for (const method of ['+https-get', '+https']) {
      const text = kdig(httpsPort, '+https=localhost/dns-query', method, 'AAAA', KUARD)
      expect(text).toMatch(/HTTP session \(HTTP\/2/)
      expect(text).toContain('status: 200')
      expect(text).toMatch(/AAAA\s+fdaa:0:48c8:0:1::/)
    }
  })

  it('gets a padded reply when it pads, over TLS only', () => {
    expect(kdig(tlsPort, '+tls', '+padding=128', 'AAAA', KUARD)).toMatch(/PADDING: \d+ B/)
    expect(kdig(tlsPort, '+tls', '+padding=128', 'AAAA', KUARD)).toMatch(/Received 468 B/)
    expect(plainKdig('+padding=128', 'AAAA', KUARD)).not.toMatch(/PADDING/)
  })

  it('reads why it is refused', () => {
    expect(plainKdig('+edns', 'AAAA', 'www.example.com')).toMatch(/EDE: 20 \(Not Authoritative\)/)
  })
})

describe.skipIf(!has('dig'))('dig', () => {
  function dig(...args: string[]): string {
    return run('dig', '@::1', '-p', String(server.dnsPort), '+tries=1', '+time=2', ...args)
  }

  it('gets a cookie, and shows it the next time', () => {
    const first = dig('+cookie', 'AAAA', KUARD)
    const cookie = /COOKIE: ([0-9a-f]{48}) \(good\)/.exec(first)?.[1]
    expect(cookie).toBeDefined()
    const second = dig(`+cookie=${cookie}`, 'AAAA', KUARD)
    expect(second).toContain(`COOKIE: ${cookie} (good)`)
    expect(second).toContain('status: NOERROR')
  })

  it('reads why it is refused, and how long a connection may be idle', () => {
    expect(dig('AAAA', 'www.example.com')).toMatch(/EDE: 20 \(Not Authoritative\)/)
    expect(dig('+tcp', '+keepalive', 'AAAA', KUARD)).toMatch(/TCP.KEEPALIVE: 10\.0 secs/)
  })
})

describe.skipIf(!has('curl'))('curl', () => {
  it('resolves over HTTPS', () => {
    const { port } = new URL(server.api)
    const doh = `https://[::1]:${httpsPort}/dns-query`
    const url = `http://www.example.test:${port}/health`
    const text = run('curl', '--silent', '--show-error', '--max-time', '10', '--cacert', ca, '--doh-url', doh, url)
    expect(JSON.parse(text)).toBeTypeOf('object')
  })

  it('gets the statuses of HTTP over HTTP/1.1 and HTTP/2', () => {
    for (const version of ['--http1.1', '--http2']) {
      const status = (...args: string[]): string =>
        run(
          'curl',
          '--silent',
          version,
          '--cacert',
          ca,
          '--output',
          '/dev/null',
          '--write-out',
          '%{http_code}',
          ...args,
        )
      const url = `https://[::1]:${httpsPort}`
      expect(status('-g', `${url}/dns-query`)).toBe('400')
      expect(status('-g', `${url}/`)).toBe('404')
      expect(status('-g', '-X', 'DELETE', `${url}/dns-query`)).toBe('405')
      expect(status('-g', '--data', 'x', `${url}/dns-query`)).toBe('415')
    }
  })
})

describe("dns2's DoH client", () => {
  it('asks over HTTP/1.1 and HTTP/2', () => {
    for (const scheme of ['https', 'h2']) {
      const script = `
        const { DOHClient } = require('dns2')
        DOHClient({ dns: '${scheme}://[::1]:${httpsPort}/dns-query' })('${KUARD}', 'AAAA').then(
          reply => console.log(JSON.stringify(reply.answers)),
          error => { console.error(error); process.exit(1) })`
      const env = { ...process.env, NODE_EXTRA_CA_CERTS: ca }
      const text = execFileSync(process.execPath, ['-e', script], { cwd: ROOT, env, encoding: 'utf8', timeout: 20_000 })
      expect(JSON.parse(text)).toMatchObject([{ name: KUARD, type: 28, ttl: 5 }])
    }
  })
})

describe.skipIf(!has('openssl'))('openssl s_client', () => {
  function session(...args: string[]): string {
    const command = ['s_client', '-connect', `[::1]:${tlsPort}`, '-CAfile', ca, '-servername', 'localhost', ...args]
    const { stdout } = spawnSync('openssl', command, { encoding: 'utf8', input: '', timeout: 20_000 })
    return stdout
  }

  it.each(['-tls1_2', '-tls1_3'])('resumes a session (%s)', version => {
    const file = join(folder.path, `session${version}`)
    // Tickets of TLS 1.3 come after the handshake, so that it has to wait for one.
    const query = Buffer.from('001d123401000001000000000000096c6f63616c686f73740000010001', 'hex')
    const args = ['s_client', '-connect', `[::1]:${tlsPort}`, '-CAfile', ca, version, '-sess_out', file]
    const first = execFileSync('sh', ['-c', `(printf '${octal(query)}'; sleep 1) | openssl ${args.join(' ')} 2>&1`], {
      encoding: 'latin1',
      timeout: 20_000,
    })
    expect(first).toMatch(/Verify return code: 0 \(ok\)|Verification: OK/)
    expect(session(version, '-sess_in', file)).toMatch(/^Reused, TLSv1\.[23]/m)
  })

  it('agrees on "dot", and on nothing older than TLS 1.2', () => {
    expect(session('-alpn', 'dot')).toContain('ALPN protocol: dot')
    expect(session('-tls1_1', '-cipher', 'DEFAULT@SECLEVEL=0')).not.toMatch(/Cipher is (?!\(NONE\))/)
  })
})

/** Octets as printf takes them. */
function octal(bytes: Uint8Array): string {
  return Array.from(bytes, octet => `\\${octet.toString(8).padStart(3, '0')}`).join('')
}
