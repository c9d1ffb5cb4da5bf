/** RFC 4034 section 5: DS records, by the example of section 5.4. */
import { describe, expect, it } from 'vitest'
import { TYPE } from '#src/wire/record-type.ts'
import { APEX, linesAt, messagesOf, nodeOf, recordLines, zoneOf } from '#support/zone-text.ts'

const DIGEST = '2BB183AF5F22588179A53B0A98631FAD1A292118'

describe('RFC 4034 section 5.3', () => {
  it('reads the example of section 5.4, whose digest has white space in it', () => {
    const text = `dskey.example.com. 86400 IN DS 60485 5 1 ( 2BB183AF5F22588179A53B0A
                                              98631FAD1A292118 )`
    expect(recordLines(text)).toEqual([`dskey.example.com. 86400 DS 60485 5 1 ${DIGEST}`])
  })

  it('takes mnemonics for the algorithm', () => {
    const [line] = recordLines(`a 60 DS 60485 RSASHA1 1 ${DIGEST}`)
    expect(line).toBe(`a.example.org. 60 DS 60485 5 1 ${DIGEST}`)
  })

  it('has key tag, algorithm, digest type and digest on the wire (section 5.1)', () => {
    const zone = zoneOf(`${APEX}sub 60 NS ns.example.net.\nsub 60 DS 60485 5 1 ${DIGEST}\n`)
    const set = nodeOf(zone, 'sub.example.org')?.rrsets.find(({ type }) => type === TYPE.DS)
    expect(set?.rdatas[0]?.toHex().toUpperCase()).toBe(`EC450501${DIGEST}`)
  })
})

describe('RFC 4034 section 5, RFC 4035 section 2.4', () => {
  it('keeps DS at the delegation, beside the NS set', () => {
    const zone = zoneOf(`${APEX}sub 60 NS ns.example.net.\nsub 60 DS 60485 5 1 ${DIGEST}\n`)
    expect(nodeOf(zone, 'sub.example.org')?.kind).toBe('cut')
    expect(linesAt(zone, 'sub.example.org')).toEqual([
      'sub.example.org. 60 NS ns.example.net.',
      `sub.example.org. 60 DS 60485 5 1 ${DIGEST}`,
    ])
  })

  it('refuses DS at the apex', () => {
    expect(messagesOf(`${APEX}@ 60 DS 60485 5 1 ${DIGEST}\n`)).toEqual([
      '3: Cannot load example.org.: a DS record at the apex belongs into the parent zone',
    ])
  })

  it('warns of DS where nothing is delegated', () => {
    expect(messagesOf(`${APEX}a 60 DS 60485 5 1 ${DIGEST}\n`)).toEqual([
      '3: The DS record of a.example.org.: there is no delegation for this DS record',
    ])
  })
})
