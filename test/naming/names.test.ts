import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { nameFaults, nameProblem, namesOf } from '#src/naming/names.ts'
import { serviceNodes } from '#src/naming/service.ts'
import { address } from '#support/ip.ts'
import { arbitraryFacts } from './arbitrary.ts'
import { context, facts, nodeAt, servicePort, slice } from './builders.ts'

const CONTEXT = context()

describe('namesOf', () => {
  it('lists the cluster name and the flycast name', () => {
    const state = facts({}, { addresses: [address('fdaa::1')], app: 'shop' })
    expect(namesOf(CONTEXT, state)).toEqual(['web.default.svc.cluster.local', 'web.svc.shop.flycast'])
  })

  it('lists the Service’s own names exactly when they exist', () => {
    fc.assert(
      fc.property(arbitraryFacts, state => {
        const nodes = serviceNodes(CONTEXT, state)
        const names = namesOf(CONTEXT, state)
        expect(names.length === 0).toBe(nodes.length === 0)
        for (const name of names) expect(nodeAt(nodes, name)).not.toBeNull()
      }),
    )
  })
})

describe('nameProblem', () => {
  it('is there exactly when a Service that has all it needs has no name', () => {
    const external = (externalName: string) => facts({ type: 'ExternalName', externalName })
    expect(nameProblem(CONTEXT, facts({}))).toBeNull()
    expect(nameProblem(CONTEXT, external('example.com'))).toBeNull()
    expect(nameProblem(CONTEXT, external('10.0.0.1'))).toMatch(/its external name "10\.0\.0\.1" must be a host name/)
    const long = context({ domain: Array.from({ length: 4 }, () => 'd'.repeat(59)).join('.') })
    expect(nameProblem(long, facts({}))).toMatch(/^Service "default\/web" has no name: its labels do not fit below/)
  })
})

describe('nameFaults', () => {
  it('finds nothing wrong with an ordinary Service', () => {
    const slices = [slice('web-a', [{ address: '10.0.0.1', hostname: 'db-0' }])]
    expect(
      nameFaults(CONTEXT, facts({ ports: [servicePort('', 1), servicePort('http', 80)] }, { app: 'shop', slices })),
    ).toEqual([])
    expect(nameFaults(CONTEXT, facts({ type: 'ExternalName', externalName: 'example.com' }))).toEqual([])
  })

  it.each([
    ['an app', facts({}, { app: 'a.b' }), /^Service "default\/web" has no flycast name: app "a\.b" must be one label/],
    [
      'a port',
      facts({ ports: [servicePort('p'.repeat(63), 80)] }),
      /^Port "p{63}" of Service "default\/web" has no SRV name/,
    ],
    [
      'a hostname',
      facts({}, { slices: [slice('web-a', [{ address: '10.0.0.1', hostname: 'a b' }])] }),
      /^Hostname "a b" of an endpoint of Service "default\/web" is no label/,
    ],
  ])('reports %s that cannot be a name, once', (_, state, expected) => {
    const faults = nameFaults(CONTEXT, state)
    expect(faults.length).toBe(1)
    expect(faults[0]).toMatch(expected)
  })

  it('reports a Service whose names are too long', () => {
    const naming = context({
      domain: Array.from({ length: 4 }, () => 'd'.repeat(59)).join('.'),
      flycast: Array.from({ length: 4 }, () => 'f'.repeat(59)).join('.'),
    })
    expect(nameFaults(naming, facts({}, { app: 'shopping' })).length).toBe(2)
  })
})
