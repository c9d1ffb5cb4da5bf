/**
 * Kubernetes DNS-Based Service Discovery, version 1.1.0, section by section with its own examples, on the node set that
 * a cluster is compiled to. TTLs, priorities and weights are not prescribed; ours are in the expectations.
 */
import { describe, expect, it } from 'vitest'
import { addressOfReverseLabels, reverseLabels } from '#src/ip/arpa.ts'
import type { OwnedNode, ServiceFacts } from '#src/naming/context.ts'
import { serviceNodes } from '#src/naming/service.ts'
import { clusterZoneNodes } from '#src/naming/zone.ts'
import { labelsOf } from '#src/wire/name.ts'
import { address } from '#support/ip.ts'
import { additional, answer, context, facts, nodeAt, servicePort, slice, slicePort } from '../naming/builders.ts'

const CONTEXT = context({ ttl: 5 })

function kubernetes(...clusterIPs: string[]): ServiceFacts {
  const ports = [servicePort('https', 443)]
  return facts({ name: 'kubernetes', ports }, { addresses: clusterIPs.map(address) })
}

/** The headless Service of the specification's examples, in both families. */
function headless(): ServiceFacts {
  const ports = [slicePort('https', 443)]
  const v4 = slice('headless-4', ['10.3.0.1', '10.3.0.2', '10.3.0.3'], ports)
  const v6 = slice('headless-6', ['2001:db8::1', '2001:db8::2', '2001:db8::3'], ports)
  const pets = slice('headless-pets', [
    { address: '10.3.0.100', hostname: 'my-pet' },
    { address: '10.3.0.101', hostname: 'my-pet-2' },
    { address: '10.3.0.102', hostname: 'my-pet-2' },
  ])
  const pets6 = slice('headless-pets-6', [{ address: '2001:db8::100', hostname: 'my-pet' }])
  return facts({ name: 'headless', headless: true }, { slices: [v4, v6, pets, pets6] })
}

function external(): ServiceFacts {
  return facts({ name: 'foo', type: 'ExternalName', externalName: 'www.example.com' })
}

function reverse(text: string): string {
  return reverseLabels(address(text)).join('.')
}

type Row = readonly [name: string, type: string, expected: readonly string[] | null]

function checkRows(state: ServiceFacts, rows: readonly Row[]): void {
  const nodes = serviceNodes(CONTEXT, state)
  for (const [name, type, expected] of rows)
    expect([name, type, answer(nodes, name, type)]).toEqual([name, type, expected])
}

describe('2.1 definitions', () => {
  it('a hostname is the endpoint’s own, else an identifier made of the address', () => {
    checkRows(headless(), [
      ['my-pet.headless.default.svc.cluster.local', 'A', ['5 10.3.0.100']],
      ['10-3-0-1.headless.default.svc.cluster.local', 'A', ['5 10.3.0.1']],
      ['2001-db8--1.headless.default.svc.cluster.local', 'AAAA', ['5 2001:db8::1']],
      // An endpoint with a hostname has no second name.
      ['10-3-0-100.headless.default.svc.cluster.local', 'A', null],
    ])
  })

  it('an endpoint that is not ready has neither name nor record', () => {
    const endpoints = [{ address: '10.3.0.1', conditions: 0, hostname: 'my-pet' }, '10.3.0.2']
    checkRows(
      facts({ name: 'headless', headless: true }, { slices: [slice('a', endpoints, [slicePort('https', 443)])] }),
      [
        ['headless.default.svc.cluster.local', 'A', ['5 10.3.0.2']],
        ['my-pet.headless.default.svc.cluster.local', 'A', null],
        [
          '_https._tcp.headless.default.svc.cluster.local',
          'SRV',
          ['5 0 100 443 10-3-0-2.headless.default.svc.cluster.local.'],
        ],
        [reverse('10.3.0.1'), 'PTR', null],
      ],
    )
  })

  it('names compare without regard to case', () => {
    checkRows(kubernetes('10.3.0.1'), [
      ['KuBeRnEtEs.DEFAULT.svc.Cluster.Local', 'A', ['5 10.3.0.1']],
      [
        '_HTTPS._TCP.kubernetes.default.svc.cluster.local',
        'SRV',
        ['5 0 100 443 kubernetes.default.svc.cluster.local.'],
      ],
    ])
  })
})

