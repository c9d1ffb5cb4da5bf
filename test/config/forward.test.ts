import { describe, expect, it } from 'vitest'
import { type Config, ConfigError, loadConfig } from '#src/config.ts'
import { makeCertificate } from '#support/certificate.ts'
import { fakeSurroundings } from '#support/surroundings.ts'

const CUT = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'
const FILE = '/etc/waypost/w.yaml'
const NETWORK = 'networks: [{ name: a, cluster: { source: { manifests: m } } }]\n'

function load(dns: object, files: Readonly<Record<string, string>> = {}): Config['dns'] {
  const surroundings = fakeSurroundings({ ...files, [FILE]: `${NETWORK}dns: ${JSON.stringify(dns)}\n` })
  return loadConfig({ file: FILE, flags: {}, surroundings }).dns
}

/** The faults as `path: reason`. */
function faultsOf(dns: object, files: Readonly<Record<string, string>> = {}): string[] {
  try {
    load(dns, files)
  } catch (error) {
    if (error instanceof ConfigError) return error.faults.map(({ path, reason }) => `${path}: ${reason}`)
    throw error
  }
  return []
}

/** The one server of the zones. */
function upstream(text: unknown): unknown {
  return load({ forward: { upstreams: [text] } }).forward?.zones[0]?.upstreams[0]
}

describe('an upstream', () => {
  it('is an address, or a URL that says how it is asked', () => {
    expect(upstream('192.0.2.53')).toMatchObject({ protocol: 'udp', address: '192.0.2.53', port: 53 })
    expect(upstream('[fdaa::53]:5353')).toMatchObject({ protocol: 'udp', address: 'fdaa::53', port: 5353 })
    expect(upstream('tcp://192.0.2.53')).toMatchObject({ protocol: 'tcp', port: 53 })
    expect(upstream('tls://[fdaa::53]#dns.example')).toMatchObject({
      protocol: 'tls',
      port: 853,
      serverName: 'dns.example',
    })
    expect(upstream('https://192.0.2.53/ask#dns.example')).toMatchObject({
      protocol: 'https',
      port: 443,
      path: '/ask',
      serverName: 'dns.example',
    })
    expect(upstream('https://[fdaa::53]:8443')).toMatchObject({ port: 8443, path: '/dns-query', serverName: null })
  })

  it('whose URL has a name for its host is refused, with the form that is meant', () => {
    expect(faultsOf({ forward: { upstreams: ['https://dns.example.net/dns-query'] } })).toEqual([
      'dns.forward.upstreams[0]: "https://dns.example.net/dns-query" has the name "dns.example.net" in place of an ' +
        'address, and nobody could look it up: write https://ADDRESS/dns-query#dns.example.net',
    ])
    expect(faultsOf({ forward: { upstreams: ['https://'] } })[0]).toMatch(/must be a URL with an address/)
    expect(faultsOf({ forward: { upstreams: ['tls://dns.example.net'] } })).toHaveLength(1)
  })

  it('may have an authority of its own, in a file with certificates', () => {
    const files = { '/ca.crt': makeCertificate().cert, '/ca.key': makeCertificate().key, '/cut.crt': CUT }
    const server = (ca: string): object => ({ forward: { upstreams: [{ address: 'tls://192.0.2.53', ca }] } })
    expect(load(server('/ca.crt'), files).forward?.zones[0]?.upstreams[0]?.ca).toBe(files['/ca.crt'])
    for (const ca of ['/ca.key', '/cut.crt']) {
      expect(faultsOf(server(ca), files)).toEqual([`dns.forward.upstreams[0]: "${ca}" holds no certificate in PEM`])
    }
    expect(faultsOf(server('/none'), files)).toHaveLength(1)
  })

  it('may be a file of them', () => {
    const files = { '/etc/resolv.conf': 'nameserver 192.0.2.1\nnameserver fdaa::1\n', '/etc/none': 'search example\n' }
    expect(load({ forward: {} }, files).forward?.zones).toMatchObject([
      { zone: '.', upstreams: [{ address: '192.0.2.1' }, { address: 'fdaa::1' }] },
    ])
    expect(faultsOf({ forward: { upstreams: ['/etc/none'] } }, files)[0]).toMatch(/names no server/)
  })
})

describe('the cache', () => {
  it('that the file speaks of needs forwarding, without which it has no effect', () => {
    expect(faultsOf({ cache: { stale: '1h' } })).toEqual([
      'dns.cache: needs "dns.forward": it keeps what upstreams say, and nobody is asked',
    ])
    expect(faultsOf({ cache: {} })).toHaveLength(1)
    expect(faultsOf({ cache: null })).toEqual([])
    expect(load({ cache: { stale: '2h' }, forward: { upstreams: ['192.0.2.53'] } }).cache?.stale).toBe(7_200_000)
  })
})
