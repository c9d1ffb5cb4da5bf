import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { foldWord, hashKeys, NameHash } from '#src/index/hash.ts'
import { foldOctet, parseName } from '#src/wire/name.ts'

/** Three octets behind the name, because it is read in words. */
function scan(name: Uint8Array, seed = 1, view = 0): NameHash {
  const bytes = new DataView(Uint8Array.of(...name, 0xaa, 0xbb, 0xcc).buffer)
  const hash = new NameHash()
  hash.setKeys(hashKeys(seed))
  expect(hash.scan(bytes, 0, name.length)).toBe(true)
  hash.hash(bytes, 0, view)
  return hash
}

const label = fc.uint8Array({ minLength: 1, maxLength: 63 })
const name = fc
  .array(label, { maxLength: 12 })
  .map(labels => Uint8Array.of(...labels.flatMap(octets => [octets.length, ...octets]), 0))
  .filter(octets => octets.length <= 255)

describe('NameHash', () => {
  it('finds the labels of a name', () => {
    fc.assert(
      fc.property(name, octets => {
        const hash = scan(octets)
        expect(hash.length).toBe(octets.length)
        let at = 0
        for (let i = 0; i < hash.labels; i++) {
          expect(hash.starts[i]).toBe(at)
          at += (octets[at] ?? 0) + 1
        }
        expect(hash.starts[hash.labels]).toBe(octets.length - 1)
        expect(at).toBe(octets.length - 1)
      }),
    )
  })

  it('the hash of a suffix is the hash of the suffix as a name of its own', () => {
    fc.assert(
      fc.property(name, fc.integer(), fc.nat(1000), (octets, seed, view) => {
        const hash = scan(octets, seed, view)
        for (let i = 0; i <= hash.labels; i++) {
          expect(scan(octets.subarray(hash.starts[i]), seed, view).hashes[0]).toBe(hash.hashes[i])
        }
      }),
    )
  })

  it('the hash below a suffix of the label * is that of the wildcard name', () => {
    fc.assert(
      fc.property(name, octets => {
        const hash = scan(octets)
        for (let i = 0; i <= hash.labels; i++) {
          const wildcard = Uint8Array.of(1, 0x2a, ...octets.subarray(hash.starts[i]))
          if (wildcard.length <= 255) expect(scan(wildcard).hashes[0]).toBe(hash.wildcardBelow(i))
        }
      }),
    )
  })

  it('does not depend on the case of letters', () => {
    fc.assert(
      fc.property(name, octets => {
        const folded = octets.map((octet, i) => (isLengthOctet(octets, i) ? octet : foldOctet(octet)))
        expect(scan(folded).hashes[0]).toBe(scan(octets).hashes[0])
      }),
    )
  })

  it('depends on every octet, on the order of labels, on the view and on the seed', () => {
    const hashes = [
      scan(parseName('a.b')),
      scan(parseName('b.a')),
      scan(parseName('ab')),
      scan(parseName('a')),
      scan(parseName('.')),
      scan(parseName('a.b'), 2),
      scan(parseName('a.b'), 1, 1),
    ].map(hash => hash.hashes[0])
    expect(new Set(hashes).size).toBe(hashes.length)
  })

  it('spreads numbered names over the slots of a table', () => {
    const slots = new Uint8Array(4096)
    for (let i = 0; i < 4096; i++) {
      const slot = (scan(parseName(`service-${i}.default.svc.cluster.local`)).hashes[0] ?? 0) & 4095
      slots[slot] = (slots[slot] ?? 0) + 1
    }
    // Of a random function 63 % of the slots are hit, and the fullest has seven or eight.
    expect(slots.filter(count => count > 0).length / 4096).toBeCloseTo(0.632, 1)
    expect(Math.max(...slots)).toBeLessThan(12)
  })

  it.each([
    ['a pointer', [0xc0, 12]],
    ['a label that is too long', [64, ...new Array(64).fill(97), 0]],
    ['a name that is cut off', [3, 97, 98]],
    ['nothing', []],
    ['a name that is too long', [...new Array(128).fill([1, 97]).flat(), 0]],
  ])('refuses %s', (_, octets) => {
    const bytes = new DataView(Uint8Array.from(octets).buffer)
    expect(new NameHash().scan(bytes, 0, octets.length)).toBe(false)
  })
})

describe('foldWord', () => {
  it('folds each of four octets as foldOctet does', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 4, maxLength: 4 }), octets => {
        const view = new DataView(Uint8Array.from(octets).buffer)
        view.setInt32(0, foldWord(view.getInt32(0)))
        expect([...new Uint8Array(view.buffer)]).toEqual([...octets].map(foldOctet))
      }),
    )
    for (let octet = 0; octet < 256; octet++) expect(foldWord(octet)).toBe(foldOctet(octet))
  })
})

function isLengthOctet(octets: Uint8Array, at: number): boolean {
  let i = 0
  while (i < at) i += (octets[i] ?? 0) + 1
  return i === at
}
