import { describe, expect, it } from 'vitest'
import { formatName, parseName } from '#src/wire/name.ts'
import { formatRdata } from '#src/wire/rdata-text.ts'
import { typeName } from '#src/wire/record-type.ts'
import { originOfFile } from '#src/zone/load.ts'
import { APEX, loadText, zoneOf } from '#support/zone-text.ts'

describe('originOfFile', () => {
  it('is the file name without .zone, and the root for what is no name', () => {
    const texts = ['example.org.zone', '10.in-addr.arpa.zone', 'a b.zone', '..zone', 'a..b.zone']
    expect(texts.map(text => formatName(originOfFile(text)))).toEqual([
      'example.org.',
      '10.in-addr.arpa.',
      'a\\032b.',
      '.',
      '.',
    ])
  })
})

describe('loadZone', () => {
  it('does not build a zone from a file that cannot be read whole', () => {
    // Without its SOA record the zone would have a second, false fault.
    const result = loadText('@ 60 SOA ns h x 1 1 1 1\n@ 60 NS ns\n')
    expect('faults' in result && result.faults.map(({ line }) => line)).toEqual([1])
  })

  it('gives the same zone for what it wrote itself', () => {
    const text = `${APEX}a 60 A 192.0.2.1\nsub 60 NS ns.sub\nns.sub 60 A 192.0.2.2\n*.w 60 TXT "a b" c\nx.y 60 MX 10 a
svc 60 HTTPS 1 . alpn=h2,h3\nc 60 CAA 0 issue ";"\nd 60 DNAME example.net.\nu 60 TYPE999 \\# 2 abcd\n`
    const zone = zoneOf(text)
    const lines = zone.nodes.flatMap(({ name, rrsets }) =>
      rrsets.flatMap(({ type, ttl, rdatas, additional }) => [
        ...rdatas.map(rdata => `${formatName(name)} ${ttl} ${typeName(type)} ${formatRdata(type, rdata)}`),
        ...additional.map(
          record =>
            `${formatName(record.name)} ${record.ttl} ${typeName(record.type)} ${formatRdata(record.type, record.rdata)}`,
        ),
      ]),
    )
    const again = zoneOf(`${APEX}${lines.join('\n')}\n`, { origin: formatName(parseName('example.org')) })
    expect(new Set(again.nodes)).toEqual(new Set(zone.nodes))
    expect(again.soa).toEqual(zone.soa)
  })
})
