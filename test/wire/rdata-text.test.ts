import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Word } from '#src/wire/fields.ts'
import { parseName, ROOT } from '#src/wire/name.ts'
import { formatRdata, parseRdata, RdataError } from '#src/wire/rdata-text.ts'
import { TYPE, typeNumber } from '#src/wire/record-type.ts'
import { Lexer } from '#src/zone/lexer.ts'
import { anyName, someOctets } from '#support/arbitrary-wire.ts'

const origin = parseName('example.org')

function parse(text: string): Uint8Array {
  const words: readonly Word[] = new Lexer(text).next()?.tokens ?? []
  return parseRdata(typeNumber(words[0]?.text ?? '') ?? 0, words, 1, origin)
}

/** The canonical text of a record. */
function canonical(text: string): string {
  const type = typeNumber(text.split(' ')[0] ?? '') ?? 0
  return formatRdata(type, parse(text))
}

describe('parseRdata', () => {
  it.each([
    ['A 192.0.2.1', '192.0.2.1'],
    ['AAAA 2001:DB8:0::0:1', '2001:db8::1'],
    ['AAAA ::ffff:192.0.2.1', '::ffff:192.0.2.1'],
    ['NS ns', 'ns.example.org.'],
    ['CNAME @', 'example.org.'],
    ['PTR a\\.b.C.', 'a\\.b.C.'],
    ['DNAME .', '.'],
    [
      'SOA ns host\\.master 4294967295 1h 15M 2w 300',
      'ns.example.org. host\\.master.example.org. 4294967295 3600 900 1209600 300',
    ],
    ['MX 10 mail', '10 mail.example.org.'],
    ['SRV 0 100 8080 .', '0 100 8080 .'],
    ['TXT a "b c" "" \\"', '"a" "b c" "" "\\""'],
    ['TXT "a;b(c)" \\065\\000', '"a;b(c)" "A\\000"'],
    ['HINFO PDP-11 "UNIX V"', '"PDP-11" "UNIX V"'],
    ['CAA 0 issue "ca.example.net; a=b"', '0 issue "ca.example.net; a=b"'],
    ['NAPTR 100 10 "u" "E2U+sip" "!^.*$!sip:a@b!" .', '100 10 "u" "E2U+sip" "!^.*$!sip:a@b!" .'],
    ['SSHFP 4 2 123456789ABCDEF0 fedc', '4 2 123456789ABCDEF0FEDC'],
    ['TLSA 3 1 1 abcd EF', '3 1 1 ABCDEF'],
    [
      'DS 60485 RSASHA1 1 ( 2BB183AF5F22588179A5 3B0A98631FAD1A292118 )',
      '60485 5 1 2BB183AF5F22588179A53B0A98631FAD1A292118',
    ],
    ['TYPE999 \\# 3 AB cd 01', '\\# 3 ABCD01'],
    ['TYPE999 \\# 0', '\\# 0'],
  ])('%s is %s', (text, expected) => {
    expect(canonical(text)).toBe(expected)
  })

  it.each([
    ['A 2001:db8::1', '"2001:db8::1" must be an IPv4 address'],
    ['A 192.0.2.256', '"192.0.2.256" must be an IPv4 address'],
    ['A "192.0.2.1"', 'the address must stand without quotes'],
    ['A', 'the address is missing'],
    ['A 192.0.2.1 192.0.2.2', 'there is more than it can have: "192.0.2.2"'],
    ['AAAA 192.0.2.1', '"192.0.2.1" must be an IPv6 address'],
    ['AAAA fe80::1%eth0', 'must be an IPv6 address'],
    ['MX mail', 'the preference "mail" must be a number from 0 to 65535'],
    ['MX 65536 mail', 'the preference "65536" must be a number from 0 to 65535'],
    ['MX -1 mail', 'the preference "-1" must be a number'],
    ['MX 10', 'the mail server is missing'],
    ['SRV 0 0 0', 'the target is missing'],
    ['SOA a b 4294967296 1 1 1 1', 'the serial "4294967296" must be a number from 0 to 4294967295'],
    ['SOA a b 1 1y 1 1 1', 'the refresh time "1y" must be seconds or a time such as 1h30m'],
    ['TXT', 'the text is missing'],
    [`TXT ${'x'.repeat(256)}`, 'the text has 256 octets, but one string holds 255; split it in two'],
    ['TXT "a\\25"', 'the text is wrong: \\25 is no escape'],
    ['TXT a="b c"', 'the text has a quote inside'],
    ['HINFO one', 'the operating system is missing'],
    ['CAA 256 issue ";"', 'the flags "256" must be a number from 0 to 255'],
    ['CAA 0 is-sue ";"', 'the tag "is-sue" must be letters and digits'],
    ['CAA 0 issue', 'the value is missing'],
    ['DS 1 5 1 abcd', 'a digest of type 1 must have 20 octets'],
    ['DS 1 FOO 1 abcd', 'the algorithm "FOO" must be a number from 0 to 255'],
    ['DS 1 5 9 abc', 'the digest must be hexadecimal digits, two an octet'],
    ['DS 1 5 9', 'the digest is missing'],
    ['TYPE999 abc', 'a type without a form of its own must be written as \\# length hex'],
    ['TYPE999 \\# 2 abcdef', 'it has 3 octets, but its length says 2'],
    ['TYPE999 \\# 1 xy', 'the data must be hexadecimal digits'],
    ['TYPE999 \\#', 'the length is missing'],
    ['A \\# 3 010203', 'it ends too early'],
    ['A \\# 5 0102030405', 'it is longer than its type allows'],
    ['NS \\# 2 c00c', 'a name in it is compressed'],
    ['TXT \\# 0', 'it ends too early'],
    ['CAA \\# 4 00012d3b', 'its tag must be letters and digits'],
    ['DS \\# 4 00010501', 'a digest of type 1 must have 20 octets'],
  ])('refuses %s', (text, reason) => {
    const type = text.split(' ')[0]
    expect(() => parse(text)).toThrow(RdataError)
    expect(() => parse(text)).toThrow(`Cannot parse ${type} record: `)
    expect(() => parse(text)).toThrow(reason)
  })

  it('lets the sentence about a name stand for itself', () => {
    expect(() => parse('NS a..b')).toThrow(/^Cannot parse name "a..b": it has an empty label$/)
  })

  it('tells which word is wrong, for the line number', () => {
    const wordOf = (text: string) => {
      try {
        parse(text)
      } catch (error) {
        return (error as RdataError).word
      }
      return null
    }
    expect(wordOf('MX 10 a..b')).toBe(2)
    expect(wordOf('MX x mail')).toBe(1)
    expect(wordOf('MX 10')).toBe(1)
    expect(wordOf('MX')).toBe(0)
  })
})

