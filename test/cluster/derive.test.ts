import { describe, expect, it } from 'vitest'
import { deriveSlices, matchesSelector } from '#src/cluster/derive.ts'
import { type EndpointSlice, type Pod, READY, SERVING, type Service, TERMINATING } from '#src/cluster/objects.ts'
import { addressesOf, type PodFields, pod, service } from './values.ts'

const DELETED = { metadata: { deletionTimestamp: '2026-11-20T08:00:00Z' } }
const NOT_READY = { status: { conditions: [] } }
const DUAL = { status: { podIPs: [{ ip: 'fd00::1' }, { ip: '10.0.0.1' }] } }

function selecting(spec: Record<string, unknown> = {}): Service {
  return service({ selector: { app: 'kuard' }, ...spec })
}

function named(name: string, ip: string, { metadata, spec, status }: PodFields = {}): Pod {
  return pod({
    metadata: { name, ...metadata },
    ...(spec === undefined ? {} : { spec }),
    status: { podIPs: [{ ip }], ...status },
  })
}

function only(slices: readonly EndpointSlice[]): EndpointSlice {
  const [slice] = slices
  if (slice === undefined || slices.length !== 1) throw new Error(`${slices.length} slices`)
  return slice
}

describe('which Pods are endpoints', () => {
  it('a Pod whose labels hold the whole selector', () => {
    expect(matchesSelector({ app: 'a', tier: 'b' }, { app: 'a', tier: 'b', more: 'c' })).toBe(true)
    expect(matchesSelector({ app: 'a', tier: 'b' }, { app: 'a' })).toBe(false)
    expect(matchesSelector({ app: 'a' }, { app: 'A' })).toBe(false)
  })

  it('no Pod for a Service without a selector', () => {
    expect(deriveSlices(service(), [pod()])).toEqual([])
    expect(deriveSlices(service({ selector: {} }), [pod()])).toEqual([])
    expect(matchesSelector(null, {})).toBe(false)
  })

  it('no Pod for an ExternalName Service', () => {
    const external = service({ type: 'ExternalName', externalName: 'a.b', selector: { app: 'kuard' } })
    expect(deriveSlices(external, [pod()])).toEqual([])
  })

  it.each(['Failed', 'Succeeded'])('no Pod in phase %s', phase => {
    expect(deriveSlices(selecting(), [pod({ status: { phase } })])).toEqual([])
  })

  it.each(['Pending', 'Running', 'Unknown'])('a Pod in phase %s with an address', phase => {
    expect(deriveSlices(selecting(), [pod({ status: { phase } })])).toHaveLength(1)
  })

  it('no Pod without an address', () => {
    expect(deriveSlices(selecting(), [pod({ status: { podIPs: [] } })])).toEqual([])
  })
})

describe('conditions of a derived endpoint', () => {
  it.each<[string, Record<string, unknown>, PodFields, number]>([
    ['a ready Pod', {}, {}, READY | SERVING],
    ['a Pod that is not ready', {}, NOT_READY, 0],
    ['a Pod that is going and still ready', {}, DELETED, SERVING | TERMINATING],
    ['a Pod that is going and not ready', {}, { ...DELETED, ...NOT_READY }, TERMINATING],
    ['published: a Pod that is not ready', { publishNotReadyAddresses: true }, NOT_READY, READY],
    ['published: a Pod that is going', { publishNotReadyAddresses: true }, DELETED, READY | SERVING | TERMINATING],
  ])('%s', (_, spec, fields, expected) => {
    expect(only(deriveSlices(selecting(spec), [pod(fields)])).conditions).toEqual(Uint8Array.of(expected))
  })
})

describe('ports of a derived slice', () => {
  it('name, protocol and application protocol are the Service’s, the number is the target’s', () => {
    const ports = [{ name: 'web', port: 80, targetPort: 'http', appProtocol: 'http' }]
    expect(only(deriveSlices(selecting({ ports }), [pod()])).ports).toEqual([
      { name: 'web', port: 8080, protocol: 'TCP', appProtocol: 'http' },
    ])
  })

  it('without a target port the number is the Service’s', () => {
    expect(only(deriveSlices(selecting(), [pod()])).ports).toMatchObject([{ name: '', port: 80 }])
  })

  it('a name is looked up with its protocol', () => {
    const ports = [{ name: 'web', port: 80, targetPort: 'http', protocol: 'UDP' }]
    const slice = only(deriveSlices(selecting({ ports }), [pod()]))
    expect(slice.ports).toEqual([])
    expect(addressesOf(slice)).toEqual(['fd00::1'])
  })

  it('Pods that resolve a name to different numbers are in different slices, whatever their order', () => {
    const ports = [{ port: 80, targetPort: 'http' }]
    const other = { containers: [{ name: 'main', ports: [{ name: 'http', containerPort: 9090 }] }] }
    const pods = [named('a', 'fd00::1', { spec: other }), named('b', 'fd00::2'), named('c', 'fd00::3', { spec: other })]
    for (const order of [pods, pods.toReversed()]) {
      const slices = deriveSlices(selecting({ ports }), order)
      expect(slices.map(slice => [slice.name, slice.ports[0]?.port, addressesOf(slice).toSorted()])).toEqual([
        ['kuard-derived-ipv6-0', 8080, ['fd00::2']],
        ['kuard-derived-ipv6-1', 9090, ['fd00::1', 'fd00::3']],
      ])
    }
  })

  it('a headless Service may have no port', () => {
    const slice = only(deriveSlices(selecting({ clusterIP: 'None', ports: [] }), [pod()]))
    expect(slice.ports).toEqual([])
    expect(addressesOf(slice)).toEqual(['fd00::1'])
  })
})

