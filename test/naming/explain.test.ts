import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { READY, SERVING, TERMINATING } from '#src/cluster/objects.ts'
import type { ServiceFacts } from '#src/naming/context.ts'
import { explainService } from '#src/naming/explain.ts'
import { serviceNodes } from '#src/naming/service.ts'
import { foldName } from '#src/wire/name.ts'
import { typeNumber } from '#src/wire/record-type.ts'
import { address } from '#support/ip.ts'
import { arbitraryFacts } from './arbitrary.ts'
import { context, facts, keyOf, servicePort, slice, slicePort } from './builders.ts'

const CONTEXT = context()
const BASE = 'web.default.svc.cluster.local'

function explain(
  state: ServiceFacts,
  name: string,
  type: string,
  role: 'cluster' | 'flycast' | 'reverse' = 'cluster',
): string[] {
  return explainService(CONTEXT, state, role, keyOf(name), typeNumber(type) ?? 0)
}

describe('explainService', () => {
  it('tells the object and its place for every name that exists', () => {
    fc.assert(
      fc.property(arbitraryFacts, state => {
        for (const { role, node } of serviceNodes(CONTEXT, state)) {
          const [first] = explainService(CONTEXT, state, role, foldName(node.name), 1)
          expect(first).toMatch(
            / is Service "default\/web" \((ClusterIP|LoadBalancer|ExternalName)\) of web\.yaml:1\.$/,
          )
        }
      }),
    )
  })

  it('says nothing about the name of another Service', () => {
    const state = facts({}, { addresses: [address('fdaa::1')], app: 'shop' })
    expect(explain(state, 'db.default.svc.cluster.local', 'A')).toEqual([])
    expect(explain(state, BASE, 'A', 'flycast')).toEqual([])
    expect(explain(state, `a.b.c.${BASE}`, 'A')).toEqual([])
    expect(explain(state, `a.b.${BASE}`, 'A').slice(2)).toEqual([])
    expect(explain(state, '2.0.0.10.in-addr.arpa', 'PTR', 'reverse')).toEqual([])
  })

  it('tells for each endpoint of a headless Service why it is in or out', () => {
    const slices = [
      slice('web-a', [
        '10.0.0.1',
        { address: '10.0.0.2', conditions: 0 },
        { address: '10.0.0.3', conditions: SERVING | TERMINATING },
        { address: '10.0.0.4', conditions: READY | SERVING | TERMINATING },
      ]),
      slice('web-b', [{ address: '10.0.0.4', hostname: 'db-0' }, '10.0.0.1']),
      slice('web-c', ['fdaa::1']),
      slice('web-d', ['10.0.0.9'], [], 'FQDN'),
    ]
    expect(explain(facts({ headless: true }, { slices }), BASE, 'A')).toEqual([
      `${BASE}. is Service "default/web" (ClusterIP) of web.yaml:1.`,
      'It is headless: its addresses are those of its ready endpoints.',
      'slice "web-d" of web-d.yaml:1 is out: its addresses are host names.',
      '10.0.0.1 (slice "web-a" of web-a.yaml:1) is in, as "10-0-0-1".',
      '10.0.0.2 (slice "web-a" of web-a.yaml:1) is out: it is not ready.',
      '10.0.0.3 (slice "web-a" of web-a.yaml:1) is out: it is terminating and not ready.',
      '10.0.0.4 (slice "web-a" of web-a.yaml:1) is out: it is a duplicate; what counts is its entry in slice "web-b".',
      '10.0.0.4 (slice "web-b" of web-b.yaml:1) is in, as "db-0".',
      '10.0.0.1 (slice "web-b" of web-b.yaml:1) is out: it is a duplicate; what counts is its entry in slice "web-a".',
      'fdaa::1 (slice "web-c" of web-c.yaml:1) is out: its family has no A record.',
    ])
  })

  it('tells that a hostname takes the place of the dashed address', () => {
    const slices = [slice('web-a', [{ address: '10.0.0.1', hostname: 'db-0' }])]
    expect(explain(facts({ headless: true }, { slices }), `10-0-0-1.${BASE}`, 'A').slice(2)).toEqual([
      '10.0.0.1 (slice "web-a" of web-a.yaml:1) is out: its hostname is "db-0", which is used instead of the dashed address.',
      'No ready endpoint is called "10-0-0-1", so the name does not exist.',
    ])
  })

  it('tells which endpoints have the port that is asked for', () => {
    const slices = [
      slice('web-a', ['10.0.0.1'], [slicePort('http', 80)]),
      slice('web-b', ['10.0.0.2'], [slicePort('dns', 53)]),
    ]
    const state = facts({ headless: true }, { slices })
    expect(explain(state, `_http._tcp.${BASE}`, 'SRV').slice(2)).toEqual([
      '10.0.0.1 (slice "web-a" of web-a.yaml:1) is in, as "10-0-0-1".',
      '10.0.0.2 (slice "web-b" of web-b.yaml:1) is out: its slice has no port _http._tcp.',
    ])
    expect(explain(state, `_tcp.${BASE}`, 'SRV').slice(2)).toEqual(['Below _tcp are its named ports: http, dns.'])
    expect(explain(state, `_udp.${BASE}`, 'SRV').slice(2)).toEqual([
      'It has no named port of protocol _udp, so the name does not exist.',
    ])
  })

  it('tells the ports of a ClusterIP Service', () => {
    const ports = [servicePort('http', 80), servicePort('', 81)]
    const state = facts({ ports }, { addresses: [address('fdaa::1'), address('10.3.0.1')] })
    expect(explain(state, BASE, 'SRV').slice(1)).toEqual([
      'Its addresses are fdaa::1 and 10.3.0.1.',
      'It has one SRV record for each number of its ports: http 80/TCP, 81/TCP.',
    ])
    expect(explain(state, `_http._tcp.${BASE}`, 'SRV').at(-1)).toBe('Port "http" is 80/TCP.')
    expect(explain(state, `_https._tcp.${BASE}`, 'SRV').at(-1)).toBe(
      'It has no port _https._tcp; it has http/TCP, an unnamed TCP port.',
    )
  })

  it('tells why a Service has no name', () => {
    expect(explain(facts({}), BASE, 'A').at(-1)).toBe('It has no address, so none of its names exists.')
    expect(explain(facts({ headless: true }), BASE, 'A').at(-1)).toBe(
      'No endpoint is ready, so none of its names exists.',
    )
    expect(explain(facts({ type: 'ExternalName', externalName: '10.0.0.1' }), BASE, 'A').at(-1)).toBe(
      'It is an alias: its external name is "10.0.0.1", which is no host name, so its name does not exist.',
    )
  })

  it('tells whose address a reverse name is', () => {
    const state = facts({}, { addresses: [address('10.3.0.1')], slices: [slice('web-a', ['10.0.0.1'])] })
    expect(explain(state, '1.0.3.10.in-addr.arpa', 'PTR', 'reverse').at(-1)).toBe(
      '10.3.0.1 is its own address, so the pointer names the Service.',
    )
    expect(explain(state, '1.0.0.10.in-addr.arpa', 'PTR', 'reverse').at(-1)).toBe(
      '10.0.0.1 (slice "web-a" of web-a.yaml:1) is in, as "10-0-0-1".',
    )
  })

  it('stays short for a Service of thousands', () => {
    const addresses = Array.from({ length: 3000 }, (_, i) => `fdaa::${(i + 1).toString(16)}`)
    const lines = explain(facts({ headless: true }, { slices: [slice('web-a', addresses)] }), BASE, 'AAAA')
    expect(lines.length).toBeLessThan(60)
    expect(lines.at(-1)).toBe('And 2,950 more endpoints.')
  })
})
