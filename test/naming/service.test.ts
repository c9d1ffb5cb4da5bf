import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { READY, SERVING, TERMINATING } from '#src/cluster/objects.ts'
import { serviceNodes } from '#src/naming/service.ts'
import { foldName, isInZone, labelsOf, MAX_NAME, parentOf } from '#src/wire/name.ts'
import { TYPE } from '#src/wire/record-type.ts'
import { address } from '#support/ip.ts'
import { arbitraryFacts } from './arbitrary.ts'
import { additional, answer, context, dump, facts, nodeAt, servicePort, slice, slicePort } from './builders.ts'

const CONTEXT = context()
const LONG_CONTEXT = context({ domain: `${'d'.repeat(60)}.${'e'.repeat(60)}.${'f'.repeat(55)}` })
const BASE = 'web.default.svc.cluster.local'

describe('serviceNodes', () => {
  it('every name and every target is a valid name of its zone, and no name occurs twice', () => {
    fc.assert(
      fc.property(arbitraryFacts, fc.constantFrom(CONTEXT, LONG_CONTEXT), (state, naming) => {
        const nodes = serviceNodes(naming, state)
        const keys = nodes.map(({ role, node }) => `${role} ${foldName(node.name)}`)
        expect(new Set(keys).size).toBe(keys.length)
        for (const { role, node } of nodes) {
          expectName(node.name)
          const key = foldName(node.name)
          expect(isInZone(key, naming.domainKey)).toBe(role === 'cluster')
          expect(isInZone(key, naming.flycastKey)).toBe(role === 'flycast')
          for (const { type, rdatas } of node.rrsets) {
            for (const rdata of rdatas) {
              if (type === TYPE.PTR || type === TYPE.CNAME) expectName(rdata)
              if (type === TYPE.SRV) expectName(rdata.subarray(6))
              if (type === TYPE.A || type === TYPE.AAAA) expect(rdata.length).toBe(type === TYPE.A ? 4 : 16)
            }
          }
        }
      }),
    )
  })

  it('no set is empty or has a record twice, no name has two sets of one type, and a CNAME stands alone', () => {
    fc.assert(
      fc.property(arbitraryFacts, state => {
        for (const { node } of serviceNodes(CONTEXT, state)) {
          const types = node.rrsets.map(set => set.type)
          expect(new Set(types).size).toBe(types.length)
          if (types.includes(TYPE.CNAME)) expect(types).toEqual([TYPE.CNAME])
          for (const { rdatas } of node.rrsets) {
            expect(rdatas.length).toBeGreaterThan(0)
            expect(new Set(rdatas.map(String)).size).toBe(rdatas.length)
          }
        }
      }),
    )
  })

  it('every name between a name of the Service and the Service’s own name exists', () => {
    fc.assert(
      fc.property(arbitraryFacts, state => {
        const nodes = serviceNodes(CONTEXT, state).filter(({ role }) => role !== 'reverse')
        const names = new Set(nodes.map(({ node }) => foldName(node.name)))
        for (const { role, node } of nodes) {
          const depth = role === 'cluster' ? 5 : 4
          if (labelsOf(node.name).length > depth) expect(names).toContain(foldName(parentOf(node.name)))
        }
      }),
    )
  })

  it('every SRV target of the Service exists with the addresses that the additional section gives', () => {
    fc.assert(
      fc.property(arbitraryFacts, fc.constantFrom(CONTEXT, LONG_CONTEXT), (state, naming) => {
        const nodes = serviceNodes(naming, state)
        const addresses = new Set(
          nodes.flatMap(({ node }) =>
            node.rrsets.flatMap(set => set.rdatas.map(rdata => `${foldName(node.name)} ${set.type} ${rdata}`)),
          ),
        )
        for (const { node } of nodes) {
          for (const set of node.rrsets) {
            const extra = set.additional.map(({ name, type, rdata }) => `${foldName(name)} ${type} ${rdata}`)
            expect(new Set(extra).size).toBe(extra.length)
            for (const record of extra) expect(addresses).toContain(record)
            if (set.type !== TYPE.SRV) continue
            const targets = new Set(set.rdatas.map(rdata => String(rdata.subarray(6))))
            expect(new Set(set.additional.map(({ name }) => String(name)))).toEqual(targets)
          }
        }
      }),
    )
  })

  it('the order of slices does not matter', () => {
    fc.assert(
      fc.property(arbitraryFacts, state => {
        const turned = { ...state, slices: state.slices.toReversed() }
        expect(serviceNodes(CONTEXT, turned)).toEqual(serviceNodes(CONTEXT, state))
      }),
    )
  })

  it('a copy of a slice changes nothing', () => {
    fc.assert(
      fc.property(arbitraryFacts, state => {
        const [first] = state.slices
        fc.pre(first !== undefined)
        const slices = first === undefined ? [] : [...state.slices, { ...first, name: 'web-z' }]
        expect(dump(serviceNodes(CONTEXT, { ...state, slices }))).toEqual(dump(serviceNodes(CONTEXT, state)))
      }),
    )
  })
})

