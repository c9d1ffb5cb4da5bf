import { describe, expect, it } from 'vitest'
import { MAX_FAULTS } from '#src/zone/fault.ts'
import { parseFaults, recordLines } from '#support/zone-text.ts'

describe('a fault', () => {
  it('has the line of the word that is wrong, not of the entry', () => {
    expect(parseFaults('$TTL 60\na SOA ns (\n mail\n 1\n x\n 3 4 5)')).toEqual([
      'main:5: Cannot parse SOA record: the refresh time "x" must be seconds or a time such as 1h30m, at most 4294967295',
    ])
  })

  it('does not hide others: all of a file are found at once', () => {
    const text =
      '$TTL x\na..b 60 A 192.0.2.1\nb 60 A 1\nc 60 FOO 1\nd 60 MX 10\ne 60\n"f" 60 A 192.0.2.1\n$GENERATE 1-2\n'
    expect(parseFaults(text)).toEqual([
      'main:1: Cannot parse TTL "x": it must be seconds or a time such as 1h30m, at most 2147483647',
      'main:2: Cannot parse name "a..b": it has an empty label',
      'main:3: Cannot parse A record: "1" must be an IPv4 address',
      'main:4: Cannot parse type "FOO": it must be one that Waypost knows or TYPE<number> with its data as \\# length hex',
      'main:5: Cannot parse MX record: the mail server is missing',
      'main:6: Cannot read the record: it has no type',
      'main:7: Cannot parse name "f": it must stand without quotes',
      'main:8: Cannot use directive "$GENERATE": it must be $ORIGIN, $TTL or $INCLUDE',
    ])
  })

  it('in an owner is told once, not for the records that share it, whose own faults still count', () => {
    expect(parseFaults('a..b 60 A 192.0.2.1\n 60 A 192.0.2.2\n 60 A x\n')).toEqual([
      'main:1: Cannot parse name "a..b": it has an empty label',
      'main:3: Cannot parse A record: "x" must be an IPv4 address',
    ])
    expect(parseFaults(' 60 A 192.0.2.1\n 60 A 192.0.2.2\n')).toEqual([
      'main:1: Cannot read the record: it begins with white space, but there is no owner name before it',
    ])
  })

  it.each([
    ['a 2147483648 A 192.0.2.1', 'Cannot parse TTL "2147483648"'],
    ['a 1x A 192.0.2.1', 'Cannot parse TTL "1x"'],
    ['a 60 60 A 192.0.2.1', 'Cannot parse type "60"'],
    ['a IN IN A 192.0.2.1', 'Cannot parse type "IN"'],
    ['a 60 "A" 192.0.2.1', 'Cannot parse type "A": it must stand without quotes'],
    ['a 60 ANY x', 'Cannot use type "ANY": records of this type exist only in messages'],
    ['a 60 TYPE255 \\# 0', 'Cannot use type "TYPE255": records of this type exist only in messages'],
    ['a 60 TYPE0 \\# 0', 'Cannot use type "TYPE0"'],
    ['a 60 OPT \\# 0', 'Cannot use type "OPT"'],
    ['$ORIGIN', 'Cannot read $ORIGIN: it takes one word'],
    ['$ORIGIN a b', 'Cannot read $ORIGIN: it takes one word'],
    ['$ORIGIN a..b', 'Cannot parse name "a..b"'],
    ['$TTL -1', 'Cannot parse TTL "-1"'],
    ['$TTL', 'Cannot read $TTL: it takes one word'],
    ['$INCLUDE', 'Cannot read $INCLUDE: it takes a file and perhaps a name'],
    ['$INCLUDE a b c', 'Cannot read $INCLUDE: it takes a file and perhaps a name'],
    ['$INCLUDE part a..b', 'Cannot parse name "a..b"'],
    ['$INCLUDE nowhere', 'Cannot include "nowhere": there is no such file'],
    ['a (', 'Cannot read the entry: a parenthesis that is opened here is never closed'],
  ])('%s', (text, message) => {
    const faults = parseFaults(text, { files: { part: '' } })
    expect(faults).toHaveLength(1)
    expect(faults[0]).toContain(`main:1: ${message}`)
  })

  it('is one of a limited number, and of limited length', () => {
    const faults = parseFaults('a 60 A x\n'.repeat(1000))
    expect(faults).toHaveLength(MAX_FAULTS + 1)
    expect(faults.at(-1)).toBe(`main:${MAX_FAULTS}: Only the first ${MAX_FAULTS} are listed; there may be more`)
    expect(parseFaults(`a 60 A ${'x'.repeat(1_000_000)}`)[0]?.length).toBeLessThan(500)
  })
})

it('a TTL can have 31 bits (RFC 2181 section 8)', () => {
  expect(
    recordLines('$TTL 2147483647\na A 192.0.2.1\nb 2147483647 A 192.0.2.1').map(line => line.split(' ')[1]),
  ).toEqual(['2147483647', '2147483647'])
})

describe('an included file', () => {
  it('is named by its faults', () => {
    expect(parseFaults('a 60 A x\n$INCLUDE part', { files: { part: '\nb 60 A y' } })).toEqual([
      'main:1: Cannot parse A record: "x" must be an IPv4 address',
      'part:2: Cannot parse A record: "y" must be an IPv4 address',
    ])
  })

  it('has no owner before its first record', () => {
    expect(parseFaults('a 60 A 192.0.2.1\n$INCLUDE part', { files: { part: ' 60 A 192.0.2.2' } })).toHaveLength(1)
  })

  it('cannot include itself, directly or through others', () => {
    const files = { a: '$INCLUDE b', b: '$INCLUDE a' }
    expect(parseFaults('$INCLUDE main', { files: { main: '' } })).toEqual([
      'main:1: Cannot include "main": it would include itself',
    ])
    expect(parseFaults('$INCLUDE a', { files })).toEqual(['b:1: Cannot include "a": it would include itself'])
  })

  it('can be nested 10 deep and no deeper', () => {
    const files = Object.fromEntries(
      Array.from({ length: 12 }, (_, i) => [`f${i}`, `$INCLUDE f${i + 1}\nx${i} 60 A 192.0.2.1`]),
    )
    expect(parseFaults('$INCLUDE f0', { files })).toEqual(['f9:1: Cannot include "f10": files can be nested 10 deep'])
    expect(recordLines('$INCLUDE f0', { files: { ...files, f9: 'x 60 A 192.0.2.1' } })).toHaveLength(10)
  })

  it('can be there a thousand times and no more', () => {
    const files = { part: 'x 60 A 192.0.2.1' }
    expect(parseFaults('$INCLUDE part\n'.repeat(1000), { files })).toEqual([])
    expect(parseFaults('$INCLUDE part\n'.repeat(1001), { files })).toEqual([
      'main:1001: Cannot include "part": a zone can include 1000 files',
    ])
  })
})
