import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TYPE } from '#src/wire/record-type.ts'
import { APEX, additionalAt, linesAt, messagesOf, namesOf, nodeOf, recordLine, zoneOf } from '#support/zone-text.ts'

describe('the apex', () => {
  it('is the owner of the SOA record, whatever the origin', () => {
    const zone = zoneOf(
      '$ORIGIN org.\nexample 60 SOA ns h 1 2 3 4 5\n 30 NS ns.example.net.\nwww.example 60 A 192.0.2.1',
    )
    expect(namesOf(zone)).toEqual(['example.org.', 'www.example.org.'])
    expect(zone.nodes[0]?.name).toEqual(zone.apex)
  })

  it('comes first, without the SOA record, which stands apart with its TTL', () => {
    const zone = zoneOf(`a 60 A 192.0.2.1\n${APEX}`)
    expect(
      recordLine({ name: zone.nodes[0]?.name ?? zone.apex, ttl: 0, type: TYPE.CNAME, rdata: zone.soa.mname }),
    ).toBe('example.org. 0 CNAME ns.example.org.')
    expect(linesAt(zone, 'example.org')).toEqual(['example.org. 3600 NS ns.example.net.'])
    expect(zone.soa).toMatchObject({
      serial: 1,
      refresh: 7200,
      retry: 1800,
      expire: 1_209_600,
      minimum: 300,
      ttl: 3600,
    })
  })

  it('can be the root', () => {
    const zone = zoneOf('. 60 SOA a. b. 1 2 3 4 5\n. 60 NS a.\na. 60 A 192.0.2.1', { origin: '.' })
    expect(namesOf(zone)).toEqual(['.', 'a.'])
    expect(additionalAt(zone, '.', TYPE.NS)).toEqual(['a. 60 A 192.0.2.1'])
  })

  it.each([
    ['', '0: Cannot load the zone: it has no SOA record'],
    ['a 60 A 192.0.2.1', '0: Cannot load the zone: it has no SOA record'],
    ['@ 60 SOA a b 1 2 3 4 5', '1: Cannot load example.org.: it has no NS record at the apex'],
    [`${APEX}@ 60 SOA a b 2 2 3 4 5`, '1: Cannot load example.org.: it has more than one SOA record'],
    [`${APEX}a 60 SOA a b 2 2 3 4 5`, '3: Cannot load a.example.org.: a SOA record can only be at the apex'],
  ])('%j is no zone', (text, message) => {
    expect(messagesOf(text)).toEqual([message])
  })

  it('takes the same SOA record twice as one', () => {
    expect(messagesOf(`${APEX}${APEX}`)).toEqual([])
  })
})

describe('records', () => {
  it('outside of the zone are a fault each', () => {
    expect(messagesOf(`${APEX}a.example.net. 60 A 192.0.2.1\norg. 60 A 192.0.2.1\nxexample.org. 60 TXT x\n`)).toEqual([
      '3: Cannot load a.example.net.: it is outside of the zone',
      '4: Cannot load org.: it is outside of the zone',
      '5: Cannot load xexample.org.: it is outside of the zone',
    ])
  })

  it('of one name are gathered, in any case and from anywhere in the file', () => {
    const zone = zoneOf(`${APEX}a 60 A 192.0.2.1\nb 60 A 192.0.2.9\nA 60 A 192.0.2.2\na 60 TXT x\n`)
    expect(linesAt(zone, 'a.example.org')).toEqual([
      'a.example.org. 60 A 192.0.2.1',
      'a.example.org. 60 A 192.0.2.2',
      'a.example.org. 60 TXT "x"',
    ])
  })

  it('that are there twice count once; names in old types are compared without case', () => {
    const text = `${APEX}a 60 A 192.0.2.1\na 60 A 192.0.2.1\na 60 MX 10 B\na 60 MX 10 b\na 60 MX 11 b\na 60 TXT b\na 60 TXT B\n`
    expect(linesAt(zoneOf(text), 'a.example.org')).toEqual([
      'a.example.org. 60 A 192.0.2.1',
      'a.example.org. 60 MX 10 B.example.org.',
      'a.example.org. 60 MX 11 b.example.org.',
      'a.example.org. 60 TXT "b"',
      'a.example.org. 60 TXT "B"',
    ])
    // Octets before the name are no letters: 65 and 97 are two ports.
    expect(linesAt(zoneOf(`${APEX}s 60 SRV 0 0 65 b\ns 60 SRV 0 0 97 b\n`), 's.example.org')).toHaveLength(2)
  })

  it('with parameters differ when these differ in case', () => {
    const text = `${APEX}s 60 SVCB 1 t key667=a\ns 60 SVCB 1 t key667=A\ns 60 HTTPS 1 t key667=a\ns 60 HTTPS 1 t key667=A\n`
    expect(linesAt(zoneOf(text), 's.example.org')).toHaveLength(4)
  })

  it('of one set have one TTL, the lowest, with one warning', () => {
    const text = `${APEX}a 60 A 192.0.2.1\na 30 A 192.0.2.2\na 90 A 192.0.2.3\na 90 TXT x\n`
    expect(linesAt(zoneOf(text), 'a.example.org')?.map(line => line.split(' ')[1])).toEqual(['30', '30', '30', '90'])
    expect(messagesOf(text)).toEqual(['4: The A records of a.example.org. have different TTLs; all get the lowest'])
  })

  it('beside a CNAME are a fault, but for DNSSEC', () => {
    expect(messagesOf(`${APEX}a 60 CNAME b\na 60 A 192.0.2.1\n`)).toEqual([
      '3: Cannot load a.example.org.: a name with a CNAME record can have no other records',
    ])
    expect(messagesOf(`${APEX}a 60 CNAME b\na 60 CNAME c\n`)).toEqual([
      '3: Cannot load a.example.org.: it has more than one CNAME record',
    ])
    expect(messagesOf(`${APEX}@ 60 CNAME b\n`)).toHaveLength(1)
    expect(messagesOf(`${APEX}a 60 CNAME b\na 60 TYPE46 \\# 0\na 60 TYPE47 \\# 0\n`)).toEqual([])
  })
})

