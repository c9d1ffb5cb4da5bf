import { describe, expect, it } from 'vitest'
import { type Config, ConfigError, type Flags, loadChange, loadConfig, type Surroundings } from '#src/config.ts'
import { WaypostError } from '#src/errors.ts'
import { formatPrefix } from '#src/ip/prefix.ts'
import { fakeSurroundings } from '#support/surroundings.ts'

const CONTRACT = `
networks:
  - name: personal
    prefix: fdaa:0:48c8::/48
    cluster:
      name: hello
      domain: cluster.local
      serviceCidr: fdaa:0:48c8:0:1::/112
      source: { manifests: ./examples/kuard }
pool: { rest: 10m, lease: 90s }
dns:  { listen: ["[::1]:1053"], ttl: 5, workers: auto, zones: ./zones, pods: insecure }
http: { listen: "[::1]:8053" }
data: ./data
`
const NETWORK = 'networks: [{ name: a, cluster: { source: { manifests: m } } }]\n'

function load(text: string, flags: Flags = {}, other: Partial<Surroundings> = {}): Config {
  return loadConfig({
    file: '/etc/waypost/w.yaml',
    flags,
    surroundings: fakeSurroundings({ '/etc/waypost/w.yaml': text }, other),
  })
}

function loadFlags(flags: Flags, surroundings: Surroundings = fakeSurroundings()): Config {
  return loadConfig({ file: null, flags, surroundings })
}

/** The faults of a configuration as `path (line): reason`. */
function faultsOf(text: string, flags: Flags = {}): string[] {
  try {
    load(text, flags)
  } catch (error) {
    if (error instanceof ConfigError)
      return error.faults.map(({ path, line, reason }) => `${path} (${line}): ${reason}`)
    throw error
  }
  return []
}

function errorOf(run: () => unknown): { code: string; message: string } {
  try {
    run()
  } catch (error) {
    if (error instanceof WaypostError) return { code: error.code, message: error.message }
    throw error
  }
  throw new Error('nothing was thrown')
}

