import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Route } from '#src/route/route.ts'
import { LookupTable, NO_ENTRY } from '#src/route/table.ts'
import { address } from '#support/ip.ts'
import { route } from './fixtures.ts'

function find(table: LookupTable, text: string, port: number, protocol: Route['protocol']): Route | null {
  const entry = table.lookup(address(text), port, protocol)
  return entry === NO_ENTRY ? null : table.route(entry)
}

describe('a lookup table', () => {
  it('keeps address, port and protocol apart', () => {
    const routes = [
      route({ port: 'a', protocol: 'TCP', number: 53 }),
      route({ port: 'b', protocol: 'UDP', number: 53 }),
      route({ port: 'c', protocol: 'SCTP', number: 53 }),
      route({ port: 'd', protocol: 'TCP', number: 54 }),
      route({ port: 'e', protocol: 'TCP', number: 53, address: '10.0.0.1' }),
    ]
    const table = LookupTable.empty.with([{ service: 'default/kuard', routes }])
    for (const wanted of routes) expect(find(table, wanted.address, wanted.number, wanted.protocol)).toBe(wanted)
    expect(find(table, 'fdaa:0:48c8:0:1::1b', 53, 'TCP')).toBeNull()
    expect(find(table, '::10.0.0.1', 53, 'TCP')).toBeNull()
    expect(find(table, routes[0]?.address ?? '', 55, 'TCP')).toBeNull()
    expect(table.size).toBe(5)
  })

  it('reads the address at an offset', () => {
    const table = LookupTable.empty.with([{ service: 'default/kuard', routes: [route()] }])
    const packed = Uint8Array.from([1, 2, 3, ...address(route().address)])
    expect(table.lookup(packed, 80, 'TCP', 3)).not.toBe(NO_ENTRY)
  })

  it('gives an address to the Service that has it now, and the other one leaving takes nothing from it', () => {
    const before = LookupTable.empty.with([{ service: 'a/a', routes: [route({ service: 'a/a' })] }])
    const taken = before.with([{ service: 'b/b', routes: [route({ service: 'b/b' })] }])
    const after = taken.with([{ service: 'a/a', routes: [] }])
    expect(find(after, route().address, 80, 'TCP')?.service).toBe('b/b')
  })

  it('keeps the entries of what did not change, so that what was worked out for them stays good', () => {
    const one = LookupTable.empty.with([{ service: 'a/a', routes: [route({ service: 'a/a' })] }])
    const two = one.with([{ service: 'b/b', routes: [route({ service: 'b/b', number: 81 })] }])
    expect(two.lineage).toBe(one.lineage)
    expect(two.lookup(address(route().address), 80, 'TCP')).toBe(one.lookup(address(route().address), 80, 'TCP'))
  })

  it('does not grow for ever when the same Services change again and again', () => {
    let table = LookupTable.empty
    for (let i = 0; i < 20_000; i++) {
      const service = `ns/${i % 10}`
      table = table.with([{ service, routes: [route({ service, number: 1 + (i % 50) })] }])
    }
    expect(table.size).toBe(10)
    expect(table.numbers).toBeLessThan(2000)
  })

  it('keeps upper halves of addresses apart, also when there are more of them than it has numbers', () => {
    const upper = (i: number): string => `fd${(i >>> 8).toString(16).padStart(2, '0')}:${(i & 0xff).toString(16)}::1`
    const count = 17_000
    const routes = Array.from({ length: count }, (_, i) => route({ service: `ns/${i}`, address: upper(i) }))
    const table = LookupTable.empty.with(routes.map(each => ({ service: each.service, routes: [each] })))
    expect(table.size).toBe(count)
    for (let i = 0; i < count; i += 17) expect(find(table, upper(i), 80, 'TCP')?.service).toBe(`ns/${i}`)
    expect(find(table, upper(count - 1), 80, 'TCP')?.service).toBe(`ns/${count - 1}`)
    for (const absent of [upper(count), 'fd00::2', '::1']) expect(find(table, absent, 80, 'TCP')).toBeNull()
    const last = `ns/${count - 1}`
    const without = table.with([{ service: last, routes: [] }])
    expect(find(without, upper(count - 1), 80, 'TCP')).toBeNull()
    expect(find(without, upper(count - 2), 80, 'TCP')?.service).toBe(`ns/${count - 2}`)
  })

  it('can be changed in two ways from one table, and each has its own', () => {
    const base = LookupTable.empty.with([{ service: 'a/a', routes: [route({ service: 'a/a' })] }])
    let left = base
    let right = base
    for (let i = 0; i < 100; i++) {
      left = left.with([{ service: 'l/l', routes: [route({ service: 'l/l', number: 81 + i })] }])
      right = right.with([{ service: 'r/r', routes: [route({ service: 'r/r', number: 81 + i })] }])
    }
    expect([left, right, base].map(table => find(table, route().address, 180, 'TCP')?.service)).toEqual([
      'l/l',
      'r/r',
      undefined,
    ])
    expect([left, right, base].map(table => find(table, route().address, 80, 'TCP')?.service)).toEqual([
      'a/a',
      'a/a',
      'a/a',
    ])
  })

  const services = Array.from({ length: 40 }, (_, i) => `ns/${i}`)
  const change = fc.record({
    service: fc.nat({ max: services.length - 1 }),
    ports: fc.uniqueArray(fc.integer({ min: 1, max: 400 }), { maxLength: 40 }),
  })

  it('answers as a map does after any changes, and older tables answer as before', () => {
    fc.assert(
      fc.property(fc.array(fc.array(change, { maxLength: 6 }), { maxLength: 25 }), batches => {
        let table = LookupTable.empty
        const model = new Map<number, readonly Route[]>()
        const history: [LookupTable, Map<number, readonly Route[]>][] = []
        for (const batch of batches) {
          const changes = batch.map(({ service, ports }) => ({
            service: services[service] ?? '',
            routes: routesOf(service, ports),
          }))
          for (const [i, { service }] of batch.entries()) model.set(service, changes[i]?.routes ?? [])
          table = table.with(changes)
          history.push([table, new Map(model)])
        }
        for (const [version, state] of history) expectSame(version, state)
      }),
      { numRuns: 40 },
    )
  })

  function routesOf(service: number, ports: readonly number[]): Route[] {
    return ports.map(number => route({ service: services[service] ?? '', number, address: `fdaa::${service + 1}` }))
  }

  function expectSame(table: LookupTable, model: ReadonlyMap<number, readonly Route[]>): void {
    let size = 0
    for (let service = 0; service < services.length; service++) {
      const routes = model.get(service) ?? []
      size += routes.length
      for (const wanted of routes) {
        if (find(table, wanted.address, wanted.number, 'TCP') !== wanted)
          expect.fail(`lost ${wanted.service} ${wanted.number}`)
      }
      for (let number = 1; number <= 400; number += 13) {
        const found = find(table, `fdaa::${service + 1}`, number, 'TCP')
        if (found !== null && !routes.includes(found)) expect.fail(`kept ${found.service} ${found.number}`)
      }
    }
    expect(table.size).toBe(size)
  }
})
