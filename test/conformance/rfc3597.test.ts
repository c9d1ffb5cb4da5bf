/** RFC 3597 section 5: the text form of types that are not known, by its own examples. */
import { describe, expect, it } from 'vitest'
import { parseFaults, recordLines } from '#support/zone-text.ts'

describe('RFC 3597 section 5', () => {
  it('reads its examples', () => {
    const text = `
a.example.   60 CLASS1     TYPE731         \\# 6 abcd (
                                         ef 01 23 45 )
a.example.   60 IN         TYPE62347       \\# 0
e.example.   60 IN         A               \\# 4 0A000001
e.example.   60 CLASS1     TYPE1           10.0.0.2
`
    expect(recordLines(text)).toEqual([
      'a.example. 60 TYPE731 \\# 6 ABCDEF012345',
      'a.example. 60 TYPE62347 \\# 0',
      'e.example. 60 A 10.0.0.1',
      'e.example. 60 A 10.0.0.2',
    ])
  })

  it('takes the form for known types of every shape', () => {
    expect(recordLines('a 60 MX \\# 8 000a ( 04 6d\n 61696c 00 )')).toEqual(['a.example.org. 60 MX 10 mail.'])
  })
})

describe('RFC 3597 section 4', () => {
  it('refuses compressed names in it', () => {
    expect(parseFaults('a 60 NS \\# 2 C00C')).toEqual([
      'main:1: Cannot parse NS record: a name in it is compressed or has a label longer than 63 octets',
    ])
  })
})

describe('classes', () => {
  it.each(['CH', 'HS', 'CLASS32', 'NONE'])('%s is refused, because zones are of class IN', name => {
    expect(parseFaults(`a 60 ${name} TXT x`)).toEqual([`main:1: Cannot use class "${name}": it must be IN`])
  })
})
