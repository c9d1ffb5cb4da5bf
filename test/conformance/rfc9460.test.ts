/** RFC 9460: presentation and wire format of SVCB and HTTPS, by the test vectors of its appendix D. */
import { describe, expect, it } from 'vitest'
import { parseName } from '#src/wire/name.ts'
import { formatRdata, parseRdata } from '#src/wire/rdata-text.ts'
import { TYPE } from '#src/wire/record-type.ts'
import { Lexer } from '#src/zone/lexer.ts'
import { APEX, additionalAt, zoneOf } from '#support/zone-text.ts'

const FOO_EXAMPLE_COM = '03666f6f076578616d706c6503636f6d00'
const FOO_EXAMPLE_ORG = '03666f6f076578616d706c65036f726700'

function parse(text: string): Uint8Array {
  return parseRdata(TYPE.SVCB, new Lexer(`SVCB ${text}`).next()?.tokens ?? [], 1, parseName('example.com'))
}

describe('RFC 9460 appendix D.1, AliasMode', () => {
  it('figure 2', () => {
    expect(parse('0 foo.example.com.').toHex()).toBe(`0000${FOO_EXAMPLE_COM}`)
  })
})

describe('RFC 9460 appendix D.2, ServiceMode', () => {
  it.each([
    ['figure 3: the target is "."', '1 .', '000100'],
    ['figure 4: a port', '16 foo.example.com. port=53', `0010${FOO_EXAMPLE_COM}000300020035`],
    ['figure 5: a generic key', '1 foo.example.com. key667=hello', `0001${FOO_EXAMPLE_COM}029b000568656c6c6f`],
    [
      'figure 6: a generic key, quoted, with a decimal escape',
      '1 foo.example.com. key667="hello\\210qoo"',
      `0001${FOO_EXAMPLE_COM}029b000968656c6c6fd2716f6f`,
    ],
    [
      'figure 7: two IPv6 hints, quoted, in parentheses',
      '1 foo.example.com. (\n ipv6hint="2001:db8::1,2001:db8::53:1"\n )',
      `0001${FOO_EXAMPLE_COM}0006002020010db800000000000000000000000120010db8000000000000000000530001`,
    ],
    [
      'figure 8: an IPv6 hint with IPv4 notation at its end',
      '1 example.com. ipv6hint="2001:db8:122:344::192.0.2.33"',
      '0001076578616d706c6503636f6d000006001020010db80122034400000000c0000221',
    ],
    [
      'figure 9: keys and mandatory list are sorted on the wire',
      '16 foo.example.org. (alpn=h2,h3-19 mandatory=ipv4hint,alpn ipv4hint=192.0.2.1)',
      `0010${FOO_EXAMPLE_ORG}00000004000100040001000902683205${'68332d3139'}00040004c0000201`,
    ],
    [
      'figure 10: an ALPN identifier with comma and backslash, quoted',
      '16 foo.example.org. alpn="f\\\\\\\\oo\\\\,bar,h2"',
      `0010${FOO_EXAMPLE_ORG}0001000c08665c6f6f2c626172026832`,
    ],
    [
      'figure 10: the same unquoted',
      '16 foo.example.org. alpn=f\\\\\\092oo\\092,bar,h2',
      `0010${FOO_EXAMPLE_ORG}0001000c08665c6f6f2c626172026832`,
    ],
  ])('%s', (_, text, hex) => {
    expect(parse(text).toHex()).toBe(hex)
    expect(parse(`\\# ${hex.length / 2} ${hex}`).toHex()).toBe(hex)
    expect(parse(formatRdata(TYPE.SVCB, parse(text))).toHex()).toBe(hex)
  })
})

describe('RFC 9460 appendix D.3, what must be refused', () => {
  it.each([
    ['figure 11: a key twice', '1 foo.example.com. (key123=abc key123=def)'],
    ['figure 12: mandatory without a value', '1 foo.example.com. mandatory'],
    ['figure 12: alpn without a value', '1 foo.example.com. alpn'],
    ['figure 12: port without a value', '1 foo.example.com. port'],
    ['figure 12: ipv4hint without a value', '1 foo.example.com. ipv4hint'],
    ['figure 12: ipv6hint without a value', '1 foo.example.com. ipv6hint'],
    ['figure 13: no-default-alpn with a value', '1 foo.example.com. alpn=h2 no-default-alpn=abc'],
    ['figure 14: a mandatory key that is missing', '1 foo.example.com. mandatory=key123'],
    ['figure 15: mandatory is mandatory', '1 foo.example.com. mandatory=mandatory'],
    ['figure 16: a key twice in mandatory', '1 foo.example.com. (mandatory=key123,key123 key123=abc)'],
  ])('%s', (_, text) => {
    expect(() => parse(text)).toThrow(/^Cannot parse SVCB record: /)
  })
})

describe('RFC 9460 section 4.1, additional section', () => {
  it('has the addresses of the target, and of the owner when the target is "." in ServiceMode', () => {
    const zone = zoneOf(`${APEX}svc 60 SVCB 1 target\ntarget 60 A 192.0.2.1\nown 60 HTTPS 1 .\nown 60 AAAA 2001:db8::1
none 60 HTTPS 0 .\nnone 60 A 192.0.2.2\n`)
    expect(additionalAt(zone, 'svc.example.org', TYPE.SVCB)).toEqual(['target.example.org. 60 A 192.0.2.1'])
    expect(additionalAt(zone, 'own.example.org', TYPE.HTTPS)).toEqual(['own.example.org. 60 AAAA 2001:db8::1'])
    expect(additionalAt(zone, 'none.example.org', TYPE.HTTPS)).toEqual([])
  })
})
