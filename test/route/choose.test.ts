import { describe, expect, it } from 'vitest'
import { ChoiceContext, type ChoiceOptions } from '#src/route/choice-context.ts'
import { choose, clientHash } from '#src/route/choose.ts'
import { DROP, REJECT } from '#src/route/eligible.ts'
import type { Route } from '#src/route/route.ts'
import { LookupTable } from '#src/route/table.ts'
import { address } from '#support/ip.ts'
import { backend, route } from './fixtures.ts'

/** A reproducible source of randomness. */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0
    return (state >>> 0) / 0x1_0000_0000
  }
}

function contextOf(options: Partial<ChoiceOptions> = {}): ChoiceContext {
  return new ChoiceContext({
    locality: { node: null, zone: null, prefer: 'none' },
    policy: 'round-robin',
    random: seeded(1),
    load: null,
    spill: Number.POSITIVE_INFINITY,
    ...options,
  })
}

function tableOf(...routes: Route[]): LookupTable {
  return LookupTable.empty.with([{ service: 'default/kuard', routes }])
}

/** Puts one route into the context's table and gives its entry. */
function entryOf(context: ChoiceContext, fields: Partial<Route>): number {
  context.table = tableOf(route(fields))
  return context.table.lookup(address(route().address), 80, 'TCP')
}

function times<T>(count: number, work: () => T): T[] {
  return Array.from({ length: count }, work)
}

const ten = Array.from({ length: 10 }, (_, i) => backend({ address: `fdaa::${i + 1}` }))

describe('verdicts', () => {
  it('are reject without any endpoint and drop when the policy Local forbids them all', () => {
    const context = contextOf({ locality: { node: 'n1', zone: null, prefer: 'none' } })
    const empty = entryOf(context, { backends: [] })
    expect(choose(empty, context)).toBe(REJECT)
    expect(choose(empty, context)).toBe(REJECT)
    const elsewhere = entryOf(context, { internalTrafficPolicy: 'Local', backends: [backend({ node: 'n2' })] })
    expect(choose(elsewhere, context)).toBe(DROP)
    expect(choose(elsewhere, context)).toBe(DROP)
  })
})

describe('round robin', () => {
  it('takes every backend in turn, from a random start', () => {
    const starts = new Set<number>()
    for (let seed = 1; seed < 20; seed++) {
      const context = contextOf({ random: seeded(seed * 7919) })
      const entry = entryOf(context, { backends: ten })
      const chosen = times(20, () => choose(entry, context))
      const start = chosen[0] ?? 0
      starts.add(start)
      expect(chosen).toEqual(chosen.map((_, i) => (start + i) % 10))
    }
    expect(starts.size).toBeGreaterThan(3)
  })

  it('keeps its turn when other Services change', () => {
    const context = contextOf()
    const entry = entryOf(context, { backends: ten })
    const first = choose(entry, context)
    context.table = context.table.with([{ service: 'a/a', routes: [route({ service: 'a/a', number: 81 })] }])
    const again = context.table.lookup(address(route().address), 80, 'TCP')
    expect(choose(again, context)).toBe((first + 1) % 10)
  })
})

describe('least of two', () => {
  it('never takes the most loaded one, and spreads over all when all are equal', () => {
    const context = contextOf({ policy: 'least-loaded', load: (_, i) => (i === 3 ? 1 : 0) })
    const entry = entryOf(context, { backends: ten })
    expect(times(1000, () => choose(entry, context))).not.toContain(3)
    const even = contextOf({ policy: 'least-loaded', load: () => 0 })
    const evenEntry = entryOf(even, { backends: ten })
    expect(new Set(times(1000, () => choose(evenEntry, even))).size).toBe(10)
  })

  it('compares two different ones: of two backends the loaded one is never taken', () => {
    const context = contextOf({ policy: 'least-loaded', load: (_, i) => i })
    const entry = entryOf(context, { backends: ten.slice(0, 2) })
    expect(new Set(times(200, () => choose(entry, context)))).toEqual(new Set([0]))
  })

  it('is random without a load', () => {
    const context = contextOf({ policy: 'least-loaded' })
    const entry = entryOf(context, { backends: ten })
    expect(new Set(times(1000, () => choose(entry, context))).size).toBe(10)
  })
})

