/** RFC 1035 section 5: master files, by its rules in order and the example of section 5.3. */
import { describe, expect, it } from 'vitest'
import { linesAt, parseFaults, recordLines, zoneOf } from '#support/zone-text.ts'

describe('RFC 1035 section 5.1, format', () => {
  it('takes TTL and class in either order, and does without', () => {
    const text = '$TTL 5\na A 192.0.2.1\na 60 A 192.0.2.2\na IN A 192.0.2.3\na 60 IN A 192.0.2.4\na IN 60 A 192.0.2.5'
    expect(recordLines(text)).toEqual([
      'a.example.org. 5 A 192.0.2.1',
      'a.example.org. 60 A 192.0.2.2',
      'a.example.org. 5 A 192.0.2.3',
      'a.example.org. 60 A 192.0.2.4',
      'a.example.org. 60 A 192.0.2.5',
    ])
  })

  it('gives a record that begins with white space the last owner', () => {
    const text = 'a 60 A 192.0.2.1\n  60 A 192.0.2.2\n; comment\n\n\t60 A 192.0.2.3\nb 60 A 192.0.2.4'
    expect(recordLines(text).map(line => line.split(' ')[0])).toEqual([
      'a.example.org.',
      'a.example.org.',
      'a.example.org.',
      'b.example.org.',
    ])
  })

  it('joins lines in parentheses, with comments between them', () => {
    const text = 'a 60 SOA ns ( ; primary\n  mail ; mailbox\n\n 1 2 (3 4)\n 5 ) ; end\nb 60 TXT x'
    expect(recordLines(text)).toEqual([
      'a.example.org. 60 SOA ns.example.org. mail.example.org. 1 2 3 4 5',
      'b.example.org. 60 TXT "x"',
    ])
  })

  it('reads @ as the origin, everywhere that a name stands', () => {
    expect(recordLines('@ 60 MX 10 @\n\\@ 60 NS a.@')).toEqual([
      'example.org. 60 MX 10 example.org.',
      '\\@.example.org. 60 NS a.\\@.example.org.',
    ])
  })

  it('reads \\X and \\DDD in names and in texts', () => {
    expect(recordLines('a\\.b\\255 60 TXT \\"\\; "\\065\\"b" a\\ b')).toEqual([
      'a\\.b\\255.example.org. 60 TXT "\\";" "A\\"b" "a b"',
    ])
  })

  it('leaves semicolons and parentheses alone inside quotes and behind a backslash', () => {
    expect(recordLines('a 60 TXT "x ; (y" \\( \\; z ; comment "')).toEqual([
      'a.example.org. 60 TXT "x ; (y" "(" ";" "z"',
    ])
  })

  it('reads types and classes in any case, and names with the case they have', () => {
    expect(recordLines('A 60 in Cname B')).toEqual(['A.example.org. 60 CNAME B.example.org.'])
  })

  it('works with line ends of every system, with a byte order mark, and without a last line end', () => {
    expect(recordLines('\u00ef\u00bb\u00bfa 60 A 192.0.2.1\r\n 60 A 192.0.2.2\r\nb 60 TXT x')).toHaveLength(3)
  })

  it('keeps octets beyond ASCII in texts and names', () => {
    expect(recordLines('b\u00fccher 60 TXT \u00e9')).toEqual(['b\\252cher.example.org. 60 TXT "\\233"'])
  })
})

describe('RFC 1035 section 5.1, $ORIGIN', () => {
  it('completes relative names from there on, itself relative to the origin before', () => {
    const text = 'a 60 A 192.0.2.1\n$ORIGIN sub\na 60 A 192.0.2.2\n$origin other.\na 60 A 192.0.2.3\n 60 NS b'
    expect(recordLines(text)).toEqual([
      'a.example.org. 60 A 192.0.2.1',
      'a.sub.example.org. 60 A 192.0.2.2',
      'a.other. 60 A 192.0.2.3',
      'a.other. 60 NS b.other.',
    ])
  })

  it('does not change the last owner', () => {
    expect(recordLines('a 60 A 192.0.2.1\n$ORIGIN sub\n 60 A 192.0.2.2')[1]).toBe('a.example.org. 60 A 192.0.2.2')
  })
})

describe('RFC 1035 section 5.1, $INCLUDE', () => {
  it('reads a file in place, with the present origin or one of its own', () => {
    const files = { part: 'x 60 A 192.0.2.1\n' }
    const text = '$INCLUDE part\n$INCLUDE part sub\n$INCLUDE part other.\n$INCLUDE "part" @ ; again\n'
    expect(recordLines(text, { files }).map(line => line.split(' ')[0])).toEqual([
      'x.example.org.',
      'x.sub.example.org.',
      'x.other.',
      'x.example.org.',
    ])
  })

  it('never changes origin and owner of the including file', () => {
    const files = { part: '$ORIGIN other.\nx 60 A 192.0.2.1\n' }
    expect(recordLines('a 60 A 192.0.2.9\n$INCLUDE part\n 60 A 192.0.2.8\nb 60 A 192.0.2.7', { files })).toEqual([
      'a.example.org. 60 A 192.0.2.9',
      'x.other. 60 A 192.0.2.1',
      'a.example.org. 60 A 192.0.2.8',
      'b.example.org. 60 A 192.0.2.7',
    ])
  })

  it('lets a $TTL go on behind the included file, as it stands in the order of the text', () => {
    expect(recordLines('$INCLUDE part\na A 192.0.2.1', { files: { part: '$TTL 7' } })).toEqual([
      'a.example.org. 7 A 192.0.2.1',
    ])
  })
})

