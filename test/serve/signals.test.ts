import { describe, expect, it } from 'vitest'
import { oneAtATime } from '#src/serve/signals.ts'

/** Work whose runs a test ends by hand. */
function heldWork(): { readonly work: () => Promise<void>; readonly runs: PromiseWithResolvers<void>[] } {
  const runs: PromiseWithResolvers<void>[] = []
  const work = (): Promise<void> => {
    const run = Promise.withResolvers<void>()
    runs.push(run)
    return run.promise
  }
  return { work, runs }
}

describe('oneAtATime', () => {
  it('runs at once when nothing runs, and again behind what runs', async () => {
    const { work, runs } = heldWork()
    const call = oneAtATime(work)
    const first = call()
    const second = call()
    expect(runs).toHaveLength(1)
    runs[0]?.resolve()
    await first
    await expect.poll(() => runs.length).toBe(2)
    runs[1]?.resolve()
    await second
    await Promise.all([
      call(),
      expect
        .poll(() => runs.length)
        .toBe(3)
        .then(() => runs[2]?.resolve()),
    ])
  })

  it('makes one run of all calls that wait', async () => {
    const { work, runs } = heldWork()
    const call = oneAtATime(work)
    const calls = Array.from({ length: 10 }, call)
    runs[0]?.resolve()
    await expect.poll(() => runs.length).toBe(2)
    runs[1]?.resolve()
    await Promise.all(calls)
    expect(runs).toHaveLength(2)
  })

  it('begins another run for a call that came while the last one ran', async () => {
    const { work, runs } = heldWork()
    const call = oneAtATime(work)
    const calls = [call(), call()]
    runs[0]?.resolve()
    await expect.poll(() => runs.length).toBe(2)
    calls.push(call())
    runs[1]?.resolve()
    await expect.poll(() => runs.length).toBe(3)
    runs[2]?.resolve()
    await Promise.all(calls)
  })

  it('goes on after a run that failed, and says so to its callers alone', async () => {
    const { work, runs } = heldWork()
    const call = oneAtATime(work)
    const [first, second] = [call(), call()]
    runs[0]?.reject(new Error('wrong'))
    await expect(first).rejects.toThrow('wrong')
    await expect.poll(() => runs.length).toBe(2)
    runs[1]?.resolve()
    await second
  })
})