describe('any number of backends', () => {
  it.each([1, 2, 11, 12, 127, 128, 300])('%i are all chosen, under every policy, near or far', count => {
    const near = Array.from({ length: count }, () => backend({ zone: 'iad' }))
    const far = Array.from({ length: count }, () => backend({ zone: 'ord' }))
    for (const prefer of ['none', 'zone'] as const) {
      for (const policy of ['round-robin', 'least-loaded'] as const) {
        const context = contextOf({
          policy,
          load: () => 0,
          locality: { node: null, zone: 'iad', prefer },
          random: Math.random,
        })
        const entry = entryOf(context, { backends: [...far, ...near] })
        const chosen = new Set(times(count * 60, () => choose(entry, context)))
        expect(chosen.size).toBe(prefer === 'zone' ? count : 2 * count)
        if (prefer === 'zone') expect(Math.min(...chosen)).toBe(count)
      }
    }
  })

  it.each([10, 11, 12, 13])('%i in tiers leave the routes beside them alone', count => {
    const tiered = Array.from({ length: count }, (_, i) => backend({ zone: i === 0 ? 'iad' : 'ord' }))
    const context = contextOf({ locality: { node: null, zone: 'iad', prefer: 'zone' } })
    const ports = [81, 82, 83]
    context.table = tableOf(...ports.map(number => route({ number, backends: tiered })))
    const entries = ports.map(number => context.table.lookup(address(route().address), number, 'TCP'))
    // The one in the middle last, so that it would write over its neighbours.
    for (const entry of [entries[0], entries[2], entries[1]]) choose(entry ?? 0, context)
    for (const entry of entries) expect(times(50, () => choose(entry, context))).toEqual(times(50, () => 0))
  })

  it('of which few are usable, but far behind in the list, are chosen', () => {
    const hinted = Array.from({ length: 300 }, (_, i) => backend({ forZones: [i < 298 ? 'ord' : 'iad'] }))
    const context = contextOf({ locality: { node: null, zone: 'iad', prefer: 'none' } })
    const entry = entryOf(context, { backends: hinted })
    expect(new Set(times(50, () => choose(entry, context)))).toEqual(new Set([298, 299]))
  })

  it('a route whose backends are not all equal is never taken for a plain one', () => {
    const hinted = [backend({ forZones: ['iad'] }), backend({ forZones: ['ord'] })]
    const leaving = [backend(), backend({ state: 'draining' })]
    const local = [backend({ node: 'n1' }), backend({ node: 'n2' })]
    const cases: [Partial<Route>, number[]][] = [
      [{ backends: hinted }, [0]],
      [{ backends: leaving }, [0]],
      [{ backends: local, internalTrafficPolicy: 'Local' }, [0]],
      [{ backends: local }, [0, 1]],
    ]
    for (const [fields, wanted] of cases) {
      const context = contextOf({ policy: 'least-loaded', locality: { node: 'n1', zone: 'iad', prefer: 'none' } })
      const entry = entryOf(context, fields)
      expect([...new Set(times(100, () => choose(entry, context)))].toSorted()).toEqual(wanted)
    }
  })
})

