import { describe, expect, it } from 'vitest'
import { READY, SERVING, TERMINATING } from '#src/cluster/objects.ts'
import { Interner, listItems, stripObject } from '#src/cluster/strip.ts'
import { formatAddress } from '#src/ip/address.ts'
import { addressesOf, faultsOf, namespaceValue, objectOf, pod, podValue, slice, sliceValue, strip } from './values.ts'

function endpoint(fields: object): object {
  return { addresses: ['fd00::1'], ...fields }
}

describe('an EndpointSlice', () => {
  it('is packed, with the API server’s defaults', () => {
    const stripped = slice({ ports: [{ port: 8080 }], endpoints: [{ addresses: ['FD00:0::1'] }] })
    expect(stripped).toMatchObject({
      key: 'default/kuard-abcde',
      service: 'default/kuard',
      addressType: 'IPv6',
      ports: [{ name: '', port: 8080, protocol: 'TCP', appProtocol: null }],
      meta: [{ hostname: null, node: null, zone: null, forZones: [], forNodes: [] }],
    })
    expect(addressesOf(stripped)).toEqual(['fd00::1'])
  })

  it.each([
    [undefined, READY | SERVING],
    [{}, READY | SERVING],
    [{ ready: null, serving: null, terminating: null }, READY | SERVING],
    [{ ready: true }, READY | SERVING],
    [{ ready: false }, 0],
    [{ serving: false }, READY],
    [{ ready: false, serving: true }, SERVING],
    [{ ready: false, serving: true, terminating: true }, SERVING | TERMINATING],
    [{ terminating: true }, READY | SERVING | TERMINATING],
  ])('conditions %j', (conditions, expected) => {
    expect(slice({ endpoints: [endpoint({ conditions })] }).conditions).toEqual(Uint8Array.of(expected))
  })

  it('keeps node, zone, hostname and hints', () => {
    const hints = { forZones: [{ name: 'ord' }, { name: 'iad' }, { name: 'iad' }], forNodes: [{ name: 'n2' }] }
    const [meta] = slice({ endpoints: [endpoint({ nodeName: 'n1', zone: 'iad', hostname: 'db-0', hints })] }).meta
    expect(meta).toEqual({ hostname: 'db-0', node: 'n1', zone: 'iad', forZones: ['iad', 'ord'], forNodes: ['n2'] })
  })

  it('shares the meta of endpoints on one node', () => {
    const { meta } = slice({
      endpoints: [
        { addresses: ['fd00::1'], nodeName: 'n1' },
        { addresses: ['fd00::2'], nodeName: 'n2' },
        { addresses: ['fd00::3'], nodeName: 'n1' },
      ],
    })
    expect(meta[2]).toBe(meta[0])
    expect(meta[1]).not.toBe(meta[0])
  })

  it('only the first address of an endpoint counts', () => {
    expect(addressesOf(slice({ endpoints: [{ addresses: ['fd00::1', '::1'] }] }))).toEqual(['fd00::1'])
  })

  it('is of no Service without the label', () => {
    expect(slice({}, { labels: {} }).service).toBeNull()
  })

  it('a port without a number stays, and 0 is none', () => {
    expect(slice({ ports: [{ name: 'a' }, { name: 'b', port: 0 }] }).ports.map(port => port.port)).toEqual([null, null])
  })

  it('of type FQDN has no endpoints here', () => {
    expect(slice({ addressType: 'FQDN', endpoints: [{ addresses: ['example.com'] }] })).toMatchObject({
      addressType: 'FQDN',
      meta: [],
    })
  })

  it.each([
    ['no address', { addresses: [] }, 'endpoints[1].addresses: Required value'],
    [
      'the other family',
      { addresses: ['10.0.0.1'] },
      'endpoints[1].addresses[0]: Invalid value: "10.0.0.1": must be a valid IPv6',
    ],
    ['no IP', { addresses: ['web'] }, 'endpoints[1].addresses[0]: Invalid value: "web": must be a valid IP address'],
    ['loopback', { addresses: ['::1'] }, 'may not be in the loopback range'],
    ['unspecified', { addresses: ['::'] }, 'may not be unspecified'],
    ['link-local', { addresses: ['fe80::1'] }, 'may not be in the link-local range'],
    ['multicast', { addresses: ['ff02::1'] }, 'may not be in the multicast range'],
    ['a wrong hostname', { hostname: 'A_b' }, 'endpoints[1].hostname: Invalid value: "A_b"'],
    ['a wrong condition', { conditions: { ready: 'yes' } }, 'endpoints[1].conditions.ready: Invalid value: "yes"'],
    ['a wrong hint', { hints: { forZones: [{}] } }, 'endpoints[1].hints.forZones[0].name'],
  ])('an endpoint with %s is left out alone', (_, fields, fault) => {
    const stripped = strip(
      sliceValue({ endpoints: [endpoint({}), endpoint(fields), endpoint({ addresses: ['fd00::3'], hostname: 'c' })] }),
    )
    if (stripped.outcome !== 'object' || stripped.object.kind !== 'EndpointSlice') throw new Error('no slice')
    expect(addressesOf(stripped.object)).toEqual(['fd00::1', 'fd00::3'])
    expect(stripped.object.meta.map(meta => meta.hostname)).toEqual([null, 'c'])
    expect(stripped.faults.map(({ field, message }) => `${field}: ${message}`).join('\n')).toContain(fault)
  })

  it('a fault is reported for each endpoint that has it', () => {
    const wrong = endpoint({ hostname: 'A' })
    expect(faultsOf(sliceValue({ endpoints: [wrong, wrong, wrong] }))).toHaveLength(3)
  })

  it.each([
    [{ addressType: undefined }, 'addressType: Required value'],
    [{ addressType: 'IP' }, 'addressType: Unsupported value: "IP": supported values: "FQDN", "IPv4", "IPv6"'],
    [{ ports: [{ name: 'a' }, { name: 'a' }] }, 'ports[1].name: Duplicate value: "a"'],
    [{ ports: [{ port: 70_000 }] }, 'ports[0].port: Invalid value: 70000'],
    [{ ports: [{ protocol: 'X' }] }, 'ports[0].protocol: Unsupported value: "X"'],
    [{ endpoints: 'none' }, 'endpoints: Invalid value: "none": must be an array'],
  ])('%j is refused whole', (fields, fault) => {
    expect(strip(sliceValue(fields)).outcome).toBe('refused')
    expect(faultsOf(sliceValue(fields)).join('\n')).toContain(fault)
  })

  it('IPv4 special addresses are left out', () => {
    const endpoints = ['0.0.0.0', '127.0.0.1', '169.254.1.1', '224.0.0.1', '10.0.0.1'].map(ip => ({ addresses: [ip] }))
    expect(faultsOf(sliceValue({ addressType: 'IPv4', endpoints }))).toHaveLength(4)
  })
})

