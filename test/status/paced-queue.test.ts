import { describe, expect, it } from 'vitest'
import { PacedQueue, type Verdict } from '#src/status/paced-queue.ts'
import { FakeTime } from './fake-time.ts'

describe('a key that was tried again and then needed no write', () => {
  it('is tried as often as any other when it needs one later', async () => {
    const time = new FakeTime()
    const verdicts: (Verdict | null)[] = ['again', 'again', 'again', 'again', null, 'again', 'done']
    let handled = 0
    const queue = new PacedQueue<string>({
      clock: time.clock(),
      random: () => 0,
      perSecond: 100,
      burst: 100,
      quietMs: 0,
      handle: () => {
        const verdict = verdicts[handled++] ?? null
        return verdict === null ? null : Promise.resolve(verdict)
      },
    })
    queue.open()
    queue.add(['a'])
    await time.advance(60_000)
    expect(handled).toBe(5)
    queue.add(['a'])
    await time.advance(60_000)
    expect(handled).toBe(7)
  })
})
