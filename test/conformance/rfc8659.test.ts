/** RFC 8659 section 4.1: presentation and wire format of CAA; the records are those of its examples. */
import { describe, expect, it } from 'vitest'
import { TYPE } from '#src/wire/record-type.ts'
import { APEX, loadText, nodeOf, recordLines, zoneOf } from '#support/zone-text.ts'

describe('RFC 8659 section 4', () => {
  it.each([
    ['0 issue "ca1.example.net"', 'flags, tag and value'],
    ['0 issue "ca1.example.net; account=230123"', 'parameters behind a semicolon, which is no comment inside quotes'],
    ['0 issue ";"', 'nobody may issue'],
    ['0 issuewild "ca2.example.org"', 'wildcards'],
    ['0 iodef "mailto:security@example.com"', 'a report address, in which @ is no origin'],
    ['0 iodef "http://iodef.example.com/"', 'a report URL'],
    ['128 tbs "Unknown"', 'the critical flag'],
  ])('%s: %s', rdata => {
    expect(recordLines(`certs 60 CAA ${rdata}`)).toEqual([`certs.example.org. 60 CAA ${rdata}`])
  })

  it('has flags, the length of the tag, the tag, and the value up to the end (section 4.1)', () => {
    const zone = zoneOf(`${APEX}@ 60 CAA 128 issue ca.example.net\n`)
    const set = nodeOf(zone, 'example.org')?.rrsets.find(({ type }) => type === TYPE.CAA)
    expect(set?.rdatas[0]?.toHex()).toBe(`8005${Buffer.from('issueca.example.net').toString('hex')}`)
  })

  it('has a value that may be longer than a character-string', () => {
    const value = 'x'.repeat(300)
    expect(recordLines(`a 60 CAA 0 issue "${value}"`)).toEqual([`a.example.org. 60 CAA 0 issue "${value}"`])
  })

  it.each(['0 is_sue "x"', '0 "" "x"', '256 issue "x"', '0 issue'])('refuses %s', rdata => {
    expect(loadText(`${APEX}@ 60 CAA ${rdata}\n`)).toHaveProperty('faults')
  })
})