describe('a Pod', () => {
  it('is stripped to what makes an endpoint', () => {
    expect(pod({ spec: { nodeName: 'n1', hostname: 'db-0', subdomain: 'db' } })).toMatchObject({
      labels: { app: 'kuard' },
      phase: 'Running',
      ready: true,
      terminating: false,
      hostname: 'db-0',
      subdomain: 'db',
      node: 'n1',
      zone: null,
    })
  })

  it.each([
    ['podIPs', { podIPs: [{ ip: 'fd00::1' }, { ip: '10.0.0.1' }] }, ['fd00::1', '10.0.0.1']],
    ['podIP when podIPs is absent', { podIPs: undefined, podIP: '10.0.0.1' }, ['10.0.0.1']],
    ['podIPs before podIP', { podIP: '10.0.0.1' }, ['fd00::1']],
    ['one of a family', { podIPs: [{ ip: 'fd00::1' }, { ip: 'fd00::2' }] }, ['fd00::1']],
    ['none', { podIPs: undefined }, []],
  ])('addresses: %s', (_, status, expected) => {
    expect(pod({ status }).addresses.map(address => formatAddress(address))).toEqual(expected)
  })

  it.each([
    [[{ type: 'Ready', status: 'True' }], true],
    [[{ type: 'Ready', status: 'False' }], false],
    [[{ type: 'Ready', status: 'Unknown' }], false],
    [[{ type: 'ContainersReady', status: 'True' }], false],
    [[], false],
  ])('conditions %j: ready %s', (conditions, ready) => {
    expect(pod({ status: { conditions } }).ready).toBe(ready)
  })

  it('a deletion time makes it terminating, and no phase is Pending', () => {
    expect(pod({ metadata: { deletionTimestamp: '2026-11-20T08:00:00Z' } }).terminating).toBe(true)
    expect(pod({ status: { phase: undefined } }).phase).toBe('Pending')
  })

  it('named ports are those of containers and of restartable init containers', () => {
    const spec = {
      containers: [{ name: 'a', ports: [{ name: 'http', containerPort: 8080 }, { containerPort: 9090 }] }],
      initContainers: [
        { name: 'b', ports: [{ name: 'once', containerPort: 1 }] },
        { name: 'c', restartPolicy: 'Always', ports: [{ name: 'sidecar', containerPort: 15_001, protocol: 'UDP' }] },
      ],
    }
    expect(pod({ spec }).ports).toEqual([
      { name: 'http', port: 8080, protocol: 'TCP' },
      { name: 'sidecar', port: 15_001, protocol: 'UDP' },
    ])
  })

  it('the zone is the Pod’s label', () => {
    expect(pod({ metadata: { labels: { 'topology.kubernetes.io/zone': 'iad' } } }).zone).toBe('iad')
  })

  it.each([
    [{ status: { podIPs: [{ ip: 'x' }] } }, 'status.podIPs[0].ip: Invalid value: "x": must be a valid IP address'],
    [{ status: { podIPs: [{}] } }, 'status.podIPs[0].ip: Required value'],
    [{ status: { podIPs: [{ ip: '127.0.0.1' }] } }, 'may not be in the loopback range'],
    [{ spec: { hostname: 'A' } }, 'spec.hostname: Invalid value: "A"'],
    [
      { spec: { containers: [{ ports: [{ containerPort: 0 }] }] } },
      'spec.containers[0].ports[0].containerPort: Invalid value: 0',
    ],
    [{ spec: { containers: [{ ports: [{}] }] } }, 'spec.containers[0].ports[0].containerPort: Required value'],
    [{ metadata: { name: 'a_b' } }, 'metadata.name: Invalid value: "a_b"'],
  ])('%j is refused', (fields, fault) => {
    expect(faultsOf(podValue(fields)).join('\n')).toContain(fault)
  })
})

