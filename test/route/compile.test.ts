import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type EndpointSlice, READY, SERVING, TERMINATING } from '#src/cluster/objects.ts'
import { compareAddresses, parseAddress } from '#src/ip/address.ts'
import { compileRoutes, compileSyncVersion, type RouteFacts } from '#src/route/compile.ts'
import { serviceSyncVersion } from '#src/route/hash.ts'
import type { Backend, Route } from '#src/route/route.ts'
import { address } from '#support/ip.ts'
import { conditionBits, service, servicePort, slice, slicePort } from './fixtures.ts'

const VIP = 'fdaa:0:48c8:0:1::1a'
const NO_PROXY = { proxyName: null }

/** The routes; every time the Service's sync version is checked, which is made without them. */
function compile(fields: Partial<RouteFacts>): Route[] {
  const facts = { service: service(), addresses: [address(VIP)], slices: [], ...fields }
  const routes = compileRoutes(facts, NO_PROXY)
  expect(compileSyncVersion(facts, NO_PROXY)).toBe(serviceSyncVersion(routes))
  return routes
}

function backendsOf(...slices: EndpointSlice[]): readonly Backend[] {
  return compile({ slices })[0]?.backends ?? []
}

describe('the shape of a route', () => {
  it("is the contract's example, keys in its order", () => {
    const routes = compile({
      service: service({
        ports: [servicePort({ port: 8080 })],
        annotations: { 'service.fly.io/concurrency-limit-soft': '20' },
      }),
      slices: [slice([{ address: 'fdaa:0:48c8:a7b:228:4b6d:6e20:2', zone: 'iad' }])],
    })
    expect(JSON.stringify(routes).replace(/"syncVersion":"[0-9]+"/, '"syncVersion":"…"')).toBe(
      '[{"service":"default/kuard","port":"http","protocol":"TCP","address":"fdaa:0:48c8:0:1::1a","number":8080,' +
        '"appProtocol":null,"syncVersion":"…","sessionAffinity":null,"internalTrafficPolicy":"Cluster",' +
        '"externalTrafficPolicy":null,"trafficDistribution":null,' +
        '"annotations":{"service.fly.io/concurrency-limit-soft":"20"},' +
        '"backends":[{"address":"fdaa:0:48c8:a7b:228:4b6d:6e20:2","port":8080,"state":"ready","zone":"iad",' +
        '"node":null,"forZones":[],"forNodes":[]}]}]',
    )
  })

  it('has null for an unnamed port, and the affinity timeout as an object', () => {
    const ports = [servicePort({ name: '' })]
    const [route] = compile({
      service: service({ ports, affinityTimeoutSeconds: 10_800, externalTrafficPolicy: 'Local' }),
      slices: [slice([{ address: 'fdaa::1' }], { ports: [slicePort({ name: '' })] })],
    })
    expect(route).toMatchObject({
      port: null,
      sessionAffinity: { timeoutSeconds: 10_800 },
      externalTrafficPolicy: 'Local',
      backends: [{ address: 'fdaa::1' }],
    })
  })

  it('comes once per Service port and address, sorted by port name, protocol and address', () => {
    const routes = compile({
      service: service({
        ports: [
          servicePort({ name: 'web' }),
          servicePort({ name: 'dns', protocol: 'UDP', port: 53 }),
          servicePort({ name: 'dns', protocol: 'TCP', port: 53 }),
        ],
      }),
      addresses: [address(VIP), address('10.0.0.1')],
    })
    expect(routes.map(route => `${route.port} ${route.protocol} ${route.address}`)).toEqual([
      'dns TCP 10.0.0.1',
      `dns TCP ${VIP}`,
      'dns UDP 10.0.0.1',
      `dns UDP ${VIP}`,
      'web TCP 10.0.0.1',
      `web TCP ${VIP}`,
    ])
  })

  it('does not exist for headless and ExternalName Services and those without an address', () => {
    expect(compile({ service: service({ headless: true }) })).toEqual([])
    expect(compile({ service: service({ type: 'ExternalName' }) })).toEqual([])
    expect(compile({ addresses: [] })).toEqual([])
  })

  it('stays when there is no endpoint', () => {
    expect(compile({})).toMatchObject([{ address: VIP, backends: [] }])
  })

  it("exists for a Service of another proxy only when that proxy's name is ours", () => {
    const facts = { service: service({ proxyName: 'waypost' }), addresses: [address(VIP)], slices: [] }
    expect(compileRoutes(facts, { proxyName: null })).toEqual([])
    expect(compileRoutes(facts, { proxyName: 'cilium' })).toEqual([])
    expect(compileRoutes(facts, { proxyName: 'waypost' })).toHaveLength(1)
    expect(compileRoutes({ ...facts, service: service() }, { proxyName: 'waypost' })).toHaveLength(1)
  })
})