const u8 = fc.nat(0xff).map(value => [value])
const u16 = fc.nat(0xffff).map(value => [value >> 8, value & 0xff])
const u32 = fc.nat(0xffff_ffff).map(value => [value >>> 24, (value >> 16) & 0xff, (value >> 8) & 0xff, value & 0xff])
const name = anyName.map(value => [...value])
const text = fc.uint8Array({ maxLength: 255 }).map(octets => [octets.length, ...octets])
const rest = someOctets(80).map(octets => [...octets])
const join = (...parts: fc.Arbitrary<number[]>[]) => fc.tuple(...parts).map(octets => Uint8Array.from(octets.flat()))

const RDATA: Readonly<Record<string, fc.Arbitrary<Uint8Array>>> = {
  A: join(u32),
  NS: join(name),
  CNAME: join(name),
  SOA: join(name, name, u32, u32, u32, u32, u32),
  PTR: join(name),
  HINFO: join(text, text),
  MX: join(u16, name),
  TXT: fc.array(text, { minLength: 1, maxLength: 4 }).map(strings => Uint8Array.from(strings.flat())),
  AAAA: fc.oneof(
    join(u32, u32, u32, u32),
    fc.tuple(u32).map(([tail]) => Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, ...tail)),
  ),
  SRV: join(u16, u16, u16, name),
  NAPTR: join(u16, u16, text, text, text, name),
  DNAME: join(name),
  DS: join(u16, u8, fc.constant([9]), rest),
  SSHFP: join(u8, u8, rest),
  TLSA: join(u8, u8, u8, rest),
  CAA: join(
    u8,
    fc.constantFrom('issue', 'issuewild', 'iodef').map(tag => [tag.length, ...Buffer.from(tag)]),
    rest,
  ),
  TYPE65280: fc.uint8Array({ maxLength: 100 }),
}

describe('formatRdata', () => {
  it.each(Object.entries(RDATA))('of %s reads back as the same octets', (mnemonic, arbitrary) => {
    fc.assert(
      fc.property(arbitrary, rdata => {
        const type = typeNumber(mnemonic) ?? 0
        const written = formatRdata(type, rdata)
        expect(written).toMatch(/^[ -~]*$/)
        if (type !== 65_280) expect(written).not.toMatch(/^\\#/)
        expect(parse(`${mnemonic} ${written}`)).toEqual(rdata)
      }),
    )
  })

  it.each(Object.entries(RDATA))('of %s is found in the generic form as well', (mnemonic, arbitrary) => {
    fc.assert(
      fc.property(arbitrary, rdata => {
        const hex = rdata.toHex()
        expect(parse(`${mnemonic} \\# ${rdata.length} ${hex}`)).toEqual(rdata)
      }),
    )
  })

  it('writes octets that are not of the type in generic form, and never throws', () => {
    expect(formatRdata(TYPE.A, Uint8Array.of(1, 2, 3))).toBe('\\# 3 010203')
    expect(formatRdata(TYPE.MX, Uint8Array.of(0, 1, 0xc0, 0x0c))).toBe('\\# 4 0001C00C')
    const types = fc.constantFrom(...Object.keys(RDATA), 'SVCB', 'HTTPS')
    fc.assert(
      fc.property(types, fc.uint8Array({ maxLength: 60 }), (mnemonic, octets) => {
        const type = typeNumber(mnemonic) ?? 0
        const written = formatRdata(type, octets)
        if (!written.startsWith('\\#')) {
          const words = new Lexer(`x ${written}`).next()?.tokens ?? []
          expect(parseRdata(type, words, 1, ROOT)).toEqual(octets)
        }
      }),
    )
  })
})