describe('a Namespace', () => {
  it('has the app of its label', () => {
    expect(objectOf(namespaceValue('default', 'fks-default'))).toEqual({
      kind: 'Namespace',
      name: 'default',
      app: 'fks-default',
      origin: 'test.yaml:1',
    })
    expect(objectOf(namespaceValue('default'))).toMatchObject({ app: null })
  })

  it('with an app that is no DNS label stays without it, and the fault is reported', () => {
    const stripped = strip(namespaceValue('default', 'Fks.default'))
    expect(stripped).toMatchObject({ outcome: 'object', object: { name: 'default', app: null } })
    expect(faultsOf(namespaceValue('default', 'Fks.default'))).toHaveLength(1)
  })
})

describe('lists', () => {
  it('a List is its items', () => {
    expect(listItems({ apiVersion: 'v1', kind: 'List', items: [1, 2] })).toEqual([1, 2])
  })

  it('items of a typed list have its kind and version', () => {
    const items = listItems({ apiVersion: 'v1', kind: 'ServiceList', items: [{ metadata: { name: 'a' } }] })
    expect(items).toEqual([{ apiVersion: 'v1', kind: 'Service', metadata: { name: 'a' } }])
  })

  it.each([null, 'List', { kind: 'List' }, { kind: 'Service', items: [] }])('%j is none', value => {
    expect(listItems(value)).toBeNull()
  })
})

describe('an interner', () => {
  it('gives equal texts and equal metas once, and forgets what is not used', () => {
    const interner = new Interner(4)
    const first = interner.meta('a', 'n1', 'iad')
    expect(interner.meta('a', 'n1', 'iad')).toBe(first)
    expect(interner.meta('a', 'n1', null)).not.toBe(first)
    for (let i = 0; i < 20; i++) interner.meta(null, `node-${i}`, null)
    expect(interner.meta('a', 'n1', 'iad')).not.toBe(first)
    expect(interner.meta('a', 'n1', 'iad')).toEqual(first)
  })

  it('keeps one array for equal octets, and leaves long ones alone', () => {
    const interner = new Interner()
    const first = interner.octets(Uint8Array.of(3, 3, 0))
    expect(first).toEqual(Uint8Array.of(3, 3, 0))
    expect(interner.octets(Uint8Array.of(3, 3, 0))).toBe(first)
    expect(interner.octets(Uint8Array.of(3, 0, 3))).toEqual(Uint8Array.of(3, 0, 3))
    const long = new Uint8Array(200_000)
    expect(interner.octets(long)).toBe(long)
  })

  it('serves all objects of a source: equal ports are one list', () => {
    const interner = new Interner()
    const [a, b] = ['a', 'b'].map(name => {
      const value = sliceValue({ ports: [{ name: 'http', port: 80 }] }, { name })
      const stripped = stripObject(value, 'x:1', interner)
      return stripped.outcome === 'object' && stripped.object.kind === 'EndpointSlice' ? stripped.object.ports : null
    })
    expect(a).toBe(b)
  })
})
