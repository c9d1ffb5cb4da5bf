import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ROOT } from '#src/wire/name.ts'
import { formatRdata, parseRdata } from '#src/wire/rdata-text.ts'
import { TYPE } from '#src/wire/record-type.ts'
import { joinValueList, splitValueList } from '#src/wire/value-list.ts'
import { Lexer } from '#src/zone/lexer.ts'
import { anyName, someOctets } from '#support/arbitrary-wire.ts'

function parse(text: string): Uint8Array {
  return parseRdata(TYPE.SVCB, new Lexer(`SVCB ${text}`).next()?.tokens ?? [], 1, ROOT)
}

const canonical = (text: string) => formatRdata(TYPE.SVCB, parse(text))

const alpn = fc.array(someOctets(20), { minLength: 1, maxLength: 3 })
const values = fc.record(
  {
    1: alpn.map(ids => ids.flatMap(id => [id.length, ...id])),
    3: fc.nat(0xffff).map(port => [port >> 8, port & 0xff]),
    4: fc.uint8Array({ minLength: 4, maxLength: 4 }).map(octets => [...octets]),
    5: someOctets(50).map(octets => [...octets]),
    6: fc.uint8Array({ minLength: 32, maxLength: 32 }).map(octets => [...octets]),
    7: someOctets(30).map(octets => [...octets]),
    8: fc.constant<number[]>([]),
    667: fc.uint8Array({ maxLength: 30 }).map(octets => [...octets]),
    65534: fc.uint8Array({ maxLength: 30 }).map(octets => [...octets]),
  },
  { requiredKeys: [] },
)

const u16 = (value: number) => [value >> 8, value & 0xff]

describe('parameters', () => {
  it('read back as the octets that they were written from', () => {
    fc.assert(
      fc.property(anyName, values, fc.boolean(), (target, params, isMandatory) => {
        const entries = Object.entries(params).map(([key, value]) => [Number(key), value ?? []] as const)
        const keys = entries.map(([key]) => key).sort((a, b) => a - b)
        const withMandatory = isMandatory && keys.length > 0 ? [[0, keys.flatMap(u16)] as const, ...entries] : entries
        const octets = withMandatory.flatMap(([key, value]) => [...u16(key), ...u16(value.length), ...value])
        const rdata = Uint8Array.of(0, 1, ...target, ...octets)
        const text = formatRdata(TYPE.SVCB, rdata)
        expect(text).not.toMatch(/^\\#/)
        expect(parse(text)).toEqual(rdata)
      }),
    )
  })

  it('are written by name, without quotes where none are needed', () => {
    const text =
      '1 . mandatory=alpn alpn=h2,h3 no-default-alpn port=8443 ipv4hint=192.0.2.1 ech=AEj+DQ== ipv6hint=::1 ohttp'
    expect(canonical(text)).toBe(text)
    expect(canonical('1 . dohpath=/dns-query{?dns}')).toBe('1 . dohpath="/dns-query{?dns}"')
    expect(canonical('1 . key667')).toBe('1 . key667')
    expect(canonical('1 . key0=\\000\\001 alpn=h2')).toBe('1 . mandatory=alpn alpn=h2')
  })

  it.each([
    ['1 . ALPN=h2', '"ALPN" is no parameter'],
    ['1 . key65535=a', '"key65535" is no parameter'],
    ['1 . key0667=a', '"key0667" is no parameter'],
    ['1 . "alpn=h2"', 'must be written as key=value'],
    ['1 . port=65536', 'the port "65536" must be a number from 0 to 65535'],
    ['1 . alpn=h2,,h3', 'an ALPN identifier must have 1 to 255 octets'],
    [`1 . alpn=${'x'.repeat(256)}`, 'an ALPN identifier must have 1 to 255 octets'],
    ['1 . ipv4hint=::1', '"::1" must be an IPv4 address'],
    ['1 . ipv6hint=192.0.2.1', '"192.0.2.1" must be an IPv6 address'],
    ['1 . ipv4hint=192.0.2.1,', '"" must be an IPv4 address'],
    ['1 . ech=@@', 'the value of ech must be base64'],
    ['1 . ohttp=a', 'the value of ohttp is wrong: it must be empty'],
    ['1 . key3=\\000', 'the value of key3 is wrong: it ends too early'],
    ['1 . key3=\\000\\001\\002', 'the value of key3 is wrong: it is too long'],
    ['1 . no-default-alpn', 'no-default-alpn needs the parameter alpn'],
    ['\\# 10 0001 00 0003 0002 0035 00', 'it ends too early'],
    ['\\# 12 0001 00 029b 0001 00 0003 0000', 'its parameters must be in ascending order'],
    ['\\# 11 0001 00 0003 0001 35 0004 00', 'it ends too early'],
  ])('%s is refused', (text, reason) => {
    expect(() => parse(text)).toThrow(reason)
  })
})

describe('value lists', () => {
  it('split into the items that were joined', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 10 }), { minLength: 1, maxLength: 5 }), items => {
        const text = joinValueList(items)
        expect(splitValueList(Uint8Array.from(text, character => character.charCodeAt(0)))).toEqual(items)
      }),
    )
  })
})
