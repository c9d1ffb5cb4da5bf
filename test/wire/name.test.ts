import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  foldName,
  formatName,
  isInZone,
  joinName,
  labelsOf,
  type Name,
  nameOfKey,
  parentKey,
  parentOf,
  parseName,
  ROOT,
} from '#src/wire/name.ts'
import { anyName } from '#support/arbitrary-wire.ts'

const key = (text: string) => foldName(parseName(text))

describe('parseName', () => {
  it('gives labels with their lengths and the root octet', () => {
    expect([...parseName('ab.c.')]).toEqual([2, 0x61, 0x62, 1, 0x63, 0])
    expect(parseName('.')).toEqual(ROOT)
  })

  it('completes a relative name with the origin, an absolute one not', () => {
    const origin = parseName('example.org.')
    expect(formatName(parseName('www', origin))).toBe('www.example.org.')
    expect(formatName(parseName('www.', origin))).toBe('www.')
    expect(formatName(parseName('.', origin))).toBe('.')
    expect(formatName(parseName('www'))).toBe('www.')
  })

  it('reads escapes: a dot inside a label, decimal octets, any other character as itself', () => {
    expect(labelsOf(parseName('a\\.b.c'))).toEqual(['a.b', 'c'])
    expect(labelsOf(parseName('\\000\\255.\\@'))).toEqual(['\u0000\u00ff', '@'])
    expect(formatName(parseName('a\\.'))).toBe('a\\..')
  })

  it('takes labels of 63 and names of 255 octets and nothing longer', () => {
    const label = 'x'.repeat(63)
    const longest = `${label}.${label}.${label}.${'y'.repeat(61)}`
    expect(parseName(longest)).toHaveLength(255)
    expect(parseName(`${longest}.`)).toHaveLength(255)
    expect(() => parseName(`${longest}y`)).toThrow(/longer than 255/)
    expect(() => parseName(`${label}x`)).toThrow(/longer than 63/)
    expect(() => parseName(longest, parseName('a'))).toThrow(/longer than 255/)
    expect(() => parseName('a.'.repeat(5000))).toThrow(/longer than 255/)
  })

  it.each(['', '..', 'a..b', '.a', 'a..'])('refuses the empty label in %j', text => {
    expect(() => parseName(text)).toThrow(/empty label/)
  })

  it.each([
    ['a\\', 'ends in a backslash'],
    ['a\\1', '\\1 is no escape'],
    ['a\\1b', '\\1b is no escape'],
    ['a\\256', '\\256 is no escape'],
    ['ą', 'outside of Latin-1'],
  ])('refuses %j and says why', (text, reason) => {
    expect(() => parseName(text)).toThrow(`Cannot parse name "${text}": `)
    expect(() => parseName(text)).toThrow(reason)
  })
})

describe('formatName', () => {
  it('escapes what a master file would read otherwise', () => {
    const raw = 'a.b"c;d(e)f@g$h\\i j\u007f\u00e9'
    expect(formatName(joinName([raw]))).toBe('a\\.b\\"c\\;d\\(e\\)f\\@g\\$h\\\\i\\032j\\127\\233.')
  })

  it('is the inverse of parseName for every name', () => {
    fc.assert(
      fc.property(anyName, name => {
        expect(parseName(formatName(name))).toEqual(name)
      }),
    )
  })

  it('reads a name at an offset', () => {
    expect(formatName(Uint8Array.of(9, 9, 1, 0x61, 0, 7), 2)).toBe('a.')
  })
})

describe('foldName', () => {
  it('folds ASCII letters only', () => {
    expect(foldName(joinName(['AZ[`az{\u00c0']))).toBe('\u0008az[`az{\u00c0\u0000')
  })

  it('is idempotent, and equal for names that differ in case only', () => {
    fc.assert(
      fc.property(anyName, name => {
        const folded = foldName(name)
        expect(foldName(nameOfKey(folded))).toBe(folded)
        const upper = parseName(formatName(name).replace(/[a-z]/g, letter => letter.toUpperCase()))
        expect(foldName(upper)).toBe(folded)
      }),
    )
  })
})

describe('labels', () => {
  it('join to the name they were taken from', () => {
    fc.assert(
      fc.property(anyName, name => {
        expect(joinName(labelsOf(name))).toEqual(name)
      }),
    )
  })

  it('are refused when empty or too long, alone or together', () => {
    expect(joinName(['x'.repeat(63), 'x'.repeat(63), 'x'.repeat(63), 'x'.repeat(61)])).toHaveLength(255)
    expect(() => joinName([''])).toThrow(/length must be 1 to 63/)
    expect(() => joinName(['x'.repeat(64)])).toThrow(/length must be 1 to 63/)
    expect(() => joinName(Array.from({ length: 4 }, () => 'x'.repeat(63)))).toThrow(/longer than 255/)
  })

  it('are shortened from the left by parentOf and parentKey alike, ending at the root', () => {
    fc.assert(
      fc.property(anyName, name => {
        expect(labelsOf(parentOf(name))).toEqual(labelsOf(name).slice(1))
        expect(parentKey(foldName(name))).toBe(foldName(parentOf(name)))
      }),
    )
    expect(parentOf(ROOT)).toEqual(ROOT)
  })
})

describe('isInZone', () => {
  it('compares whole labels', () => {
    expect(isInZone(key('a.example.org'), key('EXAMPLE.org'))).toBe(true)
    expect(isInZone(key('example.org'), key('example.org'))).toBe(true)
    expect(isInZone(key('badexample.org'), key('example.org'))).toBe(false)
    expect(isInZone(key('org'), key('example.org'))).toBe(false)
    // The octets of the apex also stand at the end of this label.
    expect(isInZone(foldName(joinName(['x\u0003org'])), key('org'))).toBe(false)
  })

  it('holds for a name and every ancestor of it, and for the root', () => {
    fc.assert(
      fc.property(anyName, name => {
        let above: Name = name
        for (let i = 0; i <= labelsOf(name).length; i++) {
          expect(isInZone(foldName(name), foldName(above))).toBe(true)
          above = parentOf(above)
        }
        expect(isInZone(foldName(name), foldName(ROOT))).toBe(true)
      }),
    )
  })
})
