/** RFC 4592: the example zone of section 2.2.1, as far as building the zone decides what is answered. */
import { describe, expect, it } from 'vitest'
import { TYPE } from '#src/wire/record-type.ts'
import { additionalAt, linesAt, messagesOf, namesOf, nodeOf, zoneOf } from '#support/zone-text.ts'

const EXAMPLE = `
$ORIGIN example.
example.                 3600 IN  SOA   ns.example.com. hostmaster.example.com. 1 7200 1800 1209600 300
example.                 3600     NS    ns.example.com.
example.                 3600     NS    ns.example.net.
*.example.               3600     TXT   "this is a wildcard"
*.example.               3600     MX    10 host1.example.
sub.*.example.           3600     TXT   "this is not a wildcard"
host1.example.           3600     A     192.0.2.1
_ssh._tcp.host1.example. 3600     SRV   0 0 22 host1.example.
_ssh._tcp.host2.example. 3600     SRV   0 0 22 host2.example.
subdel.example.          3600     NS    ns.example.com.
subdel.example.          3600     NS    ns.example.net.
`

const zone = zoneOf(EXAMPLE, { origin: '.' })

describe('RFC 4592 section 2.2.1, the example zone', () => {
  it('has the names of the picture, those without records included', () => {
    expect(namesOf(zone)).toEqual(
      [
        'example.',
        '*.example.',
        'sub.*.example.',
        'host1.example.',
        '_tcp.host1.example.',
        '_ssh._tcp.host1.example.',
        'host2.example.',
        '_tcp.host2.example.',
        '_ssh._tcp.host2.example.',
        'subdel.example.',
      ].sort(),
    )
  })

  it('section 2.1.1: a wildcard is a node like any other, and only the leftmost label makes one', () => {
    expect(nodeOf(zone, '*.example')?.kind).toBe('plain')
    expect(linesAt(zone, '*.example')).toEqual([
      '*.example. 3600 TXT "this is a wildcard"',
      '*.example. 3600 MX 10 host1.example.',
    ])
    expect(linesAt(zone, 'sub.*.example')).toEqual(['sub.*.example. 3600 TXT "this is not a wildcard"'])
  })

  it('section 2.2.2: names that exist only above others are empty, so that no wildcard answers for them', () => {
    for (const name of ['_tcp.host1.example', 'host2.example', '_tcp.host2.example']) {
      expect(linesAt(zone, name)).toEqual([])
    }
  })

  it('section 2.2.1: subdel is delegated, so that nothing below it exists here', () => {
    expect(nodeOf(zone, 'subdel.example')?.kind).toBe('cut')
  })

  it('carries the addresses of the targets that the zone has', () => {
    expect(additionalAt(zone, '*.example', TYPE.MX)).toEqual(['host1.example. 3600 A 192.0.2.1'])
    expect(additionalAt(zone, '_ssh._tcp.host1.example', TYPE.SRV)).toEqual(['host1.example. 3600 A 192.0.2.1'])
    expect(additionalAt(zone, '_ssh._tcp.host2.example', TYPE.SRV)).toEqual([])
  })
})

describe('RFC 4592 section 4', () => {
  const apex = '@ 60 SOA ns h 1 1 1 1 1\n@ 60 NS ns.example.net.\n'

  it('sections 4.2 and 4.4: NS and DNAME at a wildcard have no agreed meaning and are refused', () => {
    const message = '3: Cannot load *.a.example.org.: a wildcard cannot have NS or DNAME records'
    expect(messagesOf(`${apex}*.a 60 NS ns.example.net.\n`)).toEqual([message])
    expect(messagesOf(`${apex}*.a 60 DNAME example.net.\n`)).toEqual([message])
  })

  it('section 4.3: a wildcard can be an alias', () => {
    expect(linesAt(zoneOf(`${apex}*.a 60 CNAME b\n`), '*.a.example.org')).toEqual([
      '*.a.example.org. 60 CNAME b.example.org.',
    ])
  })

  it('section 4.9: the node above a wildcard is an empty non-terminal when it has nothing', () => {
    expect(linesAt(zoneOf(`${apex}*.a 60 A 192.0.2.1\n`), 'a.example.org')).toEqual([])
  })

  it('section 2.2.2: a wildcard that is empty itself exists all the same', () => {
    expect(linesAt(zoneOf(`${apex}sub.* 60 A 192.0.2.1\n`), '*.example.org')).toEqual([])
  })

  it('additional addresses are synthesised like answers, from the wildcard below the closest encloser', () => {
    const text = `${apex}* 60 A 192.0.2.1\n*.a 60 AAAA 2001:db8::1\nb 60 TXT b\n`
    const mx = (target: string) => additionalAt(zoneOf(`${text}m 60 MX 10 ${target}\n`), 'm.example.org', TYPE.MX)
    expect(mx('x.y')).toEqual(['x.y.example.org. 60 A 192.0.2.1'])
    expect(mx('x.a')).toEqual(['x.a.example.org. 60 AAAA 2001:db8::1'])
    expect(mx('x.b')).toEqual([])
    expect(mx('a')).toEqual([])
  })
})