describe('conditions', () => {
  const table: readonly [conditions: string, state: string | null][] = [
    ['', null],
    ['r', 'ready'],
    ['s', null],
    ['t', null],
    ['rs', 'ready'],
    ['rt', 'ready'],
    ['st', 'draining'],
    ['rst', 'ready'],
  ]
  it.each(table)('ready, serving, terminating = "%s" gives %s', (conditions, state) => {
    const found = backendsOf(slice([{ address: 'fdaa::1', conditions }]))
    expect(found.map(backend => backend.state)).toEqual(state === null ? [] : [state])
  })
})

describe('the join of slices and Service ports', () => {
  it('is by port name and protocol; the number is the slice’s', () => {
    const ports = [
      slicePort({ name: 'http', port: 9000 }),
      slicePort({ name: 'http', protocol: 'UDP', port: 9001 }),
      slicePort({ name: 'other', port: 9002 }),
    ]
    expect(backendsOf(slice([{ address: 'fdaa::1' }], { ports })).map(backend => backend.port)).toEqual([9000])
  })

  it('skips slice ports without a name or a number', () => {
    const ports = [slicePort({ name: null }), slicePort({ port: null }), slicePort({ port: 0 })]
    expect(backendsOf(slice([{ address: 'fdaa::1' }], { ports }))).toEqual([])
  })

  it('keeps to the family of the route’s address, and ignores FQDN slices', () => {
    const slices = [
      slice([{ address: 'fdaa::1' }], { name: 'a' }),
      slice([{ address: '10.1.0.1' }], { name: 'b' }),
      slice([{ address: 'fdaa::3' }], { name: 'c', addressType: 'FQDN' }),
    ]
    const routes = compile({ addresses: [address(VIP), address('10.0.0.1')], slices })
    expect(routes.map(route => route.backends.map(backend => backend.address))).toEqual([['10.1.0.1'], ['fdaa::1']])
  })

  it('lets one pod resolve a named port to another number than the next pod', () => {
    const found = backendsOf(
      slice([{ address: 'fdaa::2' }], { name: 'a', ports: [slicePort({ port: 8081 })] }),
      slice([{ address: 'fdaa::1' }], { name: 'b', ports: [slicePort({ port: 8080 })] }),
    )
    expect(found.map(backend => `${backend.address} ${backend.port}`)).toEqual(['fdaa::1 8080', 'fdaa::2 8081'])
  })

  it('takes appProtocol of the Service port, else of the first slice by name that has one', () => {
    const slices = [
      slice([{ address: 'fdaa::1' }], { name: 'b', ports: [slicePort({ appProtocol: 'kubernetes.io/ws' })] }),
      slice([{ address: 'fdaa::2' }], { name: 'c', ports: [slicePort({ appProtocol: 'http' })] }),
      slice([{ address: 'fdaa::3' }], { name: 'a' }),
    ]
    expect(compile({ slices })[0]?.appProtocol).toBe('kubernetes.io/ws')
    const own = service({ ports: [servicePort({ appProtocol: 'kubernetes.io/h2c' })] })
    expect(compile({ service: own, slices })[0]?.appProtocol).toBe('kubernetes.io/h2c')
  })

  it('carries zone, node and hints of each backend', () => {
    const spec = { zone: 'iad', node: 'n1', forZones: ['iad', 'ord'], forNodes: ['n1'] }
    expect(backendsOf(slice([{ address: 'fdaa::1', ...spec }]))).toEqual([
      { address: 'fdaa::1', port: 8080, state: 'ready', ...spec },
    ])
  })
})

