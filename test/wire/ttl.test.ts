import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseSeconds } from '#src/wire/ttl.ts'

describe('parseSeconds', () => {
  it('reads seconds and every unit, in any case and together', () => {
    expect(parseSeconds('0')).toBe(0)
    expect(parseSeconds('86400')).toBe(86_400)
    expect(parseSeconds('1h30m')).toBe(5400)
    expect(parseSeconds('1W2D3H4M5S')).toBe(604_800 + 2 * 86_400 + 3 * 3600 + 4 * 60 + 5)
  })

  it('adds units up', () => {
    fc.assert(
      fc.property(fc.nat(99), fc.nat(99), fc.nat(99), (days, hours, seconds) => {
        expect(parseSeconds(`${days}d${hours}h${seconds}s`)).toBe(days * 86_400 + hours * 3600 + seconds)
      }),
    )
  })

  it.each(['', 'h', '1h30', '1x', '-1', '1.5h', ' 1', '1 h', '99999999999'])('%j is no time', text => {
    expect(parseSeconds(text)).toBeNull()
  })
})