describe('families of derived slices', () => {
  it.each<[string, Record<string, unknown>, string[]]>([
    ['an allocated ClusterIP is IPv6', {}, ['IPv6']],
    ['ipFamilies', { ipFamilies: ['IPv4'] }, ['IPv4']],
    ['two ipFamilies', { ipFamilies: ['IPv4', 'IPv6'], ipFamilyPolicy: 'PreferDualStack' }, ['IPv6', 'IPv4']],
    ['an explicit IPv4 address', { clusterIP: '10.9.0.1' }, ['IPv4']],
    ['an explicit IPv6 address', { clusterIP: 'fd00:9::1' }, ['IPv6']],
    ['two explicit addresses', { clusterIP: '10.9.0.1', clusterIPs: ['10.9.0.1', 'fd00:9::1'] }, ['IPv6', 'IPv4']],
    ['a dual-stack policy', { ipFamilyPolicy: 'PreferDualStack' }, ['IPv6', 'IPv4']],
    ['a required dual stack', { ipFamilies: ['IPv6'], ipFamilyPolicy: 'RequireDualStack' }, ['IPv6', 'IPv4']],
    [
      'a preferred dual stack that got one family',
      { clusterIP: 'fd00:9::1', ipFamilies: ['IPv6'], ipFamilyPolicy: 'PreferDualStack' },
      ['IPv6'],
    ],
    ['headless: what the Pods have', { clusterIP: 'None' }, ['IPv6', 'IPv4']],
    ['headless and single stack: one of them', { clusterIP: 'None', ipFamilyPolicy: 'SingleStack' }, ['IPv6']],
    ['headless of a family', { clusterIP: 'None', ipFamilies: ['IPv4'] }, ['IPv4']],
  ])('%s', (_, spec, families) => {
    const slices = deriveSlices(selecting(spec), [pod(DUAL)])
    expect(slices.map(slice => slice.addressType)).toEqual(families)
    expect(slices.map(slice => slice.name)).toEqual(families.map(family => `kuard-derived-${family.toLowerCase()}-0`))
  })

  it('a headless single-stack Service has the family that its Pods have', () => {
    const headless = selecting({ clusterIP: 'None', ipFamilyPolicy: 'SingleStack' })
    expect(only(deriveSlices(headless, [named('a', '10.0.0.1')])).addressType).toBe('IPv4')
  })

  it('a Pod without an address of the family is not in its slice', () => {
    expect(deriveSlices(selecting(), [named('a', '10.0.0.1')])).toEqual([])
  })
})

describe('the meta of a derived endpoint', () => {
  it('has node and zone of the Pod', () => {
    const labels = { app: 'kuard', 'topology.kubernetes.io/zone': 'iad' }
    const [meta] = only(deriveSlices(selecting(), [pod({ metadata: { labels }, spec: { nodeName: 'n1' } })])).meta
    expect(meta).toEqual({ hostname: null, node: 'n1', zone: 'iad', forZones: [], forNodes: [] })
  })

  it.each([
    ['the Service', 'db-0', 'kuard', 'db-0'],
    ['another Service', 'db-0', 'other', null],
    ['nothing', 'db-0', undefined, null],
    ['the Service, without a hostname', undefined, 'kuard', null],
  ])('the hostname counts when the subdomain names %s', (_, hostname, subdomain, expected) => {
    const [meta] = only(deriveSlices(selecting(), [pod({ spec: { hostname, subdomain } })])).meta
    expect(meta?.hostname).toBe(expected)
  })

  it.each([
    ['PreferClose', ['iad'], []],
    ['PreferSameZone', ['iad'], []],
    ['PreferSameNode', ['iad'], ['n1']],
    ['Elsewhere', [], []],
  ])('traffic distribution %s gives ready endpoints their hints', (trafficDistribution, forZones, forNodes) => {
    const labels = { app: 'kuard', 'topology.kubernetes.io/zone': 'iad' }
    const fields = { metadata: { labels }, spec: { nodeName: 'n1' } }
    const derived = only(
      deriveSlices(selecting({ trafficDistribution }), [pod(fields), pod({ ...fields, ...NOT_READY })]),
    )
    expect(derived.meta[0]).toMatchObject({ forZones, forNodes })
    expect(derived.meta[1]).toMatchObject({ forZones: [], forNodes: [] })
  })
})
