import { describe, expect, it } from 'vitest'
import { monotonicMs, ThreadClock } from '#src/dns/clock.ts'

describe('the clock of a thread', () => {
  it('is set by ticks, and asks for the wall time every ten seconds', () => {
    let asked = 0
    let wall = 1_000_000
    const clock = new ThreadClock(() => {
      asked++
      return wall
    })
    clock.tick(5000)
    expect([clock.milliseconds, clock.seconds, asked]).toEqual([5000, 1000, 1])
    clock.tick(6999)
    expect([clock.milliseconds, clock.seconds, asked]).toEqual([6999, 1001, 1])
    wall = 2_000_000
    clock.tick(15_001)
    expect([clock.seconds, asked]).toEqual([2000, 2])
  })

  it('wraps at 32 bits and goes on', () => {
    const clock = new ThreadClock(() => 7000)
    clock.tick(2 ** 31 - 500)
    clock.tick(2 ** 31 + 600)
    expect([clock.milliseconds, clock.seconds]).toEqual([-(2 ** 31) + 600, 8])
  })

  it('has a monotonic source for threads without one', () => {
    const before = monotonicMs()
    expect(monotonicMs()).toBeGreaterThanOrEqual(before)
    expect(Math.abs(monotonicMs() - Number(process.hrtime.bigint() / 1_000_000n))).toBeLessThan(10_000)
  })
})