describe('the configuration file', () => {
  it('of the contract is read as it is meant', () => {
    const config = load(CONTRACT)
    const network = config.networks[0]
    expect(network?.name).toBe('personal')
    expect(network?.prefix && formatPrefix(network.prefix)).toBe('fdaa:0:48c8::/48')
    expect(network?.cluster).toMatchObject({
      name: 'hello',
      domain: 'cluster.local',
      source: { manifests: '/etc/waypost/examples/kuard' },
    })
    expect(config.pool).toEqual({ restMs: 600_000, leaseMs: 90_000 })
    expect(config.dns).toMatchObject({
      listen: [{ address: '::1', port: 1053 }],
      ttl: 5,
      workers: 3,
      zones: '/etc/waypost/zones',
      pods: 'insecure',
    })
    expect(config.http.listen).toEqual({ address: '::1', port: 8053 })
    expect(config.data).toBe('/etc/waypost/data')
  })

  it('has every fault reported at once, each with its path and line', () => {
    const faults = faultsOf(`networks:
  - name: A
    prefix: fdaa:0:48c8::1/48
    cluster:
      domian: cluster.local
      source: { manifests: m }
pool: { rest: 10q }
dns:
  ttl: 3601
  listen: ["::1:1053", "[::1]:53"]
`)
    expect(faults).toEqual([
      'networks[0].name (2): "A" must be 1 to 63 lower-case letters, digits and inner hyphens',
      'networks[0].prefix (3): "fdaa:0:48c8::1/48" is no prefix: it has bits set behind its length; the block is fdaa:0:48c8::/48',
      'networks[0].cluster.domian (5): is no known key (did you mean "domain"?)',
      'pool.rest (7): "10q" must be a duration such as 10m, 90s or 1h30m',
      'dns.ttl (9): 3601 must be a whole number from 0 to 3600',
      'dns.listen[0] (10): "::1:1053" must be an address and a port such as [::1]:1053 or 127.0.0.1:1053',
    ])
  })

  it('cannot give one port to two listeners', () => {
    const text = `${NETWORK}http:\n  listen: "[::]:8053"\n  probes: ["[::]:8080", "[::]:8053", "[::]:8080"]\n`
    expect(faultsOf(text)).toEqual([
      'http.probes[1] (4): "[::]:8053" is taken by http.listen already',
      'http.probes[2] (4): "[::]:8080" is taken by http.probes[0] already',
    ])
  })

  it('has faults on the line of the key', () => {
    expect(faultsOf(`${NETWORK}dns:\n  ttl:\n    5000\n`)[0]).toMatch(/^dns\.ttl \(3\)/)
  })

  it('that is no YAML is refused with the line', () => {
    expect(faultsOf(`${NETWORK}dns: { listen: [::1]:53 }\n`)[0]).toMatch(/^ \(2\): is no YAML/)
  })

  it('that is no YAML has no other fault', () => {
    expect(faultsOf(`nonsense: [\n${NETWORK}`)).toEqual([expect.stringMatching(/is no YAML/)])
  })

  it('refuses a key that is written twice', () => {
    expect(faultsOf(`${NETWORK}data: a\ndata: b\n`)[0]).toMatch(/^ \(3\): is no YAML: .*unique/)
  })

  it('may leave out every section, and may leave one empty', () => {
    expect(load(`${NETWORK}dns:\n`)).toEqual(load(NETWORK))
  })

  it('must name a network unless a flag names manifests', () => {
    expect(faultsOf('data: d')[0]).toMatch(/^networks \(null\): is missing/)
    expect(faultsOf('')[0]).toMatch(/^networks \(null\): is missing/)
    expect(load('data: d', { manifests: 'm' }).networks[0]?.cluster.source.manifests).toBe('/work/m')
  })

  it('names the Kubernetes API as a source, with nothing but defaults or with selectors', () => {
    const source = (text: string): unknown =>
      load(`networks: [{ name: a, cluster: { source: ${text} } }]`).networks[0]?.cluster.source.kubernetes
    const defaults = { kubeconfig: null, context: null, namespaces: null, labelSelector: null }
    expect(source('{ kubernetes: {} }')).toEqual(defaults)
    expect(source('{ kubernetes: }')).toEqual(defaults)
    expect(
      source(
        '{ kubernetes: { kubeconfig: ~/.kube/config, context: hello, namespaces: [a, b], labelSelector: "x in (y, z),!w" } }',
      ),
    ).toEqual({
      kubeconfig: '/home/user/.kube/config',
      context: 'hello',
      namespaces: ['a', 'b'],
      labelSelector: 'x in (y, z),!w',
    })
  })

  it('needs exactly one source for a cluster, and selectors that a server would take', () => {
    const faults = (source: string): string[] =>
      faultsOf(`networks: [{ name: a, cluster: { source: ${source} } }]`).map(fault =>
        fault.replace('networks[0].cluster.', ''),
      )
    expect(faults('{}')).toEqual(['source (1): names no source: it needs manifests or kubernetes'])
    expect(faults('{ manifests: m, kubernetes: {} }')).toEqual(['source (1): names two sources: a cluster has one'])
    expect(faults('{ kubernetes: { namespaces: [], labelSelector: "a=b=c", konfig: x } }')).toEqual([
      'source.kubernetes.konfig (1): is no known key; the keys here are kubeconfig, context, namespaces, labelSelector',
      'source.kubernetes.namespaces (1): must be a list with at least 1 item',
      'source.kubernetes.labelSelector (1): "a=b=c" must be a label selector such as tier=front,!internal or tier in (front,back)',
    ])
  })

  it('says that an API server gives the addresses of its Services', () => {
    const giver = (source: string): unknown =>
      load(`networks: [{ name: a, cluster: { source: ${source} } }]`).networks[0]?.cluster.addressGiver
    expect([giver('{ manifests: m }'), giver('{ kubernetes: {} }')]).toEqual(['pool', 'api-server'])
  })

  it('that cannot be read is its own error', () => {
    const error = errorOf(() => loadConfig({ file: 'x.yaml', flags: {}, surroundings: fakeSurroundings() }))
    expect(error).toEqual({ code: 'WAY_CONFIG_UNREADABLE', message: expect.stringContaining('"/work/x.yaml"') })
  })

  it('takes ~ for the home folder', () => {
    expect(load(`${NETWORK}data: ~/state`).data).toBe('/home/user/state')
  })

  it('survives aliases that multiply', () => {
    const levels = Array.from(
      { length: 12 },
      (_, i) => `x${i}: &x${i} [${i === 0 ? '1' : `*x${i - 1}, *x${i - 1}, *x${i - 1}, *x${i - 1}`}]`,
    )
    expect(faultsOf(levels.join('\n'))[0]).toContain('more values')
  })

  it('is frozen to its leaves', () => {
    const config = load(CONTRACT)
    expect(
      Object.isFrozen(config) && Object.isFrozen(config.dns.tcp) && Object.isFrozen(config.networks[0]?.cluster),
    ).toBe(true)
  })
})

