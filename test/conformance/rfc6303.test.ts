/** RFC 6303 and RFC 6761 section 6.3: what the shipped zones answer, asked through the responder. */
import { describe, expect, it } from 'vitest'
import { reverseLabels } from '#src/ip/arpa.ts'
import { address as ip } from '#support/ip.ts'
import { serveZones } from '#support/served-zones.ts'
import { loadShippedZones, negativeTtlOf } from '#support/shipped-zones.ts'

const NXDOMAIN = 3
const zones = loadShippedZones()
const server = serveZones(zones.values())

const reverse = (address: string) => `${reverseLabels(ip(address)).join('.')}.`

describe('RFC 6303 section 3', () => {
  it('every zone answers for its SOA and NS with authority', () => {
    for (const apex of zones.keys()) {
      const soa = server.ask(apex, 'SOA')
      expect([soa.rcode, soa.aa, soa.answers.map(({ name, ttl }) => `${name} ${ttl}`)]).toEqual([
        0,
        true,
        [`${apex} ${negativeTtlOf(apex)}`],
      ])
      expect(server.ask(apex, 'NS').answers.map(({ data }) => data)).toEqual([apex])
    }
  })

  it.each([
    '10.1.2.3',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.0.1',
    '0.0.0.1',
    '127.0.0.2',
    '169.254.169.254',
    '192.0.2.1',
    '198.51.100.1',
    '203.0.113.1',
    '100.64.0.1',
    '100.127.255.255',
    'fd00::1',
    'fe80::1',
    'febf::1',
    '2001:db8::1',
  ])('the reverse name of %s is NXDOMAIN, with the SOA for as long as its TTL', address => {
    const reply = server.ask(reverse(address), 'PTR')
    expect([reply.rcode, reply.aa, reply.answers]).toEqual([NXDOMAIN, true, []])
    const [soa] = reply.authorities
    expect(zones.has(soa?.name ?? '')).toBe(true)
    // RFC 6303 section 3: the SOA's TTL is the negative TTL.
    expect(soa?.ttl).toBe(negativeTtlOf(soa?.name ?? ''))
    expect(soa?.data.endsWith(` ${soa.ttl}`)).toBe(true)
  })

  it.each(['0.0.0.0/0', '255.255.255.255', '::'])('the reverse name of %s exists without a PTR record', text => {
    const reply = server.ask(text.endsWith('/0') ? '0.in-addr.arpa.' : reverse(text), 'PTR')
    expect([reply.rcode, reply.answers, reply.authorities.length]).toEqual([0, [], 1])
  })

  it.each([
    '172.15.0.1',
    '172.32.0.1',
    '100.63.0.1',
    '100.128.0.1',
    '192.0.3.1',
    'fc00::1',
    'fec0::1',
    '2001:db9::1',
    '8.8.8.8',
  ])('the reverse name of %s is not answered here', address => {
    expect(server.ask(reverse(address), 'PTR').rcode).toBe(5)
  })

  it('loopback addresses are localhost', () => {
    for (const address of ['127.0.0.1', '::1']) {
      expect(server.ask(reverse(address), 'PTR').answers.map(({ data }) => data)).toEqual(['localhost.'])
    }
    // Names between the zone and its PTR record exist (RFC 8020).
    expect(server.ask('0.127.in-addr.arpa.', 'PTR')).toMatchObject({ rcode: 0, answers: [] })
  })
})

describe('RFC 6761 section 6.3', () => {
  it.each(['localhost.', 'a.localhost.', 'a.b.localhost.', 'LOCALHOST.'])('%s is the loopback address', name => {
    expect(server.ask(name, 'A').answers.map(({ rdata }) => rdata.join('.'))).toEqual(['127.0.0.1'])
    expect(server.ask(name, 'AAAA').answers.map(({ rdata }) => [...rdata])).toEqual([[...ip('::1')]])
    expect(server.ask(name, 'A').answers[0]?.name).toBe(name)
  })

  it('has nothing else', () => {
    expect(server.ask('a.localhost.', 'MX')).toMatchObject({ rcode: 0, answers: [] })
  })
})