describe('RFC 2308 section 4, $TTL', () => {
  const soa = '@ SOA ns h 1 2 3 4 300\n'

  it('goes before the last TTL that was written, for records without one', () => {
    expect(recordLines('$TTL 1h\na 60 A 192.0.2.1\nb A 192.0.2.2').at(-1)).toBe('b.example.org. 3600 A 192.0.2.2')
  })

  it('leaves the last TTL (RFC 1035) when there is no $TTL, and the minimum of the SOA when there is neither', () => {
    expect(recordLines('a 60 A 192.0.2.1\nb A 192.0.2.2').at(-1)).toBe('b.example.org. 60 A 192.0.2.2')
    expect(recordLines(`${soa}b A 192.0.2.2`)).toEqual([
      'example.org. 300 SOA ns.example.org. h.example.org. 1 2 3 4 300',
      'b.example.org. 300 A 192.0.2.2',
    ])
  })

  it('can change in the file', () => {
    const text = '$TTL 1\na A 192.0.2.1\n$TTL 1w2d\nb A 192.0.2.2'
    expect(recordLines(text).map(line => line.split(' ')[1])).toEqual(['1', '777600'])
  })

  it('is missed once, not at every record', () => {
    expect(parseFaults('a A 192.0.2.1\nb A 192.0.2.2')).toEqual([
      'main:1: Cannot read the record: it has no TTL, and no $TTL, TTL or SOA record is before it',
    ])
  })
})

describe('RFC 1035 section 5.2, use of master files', () => {
  it('a file with any fault is not used at all', () => {
    expect(() => zoneOf('@ 60 SOA ns h 1 2 3 4 5\n@ 60 NS ns\nns 60 A 192.0.2.1\nx 60 A 192.0.2\n')).toThrow(/4: /)
  })
})

describe('RFC 1035 section 5.3, example', () => {
  const SUBFILE = `
        MOE     MB      A.ISI.EDU.
        LARRY   MB      A.ISI.EDU.
        CURLEY  MB      A.ISI.EDU.
        STOOGES MG      MOE
                MG      LARRY
                MG      CURLEY
`
    .split('\n')
    .map(line => line.slice(8).replace(/M[BG] +(\S+)/, 'TXT $1'))
    .join('\n')

  const EXAMPLE = `
@   IN  SOA     VENERA      Action\\.domains (
                                 20     ; SERIAL
                                 7200   ; REFRESH
                                 600    ; RETRY
                                 3600000; EXPIRE
                                 60)    ; MINIMUM

        NS      A.ISI.EDU.
        NS      VENERA
        NS      VAXA
        MX      10      VENERA
        MX      20      VAXA

A       A       26.3.0.103

VENERA  A       10.1.0.52
        A       128.9.0.32

VAXA    A       10.2.0.27
        A       128.9.0.33


$INCLUDE <SUBSYS>ISI-MAILBOXES.TXT
`

  const zone = zoneOf(EXAMPLE, { origin: 'ISI.EDU.', files: { '<SUBSYS>ISI-MAILBOXES.TXT': SUBFILE } })

  it('is read whole; the obsolete types MB and MG of the included file stand as TXT here', () => {
    expect(zone.nodes).toHaveLength(8)
    expect(linesAt(zone, 'isi.edu')).toEqual([
      'ISI.EDU. 60 NS A.ISI.EDU.',
      'ISI.EDU. 60 NS VENERA.ISI.EDU.',
      'ISI.EDU. 60 NS VAXA.ISI.EDU.',
      'ISI.EDU. 60 MX 10 VENERA.ISI.EDU.',
      'ISI.EDU. 60 MX 20 VAXA.ISI.EDU.',
    ])
    expect(linesAt(zone, 'venera.isi.edu')).toEqual([
      'VENERA.ISI.EDU. 60 A 10.1.0.52',
      'VENERA.ISI.EDU. 60 A 128.9.0.32',
    ])
    expect(linesAt(zone, 'stooges.isi.edu')).toEqual(
      ['MOE', 'LARRY', 'CURLEY'].map(name => `STOOGES.ISI.EDU. 60 TXT "${name}"`),
    )
  })

  it('has the mailbox with a dot in its first label', () => {
    expect(zone.soa).toMatchObject({ serial: 20, refresh: 7200, retry: 600, expire: 3_600_000, minimum: 60, ttl: 60 })
    expect(zone.soa.rname[0]).toBe('Action.domains'.length)
  })
})