describe('networks', () => {
  const two = (first: string, second: string) => `networks:
  - { name: a, ${first} }
  - { name: b, ${second} }
`
  const cluster = (cidr: string, domain = 'cluster.local') =>
    `cluster: { domain: ${domain}, serviceCidr: "${cidr}", source: { manifests: m } }`

  it('need a prefix each as soon as there are two', () => {
    const faults = faultsOf(two(cluster('fdaa::/112'), `prefix: "fdab::/48", ${cluster('fdab::/112')}`))
    expect(faults).toEqual(['networks[0].prefix (2): is missing; with several networks each needs its prefix'])
  })

  it('may nest but never share a block', () => {
    const nested = two(
      `prefix: "fdaa::/16", ${cluster('fdaa::/112')}`,
      `prefix: "fdaa:1::/32", ${cluster('fdaa:1::/112')}`,
    )
    expect(load(nested).networks).toHaveLength(2)
    const shared = two(
      `prefix: "fdaa::/16", ${cluster('fdaa::/112')}`,
      `prefix: "fdab::/16", sources: ["fdaa::/16"], ${cluster('fdab::/112')}`,
    )
    expect(faultsOf(shared)).toEqual([
      'networks[1].sources[0] (3): "fdaa::/16" is networks[0].prefix already; a source sees one network only',
    ])
  })

  it('cannot have further sources when every source sees them anyway', () => {
    const text = `networks: [{ name: a, sources: ["::1/128"], ${cluster('fdaa::/112')} }]`
    expect(faultsOf(text)[0]).toMatch(/^networks\[0\]\.sources \(1\): has no effect without a prefix/)
  })

  it('have names of their own', () => {
    const same = `networks:\n  - { name: a, prefix: "fdaa::/48", ${cluster('fdaa::/112')} }\n  - { name: a, prefix: "fdab::/48", ${cluster('fdab::/112')} }\n`
    expect(faultsOf(same)).toEqual(['networks[1].name (3): "a" is the name of networks[0] already'])
  })

  it('hold their pool', () => {
    const outside = `networks: [{ name: a, prefix: "fdaa::/48", ${cluster('fdab::/112')} }]`
    expect(faultsOf(outside)).toEqual([
      'networks[0].cluster.serviceCidr (1): "fdab::/112" must lie inside the network\'s prefix fdaa::/48',
    ])
  })

  it.each(['flycast', 'x.flycast', 'ip6.arpa'])('cannot take %s for their domain', domain => {
    expect(faultsOf(`networks: [{ name: a, ${cluster('fdaa::/112', domain)} }]`)[0]).toContain('Waypost makes')
  })
})

describe('admission', () => {
  const NONE = { service: 'waypost', names: [], webhook: 'waypost', secret: 'waypost-admission-ca' }

  it('has no listener unless one is named, and none of its keys needs another', () => {
    expect(load(NETWORK).admission).toEqual({ listen: null, tls: 'off', ...NONE })
    const listen = '[::1]:9443'
    expect(load(`${NETWORK}admission: { listen: "${listen}" }`).admission.tls).toBe('off')
  })

  it('takes files, whose paths begin at the folder of the configuration', () => {
    const { tls } = load(`${NETWORK}admission: { listen: "[::]:9443", tls: { cert: a.crt, key: ~/a.key } }`).admission
    expect(tls).toEqual({ cert: '/etc/waypost/a.crt', key: '/home/user/a.key' })
  })

  it.each([
    ['listen: "[::]:9443", tls: off', '"off" is for loopback only'],
    ['listen: "10.0.0.1:9443", tls: off', '"off" is for loopback only'],
    ['listen: "[::]:9443"', '"auto" keeps its authority in a cluster'],
    ['listen: "[::1]:9443", tls: auto', '"auto" keeps its authority in a cluster'],
    ['listen: "[::1]:9443", tls: on', 'must be one of auto, off'],
    ['listen: "[::1]:9443", tls: { cert: a }', 'is missing'],
    ['listen: "[::1]:8053"', 'is taken by http.listen already'],
    ['webhook: Waypost', 'must be a name'],
  ])('refuses %s', (keys, reason) => {
    expect(faultsOf(`${NETWORK}admission: { ${keys} }`).join()).toContain(reason)
  })
})

