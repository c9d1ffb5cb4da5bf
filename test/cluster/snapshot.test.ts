import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ClusterObject } from '#src/cluster/objects.ts'
import { decodeSnapshot, encodeSnapshot } from '#src/cluster/snapshot.ts'
import { anyObject } from './arbitrary.ts'
import { namespaceValue, objectOf, pod, service, slice } from './values.ts'

const OBJECTS: readonly ClusterObject[] = [
  objectOf(namespaceValue('default', 'app')),
  service({ clusterIP: 'fd00::1', selector: { app: 'kuard' } }, { annotations: { 'service.fly.io/a': 'b' } }),
  slice({
    endpoints: [
      { addresses: ['fd00::1'], nodeName: 'n1' },
      { addresses: ['fd00::2'], nodeName: 'n1' },
    ],
  }),
  pod(),
]

/** All parts together. */
function encode(objects: Iterable<ClusterObject>): Buffer {
  return Buffer.concat([...encodeSnapshot(objects)])
}

describe('a snapshot', () => {
  it('gives back any objects as they were', () => {
    fc.assert(
      fc.property(fc.array(anyObject, { maxLength: 10 }), objects => {
        expect(decodeSnapshot(encode(objects))).toEqual(objects)
      }),
    )
  })

  it('keeps nothing of its bytes, and shares what was shared', () => {
    const bytes = encode(OBJECTS)
    const [, , restored] = decodeSnapshot(bytes) ?? []
    if (restored?.kind !== 'EndpointSlice') throw new Error('no slice')
    expect(restored.addresses.buffer.byteLength).toBe(32)
    expect(restored.meta[1]).toBe(restored.meta[0])
  })

  it('is made of parts, each when it is asked for', () => {
    const many = Array.from({ length: 1000 }, () => OBJECTS).flat()
    let taken = 0
    const counted = many.values().map(object => {
      taken++
      return object
    })
    const parts = encodeSnapshot(counted)
    parts.next()
    parts.next()
    expect(taken).toBeLessThan(200)
    const all = [...encodeSnapshot(many)]
    expect(all.length).toBeGreaterThan(10)
    expect(decodeSnapshot(Buffer.concat(all))).toEqual(many)
    expect(decodeSnapshot(Buffer.concat(all.toSpliced(2, 1)))).toBeNull()
    expect(decodeSnapshot(Buffer.concat(all.slice(0, -1)))).toBeNull()
  })

  it('reads from the middle of a larger buffer', () => {
    const bytes = encode(OBJECTS)
    const larger = new Uint8Array(bytes.length + 7)
    larger.set(bytes, 3)
    expect(decodeSnapshot(larger.subarray(3, 3 + bytes.length))).toEqual(OBJECTS)
  })

  it('that was cut short or made longer is none', () => {
    const bytes = encode(OBJECTS)
    for (const length of [0, 1, 8, 19, 20, 21, bytes.length - 1]) {
      expect(decodeSnapshot(bytes.subarray(0, length))).toBeNull()
    }
    expect(decodeSnapshot(Buffer.concat([bytes, Buffer.of(0)]))).toBeNull()
  })

  it('with any byte changed is none', () => {
    const bytes = encode(OBJECTS)
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (position, change) => {
        const damaged = Buffer.from(bytes)
        damaged[position] = (damaged[position] as number) ^ change
        expect(decodeSnapshot(damaged)).toBeNull()
      }),
    )
  })
})
