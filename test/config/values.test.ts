import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  domain,
  duration,
  formatDuration,
  formatListen,
  listenAddress,
  parseDuration,
  poolPrefix,
  type Scalar,
} from '#src/config/values.ts'

function readOrNothing<T>(scalar: Scalar<T>, input: unknown): T | undefined {
  const parsed = scalar.parse(input)
  return 'value' in parsed ? parsed.value : undefined
}

describe('durations', () => {
  it('read back what was written', () => {
    fc.assert(
      fc.property(fc.nat(10 * 86_400_000), ms => {
        expect(parseDuration(formatDuration(ms))).toBe(ms)
      }),
    )
  })

  it.each([
    ['10m', 600_000],
    ['90s', 90_000],
    ['1h30m', 5_400_000],
    ['250ms', 250],
    ['1m5ms', 60_005],
    ['2d', 172_800_000],
    ['0', 0],
    ['0s', 0],
  ])('%s is %d ms', (text, ms) => {
    expect(parseDuration(text)).toBe(ms)
  })

  it.each(['', '10', '10 m', 'm', '1m1h', '-1s', '1.5h', '1e3s', '10M'])('%j is none', text => {
    expect(parseDuration(text)).toBeNull()
  })

  it('a value outside of its limits names them', () => {
    expect(duration(1000, 60_000).parse('2m')).toEqual({ reason: 'must be from 1s to 1m' })
  })
})

describe('listen addresses', () => {
  it.each([
    ['[::1]:1053', { address: '::1', port: 1053 }],
    ['127.0.0.1:53', { address: '127.0.0.1', port: 53 }],
    ['[FDAA:0::3]:0', { address: 'fdaa::3', port: 0 }],
    ['[::]:65535', { address: '::', port: 65535 }],
  ])('%s', (text, expected) => {
    const listen = readOrNothing(listenAddress, text)
    expect(listen).toEqual(expected)
    expect(listen && readOrNothing(listenAddress, formatListen(listen))).toEqual(expected)
  })

  it.each([
    '::1:1053',
    '[::1]',
    '[127.0.0.1]:53',
    '127.0.0.1',
    'localhost:53',
    '[::1]:65536',
    ':53',
    53,
    '[::1%lo]:53',
  ])('%j is refused', text => {
    expect(listenAddress.parse(text)).toHaveProperty('reason')
  })
})

describe('pool prefixes', () => {
  it.each(['fdaa:0:48c8::/64', 'fdaa:0:48c8:0:1::/112', 'fdaa::10/124'])('%s is accepted', text => {
    expect(readOrNothing(poolPrefix, text)).toBeDefined()
  })

  it.each([
    ['fdaa::/63', 'from /64 to /124'],
    ['fdaa::/125', 'from /64 to /124'],
    ['10.96.0.0/12', 'from /64 to /124'],
    ['fdaa::1/112', 'the block is fdaa::/112'],
    ['fdaa::/129', 'the length must be 0 to 128'],
  ])('%s is refused, and the reason says "%s"', (text, reason) => {
    const parsed = poolPrefix.parse(text)
    expect('reason' in parsed && parsed.reason).toContain(reason)
  })
})

describe('domains', () => {
  it('are folded to lower case and lose their final dot', () => {
    expect(readOrNothing(domain, 'Cluster.Local.')).toBe('cluster.local')
  })

  it.each(['', '.', 'a..b', '-a.b', 'a_b', 'a b', `${'a'.repeat(64)}.b`, `${'abcdefgh.'.repeat(14)}x`, 5])(
    '%j is refused',
    text => {
      expect(domain.parse(text)).toHaveProperty('reason')
    },
  )
})