describe('flags', () => {
  it('alone describe one network that every source sees', () => {
    const config = loadFlags({})
    expect(config.networks).toHaveLength(1)
    expect(config.networks[0]).toMatchObject({ name: 'default', prefix: null, sources: [] })
    expect(config.networks[0] && formatPrefix(config.networks[0].cluster.serviceCidr)).toBe('fdaa:0:48c8:0:1::/112')
    expect(config.networks[0]?.cluster.source.manifests).toBe('/package/examples/kuard')
    expect(config.dns).toMatchObject({
      ttl: 5,
      pods: 'insecure',
      zones: null,
      listen: [{ address: '::1', port: 1053 }],
    })
    expect(config.http).toMatchObject({ listen: { address: '::1', port: 8053 }, token: null })
    expect(config.data).toBe('/work/data')
  })

  it('find ./zones when it is there', () => {
    expect(loadFlags({}, fakeSurroundings({ '/work/zones/': '' })).dns.zones).toBe('/work/zones')
  })

  it('override the file; their paths begin at the working folder', () => {
    const config = load(CONTRACT, {
      manifests: 'm',
      serviceCidr: 'fdaa:0:48c8:0:2::/112',
      rest: '5s',
      zones: 'z',
      data: 'd',
      dns: ['[::1]:5301', '127.0.0.1:5301'],
      http: '[::1]:0',
      admission: '[::1]:9443',
      workers: '2',
      transport: 'portable',
      proxyName: 'fly',
      logLevel: 'debug',
    })
    expect(config.networks[0]?.cluster.source.manifests).toBe('/work/m')
    expect(config.networks[0] && formatPrefix(config.networks[0].cluster.serviceCidr)).toBe('fdaa:0:48c8:0:2::/112')
    expect(config.pool.restMs).toBe(5000)
    expect(config.dns).toMatchObject({ zones: '/work/z', workers: 2, transport: 'portable' })
    expect(config.dns.listen).toHaveLength(2)
    expect(config).toMatchObject({
      data: '/work/d',
      routes: { proxyName: 'fly' },
      log: { level: 'debug' },
      http: { listen: { port: 0 } },
      admission: { listen: { port: 9443 }, tls: 'off' },
    })
  })

  it('name a cluster: its kubeconfig and context, over what the file says of them', () => {
    const flags = { kubeconfig: 'k', context: 'c' }
    expect(loadFlags(flags).networks[0]?.cluster.source).toEqual({
      manifests: null,
      kubernetes: { kubeconfig: '/work/k', context: 'c', namespaces: null, labelSelector: null },
    })
    const text = 'networks: [{ name: a, cluster: { source: { kubernetes: { kubeconfig: f, namespaces: [n] } } } }]'
    expect(load(text, { context: 'c' }).networks[0]?.cluster.source.kubernetes).toEqual({
      kubeconfig: '/etc/waypost/f',
      context: 'c',
      namespaces: ['n'],
      labelSelector: null,
    })
    expect(load(NETWORK, { kubeconfig: 'k' }).networks[0]?.cluster.source.manifests).toBeNull()
    expect(errorOf(() => loadFlags({ manifests: 'm', kubeconfig: 'k' })).message).toMatch(/two sources/)
  })

  it('that are wrong are all named, as a usage error', () => {
    const error = errorOf(() => loadFlags({ rest: '10q', dns: ['[::1]:1', 'x'], serviceCidr: 'fdaa::1/112' }))
    expect(error.code).toBe('WAY_USAGE')
    expect(error.message).toContain(
      '--service-cidr "fdaa::1/112" is no prefix: it has bits set behind its length; the block is fdaa::/112',
    )
    expect(error.message).toContain('--rest "10q"')
    expect(error.message).toContain('--dns "x"')
  })

  it('cannot choose among several networks', () => {
    const text = `networks:
  - { name: a, prefix: "fdaa::/48", cluster: { serviceCidr: "fdaa::/112", source: { manifests: m } } }
  - { name: b, prefix: "fdab::/48", cluster: { serviceCidr: "fdab::/112", source: { manifests: m } } }
`
    expect(errorOf(() => load(text, { manifests: 'm' })).code).toBe('WAY_USAGE')
  })

  it('cannot give one port to DNS and HTTP', () => {
    expect(errorOf(() => loadFlags({ dns: ['[::1]:8053'] })).code).toBe('WAY_USAGE')
    expect(loadFlags({ dns: ['[::1]:0'], http: '[::1]:0' }).http.listen.port).toBe(0)
  })
})

