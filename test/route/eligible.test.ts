import { describe, expect, it } from 'vitest'
import { DROP, eligibleBackends, type Locality, REJECT } from '#src/route/eligible.ts'
import type { Backend, Route } from '#src/route/route.ts'
import { backend, route } from './fixtures.ts'

const HERE: Locality = { node: 'n1', zone: 'iad', prefer: 'none' }

/** Indexes of all usable backends, or the verdict. */
function usable(backends: readonly Backend[], fields: Partial<Route> = {}, locality = HERE): number | number[] {
  const found = eligibleBackends(route({ ...fields, backends }), locality)
  return typeof found === 'number' ? found : found.flat()
}

describe('which backends may be used (kube-proxy, CategorizeEndpoints)', () => {
  const ready = backend()
  const draining = backend({ state: 'draining' })
  const readyHere = backend({ node: 'n1' })
  const drainingHere = backend({ node: 'n1', state: 'draining' })

  it('no backend at all is a reject', () => {
    expect(usable([])).toBe(REJECT)
    expect(usable([], { internalTrafficPolicy: 'Local' })).toBe(REJECT)
  })

  it('draining ones count only when there is no ready one anywhere', () => {
    expect(usable([draining, ready, draining])).toEqual([1])
    expect(usable([draining, draining])).toEqual([0, 1])
  })

  describe('internalTrafficPolicy Local', () => {
    const local = { internalTrafficPolicy: 'Local' } as const
    it('uses the ready ones of the node', () => {
      expect(usable([ready, readyHere, drainingHere], local)).toEqual([1])
    })
    it('uses the draining ones of the node when it has no ready one, although others have', () => {
      expect(usable([ready, drainingHere], local)).toEqual([1])
    })
    it('drops when the node has none', () => {
      expect(usable([ready, draining], local)).toBe(DROP)
    })
    it('pays no heed to hints', () => {
      expect(usable([backend({ node: 'n1', forZones: ['ord'] })], local)).toEqual([0])
    })
    it('cannot apply to a caller that is on no node', () => {
      expect(usable([ready, readyHere], local, { ...HERE, node: null })).toEqual([0, 1])
    })
  })

  describe('hints', () => {
    const iad = backend({ forZones: ['iad'] })
    const ord = backend({ forZones: ['ord'] })
    const both = backend({ forZones: ['iad', 'ord'] })
    it('keep to the zone when every ready backend has them and one names it', () => {
      expect(usable([iad, ord, both])).toEqual([0, 2])
    })
    it('are ignored when one is missing', () => {
      expect(usable([iad, ord, ready])).toEqual([0, 1, 2])
    })
    it('are ignored when none names the zone', () => {
      expect(usable([ord, ord])).toEqual([0, 1])
    })
    it('are ignored when the caller has no zone', () => {
      expect(usable([iad, ord], {}, { ...HERE, zone: null })).toEqual([0, 1])
    })
    it('are not missed on draining backends, and do not hold for them', () => {
      expect(usable([iad, ord, draining])).toEqual([0])
      expect(usable([backend({ state: 'draining', forZones: ['ord'] }), draining])).toEqual([0, 1])
    })
    it('for nodes come before those for zones', () => {
      const node1 = backend({ forNodes: ['n1'], forZones: ['ord'] })
      const node2 = backend({ forNodes: ['n2'], forZones: ['iad'] })
      expect(usable([node1, node2])).toEqual([0])
      expect(usable([node1, node2], {}, { ...HERE, node: 'n3' })).toEqual([1])
      expect(usable([node1, node2], {}, { ...HERE, node: null })).toEqual([1])
    })
    it('for nodes are ignored when one is missing; those for zones still hold', () => {
      expect(usable([backend({ forNodes: ['n1'], forZones: ['ord'] }), iad])).toEqual([1])
    })
  })

  describe('preference', () => {
    const backends = [
      backend({ node: 'n9', zone: 'ord' }),
      backend({ node: 'n2', zone: 'iad' }),
      backend({ node: 'n1', zone: 'iad' }),
      backend(),
    ]
    const table: readonly [prefer: Locality['prefer'], tiers: number[][]][] = [
      ['none', [[0, 1, 2, 3], [], []]],
      ['zone', [[1, 2], [0, 3], []]],
      ['node', [[2], [1], [0, 3]]],
    ]
    it.each(table)('"%s" orders by nearness', (prefer, tiers) => {
      expect(eligibleBackends(route({ backends }), { ...HERE, prefer })).toEqual(tiers)
    })
    it('never takes unknown places for the same place', () => {
      const nowhere: Locality = { node: null, zone: null, prefer: 'node' }
      expect(eligibleBackends(route({ backends: [backend()] }), nowhere)).toEqual([[], [], [0]])
    })
  })
})