describe('one address and port in several slices', () => {
  const pairs: readonly [better: string, worse: string][] = [
    ['rs', 'rst'],
    ['', 'rst'],
    ['s', 'st'],
    ['r', 's'],
    ['rs', 'r'],
    ['s', ''],
    ['rst', 'st'],
    ['rt', 'st'],
    ['st', 't'],
  ]
  it.each(pairs)('"%s" stays before "%s", whatever the slices are called', (better, worse) => {
    for (const [first, second] of [
      ['a', 'b'],
      ['b', 'a'],
    ] as const) {
      const found = backendsOf(
        slice([{ address: 'fdaa::1', conditions: worse, node: 'worse' }], { name: first }),
        slice([{ address: 'fdaa::1', conditions: better, node: 'better' }], { name: second }),
      )
      const state =
        conditionBits(better) & READY ? 'ready' : conditionBits(better) === (SERVING | TERMINATING) ? 'draining' : null
      expect(found.map(backend => `${backend.node} ${backend.state}`)).toEqual(
        state === null ? [] : [`better ${state}`],
      )
    }
  })

  it('is decided by the slice’s name when the conditions are equal, never by the order of the slices', () => {
    const a = slice([{ address: 'fdaa::1', node: 'of-a' }], { name: 'a' })
    const b = slice([{ address: 'fdaa::1', node: 'of-b' }], { name: 'b' })
    expect(backendsOf(b, a).map(backend => backend.node)).toEqual(['of-a'])
    expect(backendsOf(a, b).map(backend => backend.node)).toEqual(['of-a'])
  })

  it('is no duplicate when the port differs', () => {
    const found = backendsOf(
      slice([{ address: 'fdaa::1' }], { name: 'a', ports: [slicePort({ port: 2 })] }),
      slice([{ address: 'fdaa::1' }], { name: 'b', ports: [slicePort({ port: 1 })] }),
    )
    expect(found.map(backend => backend.port)).toEqual([1, 2])
  })
})

describe('sync versions', () => {
  const base: RouteFacts = {
    service: service({ annotations: { 'service.fly.io/a': '1' } }),
    addresses: [address(VIP)],
    slices: [slice([{ address: 'fdaa::1', zone: 'iad' }])],
  }
  const versionOf = (facts: Partial<RouteFacts>): string | undefined => compile({ ...base, ...facts })[0]?.syncVersion

  it('change with everything in the route', () => {
    const variants: Partial<RouteFacts>[] = [
      {},
      { addresses: [address('fdaa:0:48c8:0:1::1b')] },
      { service: service({ ...base.service, key: 'default/other' }) },
      { service: service({ ...base.service, ports: [servicePort({ port: 81 })] }) },
      { service: service({ ...base.service, ports: [servicePort({ appProtocol: 'http' })] }) },
      { service: service({ ...base.service, affinityTimeoutSeconds: 1 }) },
      { service: service({ ...base.service, internalTrafficPolicy: 'Local' }) },
      { service: service({ ...base.service, externalTrafficPolicy: 'Local' }) },
      { service: service({ ...base.service, trafficDistribution: 'PreferSameZone' }) },
      { service: service({ ...base.service, annotations: { 'service.fly.io/a': '2' } }) },
      { service: service({ ...base.service, annotations: { 'service.fly.io/a1': '' } }) },
      { service: service({ ...base.service, annotations: {} }) },
      { slices: [] },
      { slices: [slice([{ address: 'fdaa::2', zone: 'iad' }])] },
      { slices: [slice([{ address: 'fdaa::1', zone: 'ord' }])] },
      { slices: [slice([{ address: 'fdaa::1', node: 'iad' }])] },
      { slices: [slice([{ address: 'fdaa::1', zone: 'iad', conditions: 'st' }])] },
      { slices: [slice([{ address: 'fdaa::1', zone: 'iad', forZones: ['iad'] }])] },
      { slices: [slice([{ address: 'fdaa::1', zone: 'iad', forNodes: ['iad'] }])] },
      { slices: [slice([{ address: 'fdaa::1', zone: 'iad' }], { ports: [slicePort({ port: 8081 })] })] },
    ]
    const versions = variants.map(versionOf)
    expect(new Set(versions).size).toBe(variants.length)
    for (const version of versions) expect(BigInt(version ?? -1) >> 64n).toBe(0n)
  })

  it('do not change with what is not in the route', () => {
    const other = service({ ...base.service, created: 1, selector: { app: 'x' }, origin: 'elsewhere' })
    const slices = [
      slice([{ address: 'fdaa::1', zone: 'iad', hostname: 'h' }], { name: 'z', origin: 'elsewhere' }),
      slice([{ address: 'fdaa::9', conditions: '' }], { name: 'y' }),
    ]
    expect(versionOf({ service: other, slices })).toBe(versionOf({}))
  })

  it('are pinned: every replica of every build agrees', () => {
    expect(versionOf({})).toBe('18286315654314306588')
    expect(serviceSyncVersion(compile(base))).toBe('16917500330378781389')
  })

  it('of a Service follow its routes, and are null without any', () => {
    expect(serviceSyncVersion([])).toBeNull()
    const one = compile(base)
    const two = compile({ ...base, addresses: [address(VIP), address('10.0.0.1')] })
    expect(serviceSyncVersion(two)).not.toBe(serviceSyncVersion(one))
    expect(serviceSyncVersion(two)).not.toBe(serviceSyncVersion(two.toReversed()))
  })
})