describe('defaults of the machine', () => {
  it.each([
    [1, 1],
    [2, 1],
    [8, 7],
  ])('%d cores give %d workers', (cpus, workers) => {
    expect(loadFlags({}, fakeSurroundings({}, { cpus })).dns.workers).toBe(workers)
  })

  it('the transport is left to the data plane', () => {
    expect(loadFlags({}).dns.transport).toBe('auto')
  })

  it('the name of the machine is the NSID unless the file says otherwise', () => {
    expect(loadFlags({}).dns.nsid).toBe('machine')
    expect(load(`${NETWORK}dns: { nsid: null }`).dns.nsid).toBeNull()
  })
})

describe('the token', () => {
  const withFile = `${NETWORK}http: { tokenFile: token }`

  it('comes from the environment first, then from the file', () => {
    const files = { '/w.yaml': withFile, '/token': 'from-file\n' }
    const read = (env: Record<string, string>) =>
      loadConfig({ file: '/w.yaml', flags: {}, surroundings: fakeSurroundings(files, { env }) }).http.token
    expect(read({ WAYPOST_TOKEN: 'from-env' })).toBe('from-env')
    expect(read({})).toBe('from-file')
  })

  it('that no client could send is refused without being shown', () => {
    const error = errorOf(() => loadFlags({}, fakeSurroundings({}, { env: { WAYPOST_TOKEN: 'two words' } })))
    expect(error.code).toBe('WAY_CONFIG_INVALID')
    expect(error.message).not.toContain('two words')
  })
})

describe('the secrets of cookies', () => {
  const secretsOf = (text: string): string[] | undefined => {
    const files = { '/w.yaml': `${NETWORK}dns: { cookies: { secretFile: secrets } }`, '/secrets': text }
    const { dns } = loadConfig({ file: '/w.yaml', flags: {}, surroundings: fakeSurroundings(files) })
    return dns.cookies?.secrets?.map(secret => Buffer.from(secret).toString('hex'))
  }

  it('are lines of the file, the one that makes cookies first', () => {
    expect(secretsOf(`# new\n${'aB'.repeat(16)}\n\n  ${'01'.repeat(16)}  \n`)).toEqual([
      'ab'.repeat(16),
      '01'.repeat(16),
    ])
  })

  it('are left to the process without a file, and there are none when cookies are off', () => {
    expect(load(NETWORK).dns.cookies).toEqual({ secrets: null, required: false })
    expect(load(`${NETWORK}dns: { cookies: null }`).dns.cookies).toBeNull()
  })

  it.each(['', '# none', 'ab'.repeat(15), 'xy'.repeat(16), `${'ab'.repeat(16)}\n`.repeat(5)])(
    'of the file %j are refused without being shown',
    text => {
      const error = errorOf(() => secretsOf(text))
      expect(error.code).toBe('WAY_CONFIG_INVALID')
      expect(error.message).not.toContain('abab')
    },
  )
})