describe('2.2 record for schema version', () => {
  it('dns-version.<zone> TXT is the version', () => {
    const nodes: OwnedNode[] = clusterZoneNodes(CONTEXT)
    expect(answer(nodes, 'dns-version.cluster.local', 'TXT')).toEqual(['28800 "1.1.0"'])
    expect(answer(nodes, 'dns-version.cluster.local', 'A')).toEqual([])
  })
})

describe('2.3 records for a Service with ClusterIP', () => {
  it('2.3.1 an A record for an IPv4 address', () => {
    checkRows(kubernetes('10.3.0.1'), [
      ['kubernetes.default.svc.cluster.local', 'A', ['5 10.3.0.1']],
      ['kubernetes.default.svc.cluster.local', 'AAAA', []],
    ])
  })

  it('2.3.1 an AAAA record for an IPv6 address', () => {
    checkRows(kubernetes('2001:db8::1'), [
      ['kubernetes.default.svc.cluster.local', 'AAAA', ['5 2001:db8::1']],
      ['kubernetes.default.svc.cluster.local', 'A', []],
    ])
  })

  it('2.3.1 both for a dual-stack Service', () => {
    checkRows(kubernetes('2001:db8::1', '10.3.0.1'), [
      ['kubernetes.default.svc.cluster.local', 'A', ['5 10.3.0.1']],
      ['kubernetes.default.svc.cluster.local', 'AAAA', ['5 2001:db8::1']],
    ])
  })

  it('2.3.2 an SRV record for each named port, and the address in the additional section', () => {
    const name = '_https._tcp.kubernetes.default.svc.cluster.local'
    const state = kubernetes('10.3.0.1', '2001:db8::1')
    checkRows(state, [[name, 'SRV', ['5 0 100 443 kubernetes.default.svc.cluster.local.']]])
    expect(additional(serviceNodes(CONTEXT, state), name, 'SRV')).toEqual([
      'kubernetes.default.svc.cluster.local. 5 A 10.3.0.1',
      'kubernetes.default.svc.cluster.local. 5 AAAA 2001:db8::1',
    ])
  })

  it('2.3.2 none at a port name for an unnamed port', () => {
    const nodes = serviceNodes(CONTEXT, facts({ ports: [servicePort('', 80)] }, { addresses: [address('10.3.0.1')] }))
    expect(nodes.filter(({ role }) => role === 'cluster').length).toBe(1)
  })

  it('2.3.3 a PTR record for an IPv4 address', () => {
    checkRows(kubernetes('10.3.0.1'), [['1.0.3.10.in-addr.arpa', 'PTR', ['5 kubernetes.default.svc.cluster.local.']]])
  })

  it('2.3.3 a PTR record for an IPv6 address, at its 32 nibbles (the printed example has only 24)', () => {
    const name = reverse('2001:db8::1')
    expect(name).toBe(`1.${'0.'.repeat(23)}8.b.d.0.1.0.0.2.ip6.arpa`)
    checkRows(kubernetes('2001:db8::1'), [[name, 'PTR', ['5 kubernetes.default.svc.cluster.local.']]])
  })
})

