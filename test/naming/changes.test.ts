import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { READY, SERVING } from '#src/cluster/objects.ts'
import type { NodeChanges, OwnedNode, ServiceFacts } from '#src/naming/context.ts'
import { diffNodes } from '#src/naming/diff.ts'
import { LargePlans } from '#src/naming/large-plans.ts'
import { diffService, serviceLookup, serviceNodes } from '#src/naming/service.ts'
import { foldName } from '#src/wire/name.ts'
import { address } from '#support/ip.ts'
import { arbitraryChange, arbitraryFacts } from './arbitrary.ts'
import { context, dump, dumpNode, facts, keyOf, servicePort, slice, slicePort } from './builders.ts'

const CONTEXT = context()
const LONG_CONTEXT = context({ domain: `${'d'.repeat(60)}.${'e'.repeat(60)}.${'f'.repeat(55)}` })

/** `before` with the changes applied; a name that is set and removed, or removed without being there, is a fault. */
function apply(before: readonly OwnedNode[], { set, removed }: NodeChanges): OwnedNode[] {
  const nodes = new Map(before.map(owned => [`${owned.role} ${foldName(owned.node.name)}`, owned]))
  for (const { role, key } of removed) expect(nodes.delete(`${role} ${key}`)).toBe(true)
  const names = new Set<string>()
  for (const owned of set) {
    const name = `${owned.role} ${foldName(owned.node.name)}`
    expect(names.has(name)).toBe(false)
    expect(removed.some(({ role, key }) => `${role} ${key}` === name)).toBe(false)
    names.add(name)
    nodes.set(name, owned)
  }
  return [...nodes.values()]
}

function headless(addresses: readonly string[], conditions: number[] = []): ServiceFacts {
  const endpoints = addresses.map((text, i) => ({ address: text, conditions: conditions[i] ?? READY | SERVING }))
  return facts({ headless: true }, { slices: [slice('web-a', endpoints, [slicePort('http', 80)])], app: 'shop' })
}