describe('empty non-terminals', () => {
  it('are nodes without records, once each, up to the apex and no further', () => {
    const zone = zoneOf(`${APEX}a.b.c 60 A 192.0.2.1\nd.B.c 60 A 192.0.2.1\nx.y 60 NS ns.example.net.\n`)
    expect(namesOf(zone)).toEqual(
      [
        'example.org.',
        'c.example.org.',
        'b.c.example.org.',
        'a.b.c.example.org.',
        'd.B.c.example.org.',
        'y.example.org.',
        'x.y.example.org.',
      ].sort(),
    )
    expect(nodeOf(zone, 'b.c.example.org')).toMatchObject({ kind: 'plain', rrsets: [] })
  })

  it('are not made for what is not served', () => {
    expect(namesOf(zoneOf(`${APEX}a 60 NS ns.b.a\nns.b.a 60 A 192.0.2.1\n`))).toEqual([
      'a.example.org.',
      'example.org.',
    ])
  })
})

describe('a delegation', () => {
  const zone = zoneOf(`${APEX}
sub     60 NS  ns.sub
sub     60 NS  ns.other
sub     60 NS  ns.example.net.
sub     60 NS  here
ns.sub  60 A   192.0.2.1
ns.sub  60 AAAA 2001:db8::1
ns.sub  60 TXT hidden
www.sub 60 A   192.0.2.2
other   60 NS  ns.other
ns.other 60 A  192.0.2.3
here    60 A   192.0.2.4
mail    60 MX  10 ns.sub
self    60 NS  self
self    60 A   192.0.2.5
deep.sub 60 NS ns.example.net.
`)

  it('keeps its NS set with glue from anywhere in the zone, and hides what is below', () => {
    expect(nodeOf(zone, 'sub.example.org')?.kind).toBe('cut')
    expect(additionalAt(zone, 'sub.example.org', TYPE.NS)).toEqual([
      'ns.sub.example.org. 60 A 192.0.2.1',
      'ns.sub.example.org. 60 AAAA 2001:db8::1',
      'ns.other.example.org. 60 A 192.0.2.3',
      'here.example.org. 60 A 192.0.2.4',
    ])
    expect(namesOf(zone)).toEqual(
      [
        'example.org.',
        'sub.example.org.',
        'other.example.org.',
        'here.example.org.',
        'mail.example.org.',
        'self.example.org.',
      ].sort(),
    )
  })

  it('may name itself as its server', () => {
    expect(linesAt(zone, 'self.example.org')).toEqual(['self.example.org. 60 NS self.example.org.'])
    expect(additionalAt(zone, 'self.example.org', TYPE.NS)).toEqual(['self.example.org. 60 A 192.0.2.5'])
  })

  it('does not lend its glue to other records', () => {
    expect(additionalAt(zone, 'mail.example.org', TYPE.MX)).toEqual([])
  })

  it('warns of everything that is hidden and no glue', () => {
    const text = `${APEX}sub 60 NS ns.sub\nns.sub 60 A 192.0.2.1\nsub 60 TXT x\nwww.sub 60 A 192.0.2.2\nns.sub 60 TXT y\n`
    const why = 'it is not served, because the name is delegated to other servers'
    expect(messagesOf(text)).toEqual([
      `5: The TXT record of sub.example.org.: ${why}`,
      `7: The TXT record of ns.sub.example.org.: ${why}`,
      `6: The A record of www.sub.example.org.: ${why}`,
    ])
  })

  it('warns of a server in the zone that has no address', () => {
    expect(messagesOf(`${APEX}sub 60 NS ns.sub\n`)).toEqual([
      '3: The NS record of sub.example.org.: its name server ns.sub.example.org. has no address in this zone',
    ])
    expect(messagesOf(`${APEX}@ 3600 NS ns\n`)).toEqual([
      '2: The NS record of example.org.: its name server ns.example.org. has no address in this zone',
    ])
    // The locally served zones of RFC 6303 name themselves and have no address on purpose.
    expect(messagesOf(`${APEX}@ 3600 NS @\n`)).toEqual([])
  })
})