describe('2.4 records for a headless Service', () => {
  it('2.4.1 an A or AAAA record for each ready endpoint', () => {
    checkRows(headless(), [
      [
        'headless.default.svc.cluster.local',
        'A',
        ['5 10.3.0.1', '5 10.3.0.2', '5 10.3.0.3', '5 10.3.0.100', '5 10.3.0.101', '5 10.3.0.102'],
      ],
      [
        'headless.default.svc.cluster.local',
        'AAAA',
        ['5 2001:db8::1', '5 2001:db8::2', '5 2001:db8::3', '5 2001:db8::100'],
      ],
    ])
  })

  it('2.4.1 NXDOMAIN without a ready endpoint: no name at all', () => {
    const unready = slice('a', [{ address: '10.3.0.1', conditions: 0 }], [slicePort('https', 443)])
    expect(serviceNodes(CONTEXT, facts({ headless: true, ports: [servicePort('https', 443)] }))).toEqual([])
    expect(serviceNodes(CONTEXT, facts({ headless: true }, { slices: [unready] }))).toEqual([])
  })

  it('2.4.1 a record for each address of a hostname', () => {
    checkRows(headless(), [
      ['my-pet.headless.default.svc.cluster.local', 'A', ['5 10.3.0.100']],
      ['my-pet.headless.default.svc.cluster.local', 'AAAA', ['5 2001:db8::100']],
      ['my-pet-2.headless.default.svc.cluster.local', 'A', ['5 10.3.0.101', '5 10.3.0.102']],
      ['my-pet-2.headless.default.svc.cluster.local', 'AAAA', []],
    ])
  })

  it('2.4.2 N × M SRV records for N ready endpoints and M named ports', () => {
    const ports = [slicePort('https', 443), slicePort('metrics', 9090), slicePort('dns', 53, 'UDP')]
    const endpoints = [
      { address: '10.3.0.100', hostname: 'my-pet' },
      { address: '10.3.0.101', hostname: 'my-pet-2' },
      '10.3.0.9',
    ]
    const nodes = serviceNodes(
      CONTEXT,
      facts({ name: 'headless', headless: true }, { slices: [slice('a', endpoints, ports)] }),
    )
    const base = 'headless.default.svc.cluster.local'
    for (const [name, port] of [
      ['_https._tcp', 443],
      ['_metrics._tcp', 9090],
      ['_dns._udp', 53],
    ] as const) {
      expect(answer(nodes, `${name}.${base}`, 'SRV')).toEqual([
        `5 0 33 ${port} my-pet.${base}.`,
        `5 0 33 ${port} my-pet-2.${base}.`,
        `5 0 33 ${port} 10-3-0-9.${base}.`,
      ])
    }
    expect(additional(nodes, `_https._tcp.${base}`, 'SRV')).toEqual([
      `my-pet.${base}. 5 A 10.3.0.100`,
      `my-pet-2.${base}. 5 A 10.3.0.101`,
      `10-3-0-9.${base}. 5 A 10.3.0.9`,
    ])
  })

  it('2.4.2 none at a port name for an unnamed port', () => {
    const nodes = serviceNodes(
      CONTEXT,
      facts({ headless: true }, { slices: [slice('a', ['10.3.0.1'], [slicePort('', 80)])] }),
    )
    expect(nodes.some(({ node }) => node.name[1] === 0x5f)).toBe(false)
  })

  it('2.4.3 a PTR record for each ready endpoint', () => {
    checkRows(headless(), [
      ['100.0.3.10.in-addr.arpa', 'PTR', ['5 my-pet.headless.default.svc.cluster.local.']],
      ['101.0.3.10.in-addr.arpa', 'PTR', ['5 my-pet-2.headless.default.svc.cluster.local.']],
      ['102.0.3.10.in-addr.arpa', 'PTR', ['5 my-pet-2.headless.default.svc.cluster.local.']],
      ['1.0.3.10.in-addr.arpa', 'PTR', ['5 10-3-0-1.headless.default.svc.cluster.local.']],
      [reverse('2001:db8::100'), 'PTR', ['5 my-pet.headless.default.svc.cluster.local.']],
    ])
  })
})

describe('2.5 records for external name Services', () => {
  it('a CNAME to the external name, and nothing else', () => {
    checkRows(external(), [
      ['foo.default.svc.cluster.local', 'CNAME', ['5 www.example.com.']],
      ['foo.default.svc.cluster.local', 'A', []],
    ])
    expect(serviceNodes(CONTEXT, external()).length).toBe(1)
  })
})

