/** RFC 6672: where a DNAME may be in a zone. */
import { describe, expect, it } from 'vitest'
import { APEX, linesAt, messagesOf, nodeOf, zoneOf } from '#support/zone-text.ts'

describe('RFC 6672 section 2', () => {
  it('section 2.1: the owner is a node of its own kind, with the target uncompressed', () => {
    const zone = zoneOf(`${APEX}frobozz 60 DNAME frobozz-division.acme.example.\n`)
    expect(nodeOf(zone, 'frobozz.example.org')?.kind).toBe('dname')
    expect(linesAt(zone, 'frobozz.example.org')).toEqual([
      'frobozz.example.org. 60 DNAME frobozz-division.acme.example.',
    ])
  })

  it('section 2.3: other data may be at the owner, at the apex also SOA and NS', () => {
    const zone = zoneOf(`${APEX}@ 60 DNAME example.net.\n@ 60 MX 10 mail.example.net.\n`)
    expect(nodeOf(zone, 'example.org')?.kind).toBe('dname')
    expect(linesAt(zone, 'example.org')).toContain('example.org. 60 MX 10 mail.example.net.')
  })

  it('section 2.3: NS and DNAME do not go together below the apex', () => {
    expect(messagesOf(`${APEX}a 60 NS ns.example.net.\na 60 DNAME example.net.\n`)).toEqual([
      '4: Cannot load a.example.org.: a name other than the apex cannot have both DNAME and NS',
    ])
  })

  it('section 2.4: there is one DNAME at a name, and no CNAME beside it', () => {
    expect(messagesOf(`${APEX}a 60 DNAME b.example.\na 60 DNAME c.example.\n`)).toEqual([
      '3: Cannot load a.example.org.: it has more than one DNAME record',
    ])
    expect(messagesOf(`${APEX}a 60 DNAME b.example.\na 60 CNAME c.example.\n`)).toEqual([
      '4: Cannot load a.example.org.: a name with a CNAME record can have no other records',
    ])
  })

  it('section 2.4: no record is below a DNAME, at whatever depth, and whatever order the file has', () => {
    expect(messagesOf(`${APEX}x.y.a 60 A 192.0.2.1\na 60 DNAME b.example.\n`)).toEqual([
      '3: Cannot load x.y.a.example.org.: a.example.org. has a DNAME, so nothing can be below it',
    ])
    expect(messagesOf(`${APEX}a 60 A 192.0.2.1\n@ 60 DNAME b.example.\n`)).toEqual([
      '3: Cannot load a.example.org.: example.org. has a DNAME, so nothing can be below it',
    ])
  })

  it('section 2.4: a name beside the owner is not below it', () => {
    expect(nodeOf(zoneOf(`${APEX}a 60 DNAME b.example.\nxa 60 A 192.0.2.1\n`), 'xa.example.org')?.kind).toBe('plain')
  })

  it('a DNAME that is delegated away is not served and forbids nothing', () => {
    const text = `${APEX}a 60 NS ns.example.net.\nb.a 60 DNAME c.example.\nx.b.a 60 A 192.0.2.1\n`
    expect(zoneOf(text).nodes).toHaveLength(2)
    expect(messagesOf(text)).toHaveLength(2)
  })
})
