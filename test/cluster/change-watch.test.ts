import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ChangeWatch } from '#src/cluster/manifests/change-watch.ts'

let settled: string[]
let watch: ChangeWatch

beforeEach(() => {
  vi.useFakeTimers()
  settled = []
  watch = new ChangeWatch({
    directory: '/nowhere',
    settleMs: 20,
    onSettled: ({ paths, everything, quiet }) => {
      settled.push(`${[...paths].join('+')}${everything ? '*' : ''}${quiet ? '' : '…'}`)
    },
    onError: error => {
      throw error
    },
  })
})

afterEach(async () => {
  await watch.stop()
  vi.useRealTimers()
})

/** Lets time pass in steps of 5 ms, noting a path at each. */
function noise(ms: number, path: string): void {
  for (let passed = 0; passed < ms; passed += 5) {
    watch.note(path)
    vi.advanceTimersByTime(5)
  }
}

describe('changes are told when they have come to rest', () => {
  it('after 20 quiet milliseconds', () => {
    watch.note('a')
    expect(watch.isQuiet).toBe(false)
    vi.advanceTimersByTime(19)
    expect(settled).toEqual([])
    vi.advanceTimersByTime(1)
    expect(settled).toEqual(['a'])
    expect(watch.isQuiet).toBe(true)
  })

  it('together with those that came in the meantime', () => {
    watch.note('a')
    vi.advanceTimersByTime(15)
    watch.note('b')
    watch.noteEverything()
    vi.advanceTimersByTime(19)
    expect(settled).toEqual([])
    vi.advanceTimersByTime(1)
    expect(settled).toEqual(['a+b*'])
  })

  it('while others go on changing, after 60 milliseconds, without these', () => {
    watch.note('a')
    noise(65, 'busy')
    expect(settled).toEqual(['a…'])
    vi.advanceTimersByTime(40)
    expect(settled).toEqual(['a…', 'busy'])
  })

  it('after a second also when they never come to rest', () => {
    noise(1_100, 'busy')
    expect(settled).toEqual(['busy…'])
  })

  it('and not at all after stop', async () => {
    watch.note('a')
    await watch.stop()
    vi.advanceTimersByTime(100)
    expect(settled).toEqual([])
  })
})