describe('affinity', () => {
  const clients = Array.from({ length: 200 }, (_, i) => clientHash(address(`fdaa::c:${(i + 1).toString(16)}`)))

  it('sends a client to the same backend every time, on every replica, and spreads clients', () => {
    const one = contextOf({ policy: 'maglev', random: seeded(1) })
    const two = contextOf({ policy: 'maglev', random: seeded(99) })
    const entryOne = entryOf(one, { backends: ten })
    const entryTwo = entryOf(two, { backends: ten })
    const chosen = clients.map(client => choose(entryOne, one, client))
    expect(clients.map(client => choose(entryTwo, two, client))).toEqual(chosen)
    expect(clients.map(client => choose(entryOne, one, client))).toEqual(chosen)
    expect(new Set(chosen).size).toBe(10)
  })

  it('of the route goes before the policy, if the client is known', () => {
    const context = contextOf()
    const entry = entryOf(context, { backends: ten, sessionAffinity: { timeoutSeconds: 10_800 } })
    const client = clients[0] ?? 0
    expect(new Set(times(20, () => choose(entry, context, client))).size).toBe(1)
    expect(new Set(times(20, () => choose(entry, context))).size).toBe(10)
  })

  it('stays among the usable backends', () => {
    const mixed = [...ten, backend({ state: 'draining' })]
    const context = contextOf({ policy: 'maglev' })
    const entry = entryOf(context, { backends: mixed })
    for (const client of clients) expect(choose(entry, context, client)).toBeLessThan(10)
  })
})

describe('nearness', () => {
  const backends = [
    backend({ zone: 'ord' }),
    backend({ zone: 'iad', node: 'n1' }),
    backend({ zone: 'iad', node: 'n2' }),
    backend({ zone: 'iad', node: 'n2' }),
  ]
  const locality = { node: 'n1', zone: 'iad', prefer: 'node' } as const

  it.each(['round-robin', 'least-loaded'] as const)('keeps to the nearest tier under %s', policy => {
    const context = contextOf({ policy, locality, load: () => 5 })
    const entry = entryOf(context, { backends })
    expect(new Set(times(100, () => choose(entry, context)))).toEqual(new Set([1]))
  })

  it.each(['round-robin', 'least-loaded'] as const)('spills to the next tier at the limit under %s', policy => {
    const loads = [0, 10, 3, 4]
    const context = contextOf({ policy, locality, load: (_, i) => loads[i] ?? 0, spill: 10 })
    const entry = entryOf(context, { backends })
    expect(new Set(times(100, () => choose(entry, context))).isSubsetOf(new Set([2, 3]))).toBe(true)
    loads[2] = 10
    loads[3] = 10
    expect(new Set(times(100, () => choose(entry, context)))).toEqual(new Set([0]))
    loads[0] = 11
    expect(times(100, () => choose(entry, context))).not.toContain(0)
  })

  it.each([12, 13, 200, 300, 70_000])('works with %i backends', count => {
    const many = Array.from({ length: count }, (_, i) => backend({ zone: i === count - 1 ? 'iad' : 'ord' }))
    const context = contextOf({ locality: { node: null, zone: 'iad', prefer: 'zone' } })
    context.table = tableOf(route({ backends }), route({ number: 81, backends: many }))
    const small = context.table.lookup(address(route().address), 80, 'TCP')
    const large = context.table.lookup(address(route().address), 81, 'TCP')
    const before = new Set(times(10, () => choose(small, context)))
    expect(choose(large, context)).toBe(count - 1)
    expect(new Set(times(10, () => choose(small, context)))).toEqual(before)
  })
})

describe('a change of the table', () => {
  it('is seen by the next choice', () => {
    const context = contextOf()
    const entry = entryOf(context, { backends: [] })
    expect(choose(entry, context)).toBe(REJECT)
    context.table = context.table.with([{ service: 'default/kuard', routes: [route()] }])
    expect(choose(context.table.lookup(address(route().address), 80, 'TCP'), context)).toBe(0)
  })

  it('forgets what was worked out when the table starts a new list of entries', () => {
    const context = contextOf()
    context.table = tableOf(route({ backends: ten }))
    const at = (): number => context.table.lookup(address(route().address), 80, 'TCP')
    choose(at(), context)
    context.table = tableOf(route({ backends: [] }))
    expect(choose(at(), context)).toBe(REJECT)
  })
})