describe('2.6 deprecated records (dropped in 1.1.0, still expected of every cluster)', () => {
  it('<a>-<b>-<c>-<d>.<ns>.pod.<zone> is left to pods: insecure and verified', () => {
    expect(nodeAt(clusterZoneNodes(CONTEXT), 'pod.cluster.local')).not.toBeNull()
    expect(nodeAt(clusterZoneNodes(context({ pods: 'disabled' })), 'pod.cluster.local')).toBeNull()
  })
})

describe('3 schema extensions, as CoreDNS has them', () => {
  const ports = [
    servicePort('http', 80),
    servicePort('', 81),
    servicePort('dns-tcp', 53),
    servicePort('dns', 53, 'UDP'),
  ]
  const endpoints = [
    '10.0.0.1',
    { address: '2001:db8:1:2:3:4:5::', hostname: null },
    { address: '10.0.0.3', conditions: 0 },
  ]
  const state = facts(
    { ports },
    {
      addresses: [address('10.3.0.1')],
      slices: [slice('a', endpoints.slice(0, 1)), slice('b', endpoints.slice(1, 2)), slice('c', endpoints.slice(2))],
    },
  )
  const base = 'web.default.svc.cluster.local'

  it('SRV at the bare Service name: each port number once, named or not', () => {
    checkRows(state, [[base, 'SRV', [`5 0 33 80 ${base}.`, `5 0 33 81 ${base}.`, `5 0 33 53 ${base}.`]]])
  })

  it('names and pointers of the ready endpoints of a ClusterIP Service', () => {
    checkRows(state, [
      [`10-0-0-1.${base}`, 'A', ['5 10.0.0.1']],
      [`2001-db8-1-2-3-4-5-0.${base}`, 'AAAA', ['5 2001:db8:1:2:3:4:5:0']],
      [`10-0-0-3.${base}`, 'A', null],
      ['1.0.0.10.in-addr.arpa', 'PTR', [`5 10-0-0-1.${base}.`]],
      ['3.0.0.10.in-addr.arpa', 'PTR', null],
    ])
  })

  it('an IPv6 address that ends in a gap gets a final 0', () => {
    const gap = facts({}, { addresses: [address('10.3.0.1')], slices: [slice('a', ['1234:abcd:1::'])] })
    checkRows(gap, [[`1234-abcd-1--0.${base}`, 'AAAA', ['5 1234:abcd:1::']]])
  })

  it('a ClusterIP Service without endpoints keeps its address', () => {
    checkRows(facts({ ports }, { addresses: [address('10.3.0.1')] }), [[base, 'A', ['5 10.3.0.1']]])
  })

  it('a ClusterIP Service without ports keeps its address and has no SRV record', () => {
    checkRows(facts({}, { addresses: [address('10.3.0.1')] }), [
      [base, 'A', ['5 10.3.0.1']],
      [base, 'SRV', []],
    ])
  })

  it('a headless Service without ports keeps its addresses and has no SRV record', () => {
    checkRows(facts({ headless: true }, { slices: [slice('a', ['10.0.0.1'])] }), [
      [base, 'A', ['5 10.0.0.1']],
      [base, 'SRV', []],
    ])
  })

  it('a port that the slice leaves open has no SRV record', () => {
    const slices = [slice('a', ['10.0.0.1'], [slicePort('http', null), slicePort('dns', 53)])]
    checkRows(facts({ headless: true }, { slices }), [
      [base, 'SRV', [`5 0 100 53 10-0-0-1.${base}.`]],
      [`_http._tcp.${base}`, 'SRV', null],
    ])
  })

  it('SRV of a headless Service has the slice’s port, which may differ from slice to slice', () => {
    const slices = [
      slice('a', ['10.0.0.1'], [slicePort('http', 8080)]),
      slice('b', ['10.0.0.2'], [slicePort('http', 9090)]),
    ]
    checkRows(facts({ headless: true, ports: [servicePort('http', 80)] }, { slices }), [
      [`_http._tcp.${base}`, 'SRV', [`5 0 50 8080 10-0-0-1.${base}.`, `5 0 50 9090 10-0-0-2.${base}.`]],
    ])
  })

  it('SRV at the bare name of a headless Service has all ports of all endpoints', () => {
    const slices = [slice('a', ['10.0.0.1', '10.0.0.2'], [slicePort('http', 80), slicePort(null, 81)])]
    checkRows(facts({ headless: true }, { slices }), [
      [
        base,
        'SRV',
        [
          `5 0 25 80 10-0-0-1.${base}.`,
          `5 0 25 81 10-0-0-1.${base}.`,
          `5 0 25 80 10-0-0-2.${base}.`,
          `5 0 25 81 10-0-0-2.${base}.`,
        ],
      ],
    ])
  })

  it('endpoints that share a hostname share their SRV record', () => {
    const shared = [
      { address: '10.0.0.1', hostname: 'a' },
      { address: '10.0.0.2', hostname: 'A' },
    ]
    checkRows(facts({ headless: true }, { slices: [slice('s', shared, [slicePort('http', 80)])] }), [
      [base, 'SRV', [`5 0 100 80 a.${base}.`]],
      [`a.${base}`, 'A', ['5 10.0.0.1', '5 10.0.0.2']],
    ])
  })

  it('_proto is an empty non-terminal (RFC 8020; CoreDNS says NXDOMAIN)', () => {
    checkRows(state, [
      [`_tcp.${base}`, 'SRV', []],
      [`_udp.${base}`, 'A', []],
      [`_sctp.${base}`, 'SRV', null],
    ])
  })

  it('a ClusterIP Service without an address has no name', () => {
    expect(serviceNodes(CONTEXT, facts({ ports }, { slices: [slice('a', ['10.0.0.1'])] }))).toEqual([])
  })

  it('an ExternalName that is an address has no name', () => {
    for (const externalName of ['10.0.0.1', 'fdaa::1', null, '']) {
      expect(serviceNodes(CONTEXT, facts({ type: 'ExternalName', externalName }))).toEqual([])
    }
  })
})

