import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addressFromBigInt } from '#src/ip/address.ts'
import { ClaimTable } from '#src/pool/claim-table.ts'
import { boundRecord, type ClaimRecord, ownerKey } from '#src/pool/claims.ts'
import { NETWORK, service } from './support.ts'

function claim(address: bigint): ClaimRecord {
  const owner = service('kuard')
  return boundRecord(NETWORK, owner, ownerKey(owner), addressFromBigInt(address), true, 0)
}

describe('ClaimTable', () => {
  it('holds what a Map would, after any sets and deletes', () => {
    // neighbours, a stride that meets in the low bits, and the whole width
    const address = fc.oneof(
      fc.bigInt({ min: 0n, max: 40n }),
      fc.bigInt({ min: 0n, max: 40n }).map(n => n << 112n),
      fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }),
    )
    const step = fc.record({ address, set: fc.boolean() })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 150, size: 'max' }), steps => {
        const table = new ClaimTable()
        const model = new Map<string, ClaimRecord>()
        for (const { address, set } of steps) {
          const one = claim(address)
          if (set) {
            table.set(one)
            model.set(one.key, one)
          } else {
            table.delete(one.key)
            model.delete(one.key)
          }
          expect(table.get(one.key)).toBe(set ? one : null)
          expect(table.size).toBe(model.size)
        }
        for (const one of model.values()) expect(table.get(one.key)).toBe(one)
        expect(new Set(table.values())).toEqual(new Set(model.values()))
      }),
      { numRuns: 200 },
    )
  })

  it('grows to many claims and shrinks again', () => {
    const table = new ClaimTable()
    const claims = Array.from({ length: 5000 }, (_, i) => claim(BigInt(i) << 3n))
    for (const one of claims) table.set(one)
    expect(claims.every(one => table.get(one.key) === one)).toBe(true)
    for (const one of claims.slice(1)) table.delete(one.key)
    expect(table.values()).toEqual([claims[0]])
  })
})