describe('additional addresses', () => {
  it('are those of every target in the zone, once each, and of none outside', () => {
    const zone =
      zoneOf(`${APEX}s 60 SRV 0 0 1 a\ns 60 SRV 0 0 2 A\ns 60 SRV 0 0 3 b\ns 60 SRV 0 0 4 c.example.net.\ns 60 SRV 0 0 5 d
s 60 SRV 0 0 6 .\na 10 A 192.0.2.1\na 20 AAAA 2001:db8::1\nb 30 A 192.0.2.2\nd 60 CNAME a\n`)
    expect(additionalAt(zone, 's.example.org', TYPE.SRV)).toEqual([
      'a.example.org. 10 A 192.0.2.1',
      'a.example.org. 20 AAAA 2001:db8::1',
      'b.example.org. 30 A 192.0.2.2',
    ])
  })

  it('are not given for types whose targets clients do not connect to', () => {
    const zone = zoneOf(`${APEX}p 60 PTR a\nc 60 CNAME a\na 60 A 192.0.2.1\n`)
    expect([additionalAt(zone, 'p.example.org', TYPE.PTR), additionalAt(zone, 'c.example.org', TYPE.CNAME)]).toEqual([
      [],
      [],
    ])
  })
})

describe('whatever is in the file', () => {
  const label = fc.constantFrom('a', 'b', '*')
  const owner = fc.array(label, { maxLength: 4 }).map(labels => [...labels, 'example.org.'].join('.'))
  const line = fc.tuple(
    owner,
    fc.constantFrom('A 192.0.2.1', 'TXT x', 'NS ns.example.net.', 'MX 10 a', 'NS b.a', 'DS 1 2 9 aa'),
  )

  /** The nearest to the apex of the names above `name` that are delegated, or null. */
  function cutOf(name: string, cuts: ReadonlySet<string>): string | null {
    const labels = name
      .slice(0, -'example.org.'.length)
      .split('.')
      .filter(text => text !== '')
    for (let i = labels.length - 1; i >= 1; i--) {
      const above = [...labels.slice(i), 'example.org.'].join('.')
      if (cuts.has(above)) return above
    }
    return null
  }

  it('the served names are those that are not below a cut, and all that lie between them and the apex', () => {
    fc.assert(
      fc.property(fc.array(line, { maxLength: 12 }), lines => {
        const usable = lines.filter(
          ([name, rdata]) =>
            !(rdata.startsWith('NS') && name.startsWith('*')) && !(rdata.startsWith('DS') && name === 'example.org.'),
        )
        const text = APEX + usable.map(([name, rdata]) => `${name} 60 ${rdata}\n`).join('')
        const cuts = new Set(
          usable.filter(([name, rdata]) => rdata.startsWith('NS') && name !== 'example.org.').map(([name]) => name),
        )
        const expected = new Set(['example.org.'])
        for (const [name] of usable) {
          if (cutOf(name, cuts) !== null) continue
          for (let above = name; above !== 'example.org.'; above = above.slice(above.indexOf('.') + 1))
            expected.add(above)
        }
        const zone = zoneOf(text)
        expect(namesOf(zone)).toEqual([...expected].sort())
        for (const node of zone.nodes) {
          const types = node.rrsets.map(({ type }) => type)
          const isCut = node.kind === 'cut'
          if (isCut) expect(types.every(type => type === TYPE.NS || type === TYPE.DS)).toBe(true)
          expect(isCut).toBe(types.includes(TYPE.NS) && node !== zone.nodes[0])
        }
      }),
      { numRuns: 300 },
    )
  })

  it('the order of lines does not change what is served', () => {
    fc.assert(
      fc.property(
        fc.shuffledSubarray(
          ['a 60 NS b.a', 'b.a 60 A 192.0.2.1', 'c 60 MX 10 d', 'd 30 A 192.0.2.2', 'd 60 A 192.0.2.3', 'e.f 60 TXT x'],
          { minLength: 6 },
        ),
        lines => {
          const zone = zoneOf(`${lines[0]}\n${lines[1]}\n${APEX}${lines.slice(2).join('\n')}`)
          expect(namesOf(zone)).toEqual(
            ['a', 'c', 'd', 'e.f', 'f']
              .map(name => `${name}.example.org.`)
              .concat('example.org.')
              .sort(),
          )
          expect(additionalAt(zone, 'a.example.org', TYPE.NS)).toEqual(['b.a.example.org. 60 A 192.0.2.1'])
          expect(additionalAt(zone, 'c.example.org', TYPE.MX).sort()).toEqual([
            'd.example.org. 30 A 192.0.2.2',
            'd.example.org. 30 A 192.0.2.3',
          ])
        },
      ),
    )
  })
})