describe('any slices', () => {
  const endpoint = fc.record({
    address: fc.integer({ min: 1, max: 12 }).map(n => `fdaa::${n.toString(16)}:${((n * 7) % 5).toString(16)}`),
    conditions: fc
      .integer({ min: 0, max: 7 })
      .map(bits => `${bits & 1 ? 'r' : ''}${bits & 2 ? 's' : ''}${bits & 4 ? 't' : ''}`),
    node: fc.constantFrom('n1', 'n2', 'n3'),
  })
  const slices = fc.uniqueArray(
    fc.record({
      name: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
      port: fc.constantFrom(1, 2),
      endpoints: fc.array(endpoint, { maxLength: 60 }),
    }),
    { selector: spec => spec.name, maxLength: 5 },
  )

  it('give the same routes in whatever order they come, sorted and without duplicates, as a naive reading does', () => {
    fc.assert(
      fc.property(slices, fc.infiniteStream(fc.nat()), (specs, numbers) => {
        const made = specs.map(spec =>
          slice(spec.endpoints, { name: spec.name, addressType: 'IPv6', ports: [slicePort({ port: spec.port })] }),
        )
        const shuffled = made
          .map(value => ({ value, key: numbers.next().value ?? 0 }))
          .toSorted((x, y) => x.key - y.key)
          .map(({ value }) => value)
        const routes = compile({ slices: made })
        expect(compile({ slices: shuffled })).toEqual(routes)
        expect(routes[0]?.backends.map(b => `${b.address} ${b.port} ${b.state} ${b.node}`)).toEqual(naive(specs))
      }),
    )
  })

  function naive(
    specs: readonly {
      name: string
      port: number
      endpoints: readonly { address: string; conditions: string; node: string }[]
    }[],
  ): string[] {
    const best = new Map<string, { rank: string; text: string | null; address: string; port: number }>()
    for (const { name, port, endpoints } of specs) {
      endpoints.forEach(({ address: text, conditions, node }, i) => {
        const rank =
          [conditions.includes('t'), !conditions.includes('r'), !conditions.includes('s')].map(Number).join('') +
          name +
          String(i).padStart(4, '0')
        const state = conditions.includes('r') ? 'ready' : conditions === 'st' ? 'draining' : null
        const key = `${text} ${port}`
        const held = best.get(key)
        if (held === undefined || rank < held.rank) {
          best.set(key, { rank, text: state === null ? null : `${key} ${state} ${node}`, address: text, port })
        }
      })
    }
    return [...best.values()]
      .toSorted(
        (x, y) =>
          compareAddresses(
            parseAddress(x.address) ?? new Uint8Array(16),
            parseAddress(y.address) ?? new Uint8Array(16),
          ) || x.port - y.port,
      )
      .flatMap(({ text }) => (text === null ? [] : [text]))
  }
})
