import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { latin1Text, quoteOctets, unescapeText } from '#src/wire/character-string.ts'

describe('escaped text', () => {
  it('is one octet a character but for escapes', () => {
    expect([...unescapeText('a\\065\\"\\\\é')]).toEqual([0x61, 65, 0x22, 0x5c, 0xe9])
  })

  it('reads back as the octets it was quoted from', () => {
    fc.assert(
      fc.property(fc.uint8Array(), octets => {
        const quoted = quoteOctets(octets)
        expect(quoted).toMatch(/^"[ -~]*"$/)
        expect(unescapeText(quoted.slice(1, -1))).toEqual(octets)
      }),
    )
  })

  it.each([
    ['\\', 'it ends in a backslash'],
    ['\\25', '\\25 is no escape'],
    ['\\300', '\\300 is no escape'],
    ['€', 'it has a character outside of Latin-1'],
    ['\\€', 'it has a character outside of Latin-1'],
  ])('%j is refused', (text, reason) => {
    expect(() => unescapeText(text)).toThrow(reason)
  })

  it('keeps octets as characters', () => {
    expect(latin1Text(Uint8Array.of(0, 0x41, 0xff))).toBe('\u0000A\u00ff')
  })
})