describe('encrypted transports', () => {
  const tls = 'tls: { listen: ["[::1]:853"], cert: c.pem, key: /k.pem }'

  it('need their listeners and their files, whose paths begin at the folder of the file', () => {
    const { dns } = load(`${NETWORK}dns: { ${tls}, https: { listen: ["[::1]:443"], cert: c, key: k, path: /dns } }`)
    expect(dns.tls).toEqual({ listen: [{ address: '::1', port: 853 }], cert: '/etc/waypost/c.pem', key: '/k.pem' })
    expect(dns.https?.path).toBe('/dns')
    expect(load(NETWORK).dns).toMatchObject({ tls: null, https: null, proxyProtocol: null })
    expect(faultsOf(`${NETWORK}dns: { tls: {} }`)).toHaveLength(3)
  })

  it('have a path that a URL can have', () => {
    for (const path of ['dns-query', '/a b', '/a?b', '/a#b', '']) {
      const text = `${NETWORK}dns: { https: { listen: ["[::1]:443"], cert: c, key: k, path: ${JSON.stringify(path)} } }`
      expect(faultsOf(text)).toHaveLength(1)
    }
  })

  it('cannot have the port of another listener', () => {
    expect(faultsOf(`${NETWORK}dns: { ${tls.replace('853', '1053')} }`)).toEqual([
      'dns.tls.listen[0] (2): "[::1]:1053" is taken by dns.listen[0] already',
    ])
  })

  it('share the limits of connections', () => {
    expect(load(NETWORK).dns.tcp.maxConnectionsPerSource).toBe(256)
    expect(load(`${NETWORK}dns: { tcp: { maxConnections: 8 } }`).dns.tcp.maxConnectionsPerSource).toBe(16)
    expect(load(`${NETWORK}dns: { tcp: { maxConnectionsPerSource: 3 } }`).dns.tcp.maxConnectionsPerSource).toBe(3)
  })
})

describe('PROXY headers', () => {
  it('are taken on listeners that exist, from peers that are named', () => {
    const proxy = 'proxyProtocol: { listen: ["[::1]:1053"], trusted: [10.0.0.0/8] }'
    const { dns } = load(`${NETWORK}dns: { ${proxy} }`)
    expect(dns.proxyProtocol?.trusted.map(formatPrefix)).toEqual(['10.0.0.0/8'])
    expect(faultsOf(`${NETWORK}dns: { ${proxy.replace('1053', '53')} }`)).toEqual([
      'dns.proxyProtocol.listen[0] (2): "[::1]:53" is no listener of dns: [::1]:1053',
    ])
    expect(faultsOf(`${NETWORK}dns: { ${proxy.replace('10.0.0.0/8', '')} }`)).toHaveLength(1)
  })
})

describe('the rate limit', () => {
  it('is off, and when it is on it spares local sources', () => {
    expect(load(NETWORK).dns.rateLimit).toBeNull()
    const limit = load(`${NETWORK}dns: { rateLimit: { responsesPerSecond: 20 } }`).dns.rateLimit
    expect(limit).toMatchObject({ responsesPerSecond: 20, slip: 2, ipv4Prefix: 24, ipv6Prefix: 56 })
    expect(limit?.exempt.map(formatPrefix)).toEqual(
      expect.arrayContaining(['127.0.0.0/8', '10.0.0.0/8', '192.168.0.0/16', '::1/128', 'fc00::/7']),
    )
  })

  it('can be asked for from every source', () => {
    const { rateLimit } = load(`${NETWORK}dns: { rateLimit: { responsesPerSecond: 20, exempt: [] } }`).dns
    expect(rateLimit?.exempt).toEqual([])
  })

  it('needs its rate, and sane prefixes', () => {
    expect(faultsOf(`${NETWORK}dns: { rateLimit: { ipv6Prefix: 65, slip: 11 } }`)).toHaveLength(3)
  })
})

describe('a changed configuration', () => {
  it('takes cookies and the rate limit at once', () => {
    const after = load(`${NETWORK}dns: { cookies: { required: true }, rateLimit: { responsesPerSecond: 5 } }`)
    expect(loadChange(load(NETWORK), after).fixed).toEqual([])
  })

  it('tells what takes effect at once from what waits for a restart', () => {
    const after = load(
      CONTRACT.replace('ttl: 5', 'ttl: 9').replace('rest: 10m', 'rest: 11m').replace('"[::1]:8053"', '"[::1]:8054"'),
    )
    expect(loadChange(load(CONTRACT), after)).toEqual({
      reloadable: ['dns.ttl'],
      fixed: ['http.listen.port', 'pool.rest'],
    })
  })

  it('is none when only the writing differs', () => {
    expect(loadChange(load(CONTRACT), load(CONTRACT.replace('rest: 10m', 'rest: 600s')))).toEqual({
      reloadable: [],
      fixed: [],
    })
  })

  it('names a network whose prefix changed', () => {
    const after = load(CONTRACT.replace('prefix: fdaa:0:48c8::/48', 'prefix: fdaa:0::/32'))
    expect(loadChange(load(CONTRACT), after)).toEqual({ reloadable: [], fixed: ['networks[0].prefix'] })
  })
})