describe('flycast', () => {
  const base = 'web.svc.shop.flycast'

  it('a ClusterIP Service has the same addresses and ports there, and its pointer names the cluster name first', () => {
    const state = facts(
      { ports: [servicePort('http', 80)] },
      { addresses: [address('fdaa::1')], app: 'shop', slices: [slice('a', ['fdaa::2'])] },
    )
    checkRows(state, [
      [base, 'AAAA', ['5 fdaa::1']],
      [base, 'SRV', [`5 0 100 80 ${base}.`]],
      [`_http._tcp.${base}`, 'SRV', [`5 0 100 80 ${base}.`]],
      [`fdaa--2.${base}`, 'AAAA', ['5 fdaa::2']],
      [reverse('fdaa::1'), 'PTR', ['5 web.default.svc.cluster.local.', `5 ${base}.`]],
      [reverse('fdaa::2'), 'PTR', ['5 fdaa--2.web.default.svc.cluster.local.']],
    ])
    expect(additional(serviceNodes(CONTEXT, state), `_http._tcp.${base}`, 'SRV')).toEqual([`${base}. 5 AAAA fdaa::1`])
  })

  it('a headless Service has its endpoints and their names there', () => {
    const slices = [slice('a', [{ address: 'fdaa::2', hostname: 'db-0' }], [slicePort('http', 80)])]
    checkRows(facts({ headless: true }, { app: 'shop', slices }), [
      [base, 'AAAA', ['5 fdaa::2']],
      [`db-0.${base}`, 'AAAA', ['5 fdaa::2']],
      [`_http._tcp.${base}`, 'SRV', [`5 0 100 80 db-0.${base}.`]],
    ])
  })

  it('an ExternalName Service is an alias there too', () => {
    checkRows({ ...external(), app: 'shop' }, [['foo.svc.shop.flycast', 'CNAME', ['5 www.example.com.']]])
  })

  it('reverse names are those that read back as the address', () => {
    const nodes = serviceNodes(CONTEXT, headless())
    for (const { role, node } of nodes) {
      if (role !== 'reverse') continue
      expect(addressOfReverseLabels(labelsOf(node.name))).not.toBeNull()
    }
  })
})
