/** The zones that the repository ships: RFC 6303, RFC 7793, RFC 6761. */
import { describe, expect, it } from 'vitest'
import { formatName } from '#src/wire/name.ts'
import { loadShippedZones, negativeTtlOf, shippedTexts } from '#support/shipped-zones.ts'
import { linesAt, namesOf } from '#support/zone-text.ts'

const zones = loadShippedZones()
const files = [...shippedTexts.keys()].filter(file => file.endsWith('.zone'))
const NIBBLES = '0.'.repeat(31)

/** Every zone that RFC 6303 section 4 and RFC 7793 section 2.1 list. */
const LOCALLY_SERVED = [
  '10.in-addr.arpa.',
  ...Array.from({ length: 16 }, (_, i) => `${16 + i}.172.in-addr.arpa.`),
  '168.192.in-addr.arpa.',
  ...['0', '127', '254.169', '2.0.192', '100.51.198', '113.0.203', '255.255.255.255'].map(
    text => `${text}.in-addr.arpa.`,
  ),
  `0.${NIBBLES}ip6.arpa.`,
  `1.${NIBBLES}ip6.arpa.`,
  'd.f.ip6.arpa.',
  ...['8', '9', 'a', 'b'].map(text => `${text}.e.f.ip6.arpa.`),
  '8.b.d.0.1.0.0.2.ip6.arpa.',
  ...Array.from({ length: 64 }, (_, i) => `${64 + i}.100.in-addr.arpa.`),
]

/** All records but the SOA, without TTLs. */
function contents(apex: string): string[] {
  const zone = zones.get(apex)
  const names = zone === undefined ? [] : namesOf(zone)
  return names
    .flatMap(name => (zone === undefined ? [] : (linesAt(zone, name) ?? [])))
    .map(line => line.replace(/ (10800|30) /, ' '))
}

describe('the shipped zones', () => {
  it('are localhost, the locally served zones of RFC 6303 section 4 and RFC 7793, and no others', () => {
    expect([...zones.keys()].sort()).toEqual([...LOCALLY_SERVED, 'localhost.'].sort())
    expect(files).toHaveLength(zones.size)
  })

  it('have SOA and NS as RFC 6303 section 3 has them', () => {
    for (const [apex, zone] of zones) {
      const { mname, rname, ...numbers } = zone.soa
      expect([formatName(mname), formatName(rname)]).toEqual([apex, 'nobody.invalid.'])
      const ttl = negativeTtlOf(apex)
      expect(numbers).toEqual({ serial: 1, refresh: 3600, retry: 1200, expire: 604_800, minimum: ttl, ttl })
      expect(linesAt(zone, apex)).toContain(`${apex} ${ttl} NS ${apex}`)
    }
  })

  it('have nothing else, so that every name below is NXDOMAIN, but for the loopback addresses', () => {
    for (const apex of LOCALLY_SERVED) {
      if (apex === '127.in-addr.arpa.' || apex.startsWith('1.0.')) continue
      expect(contents(apex)).toEqual([`${apex} NS ${apex}`])
    }
  })

  it('name the loopback addresses', () => {
    expect(contents('127.in-addr.arpa.')).toContain('1.0.0.127.in-addr.arpa. PTR localhost.')
    const loopback = `1.${NIBBLES}ip6.arpa.`
    expect(contents(loopback)).toEqual([`${loopback} NS ${loopback}`, `${loopback} PTR localhost.`])
  })

  it('have the loopback addresses for localhost and everything below it (RFC 6761 section 6.3)', () => {
    expect(contents('localhost.')).toEqual([
      '*.localhost. A 127.0.0.1',
      '*.localhost. AAAA ::1',
      'localhost. NS localhost.',
      'localhost. A 127.0.0.1',
      'localhost. AAAA ::1',
    ])
  })

  it('say in a comment what they are for', () => {
    for (const text of shippedTexts.values()) expect(text).toMatch(/^; .*RFC/s)
  })
})
