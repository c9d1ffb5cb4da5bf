import { describe, expect, it } from 'vitest'
import { formatAddress } from '#src/ip/address.ts'
import { faultsOf, objectOf, service, serviceValue, strip } from './values.ts'

const PORTS = { ports: [{ port: 80 }] }

describe('a Service gets the API server’s defaults', () => {
  it('a Service with one port and nothing else', () => {
    expect(service()).toEqual({
      kind: 'Service',
      namespace: 'default',
      name: 'kuard',
      key: 'default/kuard',
      created: null,
      type: 'ClusterIP',
      headless: false,
      clusterIPs: [],
      ipFamilies: [],
      ipFamilyPolicy: null,
      externalName: null,
      ports: [{ name: '', protocol: 'TCP', port: 80, targetPort: null, appProtocol: null }],
      selector: null,
      publishNotReadyAddresses: false,
      affinityTimeoutSeconds: null,
      internalTrafficPolicy: 'Cluster',
      externalTrafficPolicy: null,
      trafficDistribution: null,
      annotations: {},
      proxyName: null,
      record: null,
      origin: 'test.yaml:1',
    })
  })

  it.each([
    ['a target port of 0 is the port itself', { ports: [{ port: 80, targetPort: 0 }] }, { targetPort: null }],
    ['an empty target port is the port itself', { ports: [{ port: 80, targetPort: '' }] }, { targetPort: null }],
    ['a target port by name', { ports: [{ port: 80, targetPort: 'http' }] }, { targetPort: 'http' }],
    ['a target port by number', { ports: [{ port: 80, targetPort: 8080 }] }, { targetPort: 8080 }],
    [
      'an application protocol',
      { ports: [{ port: 80, appProtocol: 'kubernetes.io/h2c' }] },
      { appProtocol: 'kubernetes.io/h2c' },
    ],
    ['a protocol', { ports: [{ port: 80, protocol: 'SCTP' }] }, { protocol: 'SCTP' }],
  ])('%s', (_, spec, port) => {
    expect(service(spec).ports[0]).toMatchObject(port)
  })

  it.each([
    ['NodePort has an external traffic policy', { type: 'NodePort' }, { externalTrafficPolicy: 'Cluster' }],
    ['LoadBalancer has one', { type: 'LoadBalancer' }, { externalTrafficPolicy: 'Cluster' }],
    ['a written one stays', { type: 'NodePort', externalTrafficPolicy: 'Local' }, { externalTrafficPolicy: 'Local' }],
    ['ClusterIP has none', { externalTrafficPolicy: 'Local' }, { externalTrafficPolicy: null }],
    ['affinity lasts three hours', { sessionAffinity: 'ClientIP' }, { affinityTimeoutSeconds: 10_800 }],
    [
      'or as long as it says',
      { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } } },
      { affinityTimeoutSeconds: 60 },
    ],
    ['an empty selector is none', { selector: {} }, { selector: null }],
    ['a selector', { selector: { app: 'kuard' } }, { selector: { app: 'kuard' } }],
    ['a distribution as written', { trafficDistribution: 'PreferClose' }, { trafficDistribution: 'PreferClose' }],
    ['publication of what is not ready', { publishNotReadyAddresses: true }, { publishNotReadyAddresses: true }],
  ])('%s', (_, spec, expected) => {
    expect(service(spec)).toMatchObject(expected)
  })

  it('the old annotation publishes what is not ready, too', () => {
    const annotations = { 'service.alpha.kubernetes.io/tolerate-unready-endpoints': 'true' }
    expect(service({}, { annotations }).publishNotReadyAddresses).toBe(true)
  })

  it('of the annotations only service.fly.io/* stay, sorted, without the sync version', () => {
    const annotations = {
      'service.fly.io/z': '1',
      'service.fly.io/sync-version': '9',
      'service.fly.io/a': '2',
      other: '3',
    }
    const kept = service({}, { annotations }).annotations
    expect(Object.entries(kept)).toEqual([
      ['service.fly.io/a', '2'],
      ['service.fly.io/z', '1'],
    ])
  })

  it('what the API server says of it is apart, and there only when it was in one', () => {
    const annotations = { 'service.fly.io/sync-version': '9' }
    expect(service({}, { uid: 'u-1', annotations }).record).toEqual({ uid: 'u-1', syncVersion: '9' })
    expect(service({}, { uid: 'u-1' }).record).toEqual({ uid: 'u-1', syncVersion: null })
    expect(service({}, { annotations }).record).toBeNull()
  })

  it('the proxy name is a label, and an empty one is one', () => {
    const label = 'service.kubernetes.io/service-proxy-name'
    expect(service({}, { labels: { [label]: 'waypost' } }).proxyName).toBe('waypost')
    expect(service({}, { labels: { [label]: '' } }).proxyName).toBe('')
  })

  it('the creation time is read', () => {
    const created = service({}, { creationTimestamp: '2026-11-20T08:00:00Z' }).created
    expect(created).toBe(Date.UTC(2026, 10, 20, 8))
  })
})