describe('diffService', () => {
  it('the difference applied to the names before gives the names after', () => {
    fc.assert(
      fc.property(arbitraryChange, fc.constantFrom(CONTEXT, LONG_CONTEXT), ([before, after], naming) => {
        const result = apply(serviceNodes(naming, before), diffService(naming, before, after))
        expect(dump(result)).toEqual(dump(serviceNodes(naming, after)))
      }),
      { numRuns: 2000 },
    )
  })

  it('is the same with plans that are kept from change to change', () => {
    fc.assert(
      fc.property(arbitraryChange, arbitraryChange, (first, second) => {
        const plans = new LargePlans(2)
        let before: ServiceFacts | null = null
        for (const after of [...first, null, ...second, ...first]) {
          const kept = diffService(CONTEXT, before, after, plans)
          const anew = diffService(CONTEXT, before, after)
          expect(dump(kept.set)).toEqual(dump(anew.set))
          expect(kept.removed).toEqual(anew.removed)
          before = after
        }
      }),
    )
  })

  it('keeps the labels of slices that stay, wherever they are now', () => {
    const plans = new LargePlans(1)
    const [a, b, c] = ['a', 'b', 'c'].map((name, i) =>
      slice(
        `web-${name}`,
        Array.from({ length: 5 }, (_, k) => ({ address: `fdaa::${i + 1}:${k + 1}`, conditions: READY | SERVING })),
        [slicePort('http', 80)],
      ),
    )
    const of = (...slices: (typeof a)[]): ServiceFacts =>
      facts({ headless: true }, { slices: slices.filter(some => some !== undefined), app: null })
    let before: ServiceFacts | null = null
    for (const after of [of(b, c), of(a, b, c), of(a, c), of(c), of(a, b)]) {
      const kept = diffService(CONTEXT, before, after, plans)
      expect(dump(kept.set)).toEqual(dump(diffService(CONTEXT, before, after).set))
      before = after
    }
  })

  it('a Service that comes has all its names set, one that goes all removed', () => {
    fc.assert(
      fc.property(arbitraryFacts, state => {
        const nodes = serviceNodes(CONTEXT, state)
        expect(dump(diffService(CONTEXT, null, state).set)).toEqual(dump(nodes))
        expect(diffService(CONTEXT, state, null).removed.length).toBe(nodes.length)
      }),
    )
  })

  it('nothing changes when nothing that matters did', () => {
    fc.assert(
      fc.property(arbitraryFacts, state => {
        const slices = state.slices.toReversed().map(old => ({ ...old, origin: 'moved.yaml:7' }))
        const service = { ...state.service, annotations: { 'service.fly.io/x': 'y' } }
        expect(diffService(CONTEXT, state, { ...state, service, slices })).toEqual({ set: [], removed: [] })
      }),
    )
  })

  it('an endpoint that begins to terminate but stays ready changes nothing', () => {
    const before = headless(['fdaa::1', 'fdaa::2'])
    const after = headless(['fdaa::1', 'fdaa::2'], [READY | SERVING, READY | SERVING | 4])
    expect(diffService(CONTEXT, before, after)).toEqual({ set: [], removed: [] })
  })

  it('one endpoint less touches the Service, its ports, and the endpoint’s own names', () => {
    const addresses = Array.from({ length: 50 }, (_, i) => `fdaa::${(i + 1).toString(16)}`)
    const conditions = addresses.map((_, i) => (i === 20 ? 0 : READY | SERVING))
    const { set, removed } = diffService(CONTEXT, headless(addresses), headless(addresses, conditions))
    expect(set.map(({ role, node }) => `${role} ${node.rrsets.map(rrset => rrset.type)}`).sort()).toEqual([
      'cluster ',
      'cluster 28,33',
      'cluster 33',
      'flycast ',
      'flycast 28,33',
      'flycast 33',
    ])
    expect(removed.map(({ role, key }) => `${role} ${key}`).sort()).toEqual([
      `cluster ${keyOf('fdaa--15.web.default.svc.cluster.local')}`,
      `flycast ${keyOf('fdaa--15.web.svc.shop.flycast')}`,
      `reverse ${keyOf(`5.1.${'0.'.repeat(26)}a.a.d.f.ip6.arpa`)}`,
    ])
  })

  it('endpoints of a ClusterIP Service leave its own name alone', () => {
    const state = (...endpoints: string[]) =>
      facts({ ports: [servicePort('http', 80)] }, { addresses: [address('fdaa::99')], slices: [slice('a', endpoints)] })
    const { set, removed } = diffService(CONTEXT, state('10.0.0.1'), state('10.0.0.1', '10.0.0.2'))
    expect(dump(set)).toEqual([
      'cluster 10-0-0-2.web.default.svc.cluster.local. plain 5 A 10.0.0.2 + ',
      'reverse 2.0.0.10.in-addr.arpa. plain 5 PTR 10-0-0-2.web.default.svc.cluster.local. + ',
    ])
    expect(removed).toEqual([])
  })

  it('the last ready endpoint of a headless Service takes every name with it', () => {
    const before = headless(['fdaa::1'])
    const { set, removed } = diffService(CONTEXT, before, headless(['fdaa::1'], [0]))
    expect(set).toEqual([])
    expect(removed.length).toBe(serviceNodes(CONTEXT, before).length)
  })
})

describe('diffNodes', () => {
  it('the difference of any two lists applied to the first gives the second', () => {
    fc.assert(
      fc.property(arbitraryFacts, arbitraryFacts, fc.boolean(), (a, b, isShuffled) => {
        const before = serviceNodes(CONTEXT, a)
        const after = isShuffled ? serviceNodes(CONTEXT, b).reverse() : serviceNodes(CONTEXT, b)
        expect(dump(apply(before, diffNodes(before, after)))).toEqual(dump(after))
      }),
    )
  })

  it('equal lists differ in nothing', () => {
    fc.assert(
      fc.property(arbitraryFacts, state => {
        const changes = diffNodes(serviceNodes(CONTEXT, state), serviceNodes(CONTEXT, state))
        expect(changes).toEqual({ set: [], removed: [] })
      }),
    )
  })
})

describe('serviceLookup', () => {
  it('gives at every name what serviceNodes has there, and nothing at other names', () => {
    fc.assert(
      fc.property(arbitraryFacts, arbitraryFacts, (state, other) => {
        const nodes = serviceNodes(CONTEXT, state)
        const lookup = serviceLookup(CONTEXT, state)
        const known = new Map(nodes.map(({ role, node }) => [`${role} ${foldName(node.name)}`, node]))
        for (const { role, node } of [...nodes, ...serviceNodes(CONTEXT, other)]) {
          const key = foldName(node.name)
          const found = lookup(role, key)
          const expected = known.get(`${role} ${key}`)
          expect(found === null ? null : dumpNode(role, found)).toEqual(
            expected === undefined ? null : dumpNode(role, expected),
          )
        }
      }),
    )
  })
})
