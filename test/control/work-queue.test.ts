import { describe, expect, it } from 'vitest'
import { WorkQueue } from '#src/control/work-queue.ts'

describe('WorkQueue', () => {
  it('works once on a key that is added many times before its turn', async () => {
    const batches: string[][] = []
    const queue = new WorkQueue<string>(async keys => void batches.push([...keys]), fail)
    queue.add(['a', 'b'])
    queue.add(['a'])
    await queue.idle()
    expect(batches).toEqual([['a', 'b']])
  })

  it('works again on a key that is added while it is worked on', async () => {
    const batches: string[][] = []
    const queue: WorkQueue<string> = new WorkQueue(async keys => {
      batches.push([...keys])
      if (batches.length === 1) queue.add(['a'])
    }, fail)
    queue.add(['a'])
    await queue.idle()
    expect(batches).toEqual([['a'], ['a']])
  })

  it('goes on after work that throws', async () => {
    const errors: unknown[] = []
    const done: string[] = []
    const queue = new WorkQueue<string>(
      async keys => {
        if (keys.has('bad')) throw new Error('bad')
        done.push(...keys)
      },
      error => errors.push(error),
    )
    queue.add(['bad'])
    await queue.idle()
    queue.add(['good'])
    await queue.idle()
    expect(errors).toHaveLength(1)
    expect(done).toEqual(['good'])
  })

  it('takes no more work once it is stopped', async () => {
    const done: string[] = []
    const queue = new WorkQueue<string>(async keys => void done.push(...keys), fail)
    await queue.stop()
    queue.add(['a'])
    await queue.idle()
    expect(done).toEqual([])
  })
})

function fail(error: unknown): void {
  throw error
}