describe('duplicate endpoints', () => {
  const state = (...slices: Parameters<typeof slice>[1][]) =>
    facts(
      { headless: true },
      { slices: slices.map((endpoints, i) => slice(`web-${i}`, endpoints, [slicePort('http', 80)])) },
    )

  it('a slice that holds the address as not terminating decides over one that holds it as terminating', () => {
    const nodes = serviceNodes(
      CONTEXT,
      state(
        [{ address: '10.0.0.1', conditions: READY | SERVING | TERMINATING, hostname: 'old' }, '10.0.0.9'],
        [{ address: '10.0.0.1', conditions: SERVING, hostname: 'new' }],
      ),
    )
    expect(answer(nodes, BASE, 'A')).toEqual(['5 10.0.0.9'])
  })

  it('among equal conditions the first slice by name gives the hostname', () => {
    const endpoints = (hostname: string) => [{ address: '10.0.0.1', hostname }]
    const nodes = serviceNodes(CONTEXT, state(endpoints('first'), endpoints('second')))
    expect(answer(nodes, `first.${BASE}`, 'A')).toEqual(['5 10.0.0.1'])
    expect(nodeAt(nodes, `second.${BASE}`)).toBeNull()
  })

  it('an address in two slices with different ports has the ports of both', () => {
    const slices = [
      slice('web-a', ['10.0.0.1'], [slicePort('http', 80)]),
      slice('web-b', ['10.0.0.1'], [slicePort('http', 80), slicePort('http', 81), slicePort('metrics', 9090)]),
    ]
    const nodes = serviceNodes(CONTEXT, facts({ headless: true }, { slices }))
    expect(answer(nodes, BASE, 'A')).toEqual(['5 10.0.0.1'])
    expect(answer(nodes, `_http._tcp.${BASE}`, 'SRV')).toEqual([
      `5 0 50 80 10-0-0-1.${BASE}.`,
      `5 0 50 81 10-0-0-1.${BASE}.`,
    ])
    expect(answer(nodes, `_metrics._tcp.${BASE}`, 'SRV')).toEqual([`5 0 100 9090 10-0-0-1.${BASE}.`])
  })

  it('a hostname that spells another endpoint’s dashed address shares its name', () => {
    const nodes = serviceNodes(CONTEXT, state(['10.0.0.1', { address: '10.0.0.2', hostname: '10-0-0-1' }]))
    expect(answer(nodes, `10-0-0-1.${BASE}`, 'A')).toEqual(['5 10.0.0.1', '5 10.0.0.2'])
    expect(nodeAt(nodes, `10-0-0-2.${BASE}`)).toBeNull()
    expect(answer(nodes, BASE, 'SRV')).toEqual([`5 0 100 80 10-0-0-1.${BASE}.`])
  })

  it('slices of host names are ignored', () => {
    const nodes = serviceNodes(
      CONTEXT,
      facts({ headless: true }, { slices: [slice('web-a', ['10.0.0.1'], [], 'FQDN'), slice('web-b', ['10.0.0.2'])] }),
    )
    expect(answer(nodes, BASE, 'A')).toEqual(['5 10.0.0.2'])
  })
})

