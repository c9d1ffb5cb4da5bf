import { describe, expect, it } from 'vitest'
import type { Namespace } from '#src/cluster/objects.ts'
import type { OwnedNode } from '#src/naming/context.ts'
import {
  appNodes,
  clusterZoneNodes,
  flycastZoneNodes,
  namespaceNodes,
  podNodes,
  reverseZoneNode,
  zoneSoa,
} from '#src/naming/zone.ts'
import { formatName, parseName } from '#src/wire/name.ts'
import { address } from '#support/ip.ts'
import { additional, answer, context, dump, nodeAt, pod } from './builders.ts'

const SERVER = [address('10.96.0.10'), address('fdaa:0:48c8::10')]

function namespace(name: string, app: string | null = null): Namespace {
  return { kind: 'Namespace', name, app, origin: 'ns.yaml:1' }
}

function namesOf(nodes: readonly OwnedNode[]): string[] {
  return nodes.map(({ role, node }) => `${role} ${formatName(node.name)} ${node.kind}`).sort()
}

describe('the cluster zone', () => {
  it('has its name server with the server’s addresses, and the schema version', () => {
    const nodes = clusterZoneNodes(context({ serverAddresses: SERVER, ttl: 30 }))
    expect(answer(nodes, 'cluster.local', 'NS')).toEqual(['30 ns.dns.cluster.local.'])
    expect(additional(nodes, 'cluster.local', 'NS')).toEqual([
      'ns.dns.cluster.local. 30 A 10.96.0.10',
      'ns.dns.cluster.local. 30 AAAA fdaa:0:48c8::10',
    ])
    expect(answer(nodes, 'ns.dns.cluster.local', 'A')).toEqual(['30 10.96.0.10'])
    expect(answer(nodes, 'ns.dns.cluster.local', 'AAAA')).toEqual(['30 fdaa:0:48c8::10'])
    expect(answer(nodes, 'dns-version.cluster.local', 'TXT')).toEqual(['28800 "1.1.0"'])
  })

  it('has empty non-terminals for dns, svc and pod', () => {
    for (const name of ['dns', 'svc', 'pod']) {
      expect(nodeAt(clusterZoneNodes(context()), `${name}.cluster.local`)?.rrsets).toEqual([])
    }
  })

  it('has no pod when Pods have no names', () => {
    expect(nodeAt(clusterZoneNodes(context({ pods: 'disabled' })), 'pod.cluster.local')).toBeNull()
    expect(nodeAt(clusterZoneNodes(context({ pods: 'verified' })), 'pod.cluster.local')).not.toBeNull()
  })

  it('never names the unspecified address of a wildcard listener', () => {
    const serverAddresses = [address('::'), address('0.0.0.0'), address('::1')]
    const nodes = clusterZoneNodes(context({ serverAddresses }))
    expect(additional(nodes, 'cluster.local', 'NS')).toEqual(['ns.dns.cluster.local. 5 AAAA ::1'])
  })

  it('may have another domain', () => {
    const nodes = clusterZoneNodes(context({ domain: 'k8s.example.org.' }))
    expect(answer(nodes, 'k8s.example.org', 'NS')).toEqual(['5 ns.dns.k8s.example.org.'])
  })
})

describe('the SOA', () => {
  it('has CoreDNS’s values, with the configured TTL as the minimum', () => {
    const naming = context({ ttl: 5 })
    const soa = zoneSoa(naming, naming.domain, 7)
    expect(formatName(soa.mname)).toBe('ns.dns.cluster.local.')
    expect(formatName(soa.rname)).toBe('hostmaster.cluster.local.')
    expect(soa).toMatchObject({ serial: 7, refresh: 7200, retry: 1800, expire: 86_400, minimum: 5, ttl: 5 })
  })

  it('itself lives at most 300 seconds', () => {
    expect(zoneSoa(context({ ttl: 3600 }), context().domain, 1)).toMatchObject({ minimum: 3600, ttl: 300 })
  })
})

describe('other zones', () => {
  it('name the cluster zone’s name server at their apex', () => {
    const naming = context({ serverAddresses: SERVER })
    expect(answer(flycastZoneNodes(naming), 'flycast', 'NS')).toEqual(['5 ns.dns.cluster.local.'])
    expect(additional(flycastZoneNodes(naming), 'flycast', 'NS').length).toBe(2)
    const reverse = reverseZoneNode(naming, parseName('10.in-addr.arpa'))
    expect(answer([{ role: 'reverse', node: reverse }], '10.in-addr.arpa', 'NS')).toEqual(['5 ns.dns.cluster.local.'])
  })
})

describe('namespaces', () => {
  it('exist under svc and pod, and with an app under flycast', () => {
    expect(namesOf(namespaceNodes(context(), namespace('default', 'shop')))).toEqual([
      'cluster default.pod.cluster.local. dashed-addresses',
      'cluster default.svc.cluster.local. plain',
      'flycast shop.flycast. plain',
      'flycast svc.shop.flycast. plain',
    ])
  })

  it('answer no dashed addresses unless pods are insecure', () => {
    expect(namesOf(namespaceNodes(context({ pods: 'verified' }), namespace('default')))).toEqual([
      'cluster default.pod.cluster.local. plain',
      'cluster default.svc.cluster.local. plain',
    ])
    expect(namesOf(namespaceNodes(context({ pods: 'disabled' }), namespace('default')))).toEqual([
      'cluster default.svc.cluster.local. plain',
    ])
  })

  it('have no flycast name when the app is no single label', () => {
    for (const app of ['a.b', '', '-a', 'x'.repeat(64)]) {
      expect(namespaceNodes(context(), namespace('default', app)).some(({ role }) => role === 'flycast')).toBe(false)
    }
  })
})

describe('apps', () => {
  it('have their addresses and the pointers back', () => {
    expect(dump(appNodes(context(), 'shop', [address('fdaa::1')]))).toEqual([
      'flycast shop.flycast. plain 5 AAAA fdaa::1 + ',
      `reverse 1.${'0.'.repeat(27)}a.a.d.f.ip6.arpa. plain 5 PTR shop.flycast. + `,
    ])
  })

  it('without an address have no name', () => {
    expect(appNodes(context(), 'shop', [])).toEqual([])
    expect(appNodes(context(), 'no.label', [address('fdaa::1')])).toEqual([])
  })
})

describe('verified pods', () => {
  const naming = context({ pods: 'verified' })
  const addresses = [address('10.0.0.1'), address('fdaa::1')]

  it('have a dashed name for each of their addresses, with that address alone', () => {
    expect(dump(podNodes(naming, pod({ addresses })))).toEqual([
      'cluster 10-0-0-1.default.pod.cluster.local. plain 5 A 10.0.0.1 + ',
      'cluster fdaa--1.default.pod.cluster.local. plain 5 AAAA fdaa::1 + ',
    ])
  })

  it.each([{ terminating: true }, { phase: 'Failed' }, { phase: 'Succeeded' }])('have none when %j', fields => {
    expect(podNodes(naming, pod({ addresses, ...fields }))).toEqual([])
  })

  it('have none in the other modes', () => {
    expect(podNodes(context({ pods: 'insecure' }), pod({ addresses }))).toEqual([])
    expect(podNodes(context({ pods: 'disabled' }), pod({ addresses }))).toEqual([])
  })
})
