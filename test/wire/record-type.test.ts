import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TYPE, typeName, typeNumber } from '#src/wire/record-type.ts'

describe('type names', () => {
  it('read back as the number they were written from, in any case', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffff }), type => {
        expect(typeNumber(typeName(type))).toBe(type)
        expect(typeNumber(typeName(type).toLowerCase())).toBe(type)
      }),
    )
  })

  it('have a generic form that known types can also be written in (RFC 3597 section 5)', () => {
    expect(typeNumber('TYPE28')).toBe(TYPE.AAAA)
    expect(typeName(28)).toBe('AAAA')
    expect(typeNumber('TYPE65535')).toBe(0xffff)
    expect(typeName(1234)).toBe('TYPE1234')
  })

  it.each(['', 'TYPE', 'TYPE65536', 'TYPE-1', 'TYPE123456', 'AAAAA', 'constructor', 'toString'])(
    '%j is no type',
    text => {
      expect(typeNumber(text)).toBeNull()
    },
  )
})