describe('limits', () => {
  it('a hostname that is no label is replaced by the dashed address', () => {
    const endpoints = [{ address: '10.0.0.1', hostname: 'not a label' }]
    const nodes = serviceNodes(CONTEXT, facts({ headless: true }, { slices: [slice('web-a', endpoints)] }))
    expect(answer(nodes, `10-0-0-1.${BASE}`, 'A')).toEqual(['5 10.0.0.1'])
  })

  it('a port name that does not fit behind an underscore has no name; its number stays at the Service’s name', () => {
    const ports = [servicePort('p'.repeat(63), 80), servicePort('p'.repeat(62), 81)]
    const nodes = serviceNodes(CONTEXT, facts({ ports }, { addresses: [address('fdaa::1')] }))
    expect(answer(nodes, BASE, 'SRV')).toHaveLength(2)
    expect(nodes.filter(({ node }) => labelsOf(node.name).length === 7).length).toBe(1)
  })

  it('an endpoint name longer than 255 octets is left out; the address stays at the Service’s name', () => {
    const naming = context({ domain: `${'d'.repeat(63)}.${'e'.repeat(63)}.${'f'.repeat(50)}` })
    const endpoints = ['10.0.0.1', { address: '10.0.0.2', hostname: 'h'.repeat(63) }]
    const state = facts({ headless: true }, { slices: [slice('web-a', endpoints, [slicePort('http', 80)])] })
    const nodes = serviceNodes(naming, state)
    const [base] = nodes
    expect(base?.node.rrsets.map(({ type, rdatas }) => [type, rdatas.length])).toEqual([
      [TYPE.A, 2],
      [TYPE.SRV, 1],
    ])
    expect(nodes.filter(({ role }) => role === 'reverse').length).toBe(1)
  })

  it('a Service whose own name does not fit has no name', () => {
    const naming = context({ domain: Array.from({ length: 4 }, () => 'd'.repeat(59)).join('.') })
    expect(serviceNodes(naming, facts({}, { addresses: [address('fdaa::1')] }))).toEqual([])
  })

  it('without its cluster name a Service still has its flycast name, and no PTR of endpoints', () => {
    const naming = context({ domain: Array.from({ length: 4 }, () => 'd'.repeat(58)).join('.') })
    const state = facts({}, { addresses: [address('fdaa::1')], app: 'shop', slices: [slice('web-a', ['fdaa::2'])] })
    const nodes = serviceNodes(naming, state)
    expect(answer(nodes, 'web.svc.shop.flycast', 'AAAA')).toEqual(['5 fdaa::1'])
    expect(nodes.filter(({ role }) => role === 'reverse').length).toBe(1)
  })

  it('the additional records of a large headless Service fit into the largest message', () => {
    const addresses = Array.from({ length: 900 }, (_, i) => `fdaa::${(i + 1).toString(16)}`)
    const nodes = serviceNodes(
      CONTEXT,
      facts({ headless: true }, { slices: [slice('web-a', addresses, [slicePort('http', 80)])] }),
    )
    const set = nodes[0]?.node.rrsets.find(({ type }) => type === TYPE.SRV)
    const octets = (set?.rdatas ?? []).reduce((sum, rdata) => sum + 12 + rdata.length, 0)
    const extra = (set?.additional ?? []).map(({ name, rdata }) => name.length + 10 + rdata.length)
    const total = 12 + 259 + 11 + octets + extra.reduce((sum, size) => sum + size, 0)
    expect(set?.rdatas.length).toBe(900)
    expect(total).toBeLessThanOrEqual(65_535)
    expect(total).toBeGreaterThan(65_535 - 100)
    const many = slice(
      'web-a',
      Array.from({ length: 2000 }, (_, i) => `fdaa::${(i + 1).toString(16)}`),
      [slicePort('http', 80)],
    )
    expect(additional(serviceNodes(CONTEXT, facts({ headless: true }, { slices: [many] })), BASE, 'SRV')).toEqual([])
  })
})

function expectName(name: Uint8Array): void {
  const labels = labelsOf(name)
  const octets = labels.reduce((sum, label) => sum + label.length + 1, 1)
  expect(name.length).toBe(octets)
  expect(octets).toBeLessThanOrEqual(MAX_NAME)
  for (const label of labels) expect(label.length).toBeLessThanOrEqual(63)
}