describe('addresses of a Service', () => {
  it.each([
    ['absent', {}, []],
    ['empty', { clusterIP: '' }, []],
    ['empty, with a list of an empty one', { clusterIP: '', clusterIPs: [''] }, []],
    ['null', { clusterIP: null, clusterIPs: null }, []],
    ['IPv4', { clusterIP: '10.0.0.1' }, ['10.0.0.1']],
    ['IPv6 in any text becomes canonical', { clusterIP: 'FDAA:0:48C8:0:1:0:0:001A' }, ['fdaa:0:48c8:0:1::1a']],
    ['both fields', { clusterIP: '10.0.0.1', clusterIPs: ['10.0.0.1'] }, ['10.0.0.1']],
    ['two texts of one address', { clusterIP: 'fd00::1', clusterIPs: ['fd00:0::1'] }, ['fd00::1']],
    [
      'two families, in their order',
      { clusterIP: '10.0.0.1', clusterIPs: ['10.0.0.1', 'fd00::1'], ipFamilyPolicy: 'PreferDualStack' },
      ['10.0.0.1', 'fd00::1'],
    ],
    ['of the families that it names', { clusterIP: 'fd00::1', ipFamilies: ['IPv6'] }, ['fd00::1']],
  ])('%s', (_, spec, expected) => {
    expect(service(spec).clusterIPs.map(address => formatAddress(address))).toEqual(expected)
  })

  it.each([{ clusterIP: 'None' }, { clusterIP: 'None', clusterIPs: ['None'] }])('%j is headless', spec => {
    expect(service(spec)).toMatchObject({ headless: true, clusterIPs: [] })
  })

  it.each([
    [{ clusterIP: '10.0.0.256' }, 'spec.clusterIPs[0]: Invalid value: "10.0.0.256": must be a valid IP address'],
    [{ clusterIP: 'none' }, 'spec.clusterIPs[0]: Invalid value: "none": must be a valid IP address'],
    [{ clusterIP: '::' }, 'spec.clusterIPs[0]: Invalid value: "::": may not be unspecified'],
    [{ clusterIP: 42 }, 'spec.clusterIP: Invalid value: 42: must be a string'],
    [{ clusterIPs: ['10.0.0.1'] }, 'must be empty when `clusterIP` is not specified'],
    [{ clusterIP: '10.0.0.1', clusterIPs: ['10.0.0.2'] }, 'first value must match `clusterIP`'],
    [
      { clusterIP: '10.0.0.1', clusterIPs: ['10.0.0.1', '10.0.0.2'] },
      'may specify no more than one IP for each IP family',
    ],
    [{ clusterIP: '10.0.0.1', clusterIPs: ['10.0.0.1', 'fd00::1', 'fd00::2'] }, 'may only hold up to 2 values'],
    [{ clusterIP: 'None', clusterIPs: ['None', 'fd00::1'] }, "'None' must be the first and only value"],
    [{ clusterIP: 'fd00::1', ipFamilies: ['IPv4'] }, 'expected an IPv4 value as indicated by `ipFamilies[0]`'],
    [{ ipFamilies: ['IPv5'] }, 'spec.ipFamilies[0]: Unsupported value: "IPv5": supported values: "IPv4", "IPv6"'],
    [{ ipFamilies: ['IPv6', 'IPv6'] }, 'spec.ipFamilies[1]: Duplicate value: "IPv6"'],
    [{ ipFamilyPolicy: 'Dual' }, 'spec.ipFamilyPolicy: Unsupported value: "Dual"'],
    [
      { ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv6', 'IPv4'] },
      "must be 'RequireDualStack' or 'PreferDualStack'",
    ],
    [{ clusterIP: 'None', type: 'NodePort' }, "may not be set to 'None' for NodePort services"],
    [{ clusterIP: 'None', type: 'LoadBalancer' }, "may not be set to 'None' for LoadBalancer services"],
  ])('%j is refused', (spec, fault) => {
    expect(faultsOf(serviceValue({ ...PORTS, ...spec })).join('\n')).toContain(fault)
  })
})

describe('an ExternalName Service', () => {
  it.each([
    ['example.com', 'example.com'],
    ['example.com.', 'example.com'],
    ['1.example', '1.example'],
    ['10.0.0.1', '10.0.0.1'],
  ])('%s', (externalName, expected) => {
    const stripped = objectOf(serviceValue({ type: 'ExternalName', externalName }))
    expect(stripped).toMatchObject({ type: 'ExternalName', externalName: expected, ports: [] })
  })

  it.each([
    [{}, 'spec.externalName: Required value'],
    [
      { externalName: 'Example.com' },
      'spec.externalName: Invalid value: "Example.com": a lowercase RFC 1123 subdomain',
    ],
    [{ externalName: 'fd00::1' }, 'spec.externalName: Invalid value'],
    [{ externalName: 'a..b' }, 'spec.externalName: Invalid value'],
    [{ externalName: 'a.b', clusterIP: '10.0.0.1' }, 'spec.clusterIPs: Forbidden: may not be set for ExternalName'],
    [{ externalName: 'a.b', ipFamilies: ['IPv6'] }, 'spec.ipFamilies: Forbidden'],
    [{ externalName: 'a.b', ipFamilyPolicy: 'SingleStack' }, 'spec.ipFamilyPolicy: Forbidden'],
  ])('%j is refused', (spec, fault) => {
    expect(faultsOf(serviceValue({ type: 'ExternalName', ...spec })).join('\n')).toContain(fault)
  })

  it('a name of labels longer than 63 characters is refused', () => {
    expect(faultsOf(serviceValue({ type: 'ExternalName', externalName: `${'a'.repeat(64)}.b` }))).toHaveLength(1)
  })
})

describe('ports of a Service', () => {
  it('a headless Service needs none', () => {
    expect(objectOf(serviceValue({ clusterIP: 'None' }))).toMatchObject({ ports: [] })
  })

  it('one port number may be there once for each protocol', () => {
    const ports = [
      { name: 'tcp', port: 53 },
      { name: 'udp', port: 53, protocol: 'UDP' },
    ]
    expect(service({ ports }).ports).toHaveLength(2)
  })

  it.each([
    [undefined, 'spec.ports: Required value'],
    [{}, 'spec.ports: Invalid value: {}: must be an array'],
    [[1], 'spec.ports[0]: Invalid value: 1: must be an object'],
    [[{}], 'spec.ports[0].port: Required value'],
    [[{ port: 0 }], 'spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive'],
    [[{ port: 65_536 }], 'spec.ports[0].port: Invalid value: 65536: must be between 1 and 65535, inclusive'],
    [[{ port: '80' }], 'spec.ports[0].port: Invalid value: "80": must be an integer'],
    [[{ port: 8.5 }], 'spec.ports[0].port: Invalid value: 8.5: must be an integer'],
    [
      [{ port: 80, protocol: 'tcp' }],
      'spec.ports[0].protocol: Unsupported value: "tcp": supported values: "SCTP", "TCP", "UDP"',
    ],
    [[{ port: 80, name: 'HTTP' }], 'spec.ports[0].name: Invalid value: "HTTP": a lowercase RFC 1123 label'],
    [[{ port: 80, targetPort: 70_000 }], 'spec.ports[0].targetPort: Invalid value: 70000'],
    [[{ port: 80, targetPort: 'a-port-name-too-long' }], 'spec.ports[0].targetPort: Invalid value'],
    [[{ port: 80, targetPort: '8080' }], 'spec.ports[0].targetPort: Invalid value: "8080"'],
    [[{ port: 80, appProtocol: 'a b' }], 'spec.ports[0].appProtocol: Invalid value: "a b"'],
    [[{ port: 80 }, { port: 81 }], 'spec.ports[0].name: Required value\nspec.ports[1].name: Required value'],
    [
      [
        { name: 'a', port: 80 },
        { name: 'a', port: 81 },
      ],
      'spec.ports[1].name: Duplicate value: "a"',
    ],
    [
      [
        { name: 'a', port: 80 },
        { name: 'b', port: 80 },
      ],
      'spec.ports[1]: Duplicate value: {"port":80,"protocol":"TCP"}',
    ],
  ])('%j is refused', (ports, fault) => {
    expect(faultsOf(serviceValue({ ports })).join('\n')).toContain(fault)
  })
})

describe('metadata and enumerations', () => {
  it.each([
    [{ name: '' }, {}, 'metadata.name: Required value'],
    [{ name: 'Kuard' }, {}, 'metadata.name: Invalid value: "Kuard": a DNS-1035 label'],
    [{ name: '1kuard' }, {}, 'metadata.name: Invalid value: "1kuard": a DNS-1035 label'],
    [{ name: 'a'.repeat(64) }, {}, 'metadata.name: Invalid value'],
    [{ name: 5 }, {}, 'metadata.name: Invalid value: 5: must be a string'],
    [{ namespace: 'a.b' }, {}, 'metadata.namespace: Invalid value: "a.b": a lowercase RFC 1123 label'],
    [{ labels: { a: 1 } }, {}, 'metadata.labels.a: Invalid value: 1: must be a string'],
    [{ labels: { a: 'b c' } }, {}, 'metadata.labels.a: Invalid value: "b c": a valid label must be'],
    [{ annotations: { 'service.fly.io/a': 20 } }, {}, 'metadata.annotations.service.fly.io/a: Invalid value: 20'],
    [{ creationTimestamp: 'yesterday' }, {}, 'metadata.creationTimestamp: Invalid value: "yesterday"'],
    [{}, { type: 'Balancer' }, 'spec.type: Unsupported value: "Balancer"'],
    [{}, { selector: { app: 1 } }, 'spec.selector.app: Invalid value: 1: must be a string'],
    [
      {},
      { sessionAffinity: 'Cookie' },
      'spec.sessionAffinity: Unsupported value: "Cookie": supported values: "ClientIP", "None"',
    ],
    [{}, { internalTrafficPolicy: 'None' }, 'spec.internalTrafficPolicy: Unsupported value: "None"'],
    [{}, { publishNotReadyAddresses: 'yes' }, 'spec.publishNotReadyAddresses: Invalid value: "yes": must be a boolean'],
    [
      {},
      { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 0 } } },
      'spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 0',
    ],
  ])('%j %j is refused', (metadata, spec, fault) => {
    expect(faultsOf(serviceValue({ ...PORTS, ...spec }, metadata)).join('\n')).toContain(fault)
  })

  it('all faults of an object are found at once', () => {
    const faults = faultsOf(serviceValue({ type: 'X', ports: [{ port: 0 }, { port: 99_999 }] }, { name: 'A' }))
    expect(faults).toHaveLength(6)
  })

  it.each([
    [null, ': must be an object with apiVersion and kind'],
    ['text', ': must be an object with apiVersion and kind'],
    [[], ': must be an object with apiVersion and kind'],
    [{}, 'apiVersion: Required value\nkind: Required value'],
    [{ apiVersion: 'v1' }, 'kind: Required value'],
  ])('%j is no object', (value, faults) => {
    expect(faultsOf(value).join('\n')).toBe(faults)
  })

  it.each([
    { apiVersion: 'serving.knative.dev/v1', kind: 'Service' },
    { apiVersion: 'apps/v1', kind: 'Deployment' },
    { apiVersion: 'v1', kind: 'Endpoints' },
    { apiVersion: 'discovery.k8s.io/v1beta1', kind: 'EndpointSlice' },
  ])('%j is ignored', value => {
    expect(strip(value)).toEqual({ outcome: 'ignored' })
  })
})
